"""Import and export of persons as JSON Lines and CSV, in pieces, with a result for each imported line."""

import asyncio
import codecs
import csv
import io
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate

from mailauncher.errors import DuplicateResource, LauncherError, Text
from mailauncher.grants import Scope
from resolvers import persons
from resolvers.context import Context
from resolvers.person_cells import COLUMNS, escaped
from resolvers.person_reader import FileFormat, PersonReader
from resolvers.persons import NewPerson, PersonChange
from resolvers.rights import needs
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
    """The result of one line; `number` counts from 1. A failed line has an `error`, and a `user_id` if that could be read; any
    other has a `user_id`, and a `person_id` unless a dry run would create the person."""

    number: int
    status: LineStatus
    person_id: str | None = None
    error: LauncherError | None = None
    user_id: str | None = None


# Writing


@needs(Scope.READ)
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


@needs(Scope.READ)
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


@needs(Scope.ADMIN)
async def load(
    ctx: Context,
    instance_id: str,
    source: AsyncIterable[bytes],
    form: FileFormat,
    existing: ExistingPersonPolicy,
    *,
    dry_run: bool = False,
) -> AsyncGenerator[list[Line], None]:
    """Imports a file; returns the results of its lines in order, some at a time: of all that are not blank, and for a CSV
    record of several lines that of the first. A line that fails does not end the import, except for the header of CSV.
    `dry_run`: nothing is written, and the results are those that an import would have now. Raises InstanceNotFound."""
    ctx.live.view(instance_id)
    writing: _Writing = (
        _DryRun(ctx, instance_id, existing) if dry_run else _Import(ctx, instance_id, existing)
    )
    return _results(source, form, writing)


async def _results(
    source: AsyncIterable[bytes], form: FileFormat, writing: "_Writing"
) -> AsyncGenerator[list[Line], None]:
    batch: list[_New | Line] = []
    reader = PersonReader(form)
    async for piece, last in _even(source):
        batch += await asyncio.to_thread(_parsed, reader, piece, last)
        full = len(batch) if last or reader.ended else len(batch) // LINES_AT_ONCE * LINES_AT_ONCE
        for at in range(0, full, LINES_AT_ONCE):
            yield await writing.results(batch[at : min(at + LINES_AT_ONCE, full)])
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


class _Writing(ABC):
    """What becomes of lines, some at a time: those with new persons first, then those whose persons exist."""

    def __init__(self, ctx: Context, instance_id: str, existing: ExistingPersonPolicy) -> None:
        self._ctx = ctx
        self._instance_id = instance_id
        self._existing = existing

    async def results(self, batch: Sequence[_New | Line]) -> list[Line]:
        user_ids = [line.row["user_id"] for line in batch if isinstance(line, _New)]
        known = await self._known(user_ids)
        report: dict[int, Line] = {}
        new: dict[str, _New] = {}
        repeated: list[_New] = []
        for line in batch:
            if isinstance(line, Line):
                report[line.number] = line
            elif line.row["user_id"] in known or line.row["user_id"] in new:
                repeated.append(line)
            else:
                new[line.row["user_id"]] = line
        try:
            made = await self._create(list(new.values()))
        except DuplicateResource:
            # Another command has added one of them since we looked. Nothing of the batch is written yet, and now it exists.
            return await self.results(batch)
        known |= {row["user_id"]: row for row in made}
        created = [
            Line(line.number, LineStatus.CREATED, row.get("id"), user_id=row["user_id"])
            for line, row in zip(new.values(), made, strict=True)
        ]
        for result in (*created, *await self._repeated(repeated, known)):
            report[result.number] = result
        return [report[line.number] for line in batch]

    async def _repeated(self, lines: Sequence[_New], known: dict[str, Row]) -> list[Line]:
        """The results of lines whose persons exist."""
        user_ids = [line.row["user_id"] for line in lines]
        failures: list[LauncherError | None] = [None] * len(lines)
        status = LineStatus.SKIPPED
        if self._existing is ExistingPersonPolicy.FAIL:
            failures = [*map(self._ctx.store.persons.duplicate_error, user_ids)]
        elif self._existing is ExistingPersonPolicy.UPDATE and lines:
            status = LineStatus.UPDATED
            failures = await self._update(lines, known)
        return [
            Line(line.number, status, known[user_id].get("id"), user_id=user_id)
            if failure is None
            else Line(line.number, LineStatus.FAILED, error=failure, user_id=user_id)
            for user_id, line, failure in zip(user_ids, lines, failures, strict=True)
        ]

    async def _known(self, user_ids: Sequence[str]) -> dict[str, Row]:
        """The rows of those that exist, by user id."""
        found = await self._ctx.store.persons.by_key(self._instance_id, user_ids)
        return {row["user_id"]: row for row in found}

    @abstractmethod
    async def _create(self, lines: Sequence[_New]) -> list[Row]:
        """The rows of new persons, in this order. Raises DuplicateResource."""

    @abstractmethod
    async def _update(self, lines: Sequence[_New], known: dict[str, Row]) -> list[LauncherError | None]:
        """The error of each, or None."""


class _Import(_Writing):
    """All new persons of a batch in one transaction, then all changes of existing ones in another."""

    async def _create(self, lines: Sequence[_New]) -> list[Row]:
        made = await self._ctx.store.persons.add(self._instance_id, [line.row for line in lines])
        self._ctx.synchronizer.schedule_push(self._instance_id)
        return made

    async def _update(self, lines: Sequence[_New], known: dict[str, Row]) -> list[LauncherError | None]:
        changes = [_change(known[line.row["user_id"]]["id"], line.person) for line in lines]
        return await persons.update_each(self._ctx, self._instance_id, changes)


class _DryRun(_Writing):
    """Writes nothing. Remembers whom earlier lines would create, for lines that repeat them."""

    def __init__(self, ctx: Context, instance_id: str, existing: ExistingPersonPolicy) -> None:
        super().__init__(ctx, instance_id, existing)
        self._created: set[str] = set()

    async def _known(self, user_ids: Sequence[str]) -> dict[str, Row]:
        earlier = {one: {"user_id": one, "profile": "{}"} for one in user_ids if one in self._created}
        return earlier | await super()._known(user_ids)

    async def _create(self, lines: Sequence[_New]) -> list[Row]:
        self._created.update(line.row["user_id"] for line in lines)
        return [line.row for line in lines]

    async def _update(self, lines: Sequence[_New], known: dict[str, Row]) -> list[LauncherError | None]:
        return await asyncio.to_thread(self._refusals, lines, known)

    def _refusals(self, lines: Sequence[_New], known: dict[str, Row]) -> list[LauncherError | None]:
        """A person that several lines of the file make too long is only refused if they are in one batch."""
        rows = dict(known)
        failures: list[LauncherError | None] = []
        for line in lines:
            row = rows[line.row["user_id"]]
            try:
                rows[line.row["user_id"]] = row | persons.changed(row, _change("", line.person))
                failures.append(None)
            except LauncherError as error:
                failures.append(error)
        return failures


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
