"""TOML files. Why they are edited by `toml_edit` and not by tomlkit, with which bots read them: decision 0008."""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from bots.documents import toml_edit, values
from bots.documents.errors import syntax_error, unsafe_edit
from bots.documents.room import require_room
from bots.documents.values import Path, is_same, require_shallow
from mailauncher.errors import InvalidParameter
from mailauncher.interruption import Check, proceed

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_LENIENT_CHARACTERS = 1 << 16  # tomlkit needs up to two seconds for this much
_LARGEST = 1 << 63
# tomllib needs time quadratic in the length of a dotted key.
_ENDLESS = 200
_ENDLESS_KEY = re.compile(
    rf"""(?<![\w-])(?>(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){{{_ENDLESS}}}"""
)


def read(text: str) -> dict[str, Any]:
    """The document in the text, in TOML 1.0 or what tomlkit reads of 1.1. Raises DocumentSyntaxError, InvalidParameter."""
    # Line by line: a search of the whole text would keep all other threads waiting until its end.
    if any(line.count(".") >= _ENDLESS and _ENDLESS_KEY.search(line) for line in text.split("\n")):
        raise _too_deep()
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        document = _read_leniently(text, error)
    require_shallow(document)
    return document


def merge(text: str, patch: Mapping[str, Any], check: Check = proceed) -> str:
    """The text with `patch` merged as in RFC 7396 (see `values.merged`). Returns the same text if nothing changes. Raises
    InvalidParameter, FileTooLarge."""
    old = read(text)
    return _rewritten(text, old, values.merged(old, patch), check)


def set_value(text: str, path: Path, value: Any, check: Check = proceed) -> str:
    """The text with a new value; `path` has keys and indices. Raises InvalidParameter,
    FileTooLarge."""
    values.require_path(path)
    old = read(text)
    return _rewritten(text, old, values.with_value(old, path, value), check)


def unset(text: str, path: Path, check: Check = proceed) -> str:
    """The text without the value at `path`, which need not exist. Raises InvalidParameter."""
    values.require_path(path)
    old = read(text)
    return _rewritten(text, old, values.without(old, path), check)


def _rewritten(text: str, old: dict[str, Any], new: dict[str, Any], check: Check) -> str:
    check()
    if is_same(old, new):
        return text
    _require_writable(old, new, ())
    result = toml_edit.rewrite(text, old, new, check)
    check()
    require_room(result)
    try:
        faithful = is_same(read(result), new)
    except InvalidParameter:
        faithful = False
    if not faithful:
        raise unsafe_edit()
    return result


def _require_writable(old: Any, new: Any, at: tuple[str | int, ...]) -> None:
    """Raises InvalidParameter for a new integer beyond 64 bits, which other readers may not support. Existing ones are kept."""
    if isinstance(new, dict):
        for key, member in new.items():
            _require_writable(old.get(key) if isinstance(old, dict) else None, member, (*at, key))
    elif isinstance(new, list):
        known = old if isinstance(old, list) else []
        for i, member in enumerate(new):
            _require_writable(known[i] if i < len(known) else None, member, (*at, i))
    elif type(new) is int and not -_LARGEST <= new < _LARGEST and new != old:
        raise InvalidParameter("整数超出 64 位范围", "The integer exceeds 64 bits", field=values.dotted(at))


def _read_leniently(text: str, error: ValueError) -> dict[str, Any]:
    """The document as tomlkit reads it. Raises DocumentSyntaxError for `error` if tomlkit cannot read it either."""
    if len(text) <= _LENIENT_CHARACTERS:
        try:
            return tomlkit.parse(text.replace("\r\n", "\n")).unwrap()
        except (TOMLKitError, ValueError, RecursionError):
            pass
    said = str(error)
    found = _PLACE.search(said)
    if not found:
        raise syntax_error(text, None, None, said) from None
    line, column = (int(found[1]), int(found[2])) if found[1] else (None, None)
    raise syntax_error(text, line, column, said[: found.start()]) from None


def _too_deep() -> InvalidParameter:
    return InvalidParameter(f"嵌套超过 {values.DEPTH} 层", f"Nested deeper than {values.DEPTH} levels")
