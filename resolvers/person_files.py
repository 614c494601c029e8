"""Import and export of persons as JSON Lines and CSV, in pieces, with a result for each imported line."""

import asyncio
import codecs
import csv
import io
import json
from collections.abc import AsyncGenerator, AsyncIterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from mailauncher.errors import DuplicateResource, LauncherError, Text
from resolvers import persons
from resolvers.context import Context
from resolvers.person_cells import COLUMNS, escaped
from resolvers.person_reader import FileFormat, PersonReader
from resolvers.persons import NewPerson, PersonChange
from store.resources import Row

LINES_AT_ONCE = 200
"""Lines written in one transaction."""
PIECE_BYTES = 64 << 10
"""Bytes of a file that are read or written at once."""
PAGE_CHARACTERS = 1 << 20
"""Maximum length of the profiles in a page, unless it is of one person. 1,000 of the longest are 64 MB."""


class ExistingPersonPolicy(StrEnum):
    """What an import does with a line whose user id exists."""

    FAIL = "fail"
    SKIP = "skip"
    UPDATE = "update"


class LineStatus(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Line:
    """The result of one line; `number` counts from 1. A failed line has an `error`, any other a `person_id`."""

    number: int
    status: LineStatus
    person_id: str | None = None
    error: LauncherError | None = None


# Writing


async def export(ctx: Context, instance_id: str, form: FileFormat) -> AsyncGenerator[bytes, None]:
    """All persons of an instance, oldest first. Raises InstanceNotFound before the first piece."""
    ctx.live.view(instance_id)
    return _pieces(ctx, instance_id, form)


async def _pieces(ctx: Context, instance_id: str, form: FileFormat) -> AsyncGenerator[bytes, None]:
    after = 0
    if form is FileFormat.CSV:
        yield codecs.BOM_UTF8 + text([], form).encode()  # without it, spreadsheets guess another encoding
    while rows := await ctx.store.persons.oldest_first(instance_id, after, LINES_AT_ONCE):
        after = rows[-1]["seq"]
        data = await asyncio.to_thread(_encoded, rows, form)
        for at in range(0, len(data), PIECE_BYTES):
            yield data[at : at + PIECE_BYTES]


def _encoded(rows: Sequence[Row], form: FileFormat) -> bytes:
    return text(rows, form, heading=False).encode()


async def export_page(
    ctx: Context, instance_id: str, form: FileFormat, first: int, after: int
) -> tuple[str, int | None]:
    """(file of up to `first` persons after a cursor, oldest first; cursor of the last, None if there are none). Fewer if
    their profiles are longer than PAGE_CHARACTERS."""
    ctx.live.view(instance_id)
    rows = await ctx.store.persons.oldest_first(instance_id, after, first)
    lengths = accumulate(len(row["profile"]) for row in rows)
    rows = rows[: max(1, sum(length <= PAGE_CHARACTERS for length in lengths))]
    return await asyncio.to_thread(text, rows, form), rows[-1]["seq"] if rows else None


def text(rows: Sequence[Row], form: FileFormat, *, heading: bool = True) -> str:
    """A file of these rows."""
    if form is FileFormat.JSONL:
        values = (
            {name: row[name] for name in COLUMNS} | {"profile": json.loads(row["profile"])} for row in rows
        )
        return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)
    target = io.StringIO()
    writer = csv.writer(target)
    if heading:
        writer.writerow(COLUMNS)
    writer.writerows([escaped(row[name]) for name in COLUMNS] for row in rows)
    return target.getvalue()


# Reading


async def load(
    ctx: Context,
    instance_id: str,
    source: AsyncIterable[bytes],
    form: FileFormat,
    existing: ExistingPersonPolicy,
) -> AsyncGenerator[list[Line], None]:
    """Imports a file; returns the results of its lines in order, some at a time: of all that are not blank, and for a CSV
    record of several lines that of the first. A line that fails does not end the import, except for the header of CSV.
    Raises InstanceNotFound."""
    ctx.live.view(instance_id)
    return _results(ctx, instance_id, source, form, existing)


