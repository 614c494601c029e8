"""The body of every failure, and the codes for HTTP statuses that a library chose."""

import random
from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from mailauncher.errors import ERROR_INFO, UNEXPECTED, Code, LauncherError, Text
from rest.field_docs import about
from rest.responses import JSON, NO_STORE, Response, json_response

UNKNOWN_ROUTE = Text("没有这个地址", "Unknown route")
RETRY_AFTER_S = 3
"""A client that gets 503 is asked to wait for 1 to so many seconds, at random, so that not all come back at once."""


class ErrorDetail(msgspec.Struct, kw_only=True):
    """An error."""

    code: Annotated[Code, about("错误代码，从不随语言变化。", "Error code, the same in every language.")]
    message: Annotated[
        str, about("给人看的说明。", "Message for people, in the language of `Accept-Language`.")
    ]
    field: Annotated[
        str | UnsetType, about("出错的输入字段。", "The invalid input field, if it is a single one.")
    ] = UNSET


class ErrorBody(msgspec.Struct, kw_only=True):
    """The body of every failure, on every route. `message` and `detail` repeat `error.message`."""

    success: Annotated[bool, about("总是 false。", "Always false.", const=False)]
    error: Annotated[ErrorDetail, about("错误。", "The error.")]
    message: Annotated[str, about("同 error.message。", "Same as `error.message`.")]
    detail: Annotated[str, about("同 error.message。", "Same as `error.message`.")]


def body(code: Code, text: Text, language: str, field: str | None = None) -> ErrorBody:
    message = text.in_language(language)
    detail = ErrorDetail(code=code, message=message, field=UNSET if field is None else field)
    return ErrorBody(success=False, error=detail, message=message, detail=message)


def response(error: LauncherError, language: str) -> Response:
    """The response to a request that raised a LauncherError."""
    return _failed(body(error.code, error.text, language, error.field), error.info.http)


def internal(language: str) -> Response:
    """The response to a request that raised anything else; it reveals nothing about the cause."""
    return json_response(body(Code.INTERNAL_ERROR, UNEXPECTED, language), 500)


def method_not_allowed(method: str, allow: bytes, language: str) -> Response:
    """405, with the allowed methods."""
    text = Text(f"此地址不支持 {method} 方法", f"Method {method} is not allowed on this route")
    content = json_response(body(Code.INVALID_PARAMETER, text, language))
    return Response(content.body, (JSON, NO_STORE, (b"allow", allow)), 405)


def range_not_satisfiable(size: int, language: str) -> Response:
    """416, with the size that there is."""
    text = Text(
        f"文件只有 {size} 字节，没有所请求的部分", f"The file has {size} bytes, and not the requested part"
    )
    content = json_response(body(Code.INVALID_PARAMETER, text, language, "Range"))
    return Response(content.body, (JSON, NO_STORE, (b"content-range", b"bytes */%d" % size)), 416)


def for_status(status: int, reason: str, language: str) -> Response:
    """The response that replaces one in a library's own format. It has the HTTP status of the code, except for 405.

    `reason` is the library's text; only callers of an invalid request see it, never those of an internal failure.
    """
    if status >= 500:
        code = Code.SERVICE_UNAVAILABLE if status == 503 else Code.INTERNAL_ERROR
        text = Text("服务暂时不可用", "Service temporarily unavailable") if status == 503 else UNEXPECTED
    else:
        code = _CODES.get(status, Code.INVALID_PARAMETER)
        text = _text(status, reason)
    return _failed(body(code, text, language), 405 if status == 405 else ERROR_INFO[code].http)


def _failed(content: ErrorBody, status: int) -> Response:
    failed = json_response(content, status)
    if status != 503:
        return failed
    wait = b"%d" % random.randint(1, RETRY_AFTER_S)  # noqa: S311 - no secret
    return Response(failed.body, (*failed.headers, (b"retry-after", wait)), status)


_CODES = {
    401: Code.PERMISSION_DENIED,
    403: Code.PERMISSION_DENIED,
    404: Code.RESOURCE_NOT_FOUND,
    413: Code.FILE_TOO_LARGE,
}


def _text(status: int, reason: str) -> Text:
    if status == 404:
        return UNKNOWN_ROUTE
    if status in (401, 403):
        return Text("拒绝访问", "Access denied")
    return Text(f"请求无效：{reason}" if reason else "请求无效", reason or "Invalid request")
