"""`ls`, `start`, `stop`, `restart`, `add`, `rm`: the instances of a running server."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from mailauncher.cli.question import require_yes
from mailauncher.cli.remote import AsJson, Instance, Remote, Token, Url, connect, find_all
from mailauncher.cli.services import restart_service, start_service, stop_service
from mailauncher.cli.voice import Voice, table, voice_of
from mailauncher.errors import InvalidParameter, LauncherError, Text

AT_ONCE = 16
DEFAULT_PORT = 8000
SHOWN_ID = 8
_ACTIVE = ("starting", "running", "stopping")

Names = Annotated[
    list[str] | None, typer.Argument(metavar="INSTANCE...", help="Names, ids or beginnings of ids.")
]
Name = Annotated[str, typer.Argument(metavar="INSTANCE", help="Name, id or beginning of an id.")]
All = Annotated[bool, typer.Option("--all", help="Every instance that this makes sense for.")]
ServiceName = Annotated[
    str | None,
    typer.Option("--service", metavar="NAME", help="Only this service of the instances, such as napcat."),
]


def ls(context: typer.Context, as_json: AsJson = False, url: Url = None, token: Token = None) -> None:
    """List the instances of a running server."""
    voice = voice_of(context)
    remote = connect(context, url, token)
    if as_json:
        print(json.dumps(remote.get("/instances")["instances"], ensure_ascii=False, indent=2))
    elif found := remote.instances():
        heading, *lines = table([_HEADINGS[voice.language], *map(_row, found)]).splitlines()
        reasons = _reasons(remote, found)
        print(heading)
        for instance, line in zip(found, lines, strict=True):
            print("\n".join((line, *(f"    {reason}" for reason in reasons.get(instance.id, ())))))
    else:
        voice.note(
            "还没有实例，用 mailauncher add 添加一个", "No instances yet; add one with mailauncher add"
        )


_HEADINGS = {
    "zh": ("名称", "状态", "端口", "版本", "ID", "服务"),
    "en": ("NAME", "STATUS", "PORT", "VERSION", "ID", "SERVICES"),
}


def _row(instance: Instance) -> tuple[str, ...]:
    services = ", ".join(f"{service.name} ({service.status})" for service in instance.services)
    return (
        instance.name,
        instance.status,
        str(instance.port),
        instance.version,
        instance.id[:SHOWN_ID],
        services,
    )


_FAILURES = """{ instances { id failure { reason hint } services { name failure { reason hint } } } }"""


def _reasons(remote: Remote, found: Sequence[Instance]) -> dict[str, list[str]]:
    """Why something of an instance failed, in sentences, by its id."""
    if all("failed" not in (i.status, *(s.status for s in i.services)) for i in found):
        return {}
    return {entry["id"]: list(_sentences(entry)) for entry in remote.graphql(_FAILURES)["instances"]}


def _sentences(entry: dict[str, Any]) -> Iterator[str]:
    for part in (entry, *entry["services"]):
        if failure := part["failure"]:
            yield f"{part['name']}: {failure['reason']}" if "name" in part else failure["reason"]
            if failure["hint"]:
                yield f"  {failure['hint']}"


def start(
    context: typer.Context,
    names: Names = None,
    service: ServiceName = None,
    every: All = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Start instances with their services, or one service of them."""
    remote = connect(context, url, token)
    chosen = _chosen(remote, names, every, service, lambda active: not active[0])

    def command(instance: Instance) -> str:
        return start_service(remote, instance, service) if service else _ask(remote, instance, "start")

    _carry_out(
        context,
        chosen,
        command,
        Text("没有可启动的实例", "Nothing to start: no instance is stopped"),
        as_json=as_json,
    )


