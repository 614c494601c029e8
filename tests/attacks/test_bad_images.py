"""Pictures that are none, that are too much, or that are something else as well: the right code, and nothing stored."""

import asyncio
import base64
import random
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import pytest_asyncio

from mailauncher.errors import Code
from mailauncher.store import pictures
from tests.support.graphql import Answer, ask
from tests.support.http import API, NO_TLS, add_bot, client, failure, write_bot
from tests.support.pictures import base64_of, gif_bomb, moving, picture, vast_png
from tests.support.program import Home, home
from tests.support.server import Launcher

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
PAGE = b"<html><script>alert(1)</script></html>"
MIB = 1 << 20


def bad(name: str) -> tuple[str, Code]:
    """What is sent, and the code that it must give."""
    whole = picture(size=(64, 64))
    return {
        "nothing": ("", Code.INVALID_IMAGE_FORMAT),
        "an empty data URL": ("data:image/png;base64,", Code.INVALID_IMAGE_FORMAT),
        "not base64": ("not base64!", Code.INVALID_IMAGE_FORMAT),
        "base64 without its end": (base64_of(whole)[:-3], Code.INVALID_IMAGE_FORMAT),
        "base64 of other letters": ("图片", Code.INVALID_IMAGE_FORMAT),
        "a URL": ("https://example.com/a.png", Code.INVALID_IMAGE_FORMAT),
        "truncated": (base64_of(whole[: len(whole) // 2]), Code.INVALID_IMAGE_FORMAT),
        "only a head": (base64_of(whole[:33]), Code.INVALID_IMAGE_FORMAT),
        "a page behind it": (base64_of(whole + PAGE), Code.INVALID_IMAGE_FORMAT),
        "a page behind a GIF": (base64_of(moving() + PAGE), Code.INVALID_IMAGE_FORMAT),
        "a page behind a JPEG": (base64_of(picture("JPEG") + PAGE), Code.INVALID_IMAGE_FORMAT),
        "a script that begins like a GIF": (
            base64_of(b"GIF89a/*" + PAGE + b"*/=1"),
            Code.INVALID_IMAGE_FORMAT,
        ),
        "an SVG": (base64_of(SVG), Code.INVALID_IMAGE_FORMAT),
        "an SVG that claims to be a PNG": (
            f"data:image/png;base64,{base64_of(SVG)}",
            Code.INVALID_IMAGE_FORMAT,
        ),
        "a page that claims to be a PNG": (
            f"data:image/png;base64,{base64_of(PAGE)}",
            Code.INVALID_IMAGE_FORMAT,
        ),
        "30000 x 30000": (base64_of(vast_png(30_000, 30_000)), Code.FILE_TOO_LARGE),
        "many frames of a vast canvas": (base64_of(gif_bomb(4000, 4000)), Code.FILE_TOO_LARGE),
        "11 MiB": (base64_of(whole + bytes(11 * MIB)), Code.FILE_TOO_LARGE),
        "one byte too many": (base64_of(bytes(pictures.MAX_BYTES + 1)), Code.FILE_TOO_LARGE),
    }[name]


NAMES = [
    "nothing",
    "an empty data URL",
    "not base64",
    "base64 without its end",
    "base64 of other letters",
    "a URL",
    "truncated",
    "only a head",
    "a page behind it",
    "a page behind a GIF",
    "a page behind a JPEG",
    "a script that begins like a GIF",
    "an SVG",
    "an SVG that claims to be a PNG",
    "a page that claims to be a PNG",
    "30000 x 30000",
    "many frames of a vast canvas",
    "11 MiB",
    "one byte too many",
]
CREATE = "mutation ($input: CreateEmojiInput!) { createEmoji(input: $input) { emoji { id } } }"


@pytest_asyncio.fixture
async def instance_id(launcher: Launcher, tmp_path: Path) -> AsyncIterator[str]:
    """An instance, which has no emojis in the end."""
    async with client(launcher) as http:
        made = await add_bot(http, write_bot(tmp_path / "bot"))
        yield made
        found = (await http.post(f"{API}/resource/{made}/emoji/search", json={})).json()
    assert found["total"] == 0
    assert stored(launcher.ctx.settings.data_folder) == []


def stored(data: Path) -> list[Path]:
    return [file for file in (data / "emojis").rglob("*") if file.is_file()]


async def by_rest(launcher: Launcher, instance_id: str, data: str) -> httpx.Response:
    async with client(launcher) as http:
        body = {"name": "bad", "image_data": data}
        return await http.post(f"{API}/resource/{instance_id}/emoji", json=body)


async def by_graphql(launcher: Launcher, instance_id: str, data: str) -> Answer:
    given = {"instanceId": instance_id, "name": "bad", "imageData": data}
    return await ask(launcher, CREATE, input=given)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
async def test_what_is_no_good_picture_gives_its_code_and_is_not_stored(
    launcher: Launcher, instance_id: str, name: str
) -> None:
    data, code = bad(name)
    failure(await by_rest(launcher, instance_id, data), code, "image_data")
    assert (await by_graphql(launcher, instance_id, data)).code == code


async def test_the_wrong_ending_does_not_matter(launcher: Launcher, tmp_path: Path) -> None:
    async with client(launcher) as http:
        made = await add_bot(http, write_bot(tmp_path / "bot"))
    answer = await by_rest(launcher, made, f"data:image/png;base64,{base64_of(picture('GIF'))}")
    assert answer.status_code == 200
    (file,) = stored(launcher.ctx.settings.data_folder)
    assert file.suffix == ".gif"


@pytest.mark.slow
async def test_a_body_over_the_limit_is_too_large_whatever_it_holds(
    launcher: Launcher, instance_id: str
) -> None:
    failure(await by_rest(launcher, instance_id, "A" * (17 * MIB)), Code.FILE_TOO_LARGE)


@pytest.mark.slow
def test_memory_stays_bounded_while_bombs_come_in(place: Home) -> None:
    """A server of its own, so that its memory is nobody else's."""
    place.bot("bot")
    place.serve()
    with httpx.Client(base_url=place.url, timeout=60, trust_env=False, verify=NO_TLS) as http:
        added = http.post(f"{API}/instances/add", json={"name": "b", "path": "~/bot", "port": 9000}).json()
        route = f"{API}/resource/{added['instance_id']}/emoji"
        (server,) = [p for p in place.processes() if "serve" in p.cmdline()]
        bombs = [bad(name)[0] for name in ("11 MiB", "30000 x 30000", "many frames of a vast canvas")]
        before = server.memory_info().rss
        for _ in range(3):
            for bomb in bombs:
                assert http.post(route, json={"name": "x", "image_data": bomb}).status_code == 400
        peak = peak_memory(server)
    # The body, its text and what is decoded of it; a decoded 30000 x 30000 alone would take 900 MB.
    assert peak - before < 200 * MIB


def peak_memory(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


@pytest.fixture
def place() -> Iterator[Home]:
    with home() as found:
        yield found


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_an_upload_killed_half_way_leaves_neither_row_nor_file(place: Home, seed: int) -> None:
    place.bot("bot")
    server = place.serve()
    with httpx.Client(base_url=place.url, timeout=60, trust_env=False, verify=NO_TLS) as http:
        added = http.post(f"{API}/instances/add", json={"name": "b", "path": "~/bot", "port": 9000}).json()
    acknowledged = asyncio.run(uploaded_until_killed(place, server.process.pid, added["instance_id"], seed))
    server.wait()
    # What the killed one may leave at any other moment, too.
    for folder in (place.data / "emojis").iterdir():
        (folder / f"{folder.name}{'0' * 62}.png").write_bytes(picture())
        (folder / f"{folder.name}{'0' * 62}.png.0a1b2c3d.part").write_bytes(b"half")
        break
    place.serve()
    database = sqlite3.connect(place.data / "mailauncher.db")
    rows = {row[0]: row[1] for row in database.execute("SELECT name, image FROM emoji")}
    database.execute("INSERT INTO emoji_words (emoji_words) VALUES ('integrity-check')")
    (words,) = database.execute(
        "SELECT sum(cnt) FROM emoji_vocabulary WHERE term LIKE '%\U000f0080'"
    ).fetchone()
    database.close()
    assert acknowledged <= rows.keys()
    assert sorted(file.name for file in stored(place.data)) == sorted(rows.values())
    assert words == len(rows)


async def uploaded_until_killed(place: Home, pid: int, instance_id: str, seed: int) -> set[str]:
    """Uploads pictures, some at a time, until the server is killed; the names that it said were created."""
    chance = random.Random(seed)
    done: set[str] = set()
    wanted = chance.randrange(1, 12)

    async def upload(http: httpx.AsyncClient, number: int) -> None:
        image = base64.b64encode(picture(size=(64, 64), colour=(number, seed, 7))).decode()
        body = {"name": f"n{number}", "image_data": image}
        try:
            answer = await http.post(f"{API}/resource/{instance_id}/emoji", json=body)
        except httpx.TransportError:
            return
        if answer.status_code == 200:
            done.add(f"n{number}")
        if len(done) >= wanted:
            psutil.Process(pid).send_signal(signal.SIGKILL)

    async with httpx.AsyncClient(base_url=place.url, timeout=60, trust_env=False, verify=NO_TLS) as http:
        await asyncio.gather(*(upload(http, number) for number in range(40)), return_exceptions=True)
    return done
