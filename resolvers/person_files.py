"""Persons as files: JSON Lines and CSV, read and written piece by piece, with a report of each line that was read."""

import codecs
import csv
import io
import json
import re
from collections.abc import AsyncGenerator, AsyncIterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from mailauncher.errors import InvalidParameter, LauncherError, Text
from mailauncher.store.resources import Row
from resolvers import persons
from resolvers.context import Context
from resolvers.persons import NewPerson

LINES_AT_ONCE = 200
"""Lines that become rows in one transaction."""
RECORD_CHARACTERS = 256 << 10
"""Of one line, or one record of CSV; a longer one ends the import."""
COLUMNS = ("user_id", "username", "nickname", "avatar_url", "profile")
# A spreadsheet takes what begins so for a formula, and the names are strangers' own.
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


class Form(StrEnum):
    """JSON Lines: an object for each person. CSV: a line of names, then a line for each person, `profile` as JSON."""

    JSONL = "jsonl"
    CSV = "csv"


class Existing(StrEnum):
    """What is done with a line whose user id is there already."""

    FAIL = "fail"
    SKIP = "skip"
    UPDATE = "update"


class Status(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one line; `number` counts from 1. `error` only where it failed, `person_id` only where it did not."""

    number: int
    status: Status
    person_id: str | None = None
    error: LauncherError | None = None


# Writing


async def export(ctx: Context, instance_id: str, form: Form) -> AsyncGenerator[bytes, None]:
    """All persons of an instance, the oldest first. Raises InstanceNotFound before the first piece."""
    ctx.fleet.view(instance_id)
    return _pieces(ctx, instance_id, form)


async def _pieces(ctx: Context, instance_id: str, form: Form) -> AsyncGenerator[bytes, None]:
    after = 0
    if form is Form.CSV:
        yield codecs.BOM_UTF8 + text([], form).encode()  # without it, spreadsheets take it for something else
    while rows := await ctx.persons.walk(instance_id, after, LINES_AT_ONCE):
        after = rows[-1]["seq"]
        yield text(rows, form, heading=False).encode()


async def part(ctx: Context, instance_id: str, form: Form, first: int, after: int) -> tuple[str, int | None]:
    """Up to `first` persons after a cursor, the oldest first, and the cursor of the last; None: there are none."""
    ctx.fleet.view(instance_id)
    rows = await ctx.persons.walk(instance_id, after, first)
    return text(rows, form), rows[-1]["seq"] if rows else None


def text(rows: Sequence[Row], form: Form, *, heading: bool = True) -> str:
    """Rows as a file."""
    if form is Form.JSONL:
        values = (
            {name: row[name] for name in COLUMNS} | {"profile": json.loads(row["profile"])} for row in rows
        )
        return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)
    target = io.StringIO()
    writer = csv.writer(target)
    if heading:
        writer.writerow(COLUMNS)
    writer.writerows([_harmless(row[name]) for name in COLUMNS] for row in rows)
    return target.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell


def _meant(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


# Reading


class _Person(msgspec.Struct, forbid_unknown_fields=True):
    user_id: str
    username: str = ""
    nickname: str = ""
    avatar_url: str = ""
    profile: dict[str, Any] = {}

    def as_new(self) -> NewPerson:
        return NewPerson(self.user_id, self.username, self.nickname, self.avatar_url, self.profile)


class _Records:
    """Cuts text into records: (number of its first line, its text)."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._pending = ""
        self._record = ""
        self._first = self._number = 1

    def feed(self, more: str, *, last: bool = False) -> Iterator[tuple[int, str]]:
        """The records that end in what came so far. Raises InvalidParameter for one that is too long."""
        *lines, self._pending = (self._pending + more).split("\n")
        if last and self._pending:
            lines, self._pending = [*lines, self._pending], ""
        for line in lines:
            self._record += line + "\n"
            self._number += 1
            # Inside quotes a line of CSV goes on.
            if self._form is Form.JSONL or self._record.count('"') % 2 == 0:
                yield from self._whole()
            self._require_room(self._record)
        if last and self._record:
            yield from self._whole()
        self._require_room(self._record + self._pending)

    def _whole(self) -> Iterator[tuple[int, str]]:
        if self._record.strip():
            yield self._first, self._record
        self._record, self._first = "", self._number

    def _require_room(self, record: str) -> None:
        if len(record) > RECORD_CHARACTERS:
            raise InvalidParameter(
                f"第 {self._first} 行过长，之后的内容没有读取",
                f"Line {self._first} is too long; nothing after it was read",
            )


class _Parser:
    """One file on its way in. CSV begins with the names of its columns."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._names: list[str] | None = None

    @property
    def named(self) -> bool:
        return self._names is not None

    def parse(self, record: str) -> NewPerson | None:
        """None for the line of names. Raises InvalidParameter."""
        try:
            if self._form is Form.JSONL:
                return msgspec.json.decode(record, type=_Person).as_new()
            cells = next(csv.reader(io.StringIO(record), strict=True))
            if self._names is None:
                self._names = self._columns(cells)
                return None
            return msgspec.convert(self._values(self._names, cells), _Person).as_new()
        except (msgspec.MsgspecError, csv.Error, UnicodeError, RecursionError) as error:
            reason, _, place = str(error).partition(" - at `$.")
            raise InvalidParameter(
                f"无效的行：{error}", f"Invalid line: {reason}", field=place.rstrip("`") or None
            ) from None

    def _columns(self, cells: list[str]) -> list[str]:
        names = [cell.strip() for cell in cells]
        unknown = [name for name in names if name not in COLUMNS]
        if unknown or "user_id" not in names or len(set(names)) < len(names):
            wished = ", ".join(COLUMNS)
            raise InvalidParameter(
                f"第一行应为列名（{wished}），其中 user_id 不可缺少",
                f"The first line must name the columns ({wished}), with user_id among them",
            )
        return names

    def _values(self, names: list[str], cells: list[str]) -> dict[str, Any]:
        if len(cells) != len(names):
            raise InvalidParameter(
                f"应有 {len(names)} 列，而不是 {len(cells)} 列",
                f"There must be {len(names)} columns, not {len(cells)}",
            )
        values: dict[str, Any] = dict(zip(names, map(_meant, cells), strict=True))
        if "profile" in values:
            values["profile"] = msgspec.json.decode(values["profile"] or "{}")
        return values


async def load(
    ctx: Context, instance_id: str, source: AsyncIterable[bytes], form: Form, existing: Existing
) -> AsyncGenerator[list[Line], None]:
    """Reads a file, and tells what became of its lines, in their order, some at a time. What is wrong with a line is told
    in its place and ends nothing, except where the rest cannot be read either. Raises InstanceNotFound."""
    ctx.fleet.view(instance_id)
    return _loaded(ctx, instance_id, source, form, existing)


async def _loaded(
    ctx: Context, instance_id: str, source: AsyncIterable[bytes], form: Form, existing: Existing
) -> AsyncGenerator[list[Line], None]:
    batch: list[tuple[int, NewPerson | LauncherError]] = []
    parser = _Parser(form)
    async for number, record in _records(source, form):
        found = record if isinstance(record, LauncherError) else _parsed(parser, record)
        if found is None:
            continue
        batch.append((number, found))
        if len(batch) == LINES_AT_ONCE:
            yield await _written(ctx, instance_id, batch, existing)
            batch = []
        if form is Form.CSV and isinstance(found, LauncherError) and not parser.named:
            break
    if batch:
        yield await _written(ctx, instance_id, batch, existing)


def _parsed(parser: _Parser, record: str) -> NewPerson | LauncherError | None:
    try:
        return parser.parse(record)
    except LauncherError as error:
        return error


async def _records(
    source: AsyncIterable[bytes], form: Form
) -> AsyncGenerator[tuple[int, str | LauncherError], None]:
    """The records of a file; an error is the last one."""
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    records = _Records(form)
    number = 0
    try:
        async for piece in source:
            for number, record in records.feed(decoder.decode(piece)):
                yield number, record
        for number, record in records.feed(decoder.decode(b"", final=True), last=True):
            yield number, record
    except UnicodeDecodeError:
        yield (
            number + 1,
            InvalidParameter(
                "不是 UTF-8，之后的内容没有读取；请另存为 UTF-8",
                "This is not UTF-8, and nothing after it was read; save it as UTF-8",
            ),
        )
    except InvalidParameter as error:
        yield number + 1, error


async def _written(
    ctx: Context,
    instance_id: str,
    batch: Sequence[tuple[int, NewPerson | LauncherError]],
    existing: Existing,
) -> list[Line]:
    """Makes rows of a batch's good lines, all of the new ones in one transaction."""
    report: dict[int, Line] = {}
    new: dict[str, tuple[int, Row]] = {}
    known: list[tuple[int, NewPerson]] = []
    wanted = [one.user_id.strip() for _, one in batch if isinstance(one, NewPerson)]
    there = {row["user_id"]: row for row in await ctx.persons.by_key(instance_id, wanted)}
    for number, one in batch:
        try:
            if isinstance(one, LauncherError):
                raise one
            row = persons.columns(one)
            if row["user_id"] in there or row["user_id"] in new:
                known.append((number, one))
            else:
                new[row["user_id"]] = (number, row)
        except LauncherError as error:
            report[number] = Line(number, Status.FAILED, error=error)
    made = await ctx.persons.add(instance_id, [row for _, row in new.values()])
    ctx.steps.nudge(instance_id)
    for (number, _), row in zip(new.values(), made, strict=True):
        report[number] = Line(number, Status.CREATED, row["id"])
        there[row["user_id"]] = row
    for number, one in known:
        report[number] = await _met(ctx, instance_id, number, one, there[one.user_id.strip()], existing)
    return [report[number] for number, _ in batch]


async def _met(
    ctx: Context, instance_id: str, number: int, one: NewPerson, row: Row, existing: Existing
) -> Line:
    """A line whose person is there already."""
    if existing is Existing.SKIP:
        return Line(number, Status.SKIPPED, row["id"])
    if existing is Existing.FAIL:
        return Line(number, Status.FAILED, error=ctx.persons.taken(row["user_id"]))
    change = persons.PersonChange(
        row["id"],
        username=one.username or None,
        nickname=one.nickname or None,
        avatar_url=one.avatar_url or None,
        profile=one.profile,
    )
    try:
        await persons.update(ctx, instance_id, change)
    except LauncherError as error:
        return Line(number, Status.FAILED, error=error)
    return Line(number, Status.UPDATED, row["id"])


@dataclass(slots=True)
class Tally:
    """How many lines came to what."""

    created: int = 0
    updated: int = 0
    skipped: int = 0
    failed: int = 0

    def count(self, lines: Sequence[Line]) -> None:
        for line in lines:
            setattr(self, line.status.value, getattr(self, line.status.value) + 1)

    @property
    def message(self) -> Text:
        return Text(
            f"新增 {self.created}，更新 {self.updated}，跳过 {self.skipped}，失败 {self.failed}",
            f"{self.created} created, {self.updated} updated, {self.skipped} skipped, {self.failed} failed",
        )
