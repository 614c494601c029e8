"""Export and import of persons as files. Neither is ever held in memory as a whole."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import ExitStack
from typing import IO, Annotated

import msgspec
from msgspec import UNSET, UnsetType

from mailauncher.errors import Code, InvalidParameter, Text
from resolvers import person_files
from resolvers.context import Context
from resolvers.person_files import ExistingPersonPolicy, ImportCounts, Line, LineStatus
from resolvers.person_reader import FileFormat
from rest.field_docs import about
from rest.operation import Call, Operation, Parameter
from rest.responses import JSON, NO_STORE, StreamedResponse
from rest.values import Message, Success

GROUP = "persons"
MEDIA = {FileFormat.JSONL: "application/jsonl", FileFormat.CSV: "text/csv"}
SPOOLED_BYTES = 1 << 20
"""Maximum size of a report in memory; a larger one goes to a temporary file."""
PIECE_BYTES = 256 << 10
_encoder = msgspec.json.Encoder()


class ReportLine(msgspec.Struct):
    """The result of one line."""

    line: Annotated[
        int, about("行号，从 1 开始。", "Line number, from 1; for a CSV record of several lines the first.")
    ]
    status: Annotated[LineStatus, about("结果。", "Result.")]
    person_id: Annotated[
        str | UnsetType, about("用户信息的 ID，失败时没有。", "Id of the person, unless the line failed.")
    ] = UNSET
    code: Annotated[Code | UnsetType, about("失败时的错误代码。", "Error code, if the line failed.")] = UNSET
    field: Annotated[
        str | UnsetType,
        about("失败时出错的字段。", "Invalid field, if the line failed because of a single one."),
    ] = UNSET
    message: Annotated[str | UnsetType, about("失败的原因。", "Cause of the failure.")] = UNSET
    user_id: Annotated[
        str | UnsetType, about("用户 ID，无法读取时没有。", "User id, unless it could not be read.")
    ] = UNSET


class Imported(msgspec.Struct):
    """The file was processed; each line has its own result."""

    success: Success
    message: Message
    created: Annotated[int, about("新增的行数。", "Lines that created a person.")]
    updated: Annotated[int, about("更新的行数。", "Lines that updated a person.")]
    skipped: Annotated[int, about("跳过的行数。", "Lines skipped because the person exists.")]
    failed: Annotated[int, about("失败的行数。", "Lines that failed.")]
    lines: Annotated[list[ReportLine], about("每一行的结果。", "Result of each line, in order.")]


async def _export(ctx: Context, call: Call) -> StreamedResponse:
    form = FileFormat(_choice(call, "format", list(FileFormat)))
    pieces = await person_files.export(ctx, call.path["id"], form)
    name = b'attachment; filename="persons.%b"' % form.encode()
    charset = "; charset=utf-8" if form is FileFormat.CSV else ""  # JSON is UTF-8 anyway
    headers = (
        (b"content-type", f"{MEDIA[form]}{charset}".encode()),
        (b"content-disposition", name),
        NO_STORE,
    )
    return StreamedResponse(pieces, headers)


async def _import(ctx: Context, call: Call) -> StreamedResponse:
    form = FileFormat(_choice(call, "format", list(FileFormat)))
    existing = ExistingPersonPolicy(_choice(call, "existing", list(ExistingPersonPolicy)))
    dry_run = _choice(call, "dry_run", ["false", "true"]) == "true"
    tally = ImportCounts()
    with ExitStack() as stack:
        # Beside the persons, for which there has to be room anyway: a report that cannot be kept would hide what was imported.
        report: IO[bytes] = stack.enter_context(
            tempfile.SpooledTemporaryFile(SPOOLED_BYTES, dir=str(ctx.settings.data_folder))
        )
        found = await person_files.load(ctx, call.path["id"], call.body, form, existing, dry_run=dry_run)
        async for lines in found:
            tally.count(lines)
            text = b"".join(b"," + _encoder.encode(_reported(line, call.language)) for line in lines)
            await asyncio.to_thread(report.write, text)
        await asyncio.to_thread(report.seek, 1)  # behind the first comma
        stack.pop_all()
    head = Imported(
        success=True,
        message=tally.message.in_language(call.language),
        created=tally.created,
        updated=tally.updated,
        skipped=tally.skipped,
        failed=tally.failed,
        lines=[],
    )
    return StreamedResponse(_report(_encoder.encode(head).removesuffix(b"]}"), report), (JSON, NO_STORE))


async def _report(head: bytes, report: IO[bytes]) -> AsyncGenerator[bytes, None]:
    with report:
        yield head
        while piece := await asyncio.to_thread(report.read, PIECE_BYTES):
            yield piece
        yield b"]}"


def _reported(line: Line, language: str) -> ReportLine:
    error = line.error
    if error is None:
        return ReportLine(line.number, line.status, line.person_id or UNSET, user_id=line.user_id or UNSET)
    return ReportLine(
        line.number,
        line.status,
        code=error.code,
        field=error.field or UNSET,
        message=error.text.in_language(language),
        user_id=line.user_id or UNSET,
    )


def _choice(call: Call, name: str, values: list[str]) -> str:
    """The value of a query parameter; by default the first allowed one. Raises InvalidParameter."""
    given = call.query(name) or values[:1]
    if len(given) > 1 or given[0] not in values:
        allowed = ", ".join(values)
        raise InvalidParameter(f"{name} 应为 {allowed} 之一", f"{name} must be one of {allowed}", field=name)
    return given[0]


_FORMAT = Parameter(
    "format", Text("文件格式，默认 jsonl", "File format, jsonl by default"), tuple(FileFormat)
)
OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/resource/{id}/persons/export",
        group=GROUP,
        text=Text("导出用户信息", "Export persons"),
        details=Text(
            "jsonl：每行一个 JSON 对象；csv：首行为列名，profile 为 JSON。最早的在前。",
            "jsonl: one JSON object per line; csv: a header line with the column names, `profile` as JSON. Oldest first.",
        ),
        handler=_export,
        query=(_FORMAT,),
        codes=(Code.INSTANCE_NOT_FOUND, Code.INVALID_PARAMETER, Code.DATABASE_ERROR),
        media=tuple(MEDIA.values()),
    ),
    Operation(
        method="POST",
        path="/api/v1/resource/{id}/persons/import",
        group=GROUP,
        text=Text("导入用户信息", "Import persons"),
        details=Text(
            "逐行处理：除空行外，每一行都有结果，一行有误不影响其他行；编码须为 UTF-8。CSV 的列名有误时，其余各行不读取；"
            "引号没有闭合时，只有该行失败，从下一行继续读取。",
            "Processed line by line: every line that is not blank has a result, and an invalid one does not affect the others. "
            "The file must be UTF-8. If the header of CSV is invalid, the other lines are not read. A quotation mark that is "
            "not closed makes only its line fail; reading resumes at the next one.",
        ),
        handler=_import,
        receives="application/octet-stream",
        response=Imported,
        query=(
            _FORMAT,
            Parameter(
                "existing",
                Text(
                    "用户 ID 已存在时如何处理，默认 fail",
                    "What to do with a user id that exists already, fail by default",
                ),
                tuple(ExistingPersonPolicy),
            ),
            Parameter(
                "dry_run",
                Text(
                    "为 true 时不写入，只给出此刻导入会有的结果，默认 false",
                    "true: nothing is written, and the results are those that an import would have at the moment; false by "
                    "default",
                ),
                ("false", "true"),
            ),
        ),
        codes=(Code.INSTANCE_NOT_FOUND, Code.INVALID_PARAMETER, Code.FILE_TOO_LARGE),
        changes=True,
    ),
)
