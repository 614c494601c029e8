"""Uploads that are not images, too large, or something else as well: the right code, and nothing is stored."""

import asyncio
import base64
import random
import signal
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import pytest_asyncio

from mailauncher.errors import Code
from store import pictures
from tests.support.graphql import Answer, ask
from tests.support.http import API, NO_TLS, add_bot, client, failure, write_bot
from tests.support.pictures import base64_of, gif_bomb, many_scans, moving, picture, vast_png
from tests.support.program import Home, home
from tests.support.server import Launcher
from tests.support.stress import sized

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
PAGE = b"<html><script>alert(1)</script></html>"
MIB = 1 << 20


WHOLE = picture(size=(64, 64))
INVALID, TOO_LARGE = Code.INVALID_IMAGE_FORMAT, Code.FILE_TOO_LARGE
BAD: dict[str, tuple[Callable[[], str], Code]] = {
    "nothing": (lambda: "", INVALID),
    "an empty data URL": (lambda: "data:image/png;base64,", INVALID),
    "not base64": (lambda: "not base64!", INVALID),
    "base64 without its end": (lambda: base64_of(WHOLE)[:-3], INVALID),
    "base64 of other letters": (lambda: "图片", INVALID),
    "a URL": (lambda: "https://example.com/a.png", INVALID),
    "truncated": (lambda: base64_of(WHOLE[: len(WHOLE) // 2]), INVALID),
    "only a head": (lambda: base64_of(WHOLE[:33]), INVALID),
    "a page behind it": (lambda: base64_of(WHOLE + PAGE), INVALID),
    "a page behind a GIF": (lambda: base64_of(moving() + PAGE), INVALID),
    "a page behind a JPEG": (lambda: base64_of(picture("JPEG") + PAGE), INVALID),
    "a script that begins like a GIF": (lambda: base64_of(b"GIF89a/*" + PAGE + b"*/=1"), INVALID),
    "an SVG": (lambda: base64_of(SVG), INVALID),
    "an SVG that claims to be a PNG": (lambda: f"data:image/png;base64,{base64_of(SVG)}", INVALID),
    "a page that claims to be a PNG": (lambda: f"data:image/png;base64,{base64_of(PAGE)}", INVALID),
    "30000 x 30000": (lambda: base64_of(vast_png(30_000, 30_000)), TOO_LARGE),
    "many frames of a vast canvas": (lambda: base64_of(gif_bomb(4000, 4000)), TOO_LARGE),
    "thousands of scans": (lambda: base64_of(many_scans(25_000)), INVALID),
    "a JPEG without its last pixels": (lambda: base64_of(picture("JPEG", (64, 64))[:-12]), INVALID),
    "an archive of another kind behind it": (lambda: base64_of(WHOLE + b"Rar!\x1a\x07\x01\0"), INVALID),
    "11 MiB": (lambda: base64_of(WHOLE + bytes(11 * MIB)), TOO_LARGE),
    "one byte too many": (lambda: base64_of(bytes(pictures.MAX_BYTES + 1)), TOO_LARGE),
}
"""What is sent, and the code that it must give."""
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
@pytest.mark.parametrize("name", BAD)
async def test_a_bad_image_gives_its_code_and_is_not_stored(
    launcher: Launcher, instance_id: str, name: str
) -> None:
    make, code = BAD[name]
    data = make()
    failure(await by_rest(launcher, instance_id, data), code, "image_data")
    assert (await by_graphql(launcher, instance_id, data)).code == code


async def test_a_picture_without_its_end_is_stored_through_either_door(
    launcher: Launcher, tmp_path: Path
) -> None:
    """What every viewer shows was refused as incomplete; with bytes behind it as well."""
    async with client(launcher) as http:
        made = await add_bot(http, write_bot(tmp_path / "bot"))
        for data in (moving()[:-1], picture("JPEG")[:-2], picture("WEBP") + b"a mark"):
            stored_by_rest = await by_rest(launcher, made, base64_of(data))
            assert stored_by_rest.status_code == 200, stored_by_rest.text
            found = (await http.post(f"{API}/resource/{made}/emoji/search", json={})).json()["emojis"][0]
            thumbnail = await http.get(f"/static/emojis/{found['image_url'].rpartition('/')[2]}?size=64")
            assert thumbnail.status_code == 200
            await http.delete(f"{API}/resource/{made}/emoji/{found['id']}")
            assert (await by_graphql(launcher, made, base64_of(data))).data["createEmoji"]["emoji"]["id"]
            found = (await http.post(f"{API}/resource/{made}/emoji/search", json={})).json()["emojis"][0]
            await http.delete(f"{API}/resource/{made}/emoji/{found['id']}")


async def test_the_claimed_media_type_is_ignored(launcher: Launcher, tmp_path: Path) -> None:
    async with client(launcher) as http:
        made = await add_bot(http, write_bot(tmp_path / "bot"))
    answer = await by_rest(launcher, made, f"data:image/png;base64,{base64_of(picture('GIF'))}")
    assert answer.status_code == 200
    (file,) = stored(launcher.ctx.settings.data_folder)
    assert file.suffix == ".gif"


@pytest.mark.slow
async def test_a_body_over_the_limit_is_too_large_whatever_its_content(
    launcher: Launcher, instance_id: str
) -> None:
    failure(await by_rest(launcher, instance_id, "A" * (17 * MIB)), Code.FILE_TOO_LARGE)


@pytest.mark.slow
def test_memory_stays_bounded_under_decompression_bombs(place: Home) -> None:
    """A server of its own, so that its memory is nobody else's."""
    place.bot("bot")
    server = psutil.Process(place.serve().process.pid)
    with httpx.Client(base_url=place.url, timeout=60, trust_env=False, verify=NO_TLS) as http:
        added = http.post(f"{API}/instances/add", json={"name": "b", "path": "~/bot", "port": 9000}).json()
        route = f"{API}/resource/{added['instance_id']}/emoji"
        bombs = [BAD[name][0]() for name in ("11 MiB", "30000 x 30000", "many frames of a vast canvas")]
        before = server.memory_info().rss
        for _ in range(3):
            for bomb in bombs:
                assert http.post(route, json={"name": "x", "image_data": bomb}).status_code == 400
        peak = peak_memory(server)
    # The body, its text and what is decoded of it take 160 to 210 MiB; a decoded 30000 x 30000 alone would take 900 MB.
    assert peak - before < 400 * MIB


def peak_memory(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) << 10


@pytest.fixture
def place() -> Iterator[Home]:
    with home() as found:
        yield found


@pytest.mark.slow
@pytest.mark.stress
@pytest.mark.parametrize("seed", range(sized(2, 4)))
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
