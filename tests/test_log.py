"""Logs: one line per record as text or JSON, with request ids and without secrets."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from mailauncher import log as logs
from mailauncher.log import mask, request_id

SECRET = "s3cr3t-value"


@pytest.fixture(autouse=True)
def quiet_afterwards() -> Iterator[None]:
    """Restores the root logger."""
    root = logging.getLogger()
    former = root.handlers[:], root.level
    yield
    root.handlers[:], level = former
    root.setLevel(level)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def logged(stream: io.StringIO, style: str = "text", level: str = "info") -> logging.Logger:
    """A logger of the product whose records go to the stream."""
    logs.configure(level, style, stream)
    return logging.getLogger("mailauncher.somewhere")


def record(stream: io.StringIO) -> dict[str, Any]:
    """The only record in the stream, parsed as JSON."""
    (line,) = stream.getvalue().splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


# Secrets


@pytest.mark.parametrize(
    "text,masked",
    [
        # JSON
        ('{"token": "s3cr3t-value"}', '{"token": "***"}'),
        ('{"token":"s3cr3t-value","port":8000}', '{"token":"***","port":8000}'),
        ('{"api_key": "a \\"s3cr3t-value\\" b", "x": 1}', '{"api_key": "***", "x": 1}'),
        ('{"password": "two words s3cr3t-value", "x": 1}', '{"password": "***", "x": 1}'),
        ('{"password": "cut off s3cr3t-value', '{"password": "***'),
        ('"{\\"token\\": \\"s3cr3t-value\\", \\"x\\": 1}"', '"{\\"token\\": \\"***\\", \\"x\\": 1}"'),
        # Python
        ("{'access_token': 's3cr3t-value'}", "{'access_token': '***'}"),
        ("Settings(token='s3cr3t-value', port=1)", "Settings(token='***', port=1)"),
        ("(b'authorization', b'Bearer s3cr3t-value')", "(b'authorization', b'***')"),
        ("[('Cookie', 'a=s3cr3t-value; b=1')]", "[('Cookie', '***')]"),
        # TOML and .env
        ('token = "s3cr3t-value"', 'token = "***"'),
        ("OPENAI_API_KEY=s3cr3t-value", "OPENAI_API_KEY=***"),
        ("SILICONFLOW_KEY=s3cr3t-value", "SILICONFLOW_KEY=***"),
        ("A=1\nexport DB_PASSWORD=p,q;s3cr3t-value\nB=2", "A=1\nexport DB_PASSWORD=***\nB=2"),
        ("MAILAUNCHER_TOKEN=s3cr3t-value", "MAILAUNCHER_TOKEN=***"),
        # Headers
        ("Authorization: Bearer s3cr3t-value", "Authorization: ***"),
        ("authorization: Basic s3cr3t-value", "authorization: ***"),
        ("Cookie: a=1; session=s3cr3t-value\r\nHost: x", "Cookie: ***\r\nHost: x"),
        ("Set-Cookie: sid=s3cr3t-value; Path=/", "Set-Cookie: ***"),
        ("X-Api-Key: s3cr3t-value", "X-Api-Key: ***"),
        # Addresses
        ("GET /x?token=s3cr3t-value&y=1 HTTP/1.1", "GET /x?token=***&y=1 HTTP/1.1"),
        ("/ws/a_main?after=1&access_token=s3cr3t-value", "/ws/a_main?after=1&access_token=***"),
        ("postgres://user:s3cr3t-value@db:5432/x", "postgres://***@db:5432/x"),
        ("https://s3cr3t-value:x@git.example/a.git", "https://***@git.example/a.git"),
    ],
)
def test_the_value_after_a_secrets_name_is_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "Instance 麦麦 started on port 8000",
        "the token is missing or wrong",
        "http://127.0.0.1:23456/api/v1/instances",
        "http://[::1]:23456/",
        "user@host:/srv/bot",
        "keyboard: qwerty, monkey=1",
    ],
)
def test_text_without_secrets_is_unchanged(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize(
    "text",
    ["a" * 300_000, "token" * 20_000, "token=" * 20_000, '"' * 300_000, "://" * 30_000, "\\" * 300_000],
    ids=["letters", "names", "values", "quotes", "addresses", "backslashes"],
)
def test_masking_a_long_text_terminates(text: str) -> None:
    """Requests of attackers are logged too: with patterns that backtrack without bounds, this took hours."""
    assert len(mask(text)) <= len(text)


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_secret_is_masked_anywhere_in_a_record(stream: io.StringIO, style: str) -> None:
    log = logged(stream, style)
    log.info("called with %s", {"token": SECRET})
    log.info("called", extra={"authorization": f"Bearer {SECRET}", "body": f'{{"api_key": "{SECRET}"}}'})
    try:
        raise ValueError(f"password={SECRET}")
    except ValueError:
        log.exception("failed")
    assert SECRET not in stream.getvalue()
    assert stream.getvalue().count("***") >= 4


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_known_secret_is_masked_even_without_its_name(stream: io.StringIO, style: str) -> None:
    logs.configure("info", style, stream, secrets=[SECRET, ""])
    log = logging.getLogger("mailauncher.somewhere")
    log.info("tried %s", SECRET, extra={"tried": f"<{SECRET}>"})
    assert SECRET not in stream.getvalue()
    assert stream.getvalue().count("***") == 2


# JSON


def test_a_json_record_is_one_object(stream: io.StringIO) -> None:
    logged(stream, "json").warning("port %d is taken", 8000, extra={"port": 8000, "instance": "麦麦"})
    found = record(stream)
    assert found.pop("time").endswith("Z")
    assert found == {
        "level": "warning",
        "logger": "mailauncher.somewhere",
        "event": "port 8000 is taken",
        "port": 8000,
        "instance": "麦麦",
    }


def test_a_traceback_is_one_field_of_a_json_record(stream: io.StringIO) -> None:
    log = logged(stream, "json")
    try:
        raise ValueError("deep inside")
    except ValueError:
        log.exception("failed")
    found = record(stream)
    assert found["event"] == "failed"
    assert found["traceback"].startswith("Traceback")
    assert "ValueError: deep inside" in found["traceback"]


def test_a_name_that_is_not_utf8_does_not_lose_the_record(stream: io.StringIO) -> None:
    """A file name may contain bytes that are not UTF-8 and that JSON cannot encode: the record was dropped."""
    logged(stream, "json").info("no such file: %s", "a\udcff", extra={"path": "b\udcff"})
    found = record(stream)
    assert found["event"].startswith("no such file: a")
    assert found["path"].startswith("b")


# Text


def test_a_text_record_is_one_line(stream: io.StringIO) -> None:
    logged(stream).warning("port %d is taken", 8000, extra={"port": 8000})
    time, rest = stream.getvalue().rstrip("\n").split(" ", 1)
    assert time.endswith("Z")
    assert rest == "warning mailauncher.somewhere port 8000 is taken port=8000"


def test_a_value_with_spaces_is_quoted(stream: io.StringIO) -> None:
    logged(stream).info("added", extra={"path": "/srv/my bot", "status": "a=b", "plain": "x"})
    assert stream.getvalue().endswith('added path="/srv/my bot" status="a=b" plain=x\n')


@pytest.mark.parametrize(
    "sign", ["\n", "\r", "\x1b[2J", "\x00", "\x85", "\u2028", "\u202e", "\u2066", "\u200f"]
)
@pytest.mark.parametrize("style", ["text", "json"])
def test_a_record_cannot_be_forged(stream: io.StringIO, sign: str, style: str) -> None:
    """A line break in a requested path started a line that looked like a record of ours, and U+202E turned a line round."""
    logged(stream, style).info("asked for %s", f"a{sign}b", extra={"path": f"c{sign}d"})
    assert len(stream.getvalue().splitlines()) == 1
    assert sign not in stream.getvalue().rstrip("\n")


def test_a_traceback_follows_the_line_of_a_text_record(stream: io.StringIO) -> None:
    log = logged(stream)
    try:
        raise ValueError("deep \x1b[31minside")
    except ValueError:
        log.exception("failed")
    first, second, *_, last = stream.getvalue().splitlines()
    assert first.endswith("failed")
    assert second.startswith("Traceback")
    assert last == "ValueError: deep \\x1b[31minside"


# Request ids


@pytest.mark.parametrize("style", ["text", "json"])
async def test_a_record_carries_the_id_of_its_request(stream: io.StringIO, style: str) -> None:
    log = logged(stream, style)

    async def serve(name: str) -> None:
        request_id.set(name)
        await asyncio.to_thread(log.info, "serving")

    await asyncio.gather(serve("first-id"), serve("second-id"))
    log.info("outside")
    *served, outside = stream.getvalue().splitlines()
    assert sorted("first-id" in line for line in served) == [False, True]
    assert sorted("second-id" in line for line in served) == [False, True]
    assert "request_id" not in outside


# Levels


@pytest.mark.parametrize("level,lines", [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_records_below_the_level_are_dropped(stream: io.StringIO, level: str, lines: int) -> None:
    log = logged(stream, level=level)
    for name in ("debug", "info", "warning", "error"):
        getattr(log, name)("said")
    assert len(stream.getvalue().splitlines()) == lines


def test_routine_records_of_libraries_are_dropped(stream: io.StringIO) -> None:
    logged(stream, level="debug")
    for name in ("websockets.server", "asyncio", "tortoise"):
        logging.getLogger(name).info("connection open")
        logging.getLogger(name).warning("something is wrong")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    logging.getLogger("uvicorn.error").error("something is wrong")
    assert len(stream.getvalue().splitlines()) == 4


def test_configuring_again_does_not_log_twice(stream: io.StringIO) -> None:
    logged(stream)
    logged(stream).info("once")
    assert len(stream.getvalue().splitlines()) == 1


# Instances


def test_messages_name_instances_and_keep_the_id_in_a_field(stream: io.StringIO) -> None:
    """They gave ids, 40 digits that nobody knows, and showed the line breaks of last words as \\n."""
    log, known, unknown = logged(stream, "json"), "a1" * 20, "b2" * 20
    with logs.naming({known: "麦麦"}.get):
        log.warning("%s_main exited at %s", known, unknown)
    assert record(stream)["event"] == f"麦麦_main exited at {unknown}"
    assert record(stream)["instance"] == known
    later = io.StringIO()
    logged(later).warning("%s exited\nlast\nwords", known)
    assert later.getvalue().endswith(f" {known} exited | last | words\n")
