"""Terminals by OpenSSH's own client."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from resolvers import instances
from resolvers.views import InstanceView
from terminals.states import State
from tests.support import ssh
from tests.support.context import PATIENT_BOT, add_bot, outputs, until
from tests.support.ssh import Place, terminal

pytestmark = [pytest.mark.slow, ssh.needs_ssh]

BOT = """
import os, signal, sys
def interrupted(*_):
    print("interrupted", flush=True)
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
signal.signal(signal.SIGINT, interrupted)
print("ready", flush=True)
for line in sys.stdin:
    if line.strip() == "size":
        print("size", *os.get_terminal_size(), flush=True)
    else:
        print("heard", line.strip(), flush=True)
"""


@pytest_asyncio.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with ssh.gateway(tmp_path) as found:
        yield found


async def running_bot(place: Place, name: str = "bot", script: str = BOT) -> InstanceView:
    view = await add_bot(place.ctx, place.folder / name, script, napcat=PATIENT_BOT)
    await instances.start(place.ctx, view.id)
    await until(place.ctx, view.id, State.RUNNING)
    await outputs(place.ctx, f"{view.id}_main", "ready")
    return view


async def test_a_terminal_shows_what_was_printed_and_takes_keys_and_size_until_it_is_left(
    place: Place,
) -> None:
    view = await running_bot(place)
    async with terminal(place, "bot@127.0.0.1") as shown:
        await shown.expect("ready")
        shown.type("你好\r")
        await shown.expect("heard 你好")
        shown.type("size\r")
        await shown.expect("size 100 30")
        shown.resize(60, 20)
        size = ""
        while size != "60 20":  # the size and the keys have different ways
            shown.type("size\r")
            size = (await shown.expect(r"size (\d+ \d+)\r\n"))[1]
        shown.type("\x03")
        await shown.expect("interrupted")
        shown.type("\x1d")
        assert await shown.status() == 0
    assert instances.get(place.ctx, view.id).status is State.RUNNING


async def test_a_terminal_is_named_by_name_id_its_beginning_and_session_and_another_one_after_a_slash(
    place: Place,
) -> None:
    view = await running_bot(place, "小麦 no.1", PATIENT_BOT)
    names = ("小麦 no.1", view.id, view.id[:8], f"{view.id}_main")
    for name in names:
        async with terminal(place, f"{name}@127.0.0.1") as shown:
            await shown.expect("ready")
            shown.type(f"{name}\r")
            await shown.expect(f"heard {re.escape(name)}")
    await outputs(place.ctx, f"{view.id}_napcat", "ready")
    async with terminal(place, "小麦 no.1/napcat@127.0.0.1") as shown:
        await shown.expect("ready")
        shown.type("服务\r")
        await shown.expect("heard 服务")
