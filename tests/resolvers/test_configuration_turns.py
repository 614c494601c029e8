"""Work on configuration texts: whose turn it is, and how it ends."""

import asyncio
import gc
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bots.documents import file, toml
from mailauncher.errors import ServiceUnavailable
from mailauncher.interruption import Check
from resolvers import configuration
from resolvers.configuring.turns import ConfigTurns, Waiting
from resolvers.context import Context
from tests.support.configured import write_configs
from tests.support.context import add_bot, parts
from tests.support.waiting import until


class Endless:
    """An edit that goes on until it is interrupted."""

    def __init__(self) -> None:
        self.running = 0

    def __call__(self, text: str, patch: Mapping[str, Any], check: Check) -> str:
        self.running += 1
        try:
            while True:
                check()
        finally:
            self.running -= 1


async def added(ctx: Context, folder: Path) -> str:
    write_configs(folder)
    return (await add_bot(ctx, folder)).id


async def test_a_change_waits_for_no_other_instance_and_only_so_many_wait_for_one(tmp_path: Path) -> None:
    """All instances had one turn, without a limit: a large file made everybody wait."""
    async with parts(tmp_path) as ctx:
        busy, idle = await added(ctx, tmp_path / "busy"), await added(ctx, tmp_path / "idle")
        most = Waiting.CHANGES.value
        async with ctx.configs.turns.of(busy, Waiting.READS):
            waiting = [
                asyncio.create_task(configuration.merge(ctx, busy, "env", {f"N{i}": ""})) for i in range(most)
            ]
            await until(lambda: ctx.configs.turns.count_waiting(busy, Waiting.CHANGES) == most)
            with pytest.raises(ServiceUnavailable) as refused:
                await configuration.merge(ctx, busy, "env", {"ONE_MORE": ""})
            assert str(most) in refused.value.text.en
            assert (await configuration.merge(ctx, idle, "env", {"A": ""})).changed
        changes = await asyncio.gather(*waiting)
        assert all(change.changed for change in changes)


async def test_a_turn_that_nobody_waits_for_any_more_is_forgotten() -> None:
    turns = ConfigTurns()
    async with turns.of("one", Waiting.READS):
        waiting = asyncio.create_task(turns.of("one", Waiting.READS).__aenter__())
        await until(lambda: turns.count_waiting("one", Waiting.READS) == 2)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert turns.count_waiting("one", Waiting.READS) == 1
    del waiting
    gc.collect()
    assert len(turns._turns) == 0


@pytest.mark.parametrize("by", ["its caller", "the server"])
async def test_a_change_that_is_under_way_ends_with_its_caller_and_with_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """A thread went on to its end, which SIGTERM waited for; and so did the next one, for each caller that waited."""
    endless = Endless()
    monkeypatch.setattr(toml, "merge", endless)
    async with parts(tmp_path) as ctx:
        talker = await added(ctx, tmp_path / "talker")
        place = tmp_path / "talker/config/bot_config.toml"
        before = place.read_bytes()
        changes = [
            asyncio.create_task(configuration.merge(ctx, talker, "bot", {"name": "x"})) for _ in range(3)
        ]
        await until(lambda: endless.running == 1)
        if by == "its caller":
            for change in reversed(changes):
                change.cancel()
            await asyncio.wait(changes)
            assert endless.running == 0
    first, *others = await asyncio.gather(*changes, return_exceptions=True)
    assert isinstance(first, asyncio.CancelledError)
    ended = asyncio.CancelledError if by == "its caller" else ServiceUnavailable
    assert all(isinstance(other, ended) for other in others)
    assert (endless.running, place.read_bytes()) == (0, before)


async def test_a_change_that_is_being_written_is_completed_with_its_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing, go_on, write = threading.Event(), threading.Event(), file.write_bytes

    def slow(*args: Any, **kwargs: Any) -> file.Loaded:
        writing.set()
        go_on.wait()
        return write(*args, **kwargs)

    async with parts(tmp_path) as ctx:
        talker = await added(ctx, tmp_path / "talker")
        monkeypatch.setattr(file, "write_bytes", slow)
        change = asyncio.create_task(configuration.merge(ctx, talker, "env", {"A": "1"}))
        await until(writing.is_set)
        change.cancel()
        assert ctx.configs.turns.count_waiting(talker, Waiting.CHANGES) == 1
        go_on.set()
        await asyncio.wait([change])
        assert change.cancelled()
        [newest, *_] = await configuration.history(ctx, talker, "env")
        assert (newest.source, newest.caller) == ("api", ctx.caller)
        assert (await configuration.read(ctx, talker, "env")).config()["A"] == "1"
