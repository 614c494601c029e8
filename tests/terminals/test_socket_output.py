"""The output that viewers get: all of it, in whole characters, once, however often they reconnect."""

import asyncio
import random
from pathlib import Path

import psutil
import pytest
import uvicorn
from starlette.applications import Starlette

from mailauncher import frames
from rest import terminal_socket
from rest.terminal_output import BINARY_PROTOCOL
from tests.support.asgi import served
from tests.support.context import settings_for
from tests.support.server import Launcher, running
from tests.support.viewer import Viewer, stalled, start_bot, viewing

pytestmark = pytest.mark.slow

# For each line with a Python expression, prints exactly the bytes that the expression gives.
PRINTER = r"""
import os, tty
tty.setraw(0)
os.write(1, b"ready>")
typed = b""
while True:
    typed += os.read(0, 4096)
    while b"\r" in typed:
        line, _, typed = typed.partition(b"\r")
        data = eval(line)
        while data:
            data = data[os.write(1, data):]
"""


async def ask(viewer: Viewer, expression: str) -> None:
    await viewer.type(expression + "\r")


@pytest.fixture
async def printer(launcher: Launcher, tmp_path: Path) -> str:
    """The session id of a bot that prints requested bytes."""
    session_id = await start_bot(launcher, tmp_path / "bot", PRINTER) + "_main"
    async with viewing(launcher, session_id) as viewer:
        await viewer.until_shown("ready>")
    return session_id


async def test_every_viewer_gets_all_output(launcher: Launcher, printer: str) -> None:
    async with (
        viewing(launcher, printer) as one,
        viewing(launcher, printer) as two,
        viewing(launcher, printer, after=0) as three,
    ):
        await ask(two, r"b''.join(b'%06d\n' % n for n in range(100000)) + b'end'")
        viewers = (one, two, three)
        await asyncio.gather(*(viewer.until_shown("end") for viewer in viewers))
    expected = "ready>" + "".join(f"{number:06d}\n" for number in range(100000)) + "end"
    assert [viewer.shown == expected for viewer in viewers] == [True, True, True]
    assert [viewer.offset for viewer in viewers] == [len(expected)] * 3


async def test_a_character_split_between_two_reads_arrives_whole(launcher: Launcher, printer: str) -> None:
    async with viewing(launcher, printer) as viewer:
        await ask(viewer, r"b'A\xe2\x82'")
        await viewer.until_shown("A")
        await ask(viewer, r"b'\xac\xf0\x9f'")
        await viewer.until_shown("€")
        await ask(viewer, r"b'\x98\x80B'")
        await viewer.until_shown("B")
        assert viewer.shown == "ready>A€😀B"


async def test_invalid_bytes_become_replacement_characters_and_offsets_stay_right(
    launcher: Launcher, printer: str
) -> None:
    printed = b"A\xff\xfe\xc3(\xf0(\x8c\xbcB"
    async with viewing(launcher, printer) as viewer:
        await ask(viewer, repr(printed))
        await viewer.until_shown("B")
        await ask(viewer, "b'end'")
        await viewer.until_shown("end")
        assert viewer.shown == "ready>" + printed.decode("utf-8", "replace") + "end"
        assert viewer.offset == len(b"ready>" + printed + b"end")
    async with viewing(launcher, printer, after=viewer.offset) as again:
        await ask(again, "b'more'")
        await again.until_shown("more")
        assert again.shown == "more"


QUERIES = (
    b"\x1b[c\x1b[>c\x1b[6n\x1b[?6n\x1b]10;?\x07\x1b]11;?\x1b\\\x1bP$qm\x1b\\\x1b[?2026$p\x1b[18t\x1b[>q\x05"
)


async def test_replayed_output_contains_no_terminal_queries(launcher: Launcher, printer: str) -> None:
    printed = b"one\n" + QUERIES + b"\x1b[1mtwo"
    async with viewing(launcher, printer) as live:
        await ask(live, repr(printed))
        await live.until_shown("two")
        assert live.shown == "ready>" + printed.decode()
    async with viewing(launcher, printer) as late, viewing(launcher, printer, after=3) as resumed:
        for viewer in (late, resumed):  # what is printed from here on is live
            await viewer.until_shown("two")
        await ask(late, r"b'\x1b[c!'")
        await late.until_shown("!")
        await resumed.until_shown("!")
        assert late.shown == "ready>one\n\x1b[1mtwo\x1b[c!"
        assert resumed.shown == "dy>one\n\x1b[1mtwo\x1b[c!"
        assert late.offset == resumed.offset == len(b"ready>" + printed + b"\x1b[c!")


async def test_a_viewer_that_reconnects_again_and_again_gets_every_byte_once(
    launcher: Launcher, printer: str
) -> None:
    chance = random.Random(7)
    offset, seen, visits = 0, "", 0
    lines = r"b''.join(b'%d \xe2\x82\xac \xf0\x9f\x98\x80 %d\n' % (n, n * n) for n in range(60000))"
    async with viewing(launcher, printer) as typist:
        await ask(typist, lines + " + b'end'")
        while not seen.endswith("end"):
            async with viewing(launcher, printer, after=offset) as viewer:
                for _ in range(chance.randrange(2, 12)):
                    await viewer.next()
                    if viewer.shown.endswith("end"):
                        break
                if viewer.shown:
                    visits += 1
                    seen += viewer.shown
                    offset = viewer.offset
                if chance.random() < 0.5:
                    viewer.socket.transport.abort()
    expected = "ready>" + "".join(f"{number} € 😀 {number * number}\n" for number in range(60000)) + "end"
    assert seen == expected
    assert offset == len(expected.encode())
    assert visits > 3


