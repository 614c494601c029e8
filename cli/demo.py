"""`mailauncher demo`: a server with sample bots in it."""

import shlex
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.console import Console, console_of, program_name
from cli.language import described, help_text
from cli.loading import loading
from cli.serve import Port, announce
from cli.table import format_table
from cli.temporary import temporary_folder
from mailauncher import files
from mailauncher.errors import LauncherError
from mailauncher.home import expand
from mailauncher.settings import Settings, from_environment

if TYPE_CHECKING:
    from mailauncher.signals import Signals
    from resolvers.context import Context
    from resolvers.views import InstanceView


@described(
    "试用：一个有三个示例 Bot 的服务器。一个在运行，另外两个需要你：一个因配置有误而无法启动，一个在终端中等待回答。\n\n按 Ctrl-C 结束，不留下任何进程；除非给出 --keep，也不留下任何文件。",
    "Try it out: a server with three sample bots. One works, and two need you: one does not start for a fault in its configuration, and one waits for an answer in its terminal.\n\nRuns until Ctrl-C and leaves nothing behind: no process, and no file unless --keep is given.",
)
def demo(
    context: typer.Context,
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep",
            metavar="FOLDER",
            help=help_text(
                "把一切保存在这个文件夹里，下次接着用。",
                "Keep everything in this folder, and continue there next time.",
            ),
        ),
    ] = None,
    port: Port = None,
) -> None:
    # A signal ends the process at once while all this is imported.
    with loading():
        from mailauncher.signals import Signals
        from server import demo as demonstration
        from server import demo_folder, foreground

    signals = Signals()
    console = console_of(context)
    with _folder(keep, signals) as folder:
        settings = _settings(folder, port)
        new = demo_folder.prepare(folder)

        async def ready(ctx: "Context") -> None:
            view = await demonstration.start_working(ctx, folder)
            announce(settings.url)
            _print_addresses(console, settings, view)
            await demonstration.start_others(ctx, folder, new)

        foreground.run(settings, signals, ready)
    if keep:
        again = f"{program_name()} demo --keep {shlex.quote(str(folder))}{f' --port {port}' if port else ''}"
        console.farewell(
            f"演示保留在 {folder}；再次运行：{again}",
            f"The demonstration is kept in {folder}; to continue: {again}",
        )
    else:
        console.farewell(
            "演示已结束，没有留下任何内容", "The demonstration has ended and left nothing behind"
        )


@contextmanager
def _folder(keep: Path | None, signals: "Signals") -> Iterator[Path]:
    """The folder to keep, or a temporary one that is removed after the block."""
    if keep is not None:
        yield expand(keep)
        return
    folder = temporary_folder("mailauncher-demo-")
    try:
        yield folder
    finally:
        signals.ignore()
        _remove(folder)


def _remove(folder: Path) -> None:
    """Removes the folder. The last keepers may still be removing their sockets from it: tries again for a second."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not files.exists(folder):
            return
        time.sleep(0.05)
    shutil.rmtree(folder)


def _settings(folder: Path, port: int | None) -> Settings:
    """The user's settings, except that all data stays in the folder and no bot outlives the command."""
    return from_environment(
        data=str(folder / "data"),
        workspace=str(folder / "bots"),
        database_url="",
        stop_bots_at_exit=True,
        port=port,
    )


def _usual_url() -> str | None:
    """Where other commands look for a server; None if they cannot, for want of a data folder."""
    try:
        return from_environment().url
    except LauncherError:
        return None


def _print_addresses(console: Console, settings: Settings, view: "InstanceView") -> None:
    command = program_name()
    where = "" if settings.url == _usual_url() else f" --url {settings.url}"
    lines = [
        (console.pick("仪表盘", "Dashboard"), f"{settings.url}/"),
        (console.pick("GraphQL", "GraphQL"), f"{settings.url}/graphql"),
        (console.pick("接口文档", "API docs"), f"{settings.url}/api/v1/docs"),
        (console.pick("查看输出", "Output"), f"{command} logs {view.name} -f{where}"),
        (console.pick("进入终端", "Terminal"), f"{command} attach {view.name}{where}"),
    ]
    console.print(
        f"示例 Bot {view.name} 正在运行；另外两个需要你，仪表盘会说明原因。按 Ctrl-C 结束。",
        f"The sample bot {view.name} is running. Two more need you: the dashboard says why. Press Ctrl-C to end.",
    )
    print(format_table([("", *line) for line in lines]), flush=True)
