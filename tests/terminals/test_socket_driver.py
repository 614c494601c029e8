"""Whose window gives a terminal its size, and the shell that runs in it while the bot does not."""

import asyncio
import json
import re
import secrets
from pathlib import Path

import pytest
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketState

from resolvers import instances, terminals
from resolvers.context import Context
from rest import terminal_socket
from tests.support.context import add_bot
from tests.support.graphql import ask
from tests.support.server import Launcher
from tests.support.viewer import Viewer, viewing

pytestmark = pytest.mark.slow


@pytest.fixture
async def shell(launcher: Launcher, tmp_path: Path) -> str:
    """The session of an instance that does not run."""
    return (await add_bot(launcher.ctx, tmp_path / "bot")).id + "_main"


async def size(viewer: Viewer) -> str:
    """Rows and columns of the terminal as its program sees them. Typing the command makes the viewer the driver."""
    mark = secrets.token_hex(4)
    await viewer.type(f"stty size | sed 's/.*/<&>{mark}/'\n")
    while (found := re.search(rf"<(\d+ \d+)>{mark}", viewer.shown)) is None:
        await viewer.next()
    return found[1]


async def settled(viewer: Viewer) -> None:
    """Waits until the server has handled the viewer's messages so far."""
    await viewer.send("ping")
    await viewer.until_type("pong")


async def test_the_size_follows_the_viewer_that_typed_last(launcher: Launcher, shell: str) -> None:
    async with viewing(launcher, shell) as wide, viewing(launcher, shell) as narrow:
        await wide.send("resize", cols=100, rows=30)
        assert await narrow.until_type("resize") == {"type": "resize", "cols": 100, "rows": 30}
        await narrow.send("resize", cols=60, rows=20)
        assert await wide.until_type("resize") == {"type": "resize", "cols": 60, "rows": 20}
        assert await size(wide) == "30 100"
        assert await narrow.until_type("resize") == {"type": "resize", "cols": 100, "rows": 30}
        await narrow.send("resize", cols=50, rows=10)
        assert await narrow.until_type("resize") == {"type": "resize", "cols": 100, "rows": 30}
        assert await size(wide) == "30 100"
        assert await size(narrow) == "10 50"
        assert await wide.until_type("resize") == {"type": "resize", "cols": 50, "rows": 10}


async def test_a_viewer_is_not_told_the_size_of_its_own_window(launcher: Launcher, shell: str) -> None:
    async with viewing(launcher, shell) as viewer:
        assert await size(viewer) == "24 80"
        await viewer.send("resize", cols=100, rows=30)
        await settled(viewer)
        assert await size(viewer) == "30 100"
        assert [message for message in viewer.messages if message["type"] == "resize"] == []


async def test_a_terminal_is_never_smaller_than_twenty_by_five(launcher: Launcher, shell: str) -> None:
    async with viewing(launcher, shell) as viewer:
        await viewer.send("resize", cols=1, rows=1)
        assert await viewer.until_type("resize") == {"type": "resize", "cols": 20, "rows": 5}
        assert await size(viewer) == "5 20"
        await viewer.send("resize", cols=1000, rows=1000)
        assert await size(viewer) == "1000 1000"


DRIVER = "query ($id: ID!) { terminal(sessionId: $id) { driver { connection columns rows } } }"
TAKE_OVER = """mutation ($input: TakeOverTerminalInput!) { takeOverTerminal(input: $input) {
    terminal { columns driver { connection columns rows } } } }"""


async def test_viewers_learn_who_drives_and_take_over(launcher: Launcher, shell: str) -> None:
    """Whoever wanted a screen of his own size had to type something into the bot."""
    async with viewing(launcher, shell) as one:
        await one.send("driver")
        first = (await one.until_type("driver"))["connection"]
        async with viewing(launcher, shell) as other:
            await other.send("driver")
            told = await other.until_type("driver")
            second = told["connection"]
            assert told == {"type": "driver", "connection": second, "driver": None}
            assert (await ask(launcher, DRIVER, id=shell)).result == {"driver": None}
            await one.send("resize", cols=100, rows=30)
            await other.until_type("resize")
            await other.send("resize", cols=60, rows=20)
            await one.until_type("resize")
            await one.send("take_over")
            for viewer in (one, other):
                assert (await viewer.until_type("driver"))["driver"] == first
                assert await viewer.until_type("resize") == {"type": "resize", "cols": 100, "rows": 30}
            driving = {"connection": first, "columns": 100, "rows": 30}
            assert (await ask(launcher, DRIVER, id=shell)).result == {"driver": driving}

            wish = {"sessionId": shell, "connection": second}
            taken = (await ask(launcher, TAKE_OVER, input=wish)).result["terminal"]
            assert taken == {"columns": 60, "driver": {"connection": second, "columns": 60, "rows": 20}}
            for viewer in (one, other):
                assert (await viewer.until_type("driver"))["driver"] == second
                assert await viewer.until_type("resize") == {"type": "resize", "cols": 60, "rows": 20}
            await one.type("")
            assert (await other.until_type("driver"))["driver"] == first
            assert (await one.until_type("driver"))["driver"] == first
            await other.send("take_over")
            assert (await one.until_type("driver"))["driver"] == second
        assert (await one.until_type("driver"))["driver"] is None
        gone = await ask(launcher, TAKE_OVER, input=wish)
        assert (gone.code, gone.error["extensions"]["field"]) == ("RESOURCE_NOT_FOUND", "connection")


