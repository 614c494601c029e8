"""JSON files. Changed values are written with the indentation and spacing of the text; everything else stays."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from bots.documents import values
from bots.documents.container import Rewriter
from bots.documents.errors import syntax_error, unsafe_edit
from bots.documents.json_language import Json
from bots.documents.room import Room, require_room
from bots.documents.scanner import Scanner, line_end
from bots.documents.values import Path, is_same, require_shallow
from mailauncher.errors import InvalidParameter
from mailauncher.interruption import Check, proceed
from mailauncher.json_size import require_few_values


def read(text: str) -> dict[str, Any]:
    """The object in the text; an empty text is an empty object. Raises DocumentSyntaxError, InvalidParameter."""
    if not text.strip():
        return {}
    require_few_values(text.encode(errors="replace"))
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise InvalidParameter(
            f"嵌套超过 {values.DEPTH} 层", f"Nested deeper than {values.DEPTH} levels"
        ) from None
    except json.JSONDecodeError as error:
        raise syntax_error(text, error.lineno, error.colno, error.msg) from None
    except ValueError as error:  # a constant outside the JSON standard, or a number with too many digits
        raise syntax_error(text, 1, 1, str(error)) from None
    if not isinstance(document, dict):
        raise InvalidParameter("JSON 的最外层应为对象", "The JSON text must be an object")
    require_shallow(document)
    _require_encodable(document)
    return document


def merge(text: str, patch: Mapping[str, Any], check: Check = proceed) -> str:
    """The text with `patch` merged as in RFC 7396 (see `values.merged`). Returns the same text if nothing changes. Raises
    InvalidParameter, FileTooLarge."""
    old = read(text)
    return _rewritten(text, old, values.merged(old, patch), check)


def set_value(text: str, path: Path, value: Any, check: Check = proceed) -> str:
    """The text with a new value; `path` has keys and indices, and None is null. Raises InvalidParameter,
    FileTooLarge."""
    values.require_path(path)
    old = read(text)
    return _rewritten(text, old, values.with_value(old, path, value, nulls=True), check)


def unset(text: str, path: Path, check: Check = proceed) -> str:
    """The text without the value at `path`, which need not exist. Raises InvalidParameter."""
    values.require_path(path)
    old = read(text)
    return _rewritten(text, old, values.without(old, path), check)


def _rewritten(text: str, old: dict[str, Any], new: dict[str, Any], check: Check) -> str:
    check()
    if is_same(old, new):
        return text
    if not text.strip():
        text = "{\n  \n}\n"
    scanner = Scanner(text, check)
    scanner.trivia()
    place = scanner.value()
    rewriter = Rewriter(text, Json(text[place.start :], line_end(text)), Room(check))
    try:
        written = rewriter.value(place, old, new)
    except (TypeError, ValueError):
        raise InvalidParameter(
            "JSON 只能保存文本、有限的数字、真假值、null、数组和对象",
            "JSON can contain only strings, finite numbers, true, false, null, arrays and objects",
        ) from None
    result = text[: place.start] + written + text[place.end :]
    check()
    require_room(result)
    try:
        faithful = is_same(read(result), new)
    except InvalidParameter:
        faithful = False
    if not faithful:
        raise unsafe_edit()
    return result


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _require_encodable(document: dict[str, Any]) -> None:
    """Raises InvalidParameter for an escaped half of a surrogate pair, which can be read but not written."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidParameter(
            "文本含有无法编码的字符", "The text has a character that cannot be encoded"
        ) from None
