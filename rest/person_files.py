"""Persons as files: download all of them, upload many. Neither is ever whole in memory."""

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
from resolvers.person_files import Existing, Form, Line, Status, Tally
from rest.answers import JSON, NO_STORE, Stream
from rest.operation import Call, Operation, Parameter
from rest.wording import about

GROUP = "persons"
MEDIA = {Form.JSONL: b"application/jsonl", Form.CSV: b"text/csv; charset=utf-8"}
SPOOLED_BYTES = 1 << 20
"""Of a report that stays in memory; more goes to a temporary file."""
PIECE_BYTES = 256 << 10
_encoder = msgspec.json.Encoder()


class ReportLine(msgspec.Struct):
    """What became of one line."""

    line: Annotated[
        int, about("行号，从 1 开始。", "The line, from 1 on; of several lines of CSV the first.")
    ]
    status: Annotated[Status, about("结果。", "What became of it.")]
    person_id: Annotated[
        str | UnsetType, about("用户信息的 ID，失败时没有。", "The person's id, unless it failed.")
    ] = UNSET
    code: Annotated[Code | UnsetType, about("失败时的错误代码。", "The error's code, if it failed.")] = UNSET
    field: Annotated[str | UnsetType, about("失败时出错的字段。", "The value at fault, if one is.")] = UNSET
    message: Annotated[str | UnsetType, about("失败的原因。", "Why it failed.")] = UNSET


class Imported(msgspec.Struct):
    """The file was read; each line has its own end."""

    success: Annotated[bool, about("总是 true。", "Always true.", const=True)]
    message: Annotated[str, about("给人看的说明。", "A sentence for people.")]
    created: Annotated[int, about("新增的行数。", "Lines that became new persons.")]
    updated: Annotated[int, about("更新的行数。", "Lines that changed persons.")]
    skipped: Annotated[int, about("跳过的行数。", "Lines whose persons were there already, and stay.")]
    failed: Annotated[int, about("失败的行数。", "Lines that came to nothing.")]
    lines: Annotated[list[ReportLine], about("每一行的结果。", "What became of each line, in their order.")]


async def _export(ctx: Context, call: Call) -> Stream:
    form = Form(_choice(call, "format", list(Form)))
    pieces = await person_files.export(ctx, call.path["id"], form)
    name = b'attachment; filename="persons.%b"' % form.encode()
    headers = ((b"content-type", MEDIA[form]), (b"content-disposition", name), NO_STORE)
    return Stream(pieces, headers)


async def _import(ctx: Context, call: Call) -> Stream:
    form = Form(_choice(call, "format", list(Form)))
    existing = Existing(_choice(call, "existing", list(Existing)))
    tally = Tally()
    with ExitStack() as stack:
        report: IO[bytes] = stack.enter_context(tempfile.SpooledTemporaryFile(SPOOLED_BYTES))
        async for lines in await person_files.load(ctx, call.path["id"], call.body, form, existing):
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
    return Stream(_report(_encoder.encode(head).removesuffix(b"]}"), report), (JSON, NO_STORE))


async def _report(head: bytes, report: IO[bytes]) -> AsyncGenerator[bytes, None]:
    with report:
        yield head
        while piece := await asyncio.to_thread(report.read, PIECE_BYTES):
            yield piece
        yield b"]}"


def _reported(line: Line, language: str) -> ReportLine:
    error = line.error
    if error is None:
        return ReportLine(line.number, line.status, line.person_id or UNSET)
    return ReportLine(
        line.number,
        line.status,
        code=error.code,
        field=error.field or UNSET,
        message=error.text.in_language(language),
    )


def _choice(call: Call, name: str, values: list[str]) -> str:
    """The value of a parameter, the first of those that it may have when it is not given. Raises InvalidParameter."""
    given = call.query(name) or values[:1]
    if len(given) > 1 or given[0] not in values:
        wished = ", ".join(values)
        raise InvalidParameter(f"{name} 应为 {wished} 之一", f"{name} must be one of {wished}", field=name)
    return given[0]


_FORMAT = Parameter("format", Text("文件格式，默认 jsonl", "Form of the file, jsonl by default"), tuple(Form))
OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/resource/{id}/persons/export",
        group=GROUP,
        text=Text("导出用户信息", "Download all persons"),
        details=Text(
            "jsonl：每行一个 JSON 对象；csv：首行为列名，profile 为 JSON。最早的在前。",
            "jsonl: an object on each line; csv: the first line names the columns, and `profile` is JSON. The oldest first.",
        ),
        handler=_export,
        query=(_FORMAT,),
        codes=(Code.INSTANCE_NOT_FOUND, Code.INVALID_PARAMETER, Code.DATABASE_ERROR),
        media="application/jsonl",
    ),
    Operation(
        method="POST",
        path="/api/v1/resource/{id}/persons/import",
        group=GROUP,
        text=Text("导入用户信息", "Upload persons"),
        details=Text(
            "逐行处理，一行有误不影响其他行；编码须为 UTF-8。",
            "Line by line: what is wrong with one ends nothing. The file must be UTF-8.",
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
                    "What is done with a user id that is there already, fail by default",
                ),
                tuple(Existing),
            ),
        ),
        codes=(Code.INSTANCE_NOT_FOUND, Code.INVALID_PARAMETER, Code.FILE_TOO_LARGE),
        changes=True,
    ),
)
