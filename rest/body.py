"""Parses and validates request bodies; every error is an `INVALID_PARAMETER`."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncGenerator
from typing import Any, NoReturn

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import Receive

from mailauncher import utf8
from mailauncher.errors import FileTooLarge, InvalidParameter, Text
from mailauncher.json_size import require_few_values
from mailauncher.utf8 import NotUtf8

LARGE_BYTES = 256 << 10
"""Larger bodies are parsed in a thread, so that the event loop, which serves terminals, is not blocked for milliseconds."""


def too_large(limit: int) -> FileTooLarge:
    return FileTooLarge(f"请求体超过 {limit} 字节", f"The request body exceeds {limit} bytes")


async def pieces(receive: Receive) -> AsyncGenerator[bytes, None]:
    """The body as it arrives. The guard limits its size. Raises ClientDisconnect."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


async def read(receive: Receive) -> bytes:
    """The complete body. The guard limits its size. Raises ClientDisconnect."""
    return b"".join([piece async for piece in pieces(receive)])


class AnyObject(msgspec.Struct):
    """A body with arbitrary keys."""

    values: dict[str, Any]


async def parse(body: bytes, kinds: tuple[type[msgspec.Struct], ...]) -> msgspec.Struct:
    """The body as the type of `kinds` that has most of its keys, the first of equals. Raises InvalidParameter."""
    value = await asyncio.to_thread(_json, body) if len(body) > LARGE_BYTES else _json(body)
    if not isinstance(value, dict):
        raise InvalidParameter("请求体应为 JSON 对象", "The request body must be a JSON object")
    if len(kinds) == 1 and issubclass(kinds[0], AnyObject):
        return kinds[0](value)
    kind = max(kinds, key=lambda kind: len(value.keys() & set(kind.__struct_encode_fields__)))
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        field, reason = _explained(str(error))
        raise InvalidParameter(reason.zh, reason.en, field=field) from None


def _json(body: bytes) -> Any:
    """Uses the standard library's parser, because msgspec's accepts duplicate keys."""
    if not body.strip():
        raise InvalidParameter("请求体为空", "The request body is empty")
    require_few_values(body)
    try:
        text = utf8.decode(body)
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant)
        if "\\ud" in text or "\\uD" in text:
            # A str with a lone surrogate can be neither stored nor sent.
            msgspec.json.encode(value)
    except NotUtf8 as error:
        raise InvalidParameter(f"请求体{error.text.zh}", f"The request body is {error.text.en}") from None
    except UnicodeEncodeError:
        raise InvalidParameter(
            "请求体含有不成对的代理字符", "The request body contains an unpaired surrogate"
        ) from None
    except RecursionError:
        raise InvalidParameter("请求体嵌套过深", "The request body is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise InvalidParameter(
            f"JSON 有误：第 {error.lineno} 行第 {error.colno} 列",
            f"Malformed JSON at line {error.lineno}, column {error.colno}",
        ) from None
    except ValueError:  # an integer of more digits than Python converts
        raise InvalidParameter(
            "请求体含有过大的数字", "The request body contains a number that is too large"
        ) from None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        shown = name[:64].encode("utf-8", "replace").decode()
        raise InvalidParameter(f"键 {shown} 重复", f"Duplicate key {shown}", field=shown)
    return value


def _constant(name: str) -> NoReturn:
    raise InvalidParameter(f"{name} 不是 JSON 数值", f"{name} is not a valid JSON number")


_MISSING = re.compile(r"Object missing required field `(.+)`")
_TYPE = re.compile(r"Expected `(.+)`, got `(.+)`")


def _explained(problem: str) -> tuple[str | None, Text]:
    """The field of a msgspec error, and its message in both languages."""
    reason, _, place = problem.partition(" - at `")
    place = place.rstrip("`").removeprefix("$").removeprefix(".")
    if missing := _MISSING.fullmatch(reason):
        field = f"{place}.{missing[1]}" if place else missing[1]
        return field, Text(f"缺少字段 {field}", f"Missing field {field}")
    field = place or None
    if wrong := _TYPE.fullmatch(reason):
        expected, got = wrong.groups()
        return field, Text(
            f"字段 {field} 应为 {expected}，而不是 {got}", f"Field {field} must be {expected}, not {got}"
        )
    return field, Text(f"字段 {field} 无效：{reason}", f"Field {field} is invalid: {reason}")
