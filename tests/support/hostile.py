"""Values that nobody means to send, and a server to send them to."""

import itertools
import json
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio

from mailauncher.errors import Code
from tests.support import http
from tests.support.context import add_bot, free_port, settings_for
from tests.support.pictures import base64_of, picture
from tests.support.server import Launcher, running
from tests.support.stress import sized

EVERY = sized(27, 1)
"""Each place gets every so many of the values, beginning with another one each time, so that the short form uses all too."""

# Of a module whose tests all ask one server, the fixture `place`.
MARKS = [
    pytest.mark.slow,
    pytest.mark.stress,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("without_tracebacks"),
]

TEXTS = (
    "", " ", "\0", "a\0b", "\ud800", "x\udfff", "x" * 300, "x" * 70_000, "😀" * 300, "a\nb", "\u202e\x1b[2J", "/", "~",
    "../../../etc/passwd", "a/../b", "C:\\x", "%00", "{python}", "{", "-1", "null", "٣", "1e999", "*", '"', "' OR 1=1 --",
    "\ufeff", "-", "--help", ".", "..", "con", "a" * 255, "data:image/png;base64,", "=cmd", "[", "(?:a+)+",
)  # fmt: skip
NUMBERS = (
    0,
    -1,
    1,
    2**31,
    2**31 - 1,
    2**53 + 1,
    2**63,
    -(2**63) - 1,
    2**64,
    10**30,
    1.5,
    -0.0,
    1e308,
    65_536,
)
OTHERS: tuple[Any, ...] = (
    None, True, False, [], {}, [None], [[]], ["x"] * 1000, {"": ""}, {"a": {"b": [1, None]}}, [{"a": "\0"}], {"\0": 1},
    {"a": "\ud800"}, {"a\nb": 1}, {"a.b": {}}, {"x" * 70_000: 1}, [1, "a", {}], {"a": 2**70}, {"a": 1e308},
    json.loads("[" * 200 + "]" * 200), json.loads('{"a":' * 200 + "1" + "}" * 200),
)  # fmt: skip
VALUES: tuple[Any, ...] = (*TEXTS, *NUMBERS, *OTHERS)
BODIES = (
    b"", b" ", b"{", b"null", b"[]", b"1", b'"x"', b"nonsense", b"\xff\xfe", b'{"a": "\xff"}', b'{"a": 1, "a": 2}', b"\0",
    b'{"a": NaN}', b'{"a": 1e999}', b'{"a": ' + b"9" * 5000 + b"}", b"[" * 100_000, b"\xef\xbb\xbf{}", b"\x1f\x8b\x08",
    b"a=b&c=d", b"--x\r\n\r\n--x--", b"[{}]", b'[{"query": "{__typename}"}]', b'{"\\ud800": 1}',
)  # fmt: skip
MEDIA_TYPES = (
    b"application/json",
    b"text/plain",
    b"multipart/form-data; boundary=x",
    b"multipart/form-data",
    b"\xff",
    b"",
)


def in_turn(count: int) -> Iterator[list[Any]]:
    """The values for each of so many places."""
    return (list(itertools.islice(VALUES, number % EVERY, None, EVERY)) for number in range(count))


def encoded(value: object) -> bytes:
    """JSON in which lone surrogates are escaped."""
    return json.dumps(value).encode()


def quoted(text: str) -> str:
    """For a path or a query, short enough for a head."""
    return quote(text.encode("utf-8", "surrogatepass")[:3000], safe="")


@dataclass(frozen=True)
class Place:
    """A server with an instance, `ids["id"]`, that has an emoji and a person, and with another instance. `good` are valid
    values by the names of their fields."""

    launcher: Launcher
    ids: dict[str, str]
    good: dict[str, Any]


@pytest_asyncio.fixture(name="place", scope="module", loop_scope="module")
async def hostile_place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    folder = tmp_path_factory.mktemp("misuse")
    async with running(settings_for(folder, max_body_bytes=1 << 20)) as launcher:
        bot = await add_bot(launcher.ctx, folder / "bot", napcat="")
        other = await add_bot(launcher.ctx, folder / "other")
        image = base64_of(picture("PNG"))
        async with http.client(launcher) as client:
            base = f"/api/v1/resource/{bot.id}"
            emoji = (await client.post(f"{base}/emoji", json={"name": "a", "image_data": image})).json()
            person = (await client.post(f"{base}/person", json={"user_id": "a"})).json()
        ids = {
            "id": bot.id,
            "instance_id": bot.id,
            "other": other.id,
            "config": "bot",
            "session_id": f"{bot.id}_main",
        }
        ids |= {"emoji_id": emoji["emoji_id"], "person_id": person["person_id"]}
        nowhere = str(folder / "nowhere")
        yield Place(launcher, ids, {
            "name": "fuzz", "path": nowhere, "port": free_port(), "image_data": image, "user_id": "b", "version": "9.9",
            "instance_name": "fuzz", "install_path": nowhere, "install_services": [], "instance_id": bot.id, "limit": 5,
            "config": {}, "variables": {}, "config_data": {}, "env_data": {}, "offset": 0, "sessionId": ids["session_id"],
            "emojiId": ids["emoji_id"], "personId": ids["person_id"], "first": 5,
        })  # fmt: skip


@pytest.fixture
def without_tracebacks(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing that happens in the test is logged with a traceback."""
    caplog.set_level(logging.INFO)
    yield
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []


def require_answer(answer: httpx.Response, what: object) -> None:
    """Success, or an error of the common form that is not INTERNAL_ERROR."""
    if answer.status_code >= 400:
        found = answer.json()
        assert found["error"]["code"] != Code.INTERNAL_ERROR, (what, found)
        http.told(found, found["error"].get("field"), answer.headers)
