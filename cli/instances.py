"""`start`, `stop`, `restart`, `kill`: the instances of a running server, several at once."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import commanding, completion
from cli.client import ApiClient, AsJson, Instance, Token, Url, connect, find_all
from cli.commanding import Kind, NoWait, Patience, Ready, Wait
from cli.console import Console, console_of, print_json
from cli.language import described, help_text
from mailauncher.errors import InvalidParameter, LauncherError, Text

if TYPE_CHECKING:
    from concurrent.futures import Future

AT_ONCE = 16
INTERRUPTED = 130
_ACTIVE = ("starting", "running", "stopping")

_SEVERAL: Any = typer.Argument(
    metavar="INSTANCE...",
    autocompletion=completion.instance,
    help=help_text("实例的名称、ID 或 ID 的开头，可以多个。", "Names, ids or prefixes of ids."),
)
Names = Annotated[list[str] | None, _SEVERAL]
Several = Annotated[list[str], _SEVERAL]
Name = Annotated[
    str,
    typer.Argument(
        metavar="INSTANCE",
        autocompletion=completion.instance,
        help=help_text("实例的名称、ID 或 ID 的开头。", "Name, id or prefix of an id."),
    ),
]
All = Annotated[
    bool,
    typer.Option("--all", help=help_text("所有适用的实例。", "All instances to which this applies.")),
]
ServiceName = Annotated[
    str | None,
    typer.Option(
        "--service",
        metavar="NAME",
        autocompletion=completion.service,
        help=help_text(
            "只针对实例的这个服务，如 napcat。", "This service of the instances only, such as napcat."
        ),
    ),
]


@described(
    "启动实例及其服务，或只启动其中一个服务。",
    "Start instances with their services, or only one of the services.",
)
def start(
    context: typer.Context,
    names: Names = None,
    service: ServiceName = None,
    every: All = False,
    wait: Wait = commanding.WAIT_S,
    no_wait: NoWait = False,
    ready: Ready = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    client = connect(context, url, token)
    chosen = _select(client, names, every, service, lambda active: not active[0])
    patience = Patience.of(wait, no_wait=no_wait, ready=ready)
    _run_all(context, client, "start", chosen, service, patience, as_json=as_json)


@described(
    "停止实例及其服务，或只停止其中一个服务。",
    "Stop instances with their services, or only one of the services.",
)
def stop(
    context: typer.Context,
    names: Names = None,
    service: ServiceName = None,
    every: All = False,
    wait: Wait = commanding.WAIT_S,
    no_wait: NoWait = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    client = connect(context, url, token)
    chosen = _select(client, names, every, service, any)
    patience = Patience.of(wait, no_wait=no_wait)
    _run_all(context, client, "stop", chosen, service, patience, as_json=as_json)


@described(
    "重启实例及其服务，或只重启其中一个服务；已停止的会被启动。",
    "Restart instances with their services, or only one of the services; starts those that are stopped.",
)
def restart(
    context: typer.Context,
    names: Names = None,
    service: ServiceName = None,
    every: All = False,
    wait: Wait = commanding.WAIT_S,
    no_wait: NoWait = False,
    ready: Ready = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    client = connect(context, url, token)
    chosen = _select(client, names, every, service, lambda active: active[0])
    patience = Patience.of(wait, no_wait=no_wait, ready=ready)
    _run_all(context, client, "restart", chosen, service, patience, as_json=as_json)


@described(
    "立即结束实例的所有进程（SIGKILL），或只结束其中一个服务的：用于停不下来的程序，它们来不及保存任何内容。",
    "End all processes of instances at once (SIGKILL), or of one of their services: for programs that do not stop. They cannot save anything.",
)
def kill(
    context: typer.Context,
    names: Names = None,
    service: ServiceName = None,
    every: All = False,
    wait: Wait = commanding.WAIT_S,
    no_wait: NoWait = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    client = connect(context, url, token)
    chosen = _select(client, names, every, service, any)
    patience = Patience.of(wait, no_wait=no_wait)
    _run_all(context, client, "kill", chosen, service, patience, as_json=as_json)


# Several at once

_NOTHING = {
    "start": Text("没有可启动的实例", "Nothing to start: no instance is stopped"),
    "stop": Text("没有可停止的实例", "Nothing to stop: no instance is running"),
    "restart": Text("没有可重启的实例", "Nothing to restart: no instance is running"),
    "kill": Text("没有可结束的实例", "Nothing to kill: no instance is running"),
}


def _select(
    client: ApiClient,
    names: Sequence[str] | None,
    every: bool,
    service: str | None,
    fits: Callable[[Sequence[bool]], bool],
) -> list[Instance]:
    """The instances to command: those named, or with `--all` those that `fits` accepts.

    `fits` gets whether the instance and then each of its services is active; with `service`, only that of the service.
    """
    if bool(names) == every:
        raise InvalidParameter(
            "请给出实例或 --all，二者取一", "Give either instances or --all", field="names"
        )
    instances = client.instances()
    if not every:
        return find_all(instances, names or ())
    activity = [(instance, _active_flags(instance, service)) for instance in instances]
    return [instance for instance, active in activity if active and fits(active)]


def _active_flags(instance: Instance, service: str | None) -> list[bool]:
    parts = [part for part in instance.services if service in (None, part.name)]
    active = [part.status in _ACTIVE for part in parts]
    return active if service else [instance.status in _ACTIVE, *active]


def _run_all(
    context: typer.Context,
    client: ApiClient,
    kind: Kind,
    chosen: Sequence[Instance],
    service: str | None,
    patience: Patience,
    *,
    as_json: bool,
) -> None:
    """Commands all instances, or says that there are none."""
    console = console_of(context)
    if not chosen:
        console.note(*_NOTHING[kind])

    def command(instance: Instance) -> str:
        return commanding.run(client, kind, instance, service, patience)

    do_all(console, chosen, command, as_json=as_json)


def do_all(
    console: Console,
    chosen: Sequence[Instance],
    command: Callable[[Instance], str],
    *,
    as_json: bool = False,
) -> None:
    """Does it to all instances in parallel and reports what it returns or raises, in their order.

    Ends the program with the exit status of the first failure, if any. Ctrl-C ends the waiting, not the commands.
    """
    from concurrent.futures import ThreadPoolExecutor

    # Not as a context manager, which waits for its threads before Ctrl-C gets out.
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        futures = [pool.submit(command, instance) for instance in chosen]
        status = _report(console, chosen, futures, as_json=as_json)
    except KeyboardInterrupt:
        console.note("不再等待；命令在服务器上继续", "No longer waiting; the command continues on the server")
        sys.stdout.flush()
        os._exit(INTERRUPTED)  # else Python waits for the threads, and they for answers that nobody needs
    pool.shutdown()
    if status:
        raise typer.Exit(status)


def _report(
    console: Console, chosen: Sequence[Instance], futures: "Sequence[Future[str]]", *, as_json: bool
) -> int:
    """Prints each result as it comes, or all at the end as JSON. Returns the exit status of the first failure, 0 if there is none."""
    status = 0
    report = []
    for instance, future in zip(chosen, futures, strict=True):
        entry: dict[str, object] = {"id": instance.id, "name": instance.name}
        try:
            message = future.result()
            report.append(entry | {"success": True, "message": message})
            if not as_json:
                print(message, flush=True)
        except LauncherError as error:
            message = console.translate(error.text)
            report.append(entry | {"success": False, "code": error.code, "message": message})
            failed = error.info.exit if as_json else console.report(error)
            status = status or failed
    if as_json:
        print_json(report)
    return status
