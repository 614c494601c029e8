"""Downloads and uploads of files in an instance's folder over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from mailauncher.errors import Code
from tests.support.context import settings_for
from tests.support.http import API, add_bot, client, failure, write_bot
from tests.support.server import running
from tests.support.waiting import until

LARGEST = 100_000


@pytest_asyncio.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an instance's files as base URL; its folder is `bot`."""
    settings = settings_for(tmp_path, max_body_bytes=1024, max_upload_bytes=LARGEST)
    async with running(settings) as launcher, client(launcher, Accept_Language="en") as http:
        instance_id = await add_bot(http, write_bot(tmp_path / "bot"))
        http.base_url = httpx.URL(f"{launcher.url}{API}/files/{instance_id}/")
        yield http


async def test_a_file_is_uploaded_and_downloaded_whole_or_in_part(
    http: httpx.AsyncClient, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 300

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(content), 1000):
            yield content[at : at + 1000]

    sent = await http.put("content?path=图 1.bin", content=pieces())
    made = sent.json()
    assert (made["success"], made["message"]) == (True, "The file was uploaded")
    assert made["file"]["path"] == "图 1.bin"
    assert made["file"]["size"] == len(content)
    got = await http.get("content?path=图 1.bin")
    assert got.content == content
    headers = got.headers
    assert (
        headers["content-disposition"]
        == "attachment; filename=\"_ 1.bin\"; filename*=UTF-8''%E5%9B%BE%201.bin"
    )
    assert headers["content-type"] == "application/octet-stream"
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    assert headers["content-length"] == str(len(content))

    async def part(wanted: str, **more: str) -> httpx.Response:
        return await http.get("content?path=图 1.bin", headers={"Range": f"bytes={wanted}", **more})

    for wanted, begin, end in (
        ("0-9", 0, 10),
        ("76790-", 76790, 76800),
        ("-5", 76795, 76800),
        ("5-99999", 5, 76800),
    ):
        answer = await part(wanted)
        assert (answer.status_code, answer.content) == (206, content[begin:end])
        assert answer.headers["content-range"] == f"bytes {begin}-{end - 1}/76800"
    assert (await part("0-9", **{"If-Range": headers["etag"]})).status_code == 206
    assert (await part("0-9", **{"If-Range": '"other"'})).status_code == 200
    for odd in ("9-0", "a-b", "0-1,3-4", "-"):
        assert (await part(odd)).status_code == 200
    behind = await part("76800-")
    failure(behind, Code.INVALID_PARAMETER, "Range", 416)
    assert behind.headers["content-range"] == "bytes */76800"
    unchanged = await http.get("content?path=图 1.bin", headers={"If-None-Match": headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    head = await http.head("content?path=图 1.bin")
    assert (head.headers["content-length"], head.content) == ("76800", b"")
    await http.put("content?path=图 1.bin&existing=replace", content=b"x")
    assert (tmp_path / "bot" / "图 1.bin").read_bytes() == b"x"
    assert (await http.get("content?path=图 1.bin")).headers["etag"] != headers["etag"]


async def test_bad_requests_are_refused_and_leave_nothing(http: httpx.AsyncClient, tmp_path: Path) -> None:
    async def too_much() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield bytes(10_000)

    for query, code, field in (
        ("", Code.INVALID_PATH, "path"),
        ("?path=a&path=b", Code.INVALID_PARAMETER, "path"),
        ("?path=a&existing=perhaps", Code.INVALID_PARAMETER, "existing"),
        ("?path=../a", Code.INVALID_PATH, "path"),
        ("?path=bot.py", Code.DUPLICATE_RESOURCE, "path"),
        ("?path=none/a", Code.RESOURCE_NOT_FOUND, None),
    ):
        failure(await http.put(f"content{query}", content=b"x"), code, field)
    failure(await http.put("content?path=a", content=bytes(LARGEST + 1)), Code.FILE_TOO_LARGE)
    failure(await http.put("content?path=a", content=too_much()), Code.FILE_TOO_LARGE)
    failure(await http.get("content?path=a"), Code.RESOURCE_NOT_FOUND)
    assert [path.name for path in (tmp_path / "bot").iterdir()] == ["bot.py"]
    assert (await http.put("content?path=a", content=bytes(LARGEST))).status_code == 200


async def test_a_page_of_another_site_uploads_nothing(http: httpx.AsyncClient, tmp_path: Path) -> None:
    answer = await http.put("content?path=a", content=b"x", headers={"Origin": "https://evil.example"})
    failure(answer, Code.PERMISSION_DENIED)
    assert not (tmp_path / "bot" / "a").exists()


async def test_an_upload_whose_client_leaves_leaves_nothing(http: httpx.AsyncClient, tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield bytes(50_000)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await http.put("content?path=a", content=broken())
    assert (await http.put("content?path=b", content=b"x")).status_code == 200
    await until(lambda: sorted(path.name for path in (tmp_path / "bot").iterdir()) == ["b", "bot.py"])
