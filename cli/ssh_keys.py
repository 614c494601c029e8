"""`mailauncher ssh`: the keys that may log in over SSH, and the gateway's host key."""

import secrets
import socket
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cli.client import ApiClient, AsJson, Token, Url, connect, read_upload
from cli.console import console_of, print_json, program_name
from cli.destination import unusable
from cli.language import described, help_text
from mailauncher import files, host_key
from mailauncher.errors import InvalidParameter, Text
from mailauncher.host_key import HostKey
from mailauncher.settings import from_environment

ssh = typer.Typer(
    no_args_is_help=True,
    help=help_text("可经 SSH 登录的密钥。", "Keys that may log in over SSH."),
)
_KEY = "name key fingerprint authority principals scope instances addedAt usedAt usedFrom"
_LIST = f"{{ sshKeys {{ {_KEY} }} }}"
_ADD = (
    f"mutation ($input: AddSshKeyInput!) {{ done: addSshKey(input: $input) {{ message key {{ {_KEY} }} }} }}"
)
_EDIT = f"mutation ($input: EditSshKeyInput!) {{ done: editSshKey(input: $input) {{ message key {{ {_KEY} }} }} }}"
_REMOVE = f"mutation ($input: RemoveSshKeyInput!) {{ done: removeSshKey(input: $input) {{ message key {{ {_KEY} }} }} }}"
_GATEWAY = "{ sshGateway { enabled addresses port hostKey fingerprint } }"
_HEADINGS = (
    Text("名称", "NAME"),
    Text("权限", "SCOPE"),
    Text("范围", "FOR"),
    Text("上次登录", "LAST USED"),
    Text("指纹", "FINGERPRINT"),
)

_SCOPE_HELP = help_text(
    "read 只能查看，operate 还可输入、启动和停止，admin 可做一切。",
    "read looks only, operate also types, starts and stops, admin does everything.",
)
KeyName = Annotated[
    str,
    typer.Argument(metavar="NAME", help=help_text("密钥的名称，见 ssh ls。", "Name of the key, see ssh ls.")),
]


@ssh.command("ls")
@described("列出可经 SSH 登录的密钥。", "List the keys that may log in over SSH.")
def list_keys(context: typer.Context, as_json: AsJson = False, url: Url = None, token: Token = None) -> None:
    console = console_of(context)
    client = connect(context, url, token)
    found = client.graphql(_LIST)["sshKeys"]
    if as_json:
        print_json(found)
    elif found:
        names = {instance.id: instance.name for instance in client.instances()}
        print(
            console.table(
                _HEADINGS, [_row(key, names, console.pick("签发证书", "certificates")) for key in found]
            )
        )
    else:
        console.note(
            f"还没有密钥，谁也不能登录。添加一个：{program_name()} ssh add 名称 ~/.ssh/id_ed25519.pub",
            f"No keys yet: nobody can log in. To add one: {program_name()} ssh add NAME ~/.ssh/id_ed25519.pub",
        )


def _row(key: dict[str, Any], names: dict[str, str], certificates: str) -> tuple[str, ...]:
    only = "*" if key["instances"] is None else ", ".join(names.get(one, one[:8]) for one in key["instances"])
    used = ""
    if key["usedAt"]:
        at = datetime.fromisoformat(key["usedAt"]).astimezone()
        used = f"{at:%Y-%m-%d %H:%M} {key['usedFrom']}"
    scope = f"{key['scope'].lower()} ({certificates})" if key["authority"] else key["scope"].lower()
    return key["name"], scope, only, used, key["fingerprint"]


