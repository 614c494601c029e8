"""`mailauncher demo`: a server with the sample bot running in it."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailauncher.cli.serve import Port, announce
from mailauncher.cli.voice import Voice, called, table, voice_of
from mailauncher.settings import Settings, from_environment
from mailauncher.signals import Signals

if TYPE_CHECKING:
    from resolvers.context import Context
    from resolvers.views import InstanceView


def demo(
    context: typer.Context,
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep",
            metavar="FOLDER",
            help="Keep everything in this folder, and go on there the next time.",
        ),
    ] = None,
    port: Port = None,
) -> None:
    """Try it out: a server with a sample bot running.

    Runs until Ctrl-C, then leaves nothing behind: no process, and no file unless --keep is given.
    """
    signals = Signals()
    voice = voice_of(context)
    with _folder(keep, signals) as folder:
        settings = _settings(folder, port)
        _run(settings, folder, voice, signals)
        if keep:
            voice.note(
                f"演示保留在 {folder}；再次运行：{called()} demo --keep {folder}",
                f"The demonstration is kept in {folder}; to go on: {called()} demo --keep {folder}",
            )


@contextmanager
def _folder(keep: Path | None, signals: Signals) -> Iterator[Path]:
    """The folder to keep, or one that is gone after the block."""
    if keep is not None:
        yield keep.expanduser().absolute()
        return
    folder = Path(tempfile.mkdtemp(prefix="mailauncher-demo-"))
    try:
        yield folder
    finally:
        signals.ignore()
        _remove(folder)


def _remove(folder: Path) -> None:
    """The whole of it, though the last keepers may still be putting their sockets away."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.05)
    shutil.rmtree(folder)


def _settings(folder: Path, port: int | None) -> Settings:
    """The user's own settings, but everything that is stored stays in the folder and nothing outlives the command."""
    return from_environment(
        data=str(folder / "data"),
        workspace=str(folder / "bots"),
        database_url="",
        stop_bots_at_exit=True,
        port=port,
    )


def _run(settings: Settings, folder: Path, voice: Voice, signals: Signals) -> None:
    from mailauncher import demo as demonstration
    from mailauncher import foreground

    demonstration.prepare(folder)

    async def ready(ctx: "Context") -> None:
        view = await demonstration.bring_up(ctx, folder)
        announce(settings.url)
        _introduce(voice, settings, view)

    foreground.run(settings, signals, ready)


def _introduce(voice: Voice, settings: Settings, view: "InstanceView") -> None:
    command = called()
    where = "" if settings.url == from_environment().url else f" --url {settings.url}"
    lines = [
        (voice.pick("仪表盘", "Dashboard"), f"{settings.url}/"),
        (voice.pick("GraphQL", "GraphQL"), f"{settings.url}/graphql"),
        (voice.pick("接口文档", "API docs"), f"{settings.url}/api/v1/docs"),
        (voice.pick("看输出", "Its output"), f"{command} logs {view.name} -f{where}"),
        (voice.pick("进终端", "Its terminal"), f"{command} attach {view.name}{where}"),
    ]
    voice.say(
        f"示例 Bot {view.name} 正在运行。按 Ctrl-C 结束。",
        f"The sample bot {view.name} is running. Press Ctrl-C to end.",
    )
    print(table([("", *line) for line in lines]), flush=True)
