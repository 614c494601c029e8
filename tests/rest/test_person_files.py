"""Import and export of persons as files over HTTP."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from mailauncher.errors import Code
from resolvers import person_files
from rest import person_files as route
from schema.person_file import LINES_MAX
from tests.support.graphql import ask
from tests.support.http import API, add_bot, client, failure, write_bot
from tests.support.server import Launcher
from tests.support.waiting import until


@pytest_asyncio.fixture
async def http(launcher: Launcher, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client with an instance's `persons` as base URL."""
    async with client(launcher) as http:
        instance_id = await add_bot(http, write_bot(tmp_path / "bot"))
        http.base_url = httpx.URL(f"{launcher.url}{API}/resource/{instance_id}/persons/")
        yield http


def lines(count: int) -> bytes:
    return "".join(f'{{"user_id": "{number}", "nickname": "小林"}}\n' for number in range(count)).encode()


async def test_a_file_is_uploaded_in_pieces_and_downloaded_again(http: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(data), 1000):
            yield data[at : at + 1000]

    data = lines(500)
    report = (await http.post("import?dry_run=true", content=pieces())).json()
    assert (report["created"], report["lines"][1]) == (500, {"line": 2, "status": "created", "user_id": "1"})
    failure(await http.post("import?dry_run=1", content=b""), Code.INVALID_PARAMETER, "dry_run")
    report = (await http.post("import", content=pieces())).json()
    assert list(report) == ["success", "message", "created", "updated", "skipped", "failed", "lines"]
    assert (report["success"], report["created"], report["failed"]) == (True, 500, 0)
    assert report["lines"][0].keys() == {"line", "status", "person_id", "user_id"}
    assert [line["line"] for line in report["lines"]] == list(range(1, 501))
    again = (await http.post("import?existing=skip", content=data)).json()
    assert (again["created"], again["skipped"]) == (0, 500)
    answer = await http.get("export")
    assert answer.headers["content-type"] == "application/jsonl"
    assert answer.headers["content-disposition"] == 'attachment; filename="persons.jsonl"'
    assert [json.loads(line)["user_id"] for line in answer.text.splitlines()] == [
        str(number) for number in range(500)
    ]
    table = await http.get("export?format=csv")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert len(table.text.splitlines()) == 501


async def test_a_download_ends_with_its_client(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the client had left, sending took no time, and 200,000 persons were read to the end."""
    ended: list[str] = []

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 65536
                await asyncio.sleep(0)
        finally:
            ended.append("closed")

    async def export(*_: object) -> AsyncIterator[bytes]:
        return endless()

    monkeypatch.setattr(person_files, "export", export)
    async with http.stream("GET", "export") as answer:
        await anext(answer.aiter_raw())
    await until(lambda: ended == ["closed"])


async def test_a_long_report_is_complete(http: httpx.AsyncClient) -> None:
    """A report that exceeds the limit in memory goes through a temporary file."""
    report = (await http.post("import", content=b'{"user_id": 5}\n' * 9000)).json()
    assert (report["failed"], len(report["lines"])) == (9000, 9000)
    assert report["lines"][-1] == {
        "line": 9000,
        "status": "failed",
        "code": "INVALID_PARAMETER",
        "field": "user_id",
        "message": report["lines"][0]["message"],
    }


@pytest.mark.parametrize("form", ["jsonl", "csv"])
async def test_an_export_has_a_type_that_is_documented(
    http: httpx.AsyncClient, launcher: Launcher, form: str
) -> None:
    """CSV was sent as `text/csv`, and only `application/jsonl` was documented."""
    sent = (await http.get(f"export?format={form}")).headers["content-type"].partition(";")[0]
    spec = (await http.get(f"{launcher.url}{API}/openapi.json")).json()
    operation = spec["paths"]["/api/v1/resource/{id}/persons/export"]["get"]
    assert sent in operation["responses"]["200"]["content"]


STRAY = 'user_id,nickname\n20001,6"屏\n20002,乙\n20003,丙\n20004,丁\n20005,7"屏\n20006,己\n20007,"辛\n'


async def test_a_stray_quotation_mark_loses_no_line_through_either_door(
    launcher: Launcher, tmp_path: Path
) -> None:
    """Two of six persons were created, and the answer was `0 failed`."""
    mutation = """mutation ($input: ImportPersonsInput!) { importPersons(input: $input) {
      created failed lines { number status message } } }"""
    async with client(launcher) as http:
        one, two = [await add_bot(http, write_bot(tmp_path / name)) for name in ("one", "two")]
        route = f"{API}/resource/{one}/persons/import?format=csv"
        report = (await http.post(route, content=STRAY.encode())).json()
    answer = await ask(launcher, mutation, input={"instanceId": two, "text": STRAY, "format": "CSV"})
    found = answer.data["importPersons"]
    assert (report["created"], report["failed"]) == (found["created"], found["failed"]) == (6, 1)
    assert [line["line"] for line in report["lines"]] == [line["number"] for line in found["lines"]]
    assert report["lines"][-1]["message"] == found["lines"][-1]["message"] == "引号没有闭合"


async def test_a_text_of_very_many_lines_is_refused_by_graphql(
    http: httpx.AsyncClient, launcher: Launcher
) -> None:
    """A megabyte of short lines made an answer of half a million objects, which the event loop was encoding for long."""
    mutation = "mutation ($input: ImportPersonsInput!) { importPersons(input: $input) { failed } }"
    given = {"instanceId": http.base_url.path.split("/")[-3], "format": "JSONL"}
    assert (
        await ask(launcher, mutation, input=given | {"text": "5\n" * (LINES_MAX + 1)})
    ).code == Code.INVALID_PARAMETER
    answer = await ask(launcher, mutation, input=given | {"text": "5\n" * LINES_MAX})
    assert answer.data == {"importPersons": {"failed": LINES_MAX}}


async def test_an_empty_file_has_an_empty_report(http: httpx.AsyncClient) -> None:
    report = (await http.post("import?format=csv", content=b"")).json()
    assert (report["lines"], report["message"]) == ([], "新增 0，更新 0，跳过 0，失败 0")


async def test_invalid_query_parameters_are_refused(http: httpx.AsyncClient) -> None:
    for query in ("format=xml", "format=", "format=csv&format=csv"):
        failure(await http.get(f"export?{query}"), Code.INVALID_PARAMETER, "format")
        failure(await http.post(f"import?{query}", content=b"x"), Code.INVALID_PARAMETER, "format")
    failure(await http.post("import?existing=replace", content=b"x"), Code.INVALID_PARAMETER, "existing")
    failure(await http.post("import", content=b" " * (17 << 20)), Code.FILE_TOO_LARGE)


async def test_an_unknown_instance_is_not_found(launcher: Launcher) -> None:
    async with client(launcher) as http:
        place = f"{API}/resource/unknown/persons"
        failure(await http.get(f"{place}/export"), Code.INSTANCE_NOT_FOUND)
        failure(await http.post(f"{place}/import", content=b"{}"), Code.INSTANCE_NOT_FOUND)


async def test_a_long_report_needs_no_temporary_folder(
    http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It was an internal error if that was full or missing, and nobody was told which persons had been imported."""
    monkeypatch.setattr(route, "SPOOLED_BYTES", 100)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    report = (await http.post("import", content=lines(50))).json()
    assert (report["created"], len(report["lines"])) == (50, 50)
