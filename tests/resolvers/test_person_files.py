"""Persons as files: what is written is read back, and each line says what became of it."""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mailauncher.errors import Code, InstanceNotFound
from resolvers import person_files, persons
from resolvers.context import Context
from resolvers.person_files import Existing, Form, Line, Status
from resolvers.persons import NewPerson
from tests.support.context import add_bot

NASTY = [
    NewPerson("1", "plain", "普通", "https://example.com/a.jpg", {"age": 25, "location": "北京"}),
    NewPerson("2", 'a "quoted", one', "comma, 和；", "", {"quote": '"', "nested": {"list": [1, None]}}),
    NewPerson("=cmd|'/C calc'!A0", "+1", "@sum(1)", "", {}),
    NewPerson("'=1", "''-1", "'quoted'", "", {"'": "'"}),
    NewPerson("-5", "", "🐱‍👤", "", {"long": "x" * 5000}),
]


@pytest_asyncio.fixture
async def bot(ctx: Context, tmp_path: Path) -> str:
    return (await add_bot(ctx, tmp_path / "bot")).id


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


async def load(
    ctx: Context,
    bot: str,
    data: bytes,
    form: Form = Form.JSONL,
    existing: Existing = Existing.FAIL,
    size: int = 0,
) -> list[Line]:
    parts = [data[at : at + size] for at in range(0, len(data), size)] if size else [data]
    report: list[Line] = []
    async for lines in await person_files.load(ctx, bot, pieces(*parts), form, existing):
        report += lines
    return report


async def exported(ctx: Context, bot: str, form: Form) -> bytes:
    return b"".join([piece async for piece in await person_files.export(ctx, bot, form)])


