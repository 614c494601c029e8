"""A terminal's log: backwards, and searches in it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from resolvers import instances, terminals
from tests.support.context import add_bot, outputs
from tests.support.graphql import Answer, ask, conversing
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


SINCE = """query ($session: ID!, $since: DateTime, $before: Long) {
  terminalLog(sessionId: $session, since: $since, before: $before) { data offset end } }"""
TALKER = """
import sys
print("first", flush=True)
for line in sys.stdin:
    print("second", flush=True)
"""


async def test_a_part_begins_at_a_moment(launcher: Launcher, tmp_path: Path) -> None:
    bot = await add_bot(launcher.ctx, tmp_path / "bot", TALKER)
    await instances.start(launcher.ctx, bot.id)
    session = f"{bot.id}_main"
    await outputs(launcher.ctx, session, "first")
    client = terminals.find(launcher.ctx, session).client
    [(at, offset, _)] = (await client.times("main", 0, 1 << 62))[:1]

    async def since(moment: int, before: int | None = None) -> Answer:
        when = datetime.fromtimestamp(moment / 1000, UTC).isoformat()
        return await ask(launcher, SINCE, session=session, since=when, before=before)

    assert (await since(at - 60_000)).result["offset"] == offset
    later = (await since(at + 60_000)).result
    assert later["data"] == ""
    assert later["offset"] == later["end"] > offset
    both = await since(at, before=5)
    assert (both.code, both.error["extensions"]["field"]) == ("INVALID_PARAMETER", "since")


FORTH = """query ($session: ID!, $after: Long!, $bytes: Int) {
  terminalLog(sessionId: $session, after: $after, bytes: $bytes) { data offset end } }"""


async def test_parts_from_an_offset_on_lie_next_to_each_other_up_to_the_newest_output(
    launcher: Launcher, tmp_path: Path
) -> None:
    bot = await add_bot(launcher.ctx, tmp_path / "bot", BOT)
    await instances.start(launcher.ctx, bot.id)
    session = f"{bot.id}_main"
    whole = await outputs(launcher.ctx, session, "end\r\n")
    after = 0
    for size in (1024, 5000, 64 << 10):
        after, found = 0, ""
        while part := (await ask(launcher, FORTH, session=session, after=after, bytes=size)).result:
            if part["offset"] == part["end"]:
                break
            assert part["offset"] == after
            assert part["end"] - part["offset"] <= size
            if not set("没有换行") & set(part["data"]):
                assert part["data"].endswith("\n")
            found, after = found + part["data"], part["end"]
        assert found == whole.replace("\x1b[c", "")
        assert part == {"data": "", "offset": after, "end": after}
    beyond = (await ask(launcher, FORTH, session=session, after=after + 99)).result
    assert beyond == {"data": "", "offset": after, "end": after}
    both = "query ($session: ID!) { terminalLog(sessionId: $session, before: 1, after: 1) { end } }"
    answer = await ask(launcher, both, session=session)
    assert (answer.code, answer.error["extensions"]["field"]) == ("INVALID_PARAMETER", "after")


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


SEARCHED = """
import sys
print("[INFO] one\\n[ERROR] two\\n  three\\n[INFO] four\\nend", flush=True)
sys.stdin.read()
"""
SEARCH = """query ($session: ID!, $text: String!, $level: LogLevel, $begin: DateTime, $end: DateTime) {
  searchTerminal(sessionId: $session, text: $text, regex: true, level: $level, begin: $begin, end: $end, context: 1) {
    matches { sessionId line before after } next } }"""
STREAM = """subscription ($text: String!, $id: ID, $session: ID, $first: Int! = 9, $regex: Boolean! = true) {
  terminalMatches(text: $text, regex: $regex, instanceId: $id, sessionId: $session, first: $first) { sessionId line } }"""


async def test_lines_are_found_in_one_terminal_an_instance_or_all(launcher: Launcher, tmp_path: Path) -> None:
    one = await add_bot(launcher.ctx, tmp_path / "one", SEARCHED, napcat=SEARCHED)
    other = await add_bot(launcher.ctx, tmp_path / "other", SEARCHED)
    sessions = [f"{one.id}_main", f"{one.id}_napcat", f"{other.id}_main"]
    for bot in (one, other):
        await instances.start(launcher.ctx, bot.id)
    for session in sessions:
        await outputs(launcher.ctx, session, "end\r\n")
    found = (await ask(launcher, SEARCH, session=sessions[0], text="t(wo|hree)$", level="ERROR")).result
    assert found == {
        "matches": [
            {"sessionId": sessions[0], "line": "[ERROR] two", "before": ["[INFO] one"], "after": ["  three"]},
            {
                "sessionId": sessions[0],
                "line": "  three",
                "before": ["[ERROR] two"],
                "after": ["[INFO] four"],
            },
        ],
        "next": None,
    }
    wanted = {"session": sessions[0], "text": "two", "end": "2025-07-05T10:30:00Z"}
    assert (await ask(launcher, SEARCH, None, **wanted)).result["matches"] == []
    answer = await ask(launcher, SEARCH, None, **wanted, begin="2025-07-05T10:31:00Z")
    assert (answer.code, answer.error["extensions"]["field"]) == ("INVALID_PARAMETER", "begin")
    async with conversing(launcher) as talk:

        async def streamed(**given: object) -> list[str]:
            operation = await talk.begin(STREAM, text="^.ERROR. (?:two)$", **given)
            seen = []
            while (message := await talk.next(operation))["type"] == "next":
                match = message["payload"]["data"]["terminalMatches"]
                assert match["line"] == "[ERROR] two"
                seen.append(match["sessionId"])
            assert message["type"] == "complete"
            return seen

        assert await streamed() == sessions
        assert await streamed(first=2) == sessions[:2]
        assert await streamed(id=one.id) == sessions[:2]
        assert await streamed(session=sessions[2]) == sessions[2:]
        assert await streamed(regex=False) == []
        for wrong, code in (
            ({"text": "("}, "INVALID_PARAMETER"),
            ({"text": "x", "first": 0}, "INVALID_PARAMETER"),
            ({"text": "x", "id": "nobody"}, "INSTANCE_NOT_FOUND"),
            ({"text": "x", "session": f"{one.id}_nothing"}, "TERMINAL_NOT_FOUND"),
        ):
            assert (await talk.ask(STREAM, **wrong)).code == code


PAGED = """
import sys
print("[ERROR] boom\\n  File one\\n  File two\\n[INFO] File three\\nend", flush=True)
sys.stdin.read()
"""
PAGE = """query ($session: ID!, $first: Int!, $after: Long! = 0) {
  searchTerminal(sessionId: $session, text: "File", level: ERROR, context: 1, first: $first, after: $after) {
    matches { offset line before } next } }"""


async def test_pages_of_a_search_have_the_same_matches_as_the_whole(
    launcher: Launcher, tmp_path: Path
) -> None:
    """Where a page began no level was known and no line before: of a traceback's lines only the first page had some."""
    bot = await add_bot(launcher.ctx, tmp_path / "bot", PAGED)
    await instances.start(launcher.ctx, bot.id)
    session = f"{bot.id}_main"
    await outputs(launcher.ctx, session, "end\r\n")
    whole = (await ask(launcher, PAGE, session=session, first=9)).result
    assert [(match["line"], match["before"]) for match in whole["matches"]] == [
        ("  File one", ["[ERROR] boom"]),
        ("  File two", ["  File one"]),
    ]
    page = (await ask(launcher, PAGE, session=session, first=1)).result
    rest = (await ask(launcher, PAGE, session=session, first=1, after=page["next"])).result
    assert page["matches"] + rest["matches"] == whole["matches"]
    assert rest["next"] is None
