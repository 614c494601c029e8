"""Download of a terminal's log, and search in it."""

import asyncio
import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from mailauncher.errors import CommandFailed, InvalidParameter
from mailauncher.grants import EVERYTHING
from resolvers import instances, log_search, logs, terminals
from resolvers.context import Context
from resolvers.log_search import LogMatches, LogQuery
from store.journal import EventFilter
from terminals import line_search
from terminals.line_search import LineQuery
from tests.support.context import PATIENCE_S, add_bot, outputs, settings_for
from tests.support.growth import require_linear
from tests.support.server import Launcher, running

TALKATIVE_BOT = """
import time
print("first 你好")
print("\\x1b[31mred\\x1b[0m\\x1b[6n")
time.sleep(0.6)
print("later", flush=True)
time.sleep(600)
"""


async def search(ctx: Context, session: str, text: str, after: int, first: int) -> LogMatches:
    return await log_search.page(ctx, session, LogQuery(LineQuery(text)), after, first)


async def _printed(launcher: Launcher, folder: Path, script: str = TALKATIVE_BOT, last: str = "later") -> str:
    bot = await add_bot(launcher.ctx, folder / "bot", script)
    await instances.start(launcher.ctx, bot.id)
    await outputs(launcher.ctx, f"{bot.id}_main", last)
    return f"{bot.id}_main"


@pytest.mark.slow
async def test_the_log_is_downloaded_as_text_without_terminal_queries(
    launcher: Launcher, tmp_path: Path
) -> None:
    session = await _printed(launcher, tmp_path)
    async with httpx.AsyncClient(base_url=launcher.url) as client:
        answer = await client.get(f"/api/v1/terminals/{session}/log")
        assert answer.text == "first 你好\r\n\x1b[31mred\x1b[0m\r\nlater\r\n"
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        terminal, now = terminals.find(launcher.ctx, session), int(time.time() * 1000)
        printed_at = (await terminal.client.times(terminal.name, 0, now))[-1][0]
        span = {"from": printed_at, "to": now}
        late = await client.get(f"/api/v1/terminals/{session}/log", params=span)
        assert late.text == "later\r\n"


@pytest.mark.slow
async def test_a_recording_contains_the_time_of_each_output(launcher: Launcher, tmp_path: Path) -> None:
    session = await _printed(launcher, tmp_path)
    async with httpx.AsyncClient(base_url=launcher.url) as client:
        answer = await client.get(f"/api/v1/terminals/{session}/log", params={"format": "asciicast"})
    header, *frames = [json.loads(line) for line in answer.text.splitlines()]
    assert (header["version"], header["width"], header["height"]) == (2, 80, 24)
    assert "".join(text for _, _, text in frames) == "first 你好\r\n\x1b[31mred\x1b[0m\r\nlater\r\n"
    assert frames[-1][0] - frames[0][0] >= 0.25


async def test_invalid_parameters_are_refused(launcher: Launcher, tmp_path: Path) -> None:
    bot = await add_bot(launcher.ctx, tmp_path / "bot")
    async with httpx.AsyncClient(base_url=f"{launcher.url}/api/v1/terminals") as client:
        for query in ("format=pdf", "from=x", "from=-1", "from=5&to=3", "to=1&to=2"):
            assert (await client.get(f"/{bot.id}_main/log?{query}")).json()["error"][
                "code"
            ] == "INVALID_PARAMETER"
        assert (await client.get("/nonsense/log")).json()["error"]["code"] == "INVALID_SESSION"
        assert (await client.get(f"/{bot.id}_napcat/log")).status_code == 404
        assert (await client.get(f"/{bot.id}_main/log")).text == ""


async def test_search_gives_offsets_and_pages(launcher: Launcher, tmp_path: Path) -> None:
    script = "import time\nfor n in range(1000): print('row', n, '苹果' if n % 100 == 7 else '')\nprint('end', flush=True)\ntime.sleep(600)"
    session = await _printed(launcher, tmp_path, script, "end")
    found = await search(launcher.ctx, session, "苹果", 0, 4)
    assert [match.line for match in found.matches] == [f"row {n} 苹果" for n in (7, 107, 207, 307)]
    assert found.next is not None
    rest = await search(launcher.ctx, session, "苹果", found.next, 200)
    assert [match.line for match in rest.matches] == [f"row {n} 苹果" for n in range(407, 1000, 100)]
    assert rest.next is None
    assert (await search(launcher.ctx, session, "ROW 99", rest.matches[-1].offset, 200)).matches[
        -1
    ].line == "row 999"
    with pytest.raises(InvalidParameter):
        await search(launcher.ctx, session, "", 0, 10)


