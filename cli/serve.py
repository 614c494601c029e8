"""`mailauncher serve`: the server, in the foreground."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from cli import notify
from cli.console import Console, console_of, program_name
from cli.language import described, help_text
from cli.loading import loading
from mailauncher import __version__
from mailauncher.settings import from_environment

if TYPE_CHECKING:
    from resolvers.context import Context

Host = Annotated[
    str | None,
    typer.Option(
        "--host",
        metavar="ADDRESS",
        help=help_text("监听的地址，默认为 localhost。", "Address to listen on; by default localhost."),
    ),
]
Port = Annotated[
    int | None, typer.Option("--port", metavar="PORT", help=help_text("监听的端口。", "Port to listen on."))
]


@described(
    "在前台运行服务器。\n\n就绪后输出一行。收到 Ctrl-C 或 SIGTERM 时以状态 0 结束。Bot 继续运行，由下一个服务器接管；若打开了设置 stop_bots_at_exit，则先停止它们，再来一个信号便强行结束。所有设置见 `mailauncher settings`。",
    "Run the server in the foreground.\n\nPrints one line when it is ready. Exits with status 0 on Ctrl-C or SIGTERM. Bots keep running for the next server to adopt, unless the setting stop_bots_at_exit is on; then a second signal kills them. `mailauncher settings` lists all settings.",
)
def serve(
    context: typer.Context,
    host: Host = None,
    port: Port = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="FOLDER",
            help=help_text("保存所有数据的文件夹。", "Folder for all stored data."),
        ),
    ] = None,
    workspace: Annotated[
        str | None,
        typer.Option(
            "--workspace",
            metavar="FOLDER",
            help=help_text("部署 Bot 的文件夹。", "Folder in which bots are deployed."),
        ),
    ] = None,
    log_level: Annotated[
        str | None,
        typer.Option(
            "--log-level",
            metavar="LEVEL",
            help=help_text(
                "写到标准错误的最低日志级别。", "Minimum level of log messages on standard error."
            ),
        ),
    ] = None,
) -> None:
    console = console_of(context)
    began = time.monotonic()
    waiting = notify.take_address()
    chosen = from_environment(host=host, port=port, data=data, workspace=workspace, log_level=log_level)
    # A signal ends the process at once while all this is imported.
    with loading():
        from mailauncher.signals import Signals
        from server import foreground

    signals = Signals()
    served: list[Context] = []

    async def ready(ctx: "Context") -> None:
        served.append(ctx)
        announce(chosen.url)
        notify.tell_ready(waiting)
        _report_running(ctx, began, console)

    foreground.run(chosen, signals, ready)
    for ctx in served:
        _report_left(ctx, console)


def announce(url: str) -> None:
    """Prints the line that scripts wait for."""
    print(f"MaiLauncher {__version__} listening on {url}", flush=True)


def _report_left(ctx: "Context", console: Console) -> None:
    """Prints which bots the server has left running, on standard error."""
    running = [
        view.name
        for view in ctx.live.views
        if any(program.alive for program in ctx.live.supervisor(view.id).programs.values())
    ]
    if running:
        names, stop = ", ".join(running), f"{program_name()} stop --all"
        console.farewell(
            f"仍在运行：{names}。下一个服务器会接管它们；要停止，请在那时运行 {stop}",
            f"Still running: {names}. The next server takes them over; to stop them, run {stop} then",
        )


def _report_running(ctx: "Context", began: float, console: Console) -> None:
    """Prints which bots kept running without a server and which were started again, on standard error.

    `began` is when this server was started, by the monotonic clock: older processes kept running.
    """
    adopted, again = [], []
    for view in ctx.live.views:
        for program in ctx.live.supervisor(view.id).programs.values():
            age_s = program.terminal.age_s
            is_older = (
                age_s is None or age_s > time.monotonic() - began
            )  # None: its keeper is an earlier version's
            if program.alive and is_older:
                adopted.append(view.name)
            elif program.alive or program.state == "starting":
                again.append(view.name)
    if adopted:
        names = ", ".join(dict.fromkeys(adopted))
        console.note(f"仍在运行，已接管：{names}", f"Still running, reattached: {names}")
    if again:
        names = ", ".join(dict.fromkeys(again))
        console.note(f"重新启动：{names}", f"Restarted: {names}")