async def test_output_that_is_no_longer_kept_is_announced(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, terminal_log_segment_bytes=65536, terminal_log_segments=2)
    async with running(settings) as launcher:
        session_id = await start_bot(launcher, tmp_path / "bot", PRINTER) + "_main"
        async with viewing(launcher, session_id) as viewer:
            await ask(viewer, r"b''.join(b'%07d\n' % n for n in range(100000)) + b'end'")
            await viewer.until_shown("end")
        printed = viewer.shown
        async with viewing(launcher, session_id, after=6) as late:
            await late.until_shown("end")
        announced = [m["message"] for m in late.messages if m["type"] == "status"]
        missed = len(printed) - 6 - len(late.shown)
        assert missed > 0
        assert printed.endswith(late.shown)
        assert announced[1:] == [f"偏移 6 起至多 {missed} 字节输出已不再保留"]


async def test_a_viewer_that_never_reads_costs_little_memory_and_blocks_nobody(
    launcher: Launcher, printer: str
) -> None:
    process = psutil.Process()

    async def flood(viewer: Viewer, mebibytes: int) -> None:
        begin = viewer.offset
        await ask(viewer, f"(b'y' * 63 + b'\\n') * {mebibytes << 14} + b'end'")
        while not viewer.shown.endswith("end"):
            assert viewer.offset == begin
            viewer.messages.clear()
            viewer.shown = ""
            begin = (await viewer.until_type("output"))["offset"] + len(viewer.shown.encode())
        viewer.shown = ""

    async with stalled(launcher, printer), viewing(launcher, printer) as reader:
        await reader.until_shown("ready>")
        await flood(reader, 4)
        before = process.memory_info().rss
        await flood(reader, 64)
        assert process.memory_info().rss - before < 32 << 20
        assert reader.offset == len("ready>") + (68 << 20) + 2 * len("end")


async def test_a_client_that_asks_for_binary_output_gets_the_bytes_as_they_were_printed(
    launcher: Launcher, printer: str
) -> None:
    printed = b"one\n" + QUERIES + b"\x1b[1m\xff\xfe\xe2\x82\xac two"
    asked = ("some.other", BINARY_PROTOCOL)
    async with viewing(launcher, printer, subprotocols=asked) as live:
        assert live.socket.subprotocol == BINARY_PROTOCOL
        await ask(live, repr(printed))
        await live.until_shown("two")
        await ask(live, r"b'.' * 70000 + b'end'")
        await live.until_shown("end")
        whole = b"ready>" + printed + b"." * 70000 + b"end"
        assert live.shown.encode(errors="surrogateescape") == whole
        assert live.offset == len(whole)
        await live.send("ping", timestamp=1)
        assert (await live.until_type("pong"))["timestamp"] == 1
        assert {message["type"] for message in live.messages} == {"status", "output", "pong"}
    for after in (None, 3, len(whole) - 2):  # what is printed before a viewer came is shown without queries
        async with viewing(launcher, printer, after=after, subprotocols=asked) as late:
            await late.until_shown("nd")
            seen = late.shown.encode(errors="surrogateescape")
            assert late.offset == len(whole)
            assert whole.replace(QUERIES, b"").endswith(seen)
            offsets = [message["offset"] for message in late.messages if message["type"] == "output"]
            assert offsets == sorted(offsets)
    async with viewing(launcher, printer, subprotocols=["some.other"]) as other:
        assert other.socket.subprotocol is None
        assert isinstance(await other.socket.recv(), str)
        assert isinstance(await other.socket.recv(), str)


async def test_output_is_sent_as_text_to_clients_with_compression(launcher: Launcher, printer: str) -> None:
    """A frame made once for all viewers is not compressed, and would be invalid with permessage-deflate."""
    config = uvicorn.Config(
        Starlette(routes=terminal_socket.routes(launcher.ctx)),
        lifespan="off",
        ws=frames.WebSocketProtocol,
        ws_per_message_deflate=True,
        log_config=None,
    )
    async with (
        served(config) as port,
        viewing(Launcher(launcher.ctx, port), printer, compression="deflate") as viewer,
        viewing(
            Launcher(launcher.ctx, port), printer, compression="deflate", subprotocols=[BINARY_PROTOCOL]
        ) as binary,
    ):
        assert viewer.socket.protocol.extensions
        await ask(viewer, r"b'\xe2\x82\xac\xff!'")
        await viewer.until_shown("!")
        assert viewer.shown == "ready>€\ufffd!"
        assert await viewer.next() == {"type": "output", "data": "", "offset": 11}
        await binary.until_shown("!")
        assert binary.shown == "ready>€\udcff!"
        assert binary.offset == len(b"ready>\xe2\x82\xac\xff!")