class Printed:
    """A terminal, and its keeper's client, with output in memory that is read in small pieces. Its times are the offsets at
    which a mark is."""

    name = "main"
    session_id = "bot_main"
    columns, rows = 80, 24

    def __init__(self, output: bytes, *marks: int, piece: int = 64 << 10) -> None:
        self.client = self
        self._output, self._marks, self._piece = output, marks or (0,), piece

    async def read(self, _name: str, begin: int, size: int) -> tuple[int, bytes]:
        return begin, self._output[begin : begin + min(size, self._piece)]

    async def times(self, _name: str, _first: int, _last: int) -> list[tuple[int, int, int]]:
        ends = [*self._marks[1:], len(self._output)]
        return [(mark, mark, end) for mark, end in zip(self._marks, ends, strict=True)]

    async def seek(self, _name: str, _time: int) -> int:
        return len(self._output)

    async def status(self, _name: str) -> "Printed":
        return self

    @property
    def end(self) -> int:
        return len(self._output)


Use = Callable[[Printed], None]
CTX: Any = SimpleNamespace(grant=EVERYTHING)  # nothing but `terminals.find` looks at the rest


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Makes every session that of an output."""

    def use(terminal: Printed) -> None:
        monkeypatch.setattr(terminals, "find", lambda *_: terminal)

    return use


class Gapped(Printed):
    """Its log has lost what a full disk had no room for: it keeps `stretches`, by their offsets."""

    oldest = 0

    def __init__(self, stretches: dict[int, bytes]) -> None:
        super().__init__(b"")
        self._stretches = stretches

    async def read(self, _name: str, begin: int, size: int) -> tuple[int, bytes]:
        for offset, data in self._stretches.items():
            if begin < offset + len(data):
                start = max(begin, offset)
                return start, data[start - offset :][:size]
        return self.end, b""

    @property
    def end(self) -> int:
        offset, data = list(self._stretches.items())[-1]
        return offset + len(data)


async def test_parts_of_a_log_with_gaps_have_each_line_once(printed: Use) -> None:
    """A gap that was larger than a part looked like the end of the log; the offsets behind a smaller one were wrong."""
    stretches = {
        0: b"one\ntwo\ncut",
        3000: b"three\nfour\n" * 300,
        10_000_000: b"five\n",
        10_000_100: b"six\n",
    }
    printed(Gapped(stretches))
    for size in (1024, 4096, 64 << 10):
        back: list[str] = []
        before: int | None = None
        while (part := await logs.part(CTX, "", before, None, size)).data:
            assert before is None or part.end <= before
            back[:0], before = [part.data], part.offset
        assert "".join(back).encode() == b"".join(stretches.values())
        forth, after = "", 0
        while (part := await logs.part(CTX, "", None, after, size)).data:
            assert part.offset >= after
            forth, after = forth + part.data, part.end
        assert forth.encode() == b"".join(stretches.values())


async def test_a_download_is_utf_8_whatever_was_printed_and_wherever_it_was_cut(printed: Use) -> None:
    """A download as text had whatever bytes the programs have printed, and a recording lost what its end had cut."""
    shown = "一\ufffd二\x1b[1m\ufffd"
    for piece in range(1, 9):
        printed(Printed("一".encode() + b"\xff" + "二\x1b[1m".encode() + b"\xe4\xb8", 1, 5, piece=piece))
        pieces = [piece async for piece in await logs.download(CTX, "", None, None, "text")]
        assert b"".join(pieces).decode() == shown
        lines = [line async for line in await logs.download(CTX, "", None, None, "asciicast")]
        assert "".join(json.loads(line)[2] for line in lines[1:]) == shown


async def test_a_history_is_the_newest_lines_whatever_the_pieces_are(printed: Use) -> None:
    output = b"".join(b"line %d\n" % n for n in range(20_000)) + b"unfinished"
    mark = output.index(b"line 19000\n")
    for piece in (1000, 64 << 10):
        printed(Printed(output, 0, mark, piece=piece))
        lines = await logs.history(CTX, "", 0, 1 << 40)
        assert len(lines) == logs.HISTORY_LINES
        assert (
            "".join(line.data for line in lines).encode() == output[-sum(len(line.data) for line in lines) :]
        )
        assert {line.at for line in lines} == {0, mark}
        assert all(line.data.endswith("\n") for line in lines[:-1])


async def test_others_have_their_turn_while_tiny_pieces_are_read(printed: Use) -> None:
    """A history of output that had come a byte at a time kept the event loop for half a second."""
    printed(Printed(b"x" * 1000, *range(1000)))
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(take_turns())
    assert len(await logs.history(CTX, "", 0, 1 << 40)) == 1000
    other.cancel()
    assert turns > 900


async def test_a_search_finds_the_lines_as_they_are_shown(printed: Use) -> None:
    lines = ["", "\x1b[31mre\x1b[0md İ ẞ", "lost red\rgreen", "\x1b]0;red", "RED", "x" * 70_000, "more red"]
    output = "\r\n".join(lines).encode()
    for piece in (3, 1000, 64 << 10):
        printed(Printed(output, piece=piece))
        found = await search(CTX, "", "Red", 0, 2)
        assert [match.line for match in found.matches] == ["red İ ẞ", "RED"]
        assert [output[match.offset :].splitlines()[0] for match in found.matches] == [
            lines[1].encode(),
            b"RED",
        ]
        assert found.next == output.index(b"more red")
        assert (await search(CTX, "", "more", found.next, 2)).next is None
        assert (await search(CTX, "", "RED\r\nx", 0, 2)).matches == ()


@pytest.mark.parametrize("piece", [3, 30, 64 << 10])
async def test_matches_have_the_lines_around_them_wherever_pieces_end(printed: Use, piece: int) -> None:
    printed(Printed(b"".join(b"%d\r\n" % number for number in range(100)), piece=piece))
    query = LogQuery(LineQuery("^(0|5.|98)$", regex=True), context=2)
    found = (await log_search.page(CTX, "", query, 0, 200)).matches
    around = [
        (tuple(str(n) for n in range(max(0, k - 2), k)), tuple(str(n) for n in range(k + 1, min(100, k + 3))))
        for k in (0, *range(50, 60), 98)
    ]
    assert [(match.before, match.after) for match in found] == around
    assert [match.session_id for match in found] == ["bot_main"] * 12
    matches = await log_search.stream(CTX, query, 3, instance_id=None, session_id="x")
    streamed = [match async for match in matches]
    assert streamed == list(found[:3])


@pytest.mark.slow
@pytest.mark.parametrize("filler", [b"\n", b"\x0b", b"\r", b"red\n", b"red\rx\n", b"\x1b[m"])
def test_histories_and_searches_are_linear(printed: Use, filler: bytes) -> None:
    """A message of 60 bytes cost 1.7 s of the event loop, where a bot had printed vertical tabs; a search as much."""

    def cost(times: int) -> float:
        printed(Printed(filler * (times * (256 << 10) // len(filler))))
        began = time.process_time()
        asyncio.run(both())
        return time.process_time() - began

    async def both() -> None:
        assert len(await logs.history(CTX, "", 0, 1 << 40)) <= logs.HISTORY_LINES
        assert (await search(CTX, "", "red", 0, 200)).next is None or filler == b"red\n"

    require_linear(cost)


CRASHING_BOT = """
import pathlib, sys
ran = pathlib.Path("ran")
if ran.exists():
    print("works", flush=True)
    sys.stdin.read()
