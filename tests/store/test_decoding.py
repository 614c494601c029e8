"""Pictures are decoded in processes that end: after their time, with their caller, with the server."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from mailauncher.errors import FileTooLarge, InvalidImageFormat, ServiceUnavailable
from store import decoding, picture_worker, pictures
from store.decoding import Decoder
from tests.support.context import settings_for
from tests.support.graphql import ask
from tests.support.http import API, add_bot, client, write_bot
from tests.support.pictures import base64_of, many_scans, picture, vast_png
from tests.support.server import Launcher, running

COSTLY = many_scans(25_000)
"""Takes a minute and more of CPU time, if its scans are not counted."""


@pytest_asyncio.fixture
async def decoder() -> AsyncIterator[Decoder]:
    made = Decoder()
    yield made
    await made.close()
    assert workers() == []


@pytest.fixture
def costly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoding processes do not count scans."""
    begin, name, end = decoding._CODE.partition("runpy.run_module")
    uncounted = "from store import pictures; pictures.SCANS_MAX = 1 << 30; "
    monkeypatch.setattr(decoding, "_CODE", begin + uncounted + name + end)


def workers() -> list[psutil.Process]:
    """The decoding processes of this process."""
    found = []
    for process in psutil.Process().children():
        try:
            if any("picture_worker" in part for part in process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            pass
    return found


async def at_work() -> psutil.Process:
    """Waits for a process that has spent more time than its start takes."""
    while not (found := [one for one in workers() if sum(one.cpu_times()[:2]) > 0.5]):
        await asyncio.sleep(0.01)
    return found[0]


async def test_one_process_decodes_many_pictures(decoder: Decoder) -> None:
    for number in range(5):
        data = picture(colour=(number, 0, 0))
        assert (await decoder.examine(data)).data == data
    with pytest.raises(InvalidImageFormat) as refused:
        await decoder.examine(b"no picture")
    assert refused.value.field == "image_data"
    with pytest.raises(FileTooLarge):
        await decoder.examine(vast_png(30_000, 30_000))
    assert (await decoder.thumbnail(picture(size=(200, 100)), 64)).startswith(b"RIFF")
    assert await decoder.thumbnail(picture(), 64) == b""
    assert len(workers()) == 1


@pytest.mark.slow
async def test_a_picture_that_takes_too_long_is_refused(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch, costly: None
) -> None:
    """A picture of 1.1 MB kept the pool for minutes. Here with a limit of one second, for the test's sake."""
    with pytest.raises(InvalidImageFormat, match="too long"):
        pictures.examine(COSTLY)
    limited = "import time; time.process_time = lambda: -10; "  # what it may use is added to what it has used
    monkeypatch.setattr(decoding, "_CODE", limited + decoding._CODE)
    with pytest.raises(InvalidImageFormat, match="too long"):
        await decoder.examine(COSTLY)
    await decoder.examine(picture())


@pytest.mark.slow
async def test_decoding_ends_with_its_caller(decoder: Decoder, costly: None) -> None:
    """It went on in its thread for minutes after the sender had left."""
    upload = asyncio.create_task(decoder.examine(COSTLY))
    worker = await at_work()
    upload.cancel()
    await asyncio.wait([upload])
    assert not worker.is_running()
    await decoder.examine(picture())


async def test_a_process_that_was_killed_while_idle_is_replaced(decoder: Decoder) -> None:
    await decoder.examine(picture())
    (worker,) = workers()
    worker.kill()
    await asyncio.to_thread(worker.wait)
    await decoder.examine(picture())


@pytest.mark.slow
async def test_a_thumbnail_that_the_shutdown_cuts_short_is_not_kept(tmp_path: Path, costly: None) -> None:
    """A picture whose process was killed would have counted as one that cannot be decoded, for ever."""
    decoder = Decoder()
    await decoder.examine(picture())
    thumbnail = asyncio.create_task(decoder.thumbnail(COSTLY, 64))
    await at_work()
    await decoder.close()
    with pytest.raises(ServiceUnavailable):
        await thumbnail
    assert workers() == []


async def test_a_process_that_cannot_work_is_no_fault_of_the_picture(
    decoder: Decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "_CODE", "raise SystemExit(3)")
    with pytest.raises(ServiceUnavailable):
        await decoder.examine(picture())
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(ServiceUnavailable):
        await decoder.examine(picture())


@pytest.mark.slow
async def test_decoding_ends_when_the_sender_of_an_upload_leaves(
    launcher: Launcher, tmp_path: Path, costly: None
) -> None:
    """A picture went on to cost minutes after its sender had closed the connection."""
    async with client(launcher) as http:
        made = await add_bot(http, write_bot(tmp_path / "bot"))
        route = f"{API}/resource/{made}/emoji"
        upload = asyncio.create_task(http.post(route, json={"name": "x", "image_data": base64_of(COSTLY)}))
        worker = await at_work()
        upload.cancel()
        await asyncio.wait([upload])
        while worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE:
            assert sum(worker.cpu_times()[:2]) < picture_worker.CPU_S - 1
            await asyncio.sleep(0.01)
        answer = await http.post(route, json={"name": "x", "image_data": base64_of(picture())})
        assert answer.status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("door", ["rest", "graphql"])
async def test_a_server_ends_while_it_decodes(tmp_path: Path, costly: None, door: str) -> None:
    """A thread cannot be ended: SIGTERM had no effect for a minute."""
    upload: asyncio.Future[object]
    create = "mutation ($input: CreateEmojiInput!) { createEmoji(input: $input) { emoji { id } } }"
    async with running(settings_for(tmp_path)) as server, client(server) as http:
        made = await add_bot(http, write_bot(tmp_path / "bot"))
        given = {"name": "x", "imageData": base64_of(COSTLY), "instanceId": made}
        if door == "rest":
            body = {"name": "x", "image_data": given["imageData"]}
            upload = asyncio.ensure_future(http.post(f"{API}/resource/{made}/emoji", json=body))
        else:
            upload = asyncio.ensure_future(ask(server, create, input=given))
        worker = await at_work()
    await asyncio.wait([upload])
    assert upload.done()
    upload.exception()  # the connection may have been cut
    assert not worker.is_running()
