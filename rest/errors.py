"""The one body of every failure, and what a status without a code of ours means."""

from typing import Annotated

import msgspec
from msgspec import UNSET, UnsetType

from mailauncher.errors import VERDICTS, Code, LauncherError, Text
from rest.answers import JSON, NO_STORE, Answer, encoded
from rest.wording import about

INTERNAL = Text("内部服务器错误，详见日志", "Internal server error; the log says more")
NO_ROUTE = Text("没有这个地址", "There is no such address")


class ErrorDetail(msgspec.Struct, kw_only=True):
    """What went wrong."""

    code: Annotated[Code, about("错误代码，从不随语言变化。", "The code; it never changes with language.")]
    message: Annotated[str, about("给人看的说明。", "A sentence for people, in the caller's language.")]
    field: Annotated[str | UnsetType, about("出错的输入字段。", "The input field at fault, if one is.")] = (
        UNSET
    )


class ErrorBody(msgspec.Struct, kw_only=True):
    """Every failure of every route. `message` and `detail` repeat `error.message`."""

    success: Annotated[bool, about("总是 false。", "Always false.", const=False)]
    error: Annotated[ErrorDetail, about("出了什么错。", "What went wrong.")]
    message: Annotated[str, about("同 error.message。", "The same as `error.message`.")]
    detail: Annotated[str, about("同 error.message。", "The same as `error.message`.")]


def body(code: Code, text: Text, language: str, field: str | None = None) -> ErrorBody:
    message = text.in_language(language)
    detail = ErrorDetail(code=code, message=message, field=UNSET if field is None else field)
    return ErrorBody(success=False, error=detail, message=message, detail=message)


def answer(error: LauncherError, language: str) -> Answer:
    """The answer for an error of ours."""
    return encoded(body(error.code, error.text, language, error.field), error.verdict.http)


def internal(language: str) -> Answer:
    """The answer for what nobody foresaw: it says nothing but that."""
    return encoded(body(Code.INTERNAL_ERROR, INTERNAL, language), 500)


def not_allowed(method: str, allow: bytes, language: str) -> Answer:
    """405, with the methods that there are."""
    text = Text(f"此地址不支持 {method} 方法", f"This address does not take {method}")
    content = encoded(body(Code.INVALID_PARAMETER, text, language))
    return Answer(content.body, (JSON, NO_STORE, (b"allow", allow)), 405)


def foreign(status: int, reason: str, language: str) -> Answer:
    """The answer in place of one that a library gave: its status kept where the code's own is another only for 405.

    `reason` is what it said, shown to the caller of a request that was wrong, never for a failure of ours.
    """
    if status >= 500:
        code = Code.SERVICE_UNAVAILABLE if status == 503 else Code.INTERNAL_ERROR
        text = Text("服务暂时不可用", "The service is not available now") if status == 503 else INTERNAL
    else:
        code = _CODES.get(status, Code.INVALID_PARAMETER)
        text = _text(status, reason)
    return encoded(body(code, text, language), 405 if status == 405 else VERDICTS[code].http)


_CODES = {
    401: Code.PERMISSION_DENIED,
    403: Code.PERMISSION_DENIED,
    404: Code.RESOURCE_NOT_FOUND,
    413: Code.FILE_TOO_LARGE,
}


def _text(status: int, reason: str) -> Text:
    if status == 404:
        return NO_ROUTE
    if status in (401, 403):
        return Text("拒绝访问", "Access refused")
    return Text(f"请求无效：{reason}" if reason else "请求无效", reason or "Invalid request")