ran.touch()
for number in range(40_000):
    print("line", number)
sys.exit(3)
"""


@pytest.mark.slow
async def test_what_was_printed_before_the_last_crash_is_downloaded_also_from_a_later_server(
    tmp_path: Path,
) -> None:
    settings = settings_for(tmp_path)
    async with running(settings) as launcher:
        bot = await add_bot(launcher.ctx, tmp_path / "bot", CRASHING_BOT)
        await instances.supervise(launcher.ctx, bot.id, restart="no")
        address = f"/api/v1/terminals/{bot.id}_main/log"
        async with httpx.AsyncClient(base_url=launcher.url) as client:
            assert (await client.get(f"{address}?part=crash")).json()["error"]["code"] == "RESOURCE_NOT_FOUND"
            for wrong in ("part=all", "part=crash&from=1", "part=crash&part=crash"):
                refused = (await client.get(f"{address}?{wrong}")).json()["error"]
                assert (refused["code"], refused["field"]) == ("INVALID_PARAMETER", "part")
        with suppress(CommandFailed):
            await instances.start(launcher.ctx, bot.id)
        await _noted(launcher.ctx, bot.id)
        await instances.start(launcher.ctx, bot.id)
        await outputs(launcher.ctx, f"{bot.id}_main", "works\r\n")
    async with running(settings) as later, httpx.AsyncClient(base_url=later.url) as client:
        crash = (await client.get(f"{address}?part=crash")).text
        numbers = range(40_000 - crash.count("\n"), 40_000)
        assert crash == "".join(f"line {number}\r\n" for number in numbers)
        assert logs.CRASH_BYTES - 20 < len(crash) <= logs.CRASH_BYTES
        recording = (await client.get(f"{address}?part=crash&format=asciicast")).text.splitlines()
        assert "".join(json.loads(line)[2] for line in recording[1:]) == crash
        query = '{ events(kinds: ["failed"]) { edges { node { sessionId offset } } } }'
        answer = await client.post("/graphql", json={"query": query})
        (edge,) = answer.json()["data"]["events"]["edges"]
        whole = (await client.get(address)).content
        assert edge["node"] == {"sessionId": f"{bot.id}_main", "offset": whole.index(b"works")}


async def _noted(ctx: Context, instance_id: str) -> None:
    """Waits until the journal has the death of a bot."""
    async with asyncio.timeout(PATIENCE_S):
        while not await ctx.store.journal.page(EventFilter(instance_id, ["failed"]), 1):
            await asyncio.sleep(0.02)


async def test_an_expression_is_compiled_once_and_outside_the_event_loop(
    printed: Use, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was compiled at each request and for each terminal anew."""
    threads = []
    compile_it = line_search._compiled

    def noted(query: LineQuery) -> Any:
        threads.append(threading.current_thread())
        return compile_it(query)

    monkeypatch.setattr(line_search, "_compiled", noted)
    printed(Printed(b"a\r\n"))
    query = LogQuery(LineQuery("a"))
    await log_search.page(CTX, "", query, 0, 1)
    matches = await log_search.stream(CTX, query, 9, instance_id=None, session_id="x")
    assert [match.line async for match in matches] == ["a"]
    assert len(threads) == 2
    assert threading.main_thread() not in threads
