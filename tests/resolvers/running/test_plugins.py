"""Whether a bot's first output complains of a plugin was searched on the event loop, 256 KiB of it."""

import threading
from typing import cast

import pytest

from bots.recipe import BilingualText, Recipe
from resolvers.running import plugins
from terminals import text
from terminals.terminal import Terminal


class Printed:
    """A terminal that is its own keeper's client, and has printed something."""

    name, start = "main", 7

    def __init__(self, output: bytes) -> None:
        self.client, self.output = self, output

    async def status(self, _terminal: str) -> "Printed":
        return self

    async def read(self, _terminal: str, offset: int, limit: int) -> tuple[int, bytes]:
        return offset, self.output[:limit]


async def test_output_is_searched_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    def last_lines(data: bytes, count: int) -> tuple[str, ...]:
        threads.append(threading.current_thread())
        return text_lines(data, count)

    text_lines = text.last_lines
    monkeypatch.setattr(text, "last_lines", last_lines)
    service = Recipe(
        name="napcat",
        kind="service",
        title=BilingualText("服务", "The service"),
        description=BilingualText("服务", "The service"),
        run=(("true",),),
        not_loaded="cannot load: (.*)",
    )
    terminal = cast(Terminal, Printed(b"begun\n" * 20_000 + b"cannot load: no key\n"))
    found = await plugins.not_loaded(terminal, [service])
    assert found is not None
    assert "no key" in found.en
    assert threading.main_thread() not in threads
    assert await plugins.not_loaded(cast(Terminal, Printed(b"begun\n")), [service]) is None