def stop(
    context: typer.Context,
    names: Names = None,
    service: ServiceName = None,
    every: All = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Stop instances with their services, or one service of them."""
    remote = connect(context, url, token)
    chosen = _chosen(remote, names, every, service, any)

    def command(instance: Instance) -> str:
        return stop_service(remote, instance, service) if service else _ask(remote, instance, "stop")

    _carry_out(
        context,
        chosen,
        command,
        Text("没有可停止的实例", "Nothing to stop: no instance runs"),
        as_json=as_json,
    )


def restart(
    context: typer.Context,
    names: Names = None,
    service: ServiceName = None,
    every: All = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Restart instances with their services, or one service of them; what is stopped is started."""
    remote = connect(context, url, token)
    chosen = _chosen(remote, names, every, service, lambda active: active[0])

    def command(instance: Instance) -> str:
        return restart_service(remote, instance, service) if service else _ask(remote, instance, "restart")

    _carry_out(
        context,
        chosen,
        command,
        Text("没有可重启的实例", "Nothing to restart: no instance runs"),
        as_json=as_json,
    )


def add(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The bot's folder, on the server's machine.")],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Its name; by default the folder's.")
    ] = None,
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", help="The port on which the bot takes messages.")
    ] = DEFAULT_PORT,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Manage a bot that stands in a folder already. Nothing in the folder is changed."""
    folder = path.expanduser().absolute()
    body = {"name": name or folder.resolve().name, "path": str(folder), "port": port}
    answer = connect(context, url, token).post("/instances/add", body)
    print(
        json.dumps(answer, ensure_ascii=False) if as_json else f"{answer['message']}: {answer['instance_id']}"
    )


def rm(
    context: typer.Context,
    name: Name,
    files: Annotated[
        bool,
        typer.Option("--files", help="Also delete its folder, if MaiLauncher deployed it, and its backups."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Stop an instance and forget it. Its files stay, unless --files is given."""
    remote = connect(context, url, token)
    instance = remote.find(name)
    if not yes:
        _require_consent(voice_of(context), instance, files=files)
    print(remote.delete(f"/instance/{instance.id}/delete{'?files=delete' if files else ''}")["message"])


def _require_consent(voice: Voice, instance: Instance, *, files: bool) -> None:
    what = (
        voice.pick(
            f"，并删除文件夹 {instance.path} 和它的所有备份",
            f", and delete the folder {instance.path} and all its backups",
        )
        if files
        else ""
    )
    question = voice.pick(
        f"停止并移除实例 {instance.name}{what}？", f"Stop and remove instance {instance.name}{what}?"
    )
    require_yes(voice, question)


# Several at once


def _chosen(
    remote: Remote,
    names: Sequence[str] | None,
    every: bool,
    service: str | None,
    fits: Callable[[Sequence[bool]], bool],
) -> list[Instance]:
    """The instances to command: those named, or with `--all` those that `fits` accepts.

    It is asked with whether the instance and then each service is active; with `service`, with that of the service.
    """
    if bool(names) == every:
        raise InvalidParameter("请给出实例，或者 --all", "Name the instances, or say --all", field="names")
    instances = remote.instances()
    if not every:
        return find_all(instances, names or ())
    activity = [(instance, _activity(instance, service)) for instance in instances]
    return [instance for instance, active in activity if active and fits(active)]


def _activity(instance: Instance, service: str | None) -> list[bool]:
    parts = [part for part in instance.services if service in (None, part.name)]
    active = [part.status in _ACTIVE for part in parts]
    return active if service else [instance.status in _ACTIVE, *active]


def _carry_out(
    context: typer.Context,
    chosen: Sequence[Instance],
    command: Callable[[Instance], str],
    nothing: Text,
    *,
    as_json: bool,
) -> None:
    """Commands them at once, reports in their order, and leaves with the first failure's exit status. `nothing` is said
    when there are none."""
    from concurrent.futures import ThreadPoolExecutor

    voice = voice_of(context)
    if not chosen:
        voice.note(*nothing)
    status = 0
    report = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(command, instance) for instance in chosen]
        for instance, future in zip(chosen, futures, strict=True):
            entry: dict[str, object] = {"id": instance.id, "name": instance.name}
            try:
                message = future.result()
                report.append(entry | {"success": True, "message": message})
                if not as_json:
                    print(message, flush=True)
            except LauncherError as error:
                said = voice.words(error.text)
                report.append(entry | {"success": False, "code": error.code, "message": said})
                failed = error.verdict.exit if as_json else voice.fail(error)
                status = status or failed
    if as_json:
        print(json.dumps(report, ensure_ascii=False, indent=2))
    if status:
        raise typer.Exit(status)


def _ask(remote: Remote, instance: Instance, command: str) -> str:
    return str(remote.get(f"/instance/{instance.id}/{command}")["message"])
