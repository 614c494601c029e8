"""JSON. What changes is written with the indentation and the spacing of the text; everything else stays."""

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from mailauncher.bots.documents import values
from mailauncher.bots.documents.broken import broken, unfaithful
from mailauncher.bots.documents.container import Rewriter
from mailauncher.bots.documents.json_language import Json
from mailauncher.bots.documents.scanner import Scanner, line_end
from mailauncher.bots.documents.values import Path, require_shallow, same
from mailauncher.errors import InvalidParameter


def read(text: str) -> dict[str, Any]:
    """The object that the text is; an empty text is an empty one. Raises BrokenText, InvalidParameter."""
    if not text.strip():
        return {}
    try:
        document = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise InvalidParameter(
            f"嵌套超过 {values.DEPTH} 层", f"This is nested deeper than {values.DEPTH} levels"
        ) from None
    except json.JSONDecodeError as error:
        raise broken(text, error.lineno, error.colno, error.msg) from None
    except ValueError as error:  # a constant that is not JSON's, or a number of too many digits
        raise broken(text, 1, 1, str(error)) from None
    if not isinstance(document, dict):
        raise InvalidParameter("JSON 的最外层应为对象", "The JSON text must be an object")
    require_shallow(document)
    _require_encodable(document)
    return document


def merge(text: str, patch: Mapping[str, Any]) -> str:
    """`patch` into the text as RFC 7396 has it (see `values.merged`). Nothing to change: the very same text. Raises
    InvalidParameter."""
    old = read(text)
    return _rewritten(text, old, values.merged(old, patch))


def set_value(text: str, path: Path, value: Any) -> str:
    """`path` has keys and indices; `value` may be None, JSON's null. Raises InvalidParameter."""
    old = read(text)
    return _rewritten(text, old, values.with_value(old, path, value, nulls=True))


def unset(text: str, path: Path) -> str:
    """What is not there is no error. Raises InvalidParameter."""
    old = read(text)
    return _rewritten(text, old, values.without(old, path))


def _rewritten(text: str, old: dict[str, Any], new: dict[str, Any]) -> str:
    if same(old, new):
        return text
    if not text.strip():
        text = "{\n  \n}\n"
    scanner = Scanner(text)
    scanner.trivia()
    place = scanner.value()
    rewriter = Rewriter(text, Json(text[place.start :], line_end(text)))
    try:
        written = rewriter.value(place, old, new)
    except (TypeError, ValueError):
        raise InvalidParameter(
            "JSON 只能保存文本、有限的数字、真假值、null、数组和对象",
            "JSON holds only texts, finite numbers, true, false, null, arrays and objects",
        ) from None
    result = text[: place.start] + written + text[place.end :]
    try:
        faithful = same(read(result), new)
    except InvalidParameter:
        faithful = False
    if not faithful:
        raise unfaithful()
    return result


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _require_encodable(document: dict[str, Any]) -> None:
    """An escaped half of a surrogate pair can be read, and then never be written."""
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidParameter(
            "文本含有无法编码的字符", "A text has a character that cannot be encoded"
        ) from None