@ssh.command("add")
@described(
    "信任一个公钥：它的主人可以经 SSH 登录。\n\n第一个密钥须在服务器所在的机器上、以运行服务器的用户添加。",
    "Trust a public key: its owner may log in over SSH.\n\nThe first key has to be added on the server's machine, by the user who runs the server.",
)
def add_key(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help=help_text("密钥的名称。", "What to call the key."))
    ],
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help=help_text(
                "公钥文件，如 ~/.ssh/id_ed25519.pub；- 为标准输入。",
                "File with the public key, such as ~/.ssh/id_ed25519.pub; - is standard input.",
            ),
        ),
    ],
    scope: Annotated[
        Literal["read", "operate", "admin"],
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help=_SCOPE_HELP,
        ),
    ] = "operate",
    instance: Annotated[
        list[str] | None,
        typer.Option(
            "--instance",
            metavar="INSTANCE",
            help=help_text("只用于此实例；可重复。", "Only for this instance; may be repeated."),
        ),
    ] = None,
    authority: Annotated[
        list[str] | None,
        typer.Option(
            "--authority",
            metavar="PRINCIPAL",
            help=help_text(
                "此密钥用于签发证书：证书须有此名（principal）；可重复。",
                "The key signs certificates, which need this principal; may be repeated.",
            ),
        ),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    client = connect(context, url, token)
    given: dict[str, Any] = {"name": name, "key": _content(file), "scope": scope.upper()}
    if instance:
        given["instances"] = [client.find(one).id for one in instance]
    if authority:
        given["principals"] = authority
    _print_done(_added(client, given), as_json=as_json)


def _content(name: str) -> str:
    """Raises InvalidParameter."""
    try:
        if name == "-":
            return read_upload(sys.stdin.buffer).decode("utf-8", "replace")
        return files.read(Path(name).expanduser(), 1 << 20).decode("utf-8", "replace")
    except (OSError, RuntimeError) as error:
        if isinstance(error, OSError):
            raise unusable(name, error) from None
        raise InvalidParameter(f"无法使用 {name}", f"Cannot use {name}", field="file") from None


def _added(client: ApiClient, given: dict[str, Any]) -> dict[str, Any]:
    """Adds a key; the first one with the proof that this runs on the server's machine, as its user."""
    if client.graphql(_LIST)["sshKeys"]:
        return client.graphql(_ADD, input=given)["done"]  # type: ignore[no-any-return]  # JSON
    folder = from_environment().data_folder / host_key.FOLDER
    proof = secrets.token_urlsafe(48)
    file = folder / host_key.FIRST_KEY
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        files.write(file, proof.encode())
    except OSError:  # this is another machine, or another user's folder: the server says so
        return client.graphql(_ADD, input=given)["done"]  # type: ignore[no-any-return]  # JSON
    try:
        return client.graphql(_ADD, input=given | {"proof": proof})["done"]  # type: ignore[no-any-return]  # JSON
    finally:
        file.unlink(missing_ok=True)


@ssh.command("edit")
@described(
    "更改一个密钥的权限。权限超出新设置的会话在一秒内结束。",
    "Change what a key may do. Its sessions that may do more than that end within a second.",
)
def edit_key(
    context: typer.Context,
    name: KeyName,
    scope: Annotated[
        Literal["read", "operate", "admin"] | None,
        typer.Option("--scope", metavar="SCOPE", help=_SCOPE_HELP),
    ] = None,
    instance: Annotated[
        list[str] | None,
        typer.Option(
            "--instance",
            metavar="INSTANCE",
            help=help_text(
                "只用于此实例，取代先前的；可重复。",
                "Only for this instance, in place of those before; may be repeated.",
            ),
        ),
    ] = None,
    all_instances: Annotated[
        bool, typer.Option("--all", help=help_text("用于所有实例。", "For all instances."))
    ] = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    if instance and all_instances:
        raise InvalidParameter(
            "--instance 与 --all 只能用一个", "--instance and --all exclude each other", field="all"
        )
    given: dict[str, Any] = {"name": name}
    if scope:
        given["scope"] = scope.upper()
    client = connect(context, url, token)
    if instance or all_instances:
        given["instances"] = [client.find(one).id for one in instance] if instance else None
    if len(given) == 1:
        raise InvalidParameter(
            "没有要更改的：--scope、--instance 或 --all",
            "There is nothing to change: --scope, --instance or --all",
        )
    _print_done(client.graphql(_EDIT, input=given)["done"], as_json=as_json)


@ssh.command("rm")
@described(
    "撤销一个密钥；用它登录的会话在一秒内结束。",
    "Revoke a key; sessions that it has opened end within a second.",
)
def remove_key(
    context: typer.Context,
    name: KeyName,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    done = connect(context, url, token).graphql(_REMOVE, input={"name": name})["done"]
    _print_done(done, as_json=as_json)


def _print_done(done: dict[str, Any], *, as_json: bool) -> None:
    """What became of a key."""
    if as_json:
        print_json(done["key"])
    else:
        print(f"{done['message']}: {done['key']['name']} {done['key']['fingerprint']}")


@ssh.command("host-key")
@described(
    "显示网关主机密钥的指纹，以及客户端 known_hosts 中的一行。",
    "Show the fingerprint of the gateway's host key, and the line for a client's known_hosts.",
)
def show_host_key(
    context: typer.Context,
    host: Annotated[
        str | None,
        typer.Option(
            "--host",
            metavar="HOST",
            help=help_text(
                "客户端连接时用的主机名；默认为本机名称。",
                "The host name that clients use; by default that of this machine.",
            ),
        ),
    ] = None,
    url: Url = None,
    token: Token = None,
) -> None:
    console = console_of(context)
    found = connect(context, url, token).graphql(_GATEWAY)["sshGateway"]
    if found["hostKey"] is None:
        raise InvalidParameter(
            "SSH 网关还没有开启过：设置 MAILAUNCHER_SSH=true 后重新启动服务器",
            "The SSH gateway was never open: set MAILAUNCHER_SSH=true and start the server again",
            field="ssh",
        )
    key = HostKey(found["hostKey"], found["fingerprint"])
    console.note(f"指纹：{key.fingerprint}", f"Fingerprint: {key.fingerprint}")
    print(key.known_hosts(host or socket.gethostname(), found["port"]))
