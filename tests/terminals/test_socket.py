"""The terminal's WebSocket: session ids, and each of its messages."""

import json
import time
from pathlib import Path

import pytest

from resolvers import instances, terminals
from tests.support.context import add_bot
from tests.support.server import Launcher
from tests.support.viewer import start_bot, viewing

pytestmark = pytest.mark.slow

# Without the terminal's echo, which could come at any moment between the answers.
ECHO = """
import sys, termios
mode = termios.tcgetattr(0)
mode[3] &= ~termios.ECHO
termios.tcsetattr(0, termios.TCSANOW, mode)
print("ready", flush=True)
for line in sys.stdin:
    print("got", line.strip().upper(), flush=True)
"""


@pytest.fixture
async def echo(launcher: Launcher, tmp_path: Path) -> str:
    """The session of a running bot that answers each line in capitals."""
    session_id = await start_bot(launcher, tmp_path / "bot", ECHO) + "_main"
    async with viewing(launcher, session_id) as viewer:
        await viewer.until_shown("ready\r\n")
    return session_id


async def test_a_new_viewer_gets_the_terminals_name_and_recent_output(launcher: Launcher, echo: str) -> None:
    async with viewing(launcher, echo) as early:
        await early.until_shown("ready\r\n")
        assert early.messages[0] == {"type": "status", "message": "已连接到 main 终端"}
    async with viewing(launcher, echo) as late:
        assert await late.next() == {"type": "status", "message": "已连接到 main 终端"}
        assert await late.next() == {"type": "output", "data": "ready\r\n", "offset": 0}


async def test_messages_are_english_if_the_client_prefers_it(launcher: Launcher, echo: str) -> None:
    async with viewing(launcher, echo, language="en-GB,en;q=0.9,zh;q=0.8") as viewer:
        assert await viewer.next() == {"type": "status", "message": "Connected to the main terminal"}
        await viewer.send("nonsense")
        error = await viewer.until_type("error")
        assert error["message"].startswith("Invalid message")


async def test_both_paths_lead_to_the_same_terminal(launcher: Launcher, echo: str) -> None:
    async with viewing(launcher, echo, path="/api/v1/ws/") as one, viewing(launcher, echo) as other:
        await one.type("hello\n")
        await one.until_shown("got HELLO\r\n")
        await other.until_shown("got HELLO\r\n")
        assert one.shown == other.shown


async def test_input_reaches_the_program_in_order(launcher: Launcher, echo: str) -> None:
    async with viewing(launcher, echo) as viewer:
        await viewer.until_shown("ready")
        for number in range(200):
            await viewer.type(f"word {number}\n")
        await viewer.until_shown("got WORD 199\r\n")
        answers = [line for line in viewer.shown.split("\r\n") if line.startswith("got")]
        assert answers == [f"got WORD {number}" for number in range(200)]


async def test_offsets_count_the_bytes_of_everything_printed(launcher: Launcher, echo: str) -> None:
    async with viewing(launcher, echo) as viewer:
        for word in ("one", "zwei €", "三"):
            await viewer.type(word + "\n")
            await viewer.until_shown("got " + word.upper())
        outputs = [message for message in viewer.messages if message["type"] == "output"]
    end = 0
    for message in outputs:
        assert message["offset"] == end
        end += len(message["data"].encode())


async def test_a_pong_contains_the_pings_timestamp_and_the_server_time(launcher: Launcher, echo: str) -> None:
    async with viewing(launcher, echo) as viewer:
        for sent in ({"timestamp": 1672531200000}, {"timestamp": "x"}, {"timestamp": 0.5}, {}):
            before = int(time.time() * 1000)
            await viewer.send("ping", **sent, more="ignored")
            pong = await viewer.until_type("pong")
            assert set(pong) == {"type", "timestamp", "server_time"}
            assert pong["timestamp"] == sent.get("timestamp")
            assert before <= pong["server_time"] <= time.time() * 1000


