"""Import and export of persons: an exported file is imported unchanged, and each line has its result."""

import asyncio
import csv
import io
import json
import math
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from mailauncher.errors import Code, InstanceNotFound
from resolvers import person_files, persons
from resolvers.context import Context
from resolvers.person_cells import COLUMNS
from resolvers.person_files import ExistingPersonPolicy, Line, LineStatus
from resolvers.person_reader import FileFormat
from resolvers.persons import PROFILE_CHARACTERS, NewPerson
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
    form: FileFormat = FileFormat.JSONL,
    existing: ExistingPersonPolicy = ExistingPersonPolicy.FAIL,
    size: int = 0,
    *,
    dry_run: bool = False,
) -> list[Line]:
    parts = [data[at : at + size] for at in range(0, len(data), size)] if size else [data]
    report: list[Line] = []
    async for lines in await person_files.load(ctx, bot, pieces(*parts), form, existing, dry_run=dry_run):
        report += lines
    return report


async def exported(ctx: Context, bot: str, form: FileFormat) -> bytes:
    return b"".join([piece async for piece in await person_files.export(ctx, bot, form)])


def lines(rows: Iterable[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


async def everybody(ctx: Context, bot: str) -> list[dict[str, Any]]:
    rows = await ctx.store.persons.oldest_first(bot, 0, 1000)
    return [{name: row[name] for name in COLUMNS} for row in rows]


@pytest.mark.parametrize("form", list(FileFormat))
@pytest.mark.parametrize("size", [0, 1, 7])
async def test_an_exported_file_is_imported_unchanged(
    ctx: Context, bot: str, tmp_path: Path, form: FileFormat, size: int
) -> None:
    await persons.create_many(ctx, bot, NASTY)
    data = await exported(ctx, bot, form)
    other = (await add_bot(ctx, tmp_path / "other")).id
    report = await load(ctx, other, data, form, size=size)
    assert {line.status for line in report} == {LineStatus.CREATED}
    assert await everybody(ctx, other) == await everybody(ctx, bot)
    assert await exported(ctx, other, form) == data


async def test_a_csv_has_no_formula_and_a_byte_order_mark(ctx: Context, bot: str) -> None:
    await persons.create_many(ctx, bot, NASTY)
    data = await exported(ctx, bot, FileFormat.CSV)
    assert data.startswith(b"\xef\xbb\xbfuser_id,username,nickname,avatar_url,profile")
    cells = [cell for row in csv.reader(io.StringIO(data.decode("utf-8-sig"))) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]


async def test_no_form_of_a_formula_is_exported_as_one(ctx: Context, bot: str, tmp_path: Path) -> None:
    """Full-width signs, and signs behind characters without width, were left as they are."""
    names = [
        "＝1+1",
        "＋1",
        "－1",
        "＠sum(1)",
        "\u200b=1",
        "\ufeff＝1",
        '"=1"',
        "'＝1",
        "\u2060 @x",
        "﹦1",
        "a=1",
    ]
    new = [NewPerson(str(number), nickname=name) for number, name in enumerate(names)]
    await persons.create_many(ctx, bot, new)
    data = await exported(ctx, bot, FileFormat.CSV)
    cells = [row["nickname"] for row in csv.DictReader(io.StringIO(data.decode("utf-8-sig")))]
    assert cells == [*(f"'{name}" for name in names[:-1]), "a=1"]
    other = (await add_bot(ctx, tmp_path / "other")).id
    await load(ctx, other, data, FileFormat.CSV)
    assert await everybody(ctx, other) == await everybody(ctx, bot)


async def test_each_line_has_its_result(ctx: Context, bot: str) -> None:
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


@pytest.mark.parametrize("existing", list(ExistingPersonPolicy))
async def test_a_dry_run_tells_each_result_and_writes_nothing(
    ctx: Context, bot: str, existing: ExistingPersonPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(person_files, "LINES_AT_ONCE", 2)
    long = "x" * (PROFILE_CHARACTERS - 20)
    await persons.create(ctx, bot, NewPerson("there", nickname="old", profile={"long": long}))
    data = lines(
        [
            {"user_id": "new"},
            {"user_id": "there", "nickname": "changed"},
            {"user_id": "new"},
            {"user_id": " ", "nickname": "?"},
            {"user_id": "there", "profile": {"more": "x" * 20}},
            {"user_id": "last"},
            {"user_id": "new"},
        ]
    )
    before = await everybody(ctx, bot)
    told = await load(ctx, bot, data + b"no json", existing=existing, dry_run=True)
    assert await everybody(ctx, bot) == before
    done = await load(ctx, bot, data + b"no json", existing=existing)
    assert len(done) == 8

    def shown(line: Line) -> object:
        error = line.error
        return line.number, line.status, line.user_id, error and (error.code, error.field, error.text)

    assert [*map(shown, told)] == [*map(shown, done)]
    ids = {line.user_id: line.person_id for line in told}
    assert (ids["last"], ids[None]) == (None, None)
    assert (ids["there"] is None) == (existing is not ExistingPersonPolicy.SKIP)


@pytest.mark.parametrize("form", list(FileFormat))
async def test_an_existing_person_is_skipped_or_updated(ctx: Context, bot: str, form: FileFormat) -> None:
    there = await persons.create(
        ctx, bot, NewPerson("1", "name", "old", profile={"keep": 1, "age": 1, "gone": 1})
    )
    profile = {"age": 2, "gone": None}
    data = lines([{"user_id": "1", "nickname": "new", "profile": profile}])
    if form is FileFormat.CSV:
        data = b'user_id,nickname,profile\n1,new,"{""age"":2,""gone"":null}"\n'
    (line,) = await load(ctx, bot, data, form, ExistingPersonPolicy.SKIP)
    assert (line.status, line.person_id) == (LineStatus.SKIPPED, there.id)
    assert (await persons.get(ctx, bot, there.id)).nickname == "old"
    (line,) = await load(ctx, bot, data, form, ExistingPersonPolicy.UPDATE)
    assert (line.status, line.person_id) == (LineStatus.UPDATED, there.id)
    found = await persons.get(ctx, bot, there.id)
    assert (found.username, found.nickname, json.loads(found.profile)) == (
        "name",
        "new",
        {"keep": 1, "age": 2},
    )


async def test_columns_may_come_in_any_order_and_a_record_on_several_lines(ctx: Context, bot: str) -> None:
    data = b'profile,user_id\r\n"{""a"":\n""b""}",1\r\n,2\r\n"{",3\r\n4\r\n'
    report = await load(ctx, bot, data, FileFormat.CSV)
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


async def test_lines_of_a_file_that_cannot_be_read_do_not_keep_the_others_out(ctx: Context, bot: str) -> None:
    data = lines([{"user_id": "1"}]) + '{"user_id": "小林"}\n'.encode("gbk") + lines([{"user_id": "3"}])
    report = await load(ctx, bot, data, size=20)
    assert [(line.number, line.status.value) for line in report] == [
        (1, "created"),
        (2, "failed"),
        (3, "created"),
    ]


@pytest.mark.parametrize(
    "head", ["", "username\n", "user_id,user_id\n", "user_id,colour\n", "1,2\n", "id;name\n"]
)
async def test_csv_without_a_valid_header_imports_nothing(ctx: Context, bot: str, head: str) -> None:
    report = await load(ctx, bot, head.encode() + b"1\n2\n", FileFormat.CSV)
    assert [(line.number, line.status) for line in report] == [(1, LineStatus.FAILED)]
    assert await everybody(ctx, bot) == []


async def test_many_lines_become_rows_in_their_order(ctx: Context, bot: str) -> None:
    report = await load(ctx, bot, lines({"user_id": str(number)} for number in range(950)), size=4096)
    assert [line.number for line in report] == list(range(1, 951))
    assert [row["user_id"] for row in await everybody(ctx, bot)] == [str(number) for number in range(950)]


async def test_two_imports_of_the_same_file_at_once_create_each_person_once(ctx: Context, bot: str) -> None:
    """A person that the other import added between the look and the write ended the import with an error."""
    data = lines({"user_id": str(number)} for number in range(600))
    reports = await asyncio.gather(
        *(load(ctx, bot, data, existing=ExistingPersonPolicy.SKIP) for _ in range(2))
    )
    for pair in zip(*reports, strict=True):
        assert sorted(line.status for line in pair) == [LineStatus.CREATED, LineStatus.SKIPPED]


async def test_lines_about_the_same_existing_person_are_applied_in_order(ctx: Context, bot: str) -> None:
    """All changes of a batch are one transaction: one that fails must not keep the others from it."""
    await persons.create(ctx, bot, NewPerson("1", profile={"full": "x" * 60_000}))
    data = lines(
        [
            {"user_id": "1", "nickname": "first", "profile": {"a": 1}},
            {"user_id": "1", "nickname": "too much", "profile": {"more": "x" * 6000}},
            {"user_id": "2", "nickname": "new"},
            {"user_id": "1", "username": "last", "profile": {"full": None}},
            {"user_id": "2", "nickname": "newer"},
        ]
    )
    report = await load(ctx, bot, data, existing=ExistingPersonPolicy.UPDATE)
    assert [line.status.value for line in report] == ["updated", "failed", "created", "updated", "updated"]
    assert report[1].error is not None
    assert (report[1].error.code, report[1].error.field) == (Code.INVALID_PARAMETER, "profile")
    assert [(row["username"], row["nickname"], row["profile"]) for row in await everybody(ctx, bot)] == [
        ("last", "first", '{"a": 1}'),
        ("", "newer", "{}"),
    ]
    found, _ = await persons.search(ctx, bot, persons.PersonFilter("newer"), 10, 0)
    assert [person.user_id for person in found] == ["2"]


@pytest.mark.slow
async def test_updating_persons_costs_little_more_than_creating_them(ctx: Context, bot: str) -> None:
    """Each was looked up and changed in a transaction of its own: 20,000 took 244 seconds, and creating them 7."""

    async def cost(first: int, nickname: str) -> float:
        data = lines({"user_id": str(first + number), "nickname": nickname} for number in range(1000))
        begin = time.process_time()
        report = await load(ctx, bot, data, existing=ExistingPersonPolicy.UPDATE)
        assert len(report) == 1000
        return time.process_time() - begin

    created = updated = math.inf
    for first in range(0, 10_000, 1000):  # as often as it takes: whatever else the machine does only adds
        created, updated = min(created, await cost(first, "old")), min(updated, await cost(first, "new"))
        if updated <= 2.5 * created:
            return
    raise AssertionError(f"{created:.3f} s of CPU for 1,000 new persons, {updated:.3f} s for as many changes")


async def test_an_empty_file_imports_nothing(ctx: Context, bot: str) -> None:
    for form in FileFormat:
        assert await load(ctx, bot, b"", form) == []
    assert await exported(ctx, bot, FileFormat.JSONL) == b""


async def test_an_unknown_instance_is_not_found_before_the_file_is_read(ctx: Context) -> None:
    with pytest.raises(InstanceNotFound):
        await person_files.load(ctx, "x", pieces(b"x"), FileFormat.CSV, ExistingPersonPolicy.FAIL)
    with pytest.raises(InstanceNotFound):
        await person_files.export(ctx, "x", FileFormat.CSV)


@pytest.mark.slow
async def test_long_profiles_are_exported_in_small_pieces_and_pages(ctx: Context, bot: str) -> None:
    """200 long profiles were one piece of 12 MB, and a page of GraphQL could have 64 MB, each encoded in one go."""
    new = [NewPerson(str(n), profile={"long": "x" * 60_000}) for n in range(40)]
    await persons.create_many(ctx, bot, new)
    sizes = [len(piece) async for piece in await person_files.export(ctx, bot, FileFormat.JSONL)]
    assert sum(sizes) > 40 * 60_000
    assert max(sizes) == person_files.PIECE_BYTES
    after: int | None = 0
    lines: list[str] = []
    pages = []
    while after is not None:
        page, after = await person_files.export_page(ctx, bot, FileFormat.JSONL, 1000, after)
        lines += page.splitlines()
        pages.append(len(page))
    assert [json.loads(line)["user_id"] for line in lines] == [str(n) for n in range(40)]
    assert [round(size / 60_000) for size in pages] == [17, 17, 6, 0]
