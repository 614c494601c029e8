"""Services that run inside the main program: which there are, and whether it says that it could not load them."""

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path

from bots.catalogue import Catalogue
from bots.recipe import Recipe
from mailauncher import expressions
from mailauncher.errors import LauncherError, Text
from mailauncher.files import is_folder
from store.records import InstanceRecord
from terminals import text
from terminals.terminal import Terminal

READ_BYTES = 256 << 10
"""From the beginning of a run: plugins are loaded before the bot gets ready."""


def installed(catalogue: Catalogue, record: InstanceRecord) -> Iterator[tuple[Recipe, str]]:
    """The recipe, for the instance's version, and the place in its folder of each that is installed there. Blocks."""
    for base in catalogue.services():
        recipe = base.of(record.version)
        if recipe.install is not None and recipe.install.hosted:
            place = recipe.install.place or recipe.name
            if is_folder(Path(record.path, place)):
                yield recipe, place


def about(catalogue: Catalogue, version: str, name: str) -> Text | None:
    """That a service has no program or terminal with this version of the bot; None if that is not so."""
    recipe = catalogue.recipes.get(name)
    install = recipe.of(version).install if recipe else None
    if install is None or not install.hosted:
        return None
    return Text(
        f"版本 {version} 的 {name} 是 Bot 自己运行的插件，没有自己的进程和终端：它随 Bot 启动和停止，输出在终端 main 中",
        f"{name} for version {version} is a plugin that the bot runs, without a process or terminal of its own: it starts and stops "
        "with the bot, and its output is in the terminal main",
    )


async def not_loaded(terminal: Terminal, services: Iterable[Recipe]) -> Text | None:
    """Which of these services the run in the main program's terminal did not load, and why; None if it complains of none, or
    what it printed first is no longer kept."""
    expected = [(service, service.not_loaded) for service in services if service.not_loaded]
    if not expected:
        return None
    try:
        status = await terminal.client.status(terminal.name)
        offset, data = await terminal.client.read(terminal.name, status.start, READ_BYTES)
    except LauncherError:  # its keeper does not answer
        return None
    return await asyncio.to_thread(_complaint, data, expected) if offset == status.start else None


def _complaint(output: bytes, expected: list[tuple[Recipe, str]]) -> Text | None:
    """The first complaint about one of these services. Takes up to a tenth of a second."""
    lines = "\n".join(text.last_lines(output, output.count(b"\n") + 1))
    for service, pattern in expected:
        if found := expressions.in_lines(pattern).search(lines):
            return Text(
                f"{service.title.zh}（{service.name}）没有加载：{found[1]}",
                f"{service.title.en} ({service.name}) was not loaded: {found[1]}",
            )
    return None
