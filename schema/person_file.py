"""Import and export of persons as text: JSON Lines or CSV of limited size. REST has routes for files of any size."""

from collections.abc import AsyncIterator
from enum import Enum
from typing import Annotated

import strawberry

from mailauncher.errors import InvalidParameter
from resolvers import person_files, validation
from resolvers.person_files import ExistingPersonPolicy, ImportCounts, Line
from resolvers.person_reader import FileFormat
from schema.context import Info
from schema.descriptions import INSTANCE_ID, MESSAGE, InstanceId

CHARACTERS_MAX = 1 << 20
LINES_MAX = 1_000
"""Each line is an object of the answer, and all of them are made in one go."""
EXPORTED_MAX = 1000


@strawberry.enum(description="File format of persons.")
class PersonFileFormat(Enum):
    JSONL = strawberry.enum_value("jsonl", description="JSON Lines: one object per person.")
    CSV = strawberry.enum_value(
        "csv", description="CSV: a header line with the column names, then one record per person."
    )


@strawberry.enum(description="What to do with a line whose user id exists already.")
class ExistingPerson(Enum):
    FAIL = strawberry.enum_value("fail", description="The line fails.")
    SKIP = strawberry.enum_value("skip", description="The line is skipped; the person stays unchanged.")
    UPDATE = strawberry.enum_value(
        "update",
        description="The person is updated; the profile is merged, empty values change nothing.",
    )


@strawberry.enum(description="Result of a line.")
class ImportStatus(Enum):
    CREATED = strawberry.enum_value("created", description="A person was created.")
    UPDATED = strawberry.enum_value("updated", description="A person was updated.")
    SKIPPED = strawberry.enum_value("skipped", description="The person exists and stays unchanged.")
    FAILED = strawberry.enum_value("failed", description="The line failed, see the error.")


@strawberry.input(description="Persons to import.")
class ImportPersonsInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    text: str = strawberry.field(
        description=f"At most {CHARACTERS_MAX:,} characters and {LINES_MAX:,} lines. JSON Lines: one object per person with `user_id` and optionally "
        "`username`, `nickname`, `avatar_url`, `profile`. CSV: a header line with these names, then one record per person, "
        "`profile` as JSON."
    )
    format: PersonFileFormat = strawberry.field(description="Format of the text.")
    existing: ExistingPerson = strawberry.field(
        default=ExistingPerson.FAIL, description="What to do with a line whose user id exists already."
    )
    dry_run: bool = strawberry.field(
        default=False,
        description="Whether nothing is written, and the results are those that an import would have at the moment.",
    )


@strawberry.type(description="Result of one line.")
class ImportedLine:
    number: int = strawberry.field(
        description="Line number, from 1; for a CSV record of several lines the first."
    )
    status: ImportStatus = strawberry.field(description="Result of the line.")
    person_id: strawberry.ID | None = strawberry.field(
        description="Id of the person. Null: the line failed, or a dry run would create the person."
    )
    code: str | None = strawberry.field(description="Error code. Null: no error.")
    field: str | None = strawberry.field(
        description="Invalid field. Null: no error, or not caused by a single field."
    )
    message: str | None = strawberry.field(description="Cause of the failure. Null: no error.")
    user_id: str | None = strawberry.field(description="User id of the line. Null: it could not be read.")


@strawberry.type(description="Result of an import.")
class ImportPersonsPayload:
    created: int = strawberry.field(description="Lines that created a person.")
    updated: int = strawberry.field(description="Lines that updated a person.")
    skipped: int = strawberry.field(description="Lines skipped because the person exists.")
    failed: int = strawberry.field(description="Lines that failed.")
    lines: list[ImportedLine] = strawberry.field(description="Result of each line, in order.")
    message: str = strawberry.field(description=MESSAGE)


@strawberry.type(description="Exported persons.")
class PersonExport:
    text: str = strawberry.field(
        description="The persons as text, oldest first. CSV begins with a header line."
    )
    end_cursor: strawberry.ID | None = strawberry.field(
        description="Pass it as `after` to continue. Null: no persons were left."
    )


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _import(
    info: Info,
    input: Annotated[ImportPersonsInput, strawberry.argument(description="The persons to import.")],
) -> ImportPersonsPayload | None:
    if len(input.text) > CHARACTERS_MAX:
        raise InvalidParameter(
            f"text 不能超过 {CHARACTERS_MAX} 个字符（更大的文件请用 REST）",
            f"text exceeds {CHARACTERS_MAX} characters (REST accepts larger files)",
            field="text",
        )
    if input.text.count("\n") > LINES_MAX:
        raise InvalidParameter(
            f"text 不能超过 {LINES_MAX} 行（更大的文件请用 REST）",
            f"text exceeds {LINES_MAX} lines (REST accepts larger files)",
            field="text",
        )
    return await info.context.complete(_imported(info, input))


async def _imported(info: Info, input: ImportPersonsInput) -> ImportPersonsPayload:
    tally, lines, language = ImportCounts(), [], info.context.language
    source = _once(input.text.encode())
    async for some in await person_files.load(
        info.context.ctx,
        input.instance_id,
        source,
        FileFormat[input.format.name],
        ExistingPersonPolicy[input.existing.name],
        dry_run=input.dry_run,
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
        user_id=line.user_id,
    )


async def _export(
    info: Info,
    instance_id: InstanceId,
    format: Annotated[PersonFileFormat, strawberry.argument(description="Format of the text.")],
    first: Annotated[
        int,
        strawberry.argument(
            description=f"Maximum number of persons, 1-{EXPORTED_MAX}. Fewer are exported if their profiles exceed "
            f"{person_files.PAGE_CHARACTERS >> 20} MiB."
        ),
    ] = EXPORTED_MAX,
    after: Annotated[
        strawberry.ID | None,
        strawberry.argument(
            description="The `endCursor` of the previous export. Null: start with the oldest."
        ),
    ] = None,
) -> PersonExport | None:
    if not 1 <= first <= EXPORTED_MAX:
        raise InvalidParameter(
            f"first 应在 1 与 {EXPORTED_MAX} 之间",
            f"first must be between 1 and {EXPORTED_MAX}",
            field="first",
        )
    found, end = await person_files.export_page(
        info.context.ctx, instance_id, FileFormat[format.name], first, validation.cursor(after) or 0
    )
    return PersonExport(text=found, end_cursor=None if end is None else strawberry.ID(str(end)))


@strawberry.type
class PersonFileQuery:
    export_persons: PersonExport | None = strawberry.field(
        resolver=_export,
        description="Exports persons of an instance as text. Null only with an error: `INSTANCE_NOT_FOUND`, "
        "`INVALID_PARAMETER`.",
    )


@strawberry.type
class PersonFileMutation:
    import_persons: ImportPersonsPayload | None = strawberry.mutation(
        resolver=_import,
        description="Imports persons from text, line by line: every line that is not blank has a result, and an invalid one "
        "does not affect the others. A quotation mark that is not closed makes only its line fail. Null only with an "
        "error: `INSTANCE_NOT_FOUND`, `INVALID_PARAMETER`.",
    )
