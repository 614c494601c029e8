"""`mailauncher serve`: the server, in the foreground."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from mailauncher import __version__
from mailauncher.cli.voice import Voice, voice_of
from mailauncher.settings import from_environment

if TYPE_CHECKING:
    from resolvers.context import Context

Host = Annotated[
    str | None, typer.Option("--host", metavar="ADDRESS", help="Address to listen on instead of localhost.")
]
Port = Annotated[int | None, typer.Option("--port", metavar="PORT", help="Port to listen on.")]


def serve(
    context: typer.Context,
    host: Host = None,
    port: Port = None,
    data: Annotated[
        str | None, typer.Option("--data", metavar="FOLDER", help="Folder of everything that is stored.")
    ] = None,
    workspace: Annotated[
        str | None, typer.Option("--workspace", metavar="FOLDER", help="Folder where bots are deployed.")
    ] = None,
    log_level: Annotated[
        str | None,
        typer.Option("--log-level", metavar="LEVEL", help="Least level logged to standard error."),
    ] = None,
) -> None:
    """Run the server in the foreground.

    Prints one line once it is ready. Ends with status 0 on Ctrl-C or SIGTERM. Bots run on, and the next server takes
    over, unless the setting stop_bots_at_exit is on; then a second signal kills them. `mailauncher settings` lists what
    else can be set.
    """
    from mailauncher.signals import Signals

    signals = Signals()
    voice = voice_of(context)
    began = int(time.time() * 1000)
    chosen = from_environment(host=host, port=port, data=data, workspace=workspace, log_level=log_level)
    from mailauncher import foreground

    async def ready(ctx: "Context") -> None:
        announce(chosen.url)
        _tell_what_runs(ctx, began, voice)

    foreground.run(chosen, signals, ready)


def announce(url: str) -> None:
    """The one line that scripts wait for."""
    print(f"MaiLauncher {__version__} listening on {url}", flush=True)


def _tell_what_runs(ctx: "Context", began: int, voice: Voice) -> None:
    """Which bots ran on without a server and are taken over, and which are started again; on standard error.

    `began` is when this server was started, in milliseconds since 1970: what a process older than that is, ran on.
    """
    taken_over, again = [], []
    for view in ctx.fleet.views:
        parts = [(part.started_at or 0, str(part.status)) for part in view.services]
        parts.append((view.started_at or 0, str(view.status)))
        if any(0 < started_at < began for started_at, _ in parts):
            taken_over.append(view.name)
        if any(started_at >= began or status == "starting" for started_at, status in parts):
            again.append(view.name)
    if taken_over:
        names = ", ".join(taken_over)
        voice.note(f"仍在运行，已接管：{names}", f"Ran on, taken over: {names}")
    if again:
        names = ", ".join(again)
        voice.note(f"重新启动：{names}", f"Started again: {names}")