async def _results(
    ctx: Context,
    instance_id: str,
    source: AsyncIterable[bytes],
    form: FileFormat,
    existing: ExistingPersonPolicy,
) -> AsyncGenerator[list[Line], None]:
    batch: list[_New | Line] = []
    reader = PersonReader(form)
    async for piece, last in _even(source):
        batch += await asyncio.to_thread(_parsed, reader, piece, last)
        full = len(batch) if last or reader.ended else len(batch) // LINES_AT_ONCE * LINES_AT_ONCE
        for at in range(0, full, LINES_AT_ONCE):
            yield await _write_batch(ctx, instance_id, batch[at : min(at + LINES_AT_ONCE, full)], existing)
        del batch[:full]
        if reader.ended:
            return


async def _even(source: AsyncIterable[bytes]) -> AsyncGenerator[tuple[bytes, bool], None]:
    """The content in pieces of PIECE_BYTES; the last one is shorter, and True."""
    held = bytearray()
    async for piece in source:
        held += piece
        while len(held) >= PIECE_BYTES:
            yield bytes(held[:PIECE_BYTES]), False
            del held[:PIECE_BYTES]
    yield bytes(held), True


@dataclass(frozen=True, slots=True)
class _New:
    """A valid line, and the row of its person if that is new."""

    number: int
    person: NewPerson
    row: Row


def _parsed(reader: PersonReader, piece: bytes, last: bool) -> list[_New | Line]:
    found: list[_New | Line] = []
    for number, person in reader.feed(piece, last=last):
        try:
            if isinstance(person, LauncherError):
                raise person
            found.append(_New(number, person, persons.columns(person)))
        except LauncherError as error:
            found.append(Line(number, LineStatus.FAILED, error=error))
    return found


async def _write_batch(
    ctx: Context, instance_id: str, batch: Sequence[_New | Line], existing: ExistingPersonPolicy
) -> list[Line]:
    """Writes a batch: all new persons in one transaction, then all changes of existing ones in another."""
    report: dict[int, Line] = {}
    new: dict[str, _New] = {}
    repeated: list[_New] = []
    user_ids = [line.row["user_id"] for line in batch if isinstance(line, _New)]
    ids = {row["user_id"]: row["id"] for row in await ctx.store.persons.by_key(instance_id, user_ids)}
    for line in batch:
        if isinstance(line, Line):
            report[line.number] = line
        elif line.row["user_id"] in ids or line.row["user_id"] in new:
            repeated.append(line)
        else:
            new[line.row["user_id"]] = line
    try:
        made = await ctx.store.persons.add(instance_id, [line.row for line in new.values()])
    except DuplicateResource:
        # Another command has added one of them since `by_key` looked. Nothing of the batch is written yet, and now it exists.
        return await _write_batch(ctx, instance_id, batch, existing)
    ctx.synchronizer.schedule_push(instance_id)
    for created, row in zip(new.values(), made, strict=True):
        report[created.number] = Line(created.number, LineStatus.CREATED, row["id"])
        ids[row["user_id"]] = row["id"]
    for result in await _write_existing(ctx, instance_id, repeated, ids, existing):
        report[result.number] = result
    return [report[line.number] for line in batch]


async def _write_existing(
    ctx: Context,
    instance_id: str,
    repeated: Sequence[_New],
    ids: Mapping[str, str],
    existing: ExistingPersonPolicy,
) -> list[Line]:
    """The results of lines whose persons exist; `ids` by user id."""
    user_ids = [line.row["user_id"] for line in repeated]
    if existing is ExistingPersonPolicy.FAIL:
        errors = map(ctx.store.persons.duplicate_error, user_ids)
        return [
            Line(line.number, LineStatus.FAILED, error=error)
            for line, error in zip(repeated, errors, strict=True)
        ]
    status = LineStatus.SKIPPED
    failures: list[LauncherError | None] = [None] * len(repeated)
    if existing is ExistingPersonPolicy.UPDATE and repeated:
        status = LineStatus.UPDATED
        changes = [
            _change(ids[user_id], line.person) for user_id, line in zip(user_ids, repeated, strict=True)
        ]
        failures = await persons.update_each(ctx, instance_id, changes)
    return [
        Line(line.number, status, ids[user_id])
        if failure is None
        else Line(line.number, LineStatus.FAILED, error=failure)
        for user_id, line, failure in zip(user_ids, repeated, failures, strict=True)
    ]


def _change(id: str, one: NewPerson) -> PersonChange:
    """Empty values change nothing."""
    return PersonChange(
        id,
        username=one.username or None,
        nickname=one.nickname or None,
        avatar_url=one.avatar_url or None,
        profile=one.profile,
    )


@dataclass(slots=True)
class ImportCounts:
    """The number of lines by result."""

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