async def test_history_contains_the_lines_printed_between_two_times(launcher: Launcher, echo: str) -> None:
    async with viewing(launcher, echo) as viewer:
        await viewer.type("past\n")
        await viewer.until_shown("got PAST\r\n")
        now = int(time.time() * 1000) + 1
        for first, last in (("fromTime", "toTime"), ("from_time", "to_time")):
            await viewer.send("request_history", **{first: 0, last: now})
            history = await viewer.until_type("history_logs")
            assert set(history) == {"type", "logs", "session_id"}
            assert history["session_id"] == echo
            assert "".join(log["data"] for log in history["logs"]) == viewer.shown
            assert history["logs"][-1]["data"] == "got PAST\r\n"
            assert all(set(log) == {"timestamp", "data"} for log in history["logs"])
            assert all(now - 60_000 < log["timestamp"] <= now for log in history["logs"])
            await viewer.send("request_history", **{first: 0, last: 1})
            assert (await viewer.until_type("history_logs"))["logs"] == []


BROKEN: dict[str, str | bytes] = {
    "not JSON": "ls -la\n",
    "empty": "",
    "cut short": '{"type":"input","data":"echo',
    "nested too deeply": '{"type":"ping","x":' + "[" * 100_000 + "]" * 100_000 + "}",
    "not an object": '["input","x"]',
    "a number": "1",
    "without a type": '{"data":"x"}',
    "of an unknown type": '{"type":"shutdown"}',
    "of a type that is not text": '{"type":7}',
    "input without data": '{"type":"input"}',
    "input of a number": '{"type":"input","data":5}',
    "input of a viewer without a number": '{"type":"input","data":"x\\n","viewer":"me"}',
    "input with a number of nobody": '{"type":"input","data":"x\\n","seq":1}',
    "input of a viewer without a name": '{"type":"input","data":"x\\n","viewer":"","seq":1}',
    "input of a viewer with a long name": json.dumps(
        {"type": "input", "data": "x\n", "viewer": "x" * 65, "seq": 1}
    ),
    "input before the first": '{"type":"input","data":"x\\n","viewer":"me","seq":-1}',
    "input after the last": '{"type":"input","data":"x\\n","viewer":"me","seq":9007199254740992}',
    "input of half a character": '{"type":"input","data":"\\ud83d"}',
    "resize without rows": '{"type":"resize","cols":80}',
    "resize in words": '{"type":"resize","cols":"80","rows":"24"}',
    "resize by halves": '{"type":"resize","cols":80.5,"rows":24}',
    "resize to nothing": '{"type":"resize","cols":0,"rows":24}',
    "resize to too much": '{"type":"resize","cols":80,"rows":1001}',
    "resize below nothing": '{"type":"resize","cols":-80,"rows":24}',
    "history of no time": '{"type":"request_history"}',
    "history without an end": '{"type":"request_history","fromTime":1}',
    "history backwards": '{"type":"request_history","fromTime":2,"toTime":1}',
    "history in words": '{"type":"request_history","fromTime":"yesterday","toTime":"today"}',
    "history of an endless time": '{"type":"request_history","fromTime":0,"toTime":1e999}',
    "ping with a list": '{"type":"ping","timestamp":[1]}',
    "ping with a book": json.dumps({"type": "ping", "timestamp": "x" * 65}),
    "binary": b'{"type":"input","data":"x\\n"}',
}


async def test_an_invalid_message_gets_an_error_and_changes_nothing(launcher: Launcher, echo: str) -> None:
    async with viewing(launcher, echo) as viewer:
        await viewer.until_shown("ready\r\n")
        for how, message in BROKEN.items():
            await viewer.socket.send(message)
            error = await viewer.until_type("error")
            assert set(error) == {"type", "message", "code"}, how
            assert error["code"] == "INVALID_PARAMETER", how
        await viewer.type("still here\n")
        await viewer.until_shown("got STILL HERE\r\n")
        assert viewer.shown == "ready\r\ngot STILL HERE\r\n"
        terminal = terminals.find(launcher.ctx, echo)
        assert (terminal.columns, terminal.rows) == (80, 24)


