"""A terminal's log, backwards."""

from pathlib import Path

import pytest

from resolvers import instances
from tests.support.context import add_bot, outputs
from tests.support.graphql import ask
from tests.support.server import Launcher

pytestmark = pytest.mark.slow
PART = """query ($session: ID!, $before: Long, $bytes: Int) {
  terminalLog(sessionId: $session, before: $before, bytes: $bytes) { data offset end } }"""
BOT = """
import sys
out = sys.stdout.buffer
for number in range(300):
    out.write(f"{number} \\x1b[3{number % 8}m色\\x1b[0m\\n".encode())
out.write("没有换行".encode() * 2000 + b"\\x1b[c")
out.write(b"\\nend\\n")
out.flush()
sys.stdin.read()
"""


async def test_parts_lie_next_to_each_other_back_to_the_first_byte(
    launcher: Launcher, tmp_path: Path
) -> None:
    bot = await add_bot(launcher.ctx, tmp_path / "bot", BOT)
    await instances.start(launcher.ctx, bot.id)
    session = f"{bot.id}_main"
    whole = await outputs(launcher.ctx, session, "end\r\n")
    for size in (1024, 5000, 64 << 10):
        before, found, parts = None, "", 0
        while before != 0:
            answer = await ask(launcher, PART, session=session, before=before, bytes=size)
            assert answer.errors == []
            part = answer.data["terminalLog"]
            assert before is None or part["end"] == before
            assert 0 < part["end"] - part["offset"] <= size
            if not set("没有换行") & set(part["data"]):  # there are lines to begin with
                assert part["data"][0].isdigit() or part["data"] == "end\r\n"
            found, before, parts = part["data"] + found, part["offset"], parts + 1
        assert found == whole.replace("\x1b[c", "")
        assert parts > 1 or size == 64 << 10


async def test_before_the_first_byte_there_is_nothing_and_a_size_is_bounded(
    launcher: Launcher, tmp_path: Path
) -> None:
    bot = await add_bot(launcher.ctx, tmp_path / "bot", BOT)
    session = f"{bot.id}_main"
    answer = await ask(launcher, PART, session=session)
    assert answer.data == {"terminalLog": {"data": "", "offset": 0, "end": 0}}
    await instances.start(launcher.ctx, bot.id)
    await outputs(launcher.ctx, session, "end\r\n")
    answer = await ask(launcher, PART, session=session, before=0)
    assert answer.data == {"terminalLog": {"data": "", "offset": 0, "end": 0}}
    for size in (0, 1023, (256 << 10) + 1):
        answer = await ask(launcher, PART, session=session, bytes=size)
        assert [error["extensions"]["code"] for error in answer.errors] == ["INVALID_PARAMETER"]
