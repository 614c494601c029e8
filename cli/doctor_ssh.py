"""What `doctor` says of the SSH gateway: its host key, if it is on."""

from collections.abc import Iterator

from cli.console import program_name
from cli.finding import FAIL, OK, WARN, Finding
from mailauncher import files, host_key
from mailauncher.errors import Text
from mailauncher.settings import Settings


def examine(settings: Settings) -> Iterator[Finding]:
    if not settings.ssh:
        return
    found = host_key.read_public(settings.data_folder)
    if found is not None:
        yield Finding(
            OK,
            Text(
                f"SSH 网关：端口 {settings.ssh_port}，主机密钥 {found.fingerprint}",
                f"SSH gateway: port {settings.ssh_port}, host key {found.fingerprint}",
            ),
        )
    elif files.exists(settings.data_folder / host_key.FOLDER / host_key.PRIVATE):
        file = settings.data_folder / host_key.FOLDER / host_key.PUBLIC
        yield Finding(
            FAIL,
            Text(f"SSH 网关的主机密钥 {file} 无法读取", f"The SSH gateway's host key {file} cannot be read"),
            Text("服务器启动时会重新写出它", "the server writes it again when it starts"),
        )
    else:
        yield Finding(
            WARN,
            Text("SSH 网关还没有主机密钥", "The SSH gateway has no host key yet"),
            Text(
                f"启动服务器即会生成：{program_name()} serve",
                f"it is made when the server starts: {program_name()} serve",
            ),
        )