async def test_a_message_of_one_mebibyte_is_accepted_and_a_longer_one_closes_the_socket(
    launcher: Launcher, echo: str
) -> None:
    longest = '{"type":"ping","timestamp":1,"x":"' + "x" * ((1 << 20) - 36) + '"}'
    assert len(longest) == 1 << 20
    async with viewing(launcher, echo) as viewer:
        await viewer.socket.send(longest)
        await viewer.until_type("pong")
        await viewer.socket.send(longest + " ")
        assert await viewer.until_closed() == 1009


async def test_a_malformed_session_id_is_refused(launcher: Launcher) -> None:
    for session_id in ("nothing", "_main", "abc_", "a%20b_main", "a%2e%2e_", "é_main", "a" * 70):
        async with viewing(launcher, session_id) as viewer:
            error = await viewer.next()
            assert (error["type"], error["code"]) == ("error", "INVALID_SESSION")
            assert await viewer.until_closed() == 4400


async def test_an_unknown_instance_is_named_and_the_socket_closed(launcher: Launcher) -> None:
    for name in ("main", "nothing"):
        async with viewing(launcher, f"invalid_id_{name}") as viewer:
            message = {"type": "error", "message": "未找到实例 'invalid_id'", "code": "INSTANCE_NOT_FOUND"}
            assert await viewer.next() == message
            assert await viewer.until_closed() == 4404


async def test_a_service_that_is_not_installed_has_no_terminal(launcher: Launcher, echo: str) -> None:
    async with viewing(launcher, echo.replace("_main", "_napcat")) as viewer:
        error = await viewer.next()
        assert (error["type"], error["code"]) == ("error", "TERMINAL_NOT_FOUND")
        assert await viewer.until_closed() == 4404


async def test_an_impossible_offset_is_refused(launcher: Launcher, echo: str) -> None:
    for after in ("-1", "x", "1.5", "", "+1", "%D9%A1", "9" * 30, "1000000000"):
        async with viewing(launcher, echo, after=after) as viewer:
            error = await viewer.next()
            assert (error["type"], error["code"]) == ("error", "INVALID_PARAMETER")
            assert "after" in error["message"]
            assert await viewer.until_closed() == 4400


async def test_each_alias_of_a_service_leads_to_its_terminal(launcher: Launcher, tmp_path: Path) -> None:
    both = await add_bot(launcher.ctx, tmp_path / "both", "", napcat="", nonebot_ada="")
    alone = await add_bot(launcher.ctx, tmp_path / "alone", "", napcat="")
    for instance, name, folder in (
        (both, "napcat", "NAPCAT"),
        (both, "nonebot", "NONEBOT-ADA"),
        (both, "nonebot-ada", "NONEBOT-ADA"),
        (both, "napcat-ada", "NONEBOT-ADA"),
        (alone, "napcat-ada", "NAPCAT"),
    ):
        async with viewing(launcher, f"{instance.id}_{name}") as viewer:
            assert (await viewer.next())["message"] == f"已连接到 {name} 终端"
            await viewer.type('echo "<$(basename $PWD | tr a-z A-Z)>"\n')
            await viewer.until_shown(f"<{folder}>")


async def test_the_documented_example_works(launcher: Launcher, tmp_path: Path) -> None:
    instance = await add_bot(launcher.ctx, tmp_path / "bot")
    async with viewing(launcher, f"{instance.id}_main") as viewer:
        await viewer.socket.send(json.dumps({"type": "input", "data": 'echo "Hello World"\n'}))
        await viewer.until_shown("Hello World\r\n")


async def test_viewers_of_a_deleted_instance_get_an_error(launcher: Launcher, echo: str) -> None:
    async with viewing(launcher, echo) as viewer:
        await viewer.until_shown("ready\r\n")
        await instances.delete(launcher.ctx, echo.removesuffix("_main"))
        error = await viewer.until_type("error")
        assert error["code"] == "TERMINAL_NOT_FOUND"
        assert await viewer.until_closed() == 4404


async def test_many_requests_are_all_answered_in_order(launcher: Launcher, echo: str) -> None:
    async with viewing(launcher, echo) as viewer:
        for number in range(1000):
            await viewer.send("ping", timestamp=number)
        for number in range(1000):
            assert (await viewer.until_type("pong"))["timestamp"] == number
