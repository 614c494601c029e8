"""The pace at which output is handed to viewers."""

import asyncio
from typing import Any, cast

import pytest

from terminals import tail
from terminals.tail import Tail


async def test_output_is_joined_while_deliveries_take_the_time_of_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each line went to every viewer on its own, however long that took: with a thousand of them requests waited for 30 s."""
    monkeypatch.setattr(tail, "PAUSE_MAX_S", 1000.0)
    loop = asyncio.get_running_loop()
    found = Tail(cast(Any, None), "main")
    found._emitted_at = found._delivery_begun = loop.time() - 100
    found._delivered()  # to all of many viewers, after 100 s
    for offset in range(10):
        found._on_data(offset, b"x")
    assert found.end == 0
    found._emit_whole()
    assert [(piece.offset, piece.data) for piece in found._pieces.values()] == [(0, b"x" * 10)]
    await asyncio.sleep(0)
    assert found._pause_s < 100, "the next delivery took no time"
    found.close()


async def test_the_pause_between_deliveries_is_bounded() -> None:
    found = Tail(cast(Any, None), "main")
    found._delivery_begun = asyncio.get_running_loop().time() - 100
    found._delivered()
    assert found._pause_s == tail.PAUSE_MAX_S
