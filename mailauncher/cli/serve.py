"""`mailauncher serve`: the server, in the foreground."""

from typing import TYPE_CHECKING, Annotated

import typer

from mailauncher import __version__
from mailauncher.settings import from_environment

if TYPE_CHECKING:
    from resolvers.context import Context

Host = Annotated[
    str | None, typer.Option("--host", metavar="ADDRESS", help="Address to listen on instead of localhost.")
]
Port = Annotated[int | None, typer.Option("--port", metavar="PORT", help="Port to listen on.")]


def serve(
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
    chosen = from_environment(host=host, port=port, data=data, workspace=workspace, log_level=log_level)
    from mailauncher import foreground

    async def ready(_ctx: "Context") -> None:
        announce(chosen.url)

    foreground.run(chosen, signals, ready)


def announce(url: str) -> None:
    """The one line that scripts wait for."""
    print(f"MaiLauncher {__version__} listening on {url}", flush=True)
