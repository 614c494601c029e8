"""Input that carries its viewer's id and a number is typed once, however often it is sent and through whichever door."""

import time
from pathlib import Path

import pytest

from terminals import keeper
from tests.support.context import add_bot
from tests.support.graphql import ask
from tests.support.server import Launcher
from tests.support.viewer import Message, Viewer, start_bot, viewing

# Without the terminal's echo.
REPEATING = """
import sys, termios
mode = termios.tcgetattr(0)
mode[3] &= ~termios.ECHO
termios.tcsetattr(0, termios.TCSANOW, mode)
print("ready", flush=True)
for line in sys.stdin:
    print("got", line.strip(), flush=True)
"""
TYPING = """mutation ($input: SendTerminalInputInput!) { sendTerminalInput(input: $input) { held terminal { name } } }"""


async def type_once(viewer: Viewer, seq: int, data: str, name: str = "me") -> Message:
    """The answer."""
    await viewer.send("input", data=data, viewer=name, seq=seq)
    return await viewer.until(lambda message: message.get("seq") == seq)


def said(viewer: Viewer, words: str) -> int:
    """How often it has been told them."""
    return sum(words in message.get("message", "") for message in viewer.messages)


def ack(seq: int, held: int | None) -> Message:
    return {"type": "input_ack", "seq": seq, "held": held}


def test_a_terminal_knows_a_bounded_number_of_viewers_for_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = keeper.Terminal("main", keeper.Log(str(tmp_path), 1 << 20, 2))
    for number in range(keeper.HELD_VIEWERS):
        terminal.hold(str(number), 7)
    terminal.hold("0", 8)
    terminal.hold("new", 1)
    assert len(terminal.held) == keeper.HELD_VIEWERS
    assert "1" not in terminal.held
    assert terminal.held["0"][0] == 8
    later = time.monotonic() + keeper.HELD_S + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    terminal.hold("late", 1)
    assert [*terminal.held] == ["late"]


@pytest.mark.slow
async def test_input_that_is_sent_again_is_typed_once(launcher: Launcher, tmp_path: Path) -> None:
    """After a lost connection nobody knew what had been typed: it was missing, or typed twice."""
    session_id = await start_bot(launcher, tmp_path / "bot", REPEATING) + "_main"
    async with viewing(launcher, session_id) as first:
        await first.until_shown("ready")
        assert await type_once(first, 0, "") == ack(0, 0)
        assert await type_once(first, 1, "one\n") == ack(1, 1)
        assert await type_once(first, 2, "two\n") == ack(2, 2)
    async with viewing(launcher, session_id, after=0) as again:
        assert await type_once(again, 1, "one\n") == ack(1, 2)
        assert await type_once(again, 2, "two\n") == ack(2, 2)
        assert await type_once(again, 3, "three\n") == ack(3, 3)
        assert await type_once(again, 1, "somebody else's\n", "other") == ack(1, 1)
        skipped = await type_once(again, 5, "five\n")
        assert (skipped["type"], skipped["code"]) == ("error", "CONFLICT")
        assert await type_once(again, 4, "four\n") == ack(4, 4)

        for seq, held in ((4, 4), (5, 5), (5, 5), (0, 5)):
            given = {"sessionId": session_id, "data": f"by mutation {seq}\n", "viewer": "me", "seq": seq}
            answer = await ask(launcher, TYPING, input=given)
            assert answer.result == {"held": held, "terminal": {"name": "main"}}
        given = {"sessionId": session_id, "data": "x\n", "viewer": "me", "seq": 7}
        assert (await ask(launcher, TYPING, input=given)).code == "CONFLICT"
        for field, number in (
            ("viewer", {"seq": 1}),
            ("seq", {"viewer": "me"}),
            ("seq", {"viewer": "me", "seq": -1}),
        ):
            refused = await ask(launcher, TYPING, input={"sessionId": session_id, "data": "x\n", **number})
            assert (refused.code, refused.error["extensions"]["field"]) == ("INVALID_PARAMETER", field)
        given = {"sessionId": session_id, "data": "end\n"}
        assert (await ask(launcher, TYPING, input=given)).result["held"] is None

        await again.until_shown("got end\r\n")
        words = [line.removeprefix("got ") for line in again.shown.splitlines()[1:]]
        assert words == ["one", "two", "three", "somebody else's", "four", "by mutation 5", "end"]


@pytest.mark.slow
async def test_the_key_that_opens_a_shell_counts_as_typed(launcher: Launcher, tmp_path: Path) -> None:
    bot = await add_bot(launcher.ctx, tmp_path / "bot")
    async with viewing(launcher, f"{bot.id}_main") as viewer:
        assert await type_once(viewer, 1, "exit\n") == ack(1, 1)
        while not said(viewer, "shell 已退出"):  # maybe it has been, before the answer
            await viewer.next()
        refused = await type_once(viewer, 2, "x")
        assert (refused["type"], refused["code"]) == ("error", "COMMAND_FAILED")
        assert await type_once(viewer, 1, "exit\n") == ack(1, 1)
        assert await type_once(viewer, 2, "\r") == ack(2, 2)
        assert await type_once(viewer, 2, "\r") == ack(2, 2)
        assert await type_once(viewer, 3, "echo a''b\n") == ack(3, 3)
        await viewer.until_shown("ab\r\n")


@pytest.mark.slow
async def test_a_viewer_is_told_that_an_earlier_keeper_types_again_what_is_sent_again(
    launcher: Launcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bot = await start_bot(launcher, tmp_path / "bot", REPEATING)
    session_id = f"{bot}_main"
    async with viewing(launcher, session_id, language="en") as viewer:
        await viewer.until_shown("ready")
        monkeypatch.setattr(launcher.ctx.live.supervisor(bot).client, "_minor", 3)
        assert await type_once(viewer, 0, "") == ack(0, None)
        assert said(viewer, "earlier version") == 1
        for _ in range(2):
            assert await type_once(viewer, 1, "one\n") == ack(1, None)
        given = {"sessionId": session_id, "data": "end\n", "viewer": "me", "seq": 2}
        assert (await ask(launcher, TYPING, input=given)).result["held"] is None
        await viewer.until_shown("got end\r\n")
        assert viewer.shown == "ready\r\ngot one\r\ngot one\r\ngot end\r\n"
        assert said(viewer, "earlier version") == 1
