"""What `doctor` says of the SSH gateway: its host key, if it is on."""

from collections.abc import Iterator
from pathlib import Path

from cli.console import program_name
from cli.finding import FAIL, OK, WARN, Finding
from mailauncher import host_key, public_keys
from mailauncher.errors import InvalidPath, Text
from mailauncher.host_key import HostKey
from mailauncher.settings import Settings

_RESTORE = Text(
    "从备份恢复它；若已没有备份，删除此文件并重新启动服务器，然后把新的指纹告知使用者（ssh host-key）",
    "restore it from a backup; without one, remove the file, start the server again, and tell users the new fingerprint (ssh host-key)",
)


def examine(settings: Settings) -> Iterator[Finding]:
    if not settings.ssh:
        return
    folder = settings.data_folder / host_key.FOLDER
    public = host_key.read_public(settings.data_folder)
    if not host_key.is_there(settings.data_folder):
        yield _missing(folder / host_key.PRIVATE, public)
        return
    from ssh import host_key_file  # what it imports takes long, and few have the gateway on

    try:
        key = host_key_file.read(settings.data_folder)
    except InvalidPath as error:
        yield Finding(FAIL, error.text, _RESTORE)
        return
    found = public_keys.parse(key.export_public_key().decode())
    if public is None or public.fingerprint != found.fingerprint:
        yield _foreign(folder / host_key.PUBLIC)
    yield Finding(
        OK,
        Text(
            f"SSH 网关：端口 {settings.ssh_port}，主机密钥 {found.fingerprint}",
            f"SSH gateway: port {settings.ssh_port}, host key {found.fingerprint}",
        ),
    )


def _missing(file: Path, public: HostKey | None) -> Finding:
    if public is None:
        return Finding(
            WARN,
            Text("SSH 网关还没有主机密钥", "The SSH gateway has no host key yet"),
            Text(
                f"启动服务器即会生成：{program_name()} serve",
                f"it is made when the server starts: {program_name()} serve",
            ),
        )
    return Finding(
        FAIL,
        Text(
            f"SSH 主机密钥 {file} 不见了；客户端认得的是 {public.fingerprint}",
            f"The SSH host key {file} is missing; clients know {public.fingerprint}",
        ),
        Text(
            "从备份恢复它；否则服务器下次启动时会生成另一个，客户端会警告主机密钥已改变",
            "restore it from a backup; else the server makes another one at its next start, and clients warn of a changed host key",
        ),
    )


def _foreign(file: Path) -> Finding:
    return Finding(
        WARN,
        Text(
            f"{file} 不是主机密钥的公钥，或无法读取",
            f"{file} is not the public part of the host key, or cannot be read",
        ),
        Text("服务器启动时会重新写出它", "the server writes it again when it starts"),
    )