async def test_who_does_not_ask_is_not_told_of_drivers(launcher: Launcher, shell: str) -> None:
    """Clients that know nothing of drivers get the messages that they know."""
    async with viewing(launcher, shell) as one, viewing(launcher, shell) as other:
        await other.send("take_over")
        await settled(other)
        await settled(one)
        assert {message["type"] for message in one.messages} <= {"status", "output", "pong"}


async def test_after_the_driver_has_left_the_next_resize_is_applied(launcher: Launcher, shell: str) -> None:
    async with viewing(launcher, shell) as other:
        async with viewing(launcher, shell) as driver:
            await driver.send("resize", cols=100, rows=30)
            await size(driver)
        terminal = terminals.find(launcher.ctx, shell)
        while len(terminal.tail.viewers) > 1:
            await settled(other)
        await other.send("resize", cols=60, rows=20)
        assert await size(other) == "20 60"


async def test_a_shell_in_the_instances_folder_is_opened_for_the_first_viewer(
    launcher: Launcher, shell: str, tmp_path: Path
) -> None:
    terminal = terminals.find(launcher.ctx, shell)
    assert not terminal.alive
    async with viewing(launcher, shell) as viewer:
        await viewer.type('echo "<$PWD>"\n')
        await viewer.until_shown(f"<{tmp_path / 'bot'}>")
        pid = terminal.pid
        async with viewing(launcher, shell) as other:
            await other.type('echo "<$$>"\n')
            await other.until_shown(f"<{pid}>")


async def test_a_started_program_replaces_the_shell_and_enter_opens_another_after_it(
    launcher: Launcher, shell: str
) -> None:
    instance_id = shell.removesuffix("_main")
    async with viewing(launcher, shell) as viewer:
        await viewer.type('echo "<$((40+2))>"\n')
        await viewer.until_shown("<42>")
        await instances.start(launcher.ctx, instance_id)
        await viewer.until_shown("ready\r\n")
        await viewer.type("hello\n")
        await viewer.until_shown("heard hello\r\n")
        await instances.stop(launcher.ctx, instance_id)
        await viewer.until(lambda message: message.get("message") == "已停止")
        await viewer.type("x")
        assert (await viewer.until_type("error"))["code"] == "COMMAND_FAILED"
        await viewer.type("\r")
        await viewer.type('echo "<$((40+3))>"\n')
        await viewer.until_shown("<43>")
    texts = [message["message"] for message in viewer.messages if message["type"] == "status"]
    assert texts == ["已连接到 main 终端", "正在启动", "已启动", "正在停止", "已停止"]


async def test_enter_opens_a_new_shell_after_one_has_exited(launcher: Launcher, shell: str) -> None:
    async with viewing(launcher, shell) as viewer:
        for number in range(2):
            await viewer.type(f'echo "<$((40+{number}))>"\nexit\n')
            await viewer.until_shown(f"<4{number}>")
            await viewer.until(lambda message: message.get("message", "").startswith("shell 已退出"))
            await viewer.type("\r")
        await viewer.type('echo "<$((40+9))>"\n')
        await viewer.until_shown("<49>")


async def test_a_viewer_that_leaves_while_two_messages_are_sent_is_no_error(
    ctx: Context, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of two tasks that send, the second is told in another way that the viewer has left: that was logged with two tracebacks."""
    session_id = f"{(await add_bot(ctx, tmp_path / 'bot')).id}_main"
    said = iter(({"type": "driver"}, {"type": "take_over"}))
    failed = 0

    async def receive() -> Message:
        if (message := next(said, None)) is not None:
            return {"type": "websocket.receive", "text": json.dumps(message)}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        nonlocal failed
        if '"driver"' in message.get("text", ""):
            failed += 1
            raise OSError

    scope = {"type": "websocket", "headers": [], "subprotocols": [], "query_string": b""}
    socket = WebSocket(scope | {"path_params": {"session_id": session_id}}, receive, send)
    socket.client_state = WebSocketState.CONNECTED
    async with asyncio.timeout(30):
        await terminal_socket.serve(ctx, socket)
    assert failed == 1
    assert terminals.find(ctx, session_id).tail.viewers == []
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
