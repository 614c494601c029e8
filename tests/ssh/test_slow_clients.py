"""Clients that are slow, stall, or lose their connection."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from resolvers import instances, terminals
from resolvers.terminals import REPLAY_BYTES
from tests.support import ssh
from tests.support.context import add_bot, outputs
from tests.support.ssh import Place, terminal

pytestmark = [pytest.mark.slow, ssh.needs_ssh]

FLOOD = """
import sys
number = 0
while True:
    sys.stdout.write("".join(f"line {number + more}\\n" for more in range(1000)))
    number += 1000
"""
COUNTING = """
import sys
print("ready", flush=True)
for line in sys.stdin:
    for number in range(int(line)):
        print(f"<{number}>", "x" * 100)
    print("done", flush=True)
"""


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with ssh.gateway(tmp_path) as found:
        yield found


async def test_a_client_that_takes_nothing_delays_neither_the_bot_nor_others(place: Place) -> None:
    view = await add_bot(place.ctx, place.folder / "bot", FLOOD)
    await instances.start(place.ctx, view.id)
    session_id = f"{view.id}_main"
    async with terminal(place, "bot@127.0.0.1") as stalled, terminal(place, "bot@127.0.0.1") as other:
        await stalled.expect("line")
        stalled.pause()
        begun = terminals.get(place.ctx, session_id).end
        async with asyncio.timeout(60):
            while terminals.get(place.ctx, session_id).end < begun + (20 << 20):
                await other.expect("line")
        other.type("\x1d")
        stalled.resume()
        await stalled.expect("no longer kept|line")
        stalled.type("\x1d")  # what it typed while it was behind
        assert await other.status() == 0


async def test_after_a_lost_connection_all_that_was_missed_is_shown(place: Place) -> None:
    view = await add_bot(place.ctx, place.folder / "bot", COUNTING)
    await instances.start(place.ctx, view.id)
    session_id = f"{view.id}_main"
    async with terminal(place, "bot@127.0.0.1") as shown:
        await shown.expect("ready")
        shown.kill()
        await shown.status()
    async with asyncio.timeout(30):
        while terminals.get(place.ctx, session_id).viewers:
            await asyncio.sleep(0.01)
    await terminals.send_input(place.ctx, session_id, "2000\r")
    await outputs(place.ctx, session_id, "done")
    assert terminals.get(place.ctx, session_id).end > 2 * REPLAY_BYTES
    async with terminal(place, "bot@127.0.0.1") as shown:
        await shown.expect("<0>")
        await shown.expect("<1999>")
        shown.type("\x1d")
        assert await shown.status() == 0
    async with terminal(place, "bot@127.0.0.1") as shown:  # left of one's own accord: the recent output
        begin = await shown.expect(r"<(\d+)>")
        assert int(begin[1]) > 0
        await shown.expect("done")
