"""The bytes of files in an instance's folder: download, whole or in part, and upload. Lists and other commands are GraphQL's."""

from typing import Annotated
from urllib.parse import quote

import msgspec

from bots.browsing.view import FileView
from mailauncher.errors import Code, InvalidParameter, Text
from resolvers import files
from resolvers.context import Context
from rest import errors
from rest.field_docs import about
from rest.file_response import FileResponse, part_of
from rest.operation import HEADERS, Call, Operation, Parameter
from rest.responses import NO_STORE, Response
from rest.static_images import SANDBOXED
from rest.values import Message, Success, UpdatedAt, timestamp

MEDIA = "application/octet-stream"
UPLOADED = Text("文件已上传", "The file was uploaded")
EXISTING = ("fail", "replace")


class UploadedFile(msgspec.Struct):
    """A file that was uploaded."""

    name: Annotated[str, about("文件名。", "Name of the file.")]
    path: Annotated[str, about("在实例文件夹内的路径。", "Path in the instance's folder.")]
    size: Annotated[int, about("大小（字节）。", "Size in bytes.")]
    modified_at: UpdatedAt


class Uploaded(msgspec.Struct):
    """The file is in its place, whole."""

    success: Success
    message: Message
    file: Annotated[UploadedFile, about("上传的文件。", "The uploaded file.")]


async def _download(ctx: Context, call: Call) -> FileResponse | Response:
    found = await files.download(ctx, call.path["id"], _single(call, "path") or "")
    etag = f'"{found.etag}"'.encode()
    part = part_of(found.size, etag, call.scope[HEADERS])
    if part is not None and not part[1]:
        found.file.close()
        return errors.range_not_satisfiable(found.size, call.language)
    begin, length = part or (0, found.size)
    headers = [
        (b"content-type", MEDIA.encode()),
        (b"content-length", b"%d" % length),
        (b"content-disposition", _attachment(found.name)),
        (b"accept-ranges", b"bytes"),
        (b"etag", etag),
        NO_STORE,
        SANDBOXED,
    ]
    if part is not None:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (begin, begin + length - 1, found.size)))
    pieces = files.pieces(found, begin, length)
    return FileResponse(pieces, tuple(headers), 200 if part is None else 206, etag, found.file.close)


async def _upload(ctx: Context, call: Call) -> Uploaded:
    existing = _single(call, "existing") or EXISTING[0]
    if existing not in EXISTING:
        raise InvalidParameter(
            "existing 应为 fail 或 replace", "existing must be fail or replace", field="existing"
        )
    made = await files.upload(
        ctx, call.path["id"], _single(call, "path") or "", call.body, replace=existing == "replace"
    )
    return Uploaded(True, UPLOADED.in_language(call.language), _described(made))


def _described(made: FileView) -> UploadedFile:
    return UploadedFile(made.name, made.path, made.size, timestamp(made.modified_at))


def _single(call: Call, name: str) -> str | None:
    values = call.query(name)
    if len(values) > 1:
        raise InvalidParameter(f"{name} 只能给出一次", f"{name} may be given only once", field=name)
    return values[0] if values else None


def _attachment(name: str) -> bytes:
    """RFC 6266: the name in UTF-8, and for old clients in ASCII. What is not UTF-8 in it is U+FFFD."""
    shown = name.encode("utf-8", "replace").decode()
    plain = "".join(sign if " " <= sign <= "~" and sign not in '"\\%' else "_" for sign in shown)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(shown, safe='')}".encode("ascii")


_PATH = Parameter(
    "path",
    Text(
        "在实例文件夹内的路径，如 logs/app.log；不是 UTF-8 的字节写成 \\xNN，反斜杠写两个",
        "Path in the instance's folder, such as logs/app.log; a byte that is not UTF-8 is `\\xNN`, and a backslash is doubled",
    ),
)
_CODES = (
    Code.INSTANCE_NOT_FOUND,
    Code.RESOURCE_NOT_FOUND,
    Code.INVALID_PARAMETER,
    Code.INVALID_PATH,
    Code.SERVICE_UNAVAILABLE,
)
OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/files/{id}/content",
        group="files",
        text=Text("下载实例文件夹中的文件", "Download a file of an instance's folder"),
        details=Text(
            "支持 Range（单个范围，应答 206；超出文件末尾为 416）与 If-Range，可断点续传。指向文件夹之外的链接、设备和管道不会打开。",
            "`Range` (a single one, answered with 206, or 416 behind the end) and `If-Range` are supported, so that a download can be resumed. Links that lead out of the folder, "
            "devices and pipes are not opened.",
        ),
        handler=_download,
        query=(_PATH,),
        codes=_CODES,
        media=(MEDIA,),
    ),
    Operation(
        method="PUT",
        path="/api/v1/files/{id}/content",
        group="files",
        text=Text("上传文件到实例文件夹", "Upload a file into an instance's folder"),
        details=Text(
            "请求体就是文件内容，最大为设置 max_upload_bytes。要么整个文件到位，要么什么都不留下；所在的文件夹必须存在。",
            "The body is the content, of at most the setting `max_upload_bytes`. The file is there whole, or nothing of it is; the folder "
            "that it is to be in exists.",
        ),
        handler=_upload,
        receives=MEDIA,
        uploads=True,
        response=Uploaded,
        query=(
            _PATH,
            Parameter(
                "existing",
                Text(
                    "同名文件已存在时如何处理，默认 fail",
                    "What to do with a file that exists already, fail by default",
                ),
                EXISTING,
            ),
        ),
        codes=(*_CODES, Code.DUPLICATE_RESOURCE, Code.CONFLICT, Code.FILE_TOO_LARGE, Code.INSUFFICIENT_SPACE),
        changes=True,
    ),
)
