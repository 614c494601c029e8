"""Services that run inside the main program: whether it says that it could not load them."""

import asyncio
import re
from collections.abc import Iterable

from bots.recipe import Recipe
from mailauncher.errors import LauncherError, Text
from terminals import text
from terminals.terminal import Terminal

READ_BYTES = 256 << 10
"""From the beginning of a run: plugins are loaded before the bot gets ready."""


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
    lines = text.last_lines(output, output.count(b"\n") + 1)
    for service, pattern in expected:
        for line in lines:
            if found := re.search(pattern, line):
                return Text(
                    f"{service.title.zh}（{service.name}）没有加载：{found[1]}",
                    f"{service.title.en} ({service.name}) was not loaded: {found[1]}",
                )
    return None
