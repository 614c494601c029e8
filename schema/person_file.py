"""Persons as text: JSON Lines or CSV, small enough for one answer. REST has routes for files of any length."""

from collections.abc import AsyncIterator
from enum import Enum
from typing import Annotated

import strawberry

from mailauncher.errors import InvalidParameter
from resolvers import person_files, texts
from resolvers.person_files import Existing, Form, Line, Tally
from schema.context import Info
from schema.instance_commands import MESSAGE

CHARACTERS = 1 << 20
EXPORTED = 1000


@strawberry.enum(description="How persons are written into a file.")
class PersonFileFormat(Enum):
    JSONL = strawberry.enum_value("jsonl", description="JSON Lines: an object for each person.")
    CSV = strawberry.enum_value(
        "csv", description="A line with the names of the columns, then one for each person."
    )


@strawberry.enum(description="What is done with a line whose user id is there already.")
class ExistingPerson(Enum):
    FAIL = strawberry.enum_value("fail", description="It comes to nothing.")
    SKIP = strawberry.enum_value("skip", description="It is left out; the person stays.")
    UPDATE = strawberry.enum_value(
        "update",
        description="The person gets what it says; the profile is merged, empty values change nothing.",
    )


@strawberry.enum(description="What became of a line.")
class ImportStatus(Enum):
    CREATED = strawberry.enum_value("created", description="A new person.")
    UPDATED = strawberry.enum_value("updated", description="A person was changed.")
    SKIPPED = strawberry.enum_value("skipped", description="The person was there already, and stays.")
    FAILED = strawberry.enum_value("failed", description="Nothing; the error says why.")


@strawberry.input(description="Persons as text.")
class ImportPersonsInput:
    instance_id: strawberry.ID = strawberry.field(description="The instance that knows them.")
    text: str = strawberry.field(
        description="At most 1,048,576 characters. JSON Lines: an object for each person with `user_id`, and `username`, `nickname`, "
        "`avatar_url`, `profile` where known. CSV: a line with these names, then a line for each person, `profile` as JSON."
    )
    format: PersonFileFormat = strawberry.field(description="How it is written.")
    existing: ExistingPerson = strawberry.field(
        default=ExistingPerson.FAIL, description="What is done with a line whose user id is there already."
    )


@strawberry.type(description="What became of one line.")
class ImportedLine:
    number: int = strawberry.field(description="The line, from 1 on; of several lines of CSV the first.")
    status: ImportStatus = strawberry.field(description="What became of it.")
    person_id: strawberry.ID | None = strawberry.field(description="The person. Null: it failed.")
    code: str | None = strawberry.field(description="The error's code. Null: it did not fail.")
    field: str | None = strawberry.field(description="The value at fault. Null: none by itself is.")
    message: str | None = strawberry.field(description="Why it failed. Null: it did not.")


@strawberry.type(description="What became of imported persons.")
class ImportPersonsPayload:
    created: int = strawberry.field(description="Lines that became new persons.")
    updated: int = strawberry.field(description="Lines that changed persons.")
    skipped: int = strawberry.field(description="Lines whose persons were there already, and stay.")
    failed: int = strawberry.field(description="Lines that came to nothing.")
    lines: list[ImportedLine] = strawberry.field(description="What became of each line, in their order.")
    message: str = strawberry.field(description=MESSAGE)


@strawberry.type(description="Persons as text.")
class PersonExport:
    text: str = strawberry.field(
        description="The persons, the oldest first. CSV begins with the names of its columns."
    )
    end_cursor: strawberry.ID | None = strawberry.field(
        description="Give it as `after` to get what follows. Null: there was nothing left."
    )


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _import(
    info: Info, input: Annotated[ImportPersonsInput, strawberry.argument(description="The persons.")]
) -> ImportPersonsPayload | None:
    if len(input.text) > CHARACTERS:
        raise InvalidParameter(
            f"text 不能超过 {CHARACTERS} 个字符（更大的文件请用 REST）",
            f"text may have at most {CHARACTERS} characters (REST takes larger files)",
            field="text",
        )
    return await info.context.carry_out(_imported(info, input))


async def _imported(info: Info, input: ImportPersonsInput) -> ImportPersonsPayload:
    tally, lines, language = Tally(), [], info.context.language
    source = _once(input.text.encode())
    async for some in await person_files.load(
        info.context.ctx, input.instance_id, source, Form[input.format.name], Existing[input.existing.name]
    ):
        tally.count(some)
        lines += [_shown(line, language) for line in some]
    return ImportPersonsPayload(
        created=tally.created,
        updated=tally.updated,
        skipped=tally.skipped,
        failed=tally.failed,
        lines=lines,
        message=tally.message.in_language(language),
    )


def _shown(line: Line, language: str) -> ImportedLine:
    error = line.error
    return ImportedLine(
        number=line.number,
        status=ImportStatus(line.status.value),
        person_id=None if line.person_id is None else strawberry.ID(line.person_id),
        code=error.code.value if error else None,
        field=error.field if error else None,
        message=error.text.in_language(language) if error else None,
    )


async def _export(
    info: Info,
    instance_id: Annotated[strawberry.ID, strawberry.argument(description="The instance that knows them.")],
    format: Annotated[PersonFileFormat, strawberry.argument(description="How they are written.")],
    first: Annotated[int, strawberry.argument(description="How many persons at most, 1-1000.")] = EXPORTED,
    after: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="The `endCursor` of what came before. Null: from the oldest."),
    ] = None,
) -> PersonExport | None:
    if not 1 <= first <= EXPORTED:
        raise InvalidParameter(
            f"first 应在 1 与 {EXPORTED} 之间", f"first must be between 1 and {EXPORTED}", field="first"
        )
    found, end = await person_files.part(
        info.context.ctx, instance_id, Form[format.name], first, texts.cursor(after) or 0
    )
    return PersonExport(text=found, end_cursor=None if end is None else strawberry.ID(str(end)))


@strawberry.type
class PersonFileQuery:
    export_persons: PersonExport | None = strawberry.field(
        resolver=_export,
        description="Persons of an instance as text. Null only together with an error: `INSTANCE_NOT_FOUND`, "
        "`INVALID_PARAMETER`.",
    )


@strawberry.type
class PersonFileMutation:
    import_persons: ImportPersonsPayload | None = strawberry.mutation(
        resolver=_import,
        description="Makes persons of text, line by line: what is wrong with one ends nothing. Null only together with an "
        "error: `INSTANCE_NOT_FOUND`, `INVALID_PARAMETER`.",
    )
