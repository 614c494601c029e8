"""From the bytes of a request body to a checked struct: every way to get it wrong is an `INVALID_PARAMETER`."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any, NoReturn

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from mailauncher.errors import FileTooLarge, InvalidParameter, Text

LARGE_BYTES = 256 << 10
"""Bodies above this are parsed in a thread: a loop that serves terminals does not wait milliseconds for JSON."""


def too_large(limit: int) -> FileTooLarge:
    return FileTooLarge(f"请求体超过 {limit} 字节", f"The request body is over {limit} bytes")


async def pieces(receive: Receive) -> AsyncGenerator[bytes, None]:
    """The body as it comes. The guard bounds it. Raises ClientDisconnect."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


async def read(receive: Receive) -> bytes:
    """The whole body. The guard bounds it. Raises ClientDisconnect."""
    return b"".join([piece async for piece in pieces(receive)])


class Whole(msgspec.Struct):
    """A body that is any object: its keys are the caller's own."""

    values: dict[str, Any]


async def parse(body: bytes, kinds: tuple[type[msgspec.Struct], ...]) -> msgspec.Struct:
    """The body as the one of `kinds` that has most of its keys, the first when they are equal. Raises InvalidParameter."""
    value = await asyncio.to_thread(_json, body) if len(body) > LARGE_BYTES else _json(body)
    if not isinstance(value, dict):
        raise InvalidParameter("请求体应为 JSON 对象", "The request body must be a JSON object")
    if len(kinds) == 1 and issubclass(kinds[0], Whole):
        return kinds[0](value)
    kind = max(kinds, key=lambda kind: len(value.keys() & set(kind.__struct_encode_fields__)))
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        field, reason = _explained(str(error))
        raise InvalidParameter(reason.zh, reason.en, field=field) from None


def _json(body: bytes) -> Any:
    """The standard library's parser, because msgspec's lets the last of two equal keys win."""
    if not body.strip():
        raise InvalidParameter("请求体为空", "The request body is empty")
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
        if "\\ud" in text or "\\uD" in text:
            # Half of a surrogate pair is a str that nothing can store or send.
            msgspec.json.encode(value)
    except UnicodeDecodeError:
        raise InvalidParameter("请求体不是 UTF-8", "The request body is not UTF-8") from None
    except UnicodeEncodeError:
        raise InvalidParameter(
            "请求体含有不成对的代理字符", "The request body has half a surrogate pair"
        ) from None
    except RecursionError:
        raise InvalidParameter("请求体嵌套过深", "The request body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise InvalidParameter(
            f"JSON 有误：第 {error.lineno} 行第 {error.colno} 列",
            f"Malformed JSON at line {error.lineno}, column {error.colno}",
        ) from None
    except ValueError:  # an integer of more digits than Python converts
        raise InvalidParameter("数字过大", "A number is too large") from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        shown = name[:64].encode("utf-8", "replace").decode()
        raise InvalidParameter(f"键 {shown} 重复", f"The key {shown} appears twice", field=shown)
    return value


def _constant(name: str) -> NoReturn:
    raise InvalidParameter(f"{name} 不是 JSON 数值", f"{name} is not a number in JSON")


_MISSING = re.compile(r"Object missing required field `(.+)`")
_TYPE = re.compile(r"Expected `(.+)`, got `(.+)`")


def _explained(problem: str) -> tuple[str | None, Text]:
    """The field that msgspec complains about, and the complaint in both languages."""
    reason, _, place = problem.partition(" - at `")
    place = place.rstrip("`").removeprefix("$").removeprefix(".")
    if missing := _MISSING.fullmatch(reason):
        field = f"{place}.{missing[1]}" if place else missing[1]
        return field, Text(f"缺少字段 {field}", f"The field {field} is missing")
    field = place or None
    if wrong := _TYPE.fullmatch(reason):
        expected, got = wrong.groups()
        return field, Text(
            f"字段 {field} 应为 {expected}，而不是 {got}", f"The field {field} must be {expected}, not {got}"
        )
    return field, Text(f"字段 {field} 无效：{reason}", f"The field {field} is invalid: {reason}")
