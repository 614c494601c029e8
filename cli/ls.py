"""`ls`: the instances of a running server, what they do and what they wait for."""

from collections.abc import Iterator
from typing import Any

import typer

from cli.client import ApiClient, AsJson, Details, Instance, Service, Token, Url, connect
from cli.colours import GREEN, RED, YELLOW, coloured
from cli.console import Console, console_of, print_json, program_name
from cli.language import described
from cli.table import byte_size
from mailauncher.errors import Text
from mailauncher.status_words import Mood, describe

SHOWN_ID = 8
_NAME, _STATUS, _UP = Text("名称", "NAME"), Text("状态", "STATUS"), Text("已运行", "UP")
_CPU, _MEMORY, _RESTARTS = Text("处理器", "CPU"), Text("内存", "MEM"), Text("重启", "RESTARTS")
_PORT, _VERSION, _ID = Text("端口", "PORT"), Text("版本", "VERSION"), Text("ID", "ID")
_SERVICES = Text("服务", "SERVICES")
_HEADINGS = (_NAME, _STATUS, _UP, _CPU, _MEMORY, _RESTARTS, _PORT, _VERSION, _ID, _SERVICES)
_EXPENDABLE = (_SERVICES, _ID, _VERSION, _PORT, _CPU, _RESTARTS, _MEMORY, _UP)
"""What a narrow terminal does not show, in this order; the services are then on a line of their own."""
_COLOURS = {Mood.GOOD: GREEN, Mood.WAITING: YELLOW, Mood.BAD: RED, Mood.NONE: None}
_EXTRAS = "{ instances { id webPages { program url } hostedServices } }"
_NOTHING: dict[str, Any] = {"webPages": [], "hostedServices": []}
"""Of an instance that was added between two requests."""
_UPGRADES = "{ deployments { instanceId kind status version } }"
_FAILED_UPGRADE = Text(
    "升级到 {} 失败，仍为原来的版本；原因：{} deployments",
    "the upgrade to {} failed, and this is the former version; for the reason: {} deployments",
)
PLUGIN = Text("插件", "plugin")
"""Of a service that the bot runs itself, which has no state of its own."""
_QUESTION = Text("提问：{}", "asks: {}")


@described(
    "列出服务器上的实例：状态、占用、网页，以及没有正常运行的原因。\n\n终端较窄时列数较少；--json 按 GET /api/v1/instances?details=true 的格式输出实例，并附上网页（web_pages）与 Bot 自己运行的服务（hosted_services）。",
    "List the instances of a running server: their status, what they use, their web pages, and why one does not work.\n\n"
    "A narrow terminal gets fewer columns; --json prints the instances as GET /api/v1/instances?details=true has them, "
    "with their web pages (`web_pages`) and the services that the bot runs itself (`hosted_services`).",
)
def ls(context: typer.Context, as_json: AsJson = False, url: Url = None, token: Token = None) -> None:
    console = console_of(context)
    client = connect(context, url, token)
    if as_json:
        extras = _extras(client)
        print_json(
            [
                instance | _as_rest(extras.get(instance["id"], _NOTHING))
                for instance in client.get("/instances?details=true")["instances"]
            ]
        )
    elif found := client.instances(details=True):
        failed, extras = _failed_upgrades(client), _extras(client)
        about = [extras.get(instance.id, _NOTHING) for instance in found]
        rows = [
            _row(console, instance, its["hostedServices"]) for instance, its in zip(found, about, strict=True)
        ]
        (heading, *lines), left_out = console.fitted_table(_HEADINGS, rows, _EXPENDABLE)
        print(heading)
        for instance, its, row, line in zip(found, about, rows, lines, strict=True):
            below = [*_addresses(console, instance, its["webPages"]), *_reasons(console, instance)]
            if instance.id in failed:
                below.append(console.translate(_FAILED_UPGRADE).format(failed[instance.id], program_name()))
            if _SERVICES in left_out and row[-1]:
                below.insert(0, row[-1])
            print("\n".join((line, *(f"    {each}" for each in below))))
    else:
        console.note(
            f"还没有实例。部署一个新的：{program_name()} deploy；添加已有的：{program_name()} add",
            f"No instances yet. To install a new bot: {program_name()} deploy; to add an existing one: {program_name()} add",
        )


def _row(console: Console, instance: Instance, plugins: list[str]) -> tuple[str, ...]:
    details = instance.details or Details()
    services = [f"{service.name} ({status(console, service)})" for service in instance.services]
    services += [f"{name} ({console.translate(PLUGIN)})" for name in plugins]
    return (
        instance.name,
        status(console, instance),
        "" if details.uptime_s is None else duration(details.uptime_s),
        "" if details.cpu is None else f"{details.cpu:.0f}%",
        "" if details.memory is None else byte_size(details.memory),
        str(details.restarts),
        str(instance.port),
        instance.version,
        instance.id[:SHOWN_ID],
        ", ".join(services),
    )


def status(console: Console, part: Instance | Service) -> str:
    """The status in words, or what a program that is on its way waits for."""
    details = part.details or Details()
    text, mood = describe(part.status, details.ready, details.waiting_for)
    return coloured(console.translate(text), _COLOURS[mood])


def duration(seconds: int) -> str:
    """In its two greatest units: `3d 4h`, `2h 5m`, `12m 7s`, `45s`."""
    for size, unit, next_size, next_unit in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "m"),
        (60, "m", 1, "s"),
    ):
        if seconds >= size:
            return f"{seconds // size}{unit} {seconds % size // next_size}{next_unit}"
    return f"{seconds}s"


def _extras(client: ApiClient) -> dict[str, dict[str, Any]]:
    """The web pages of each instance, and the services that its bot runs itself, by the instance's id."""
    return {instance["id"]: instance for instance in client.graphql(_EXTRAS)["instances"]}


def _as_rest(extras: dict[str, Any]) -> dict[str, Any]:
    """With keys as REST writes them."""
    return {"web_pages": extras["webPages"], "hosted_services": extras["hostedServices"]}


def _failed_upgrades(client: ApiClient) -> dict[str, str]:
    """The version of each instance's newest deployment, where that is an upgrade that failed."""
    return {
        found["instanceId"]: found["version"]
        for found in client.graphql(_UPGRADES)["deployments"]
        if (found["kind"], found["status"]) == ("UPGRADE", "FAILED")
    }


def _addresses(console: Console, instance: Instance, pages: list[dict[str, Any]]) -> Iterator[str]:
    """The web pages of the programs that run."""
    running = {service.name for service in instance.services if service.status == "running"}
    if instance.status == "running":
        running.add("main")
    for page in pages:
        if page["program"] in running:
            whose = "" if page["program"] == "main" else f"{page['program']} "
            yield console.pick(f"{whose}网页：{page['url']}", f"{whose}web page: {page['url']}")


def _reasons(console: Console, instance: Instance) -> Iterator[str]:
    """Of the instance and of each service: what it asks, and why it does not work."""
    parts: tuple[Instance | Service, ...] = (instance, *instance.services)
    for part in parts:
        details = part.details or Details()
        lines = [console.translate(_QUESTION).format(details.question)] if details.question else []
        lines += (details.reason or "").splitlines()
        for number, line in enumerate(lines):
            prefix = f"{part.name}: " if isinstance(part, Service) and not number else ""
            yield f"{prefix}{line}" if not number else f"  {line}"