def lines(rows: Iterable[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


async def everybody(ctx: Context, bot: str) -> list[dict[str, Any]]:
    rows = await ctx.persons.walk(bot, 0, 1000)
    return [{name: row[name] for name in person_files.COLUMNS} for row in rows]


@pytest.mark.parametrize("form", list(Form))
@pytest.mark.parametrize("size", [0, 1, 7])
async def test_what_is_exported_is_read_back_as_it_was(
    ctx: Context, bot: str, tmp_path: Path, form: Form, size: int
) -> None:
    await persons.create_many(ctx, bot, NASTY)
    data = await exported(ctx, bot, form)
    other = (await add_bot(ctx, tmp_path / "other")).id
    report = await load(ctx, other, data, form, size=size)
    assert {line.status for line in report} == {Status.CREATED}
    assert await everybody(ctx, other) == await everybody(ctx, bot)
    assert await exported(ctx, other, form) == data


async def test_a_spreadsheet_finds_no_formula_and_knows_the_encoding(ctx: Context, bot: str) -> None:
    await persons.create_many(ctx, bot, NASTY)
    data = await exported(ctx, bot, Form.CSV)
    assert data.startswith(b"\xef\xbb\xbfuser_id,username,nickname,avatar_url,profile")
    cells = [cell for row in csv.reader(io.StringIO(data.decode("utf-8-sig"))) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]


async def test_each_line_says_what_became_of_it(ctx: Context, bot: str) -> None:
    await persons.create(ctx, bot, NewPerson("there", nickname="old"))
    data = (
        b'\xef\xbb\xbf{"user_id": "new", "profile": {"a": 1}}\r\n'
        b"\n"
        b'{"user_id": 5}\n'
        b"no json\n"
        b'{"user_id": "there"}\n'
        b'{"user_id": "new"}\n'
        b'{"user_id": "x", "nickname": "a\\u0000b"}\n'
        b'{"user_id": "x", "other": 1}\n'
        b'{"user_id": "last"}'
    )
    report = await load(ctx, bot, data)
    assert [(line.number, line.status.value) for line in report] == [
        (1, "created"),
        (3, "failed"),
        (4, "failed"),
        (5, "failed"),
        (6, "failed"),
        (7, "failed"),
        (8, "failed"),
        (9, "created"),
    ]
    wrong = {line.number: line.error for line in report if line.error}
    assert {number: (error.code, error.field) for number, error in wrong.items()} == {
        3: (Code.INVALID_PARAMETER, "user_id"),
        4: (Code.INVALID_PARAMETER, None),
        5: (Code.DUPLICATE_RESOURCE, "user_id"),
        6: (Code.DUPLICATE_RESOURCE, "user_id"),
        7: (Code.INVALID_PARAMETER, "nickname"),
        8: (Code.INVALID_PARAMETER, None),
    }
    assert [row["user_id"] for row in await everybody(ctx, bot)] == ["there", "new", "last"]


@pytest.mark.parametrize("form", list(Form))
async def test_who_is_there_is_left_or_changed_as_wished(ctx: Context, bot: str, form: Form) -> None:
    there = await persons.create(
        ctx, bot, NewPerson("1", "name", "old", profile={"keep": 1, "age": 1, "gone": 1})
    )
    profile = {"age": 2, "gone": None}
    data = lines([{"user_id": "1", "nickname": "new", "profile": profile}])
    if form is Form.CSV:
        data = b'user_id,nickname,profile\n1,new,"{""age"":2,""gone"":null}"\n'
    (line,) = await load(ctx, bot, data, form, Existing.SKIP)
    assert (line.status, line.person_id) == (Status.SKIPPED, there.id)
    assert (await persons.get(ctx, bot, there.id)).nickname == "old"
    (line,) = await load(ctx, bot, data, form, Existing.UPDATE)
    assert (line.status, line.person_id) == (Status.UPDATED, there.id)
    found = await persons.get(ctx, bot, there.id)
    assert (found.username, found.nickname, json.loads(found.profile)) == (
        "name",
        "new",
        {"keep": 1, "age": 2},
    )


async def test_columns_may_come_in_any_order_and_a_record_on_several_lines(ctx: Context, bot: str) -> None:
    data = b'profile,user_id\r\n"{""a"":\n""b""}",1\r\n,2\r\n"{",3\r\n4\r\n'
    report = await load(ctx, bot, data, Form.CSV)
    assert [(line.number, line.status.value) for line in report] == [
        (2, "created"),
        (4, "created"),
        (5, "failed"),
        (6, "failed"),
    ]
    assert [(row["user_id"], row["profile"]) for row in await everybody(ctx, bot)] == [
        ("1", '{"a": "b"}'),
        ("2", "{}"),
    ]


@pytest.mark.parametrize(
    "head", ["", "username\n", "user_id,user_id\n", "user_id,colour\n", "1,2\n", "id;name\n"]
)
async def test_csv_without_the_names_of_its_columns_comes_to_nothing(
    ctx: Context, bot: str, head: str
) -> None:
    report = await load(ctx, bot, head.encode() + b"1\n2\n", Form.CSV)
    assert [(line.number, line.status) for line in report] == [(1, Status.FAILED)]
    assert await everybody(ctx, bot) == []


async def test_what_is_not_utf_8_is_read_up_to_there(ctx: Context, bot: str) -> None:
    data = lines([{"user_id": "1"}]) + '{"user_id": "2", "nickname": "小林"}\n'.encode("gbk")
    report = await load(ctx, bot, data, size=20)
    assert [(line.number, line.status) for line in report] == [(1, Status.CREATED), (2, Status.FAILED)]
    assert report[1].error is not None
    assert "UTF-8" in report[1].error.text.en


async def test_a_line_without_an_end_is_given_up(
    ctx: Context, bot: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(person_files, "RECORD_CHARACTERS", 1000)
    data = lines([{"user_id": "1"}]) + b'{"user_id": "' + b"x" * 2000
    report = await load(ctx, bot, data, size=100)
    assert [(line.number, line.status) for line in report] == [(1, Status.CREATED), (2, Status.FAILED)]


async def test_many_lines_become_rows_in_their_order(ctx: Context, bot: str) -> None:
    report = await load(ctx, bot, lines({"user_id": str(number)} for number in range(950)), size=4096)
    assert [line.number for line in report] == list(range(1, 951))
    assert [row["user_id"] for row in await everybody(ctx, bot)] == [str(number) for number in range(950)]


async def test_nothing_comes_of_nothing(ctx: Context, bot: str) -> None:
    for form in Form:
        assert await load(ctx, bot, b"", form) == []
    assert await exported(ctx, bot, Form.JSONL) == b""


async def test_an_unknown_instance_is_not_found_before_anything_is_read(ctx: Context) -> None:
    with pytest.raises(InstanceNotFound):
        await person_files.load(ctx, "x", pieces(b"x"), Form.CSV, Existing.FAIL)
    with pytest.raises(InstanceNotFound):
        await person_files.export(ctx, "x", Form.CSV)
