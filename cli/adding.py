"""`add`: an existing bot, and what its folder says of it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.client import AsJson, RequestRefused, Token, Url, connect
from cli.console import Console, console_of, print_json
from cli.language import described, help_text
from cli.ls import PLUGIN
from cli.table import format_table
from mailauncher.errors import Code, InvalidParameter, Text
from mailauncher.home import expand
from mailauncher.names import instance_name_from

_ADD = """mutation ($input: AddInstanceInput!) { added: addInstance(input: $input) {
  message instance { id name path port version recipe services { name path port } hosted_services: hostedServices } } }"""
_OPTIONS = {"name": "--name", "port": "--port"}


@described(
    "添加一个已有的 Bot，不改动其文件夹中的内容。\n\n种类、版本、端口和服务均从文件夹读取。",
    "Add an existing bot. Nothing in its folder is changed.\n\nIts kind, version, ports and services are read from the folder.",
)
def add(
    context: typer.Context,
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help=help_text(
                "Bot 的文件夹，在服务器所在的机器上。", "The bot's folder, on the server's machine."
            ),
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help=help_text(
                "实例名称；默认为文件夹名。", "Name of the instance; by default that of the folder."
            ),
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="PORT",
            help=help_text(
                "Bot 接收消息的端口；默认取自 Bot 的配置。",
                "Port on which the bot receives messages; by default the one in its configuration.",
            ),
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            "--run",
            metavar="COMMAND",
            help=help_text(
                "运行 Bot 的命令，如 ./start.sh，不经过 shell；默认由 Bot 的种类决定。",
                "Command that runs the bot, such as ./start.sh, not run by a shell; by default that of the bot's kind.",
            ),
        ),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    folder, console = expand(path), console_of(context)
    named = name or _name_of(folder, console)
    given = {"name": named, "path": str(folder), "port": port, "runCommand": run}
    try:
        added = connect(context, url, token).graphql(_ADD, input=given)["added"]
    except RequestRefused as error:
        raise _with_option(error, console) from None
    if as_json:
        print_json(
            {"success": True, "instance_id": added["instance"]["id"], "message": added["message"]}
            | added["instance"]
        )
    else:
        head, *remarks = added["message"].splitlines()
        print(f"{head}: {added['instance']['id']}")
        print(
            format_table([[f"  {console.translate(what)}", is_] for what, is_ in _facts(added["instance"])])
        )
        for remark in remarks:
            console.note(remark, remark)


def _facts(instance: dict[str, Any]) -> Iterator[tuple[Text, str]]:
    yield Text("名称", "name"), instance["name"]
    yield Text("种类", "kind"), f"{instance['recipe']} {instance['version']}"
    yield Text("端口", "port"), str(instance["port"])
    for service in instance["services"]:
        yield Text("服务", "service"), f"{service['name']} {service['port'] or ''}".rstrip()
    for name in instance["hosted_services"]:
        yield PLUGIN, name


def _with_option(error: RequestRefused, console: Console) -> RequestRefused:
    """The error, and the option that gives another value."""
    option = _OPTIONS.get(error.field or "")
    if option is None or error.code not in (Code.PORT_IN_USE, Code.DUPLICATE_RESOURCE):
        return error
    message = console.translate(error.text)
    way = console.pick(f"用 {option} 可指定", f"{option} gives another one")
    return RequestRefused(error.code, f"{message}\n{way}", error.field)


def _name_of(folder: Path, console: Console) -> str:
    """The folder's name, without what a name of an instance cannot have. Raises InvalidParameter if nothing is left."""
    own = folder.resolve().name
    name = instance_name_from(own)
    if not name:
        raise InvalidParameter(
            f"文件夹名 {own!r} 不能作为实例名称：请用 --name 给出",
            f"The folder's name {own!r} cannot be the name of an instance: give one with --name",
            field="name",
        )
    if name != own:
        console.note(
            f"实例命名为 {name!r}：文件夹名 {own!r} 含有名称中不能用的字符；可用 --name 指定",
            f"The instance is named {name!r}, since the folder's name {own!r} has what a name cannot have; --name gives another",
        )
    return name
