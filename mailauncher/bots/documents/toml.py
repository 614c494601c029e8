"""TOML. Bots read it with tomlkit, which edits texts too, but not as gently as a user's file deserves: it puts a new key
below the comments that lead the next table, an LF into a file of CRLF, and drops comments beside an element that goes.
"""

import re
import tomllib
from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from mailauncher.bots.documents import toml_edit, values
from mailauncher.bots.documents.broken import broken, unfaithful
from mailauncher.bots.documents.values import Path, require_shallow, same
from mailauncher.errors import InvalidParameter

_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_LENIENT_CHARACTERS = 1 << 18  # tomlkit needs a second for this much
_LARGEST = 1 << 63
# tomllib needs time that grows with the square of a dotted key's length.
_ENDLESS_KEY = re.compile(r"""(?<![\w-])(?>(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){200}""")


def read(text: str) -> dict[str, Any]:
    """Raises BrokenText. What TOML 1.1 allows beyond 1.0 is read too, as tomlkit does."""
    if _ENDLESS_KEY.search(text):
        raise _too_deep()
    try:
        document = tomllib.loads(text)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        document = _read_leniently(text, error)
    require_shallow(document)
    return document


def merge(text: str, patch: Mapping[str, Any]) -> str:
    """`patch` into the text as RFC 7396 has it (see `values.merged`). Nothing to change: the very same text. Raises
    InvalidParameter."""
    old = read(text)
    return _rewritten(text, old, values.merged(old, patch))


def set_value(text: str, path: Path, value: Any) -> str:
    """`path` has keys and indices. Raises InvalidParameter."""
    old = read(text)
    return _rewritten(text, old, values.with_value(old, path, value))


def unset(text: str, path: Path) -> str:
    """What is not there is no error. Raises InvalidParameter."""
    old = read(text)
    return _rewritten(text, old, values.without(old, path))


def _rewritten(text: str, old: dict[str, Any], new: dict[str, Any]) -> str:
    if same(old, new):
        return text
    _require_writable(old, new, ())
    result = toml_edit.rewrite(text, old, new)
    try:
        faithful = same(read(result), new)
    except InvalidParameter:
        faithful = False
    if not faithful:
        raise unfaithful()
    return result


def _require_writable(old: Any, new: Any, at: tuple[str | int, ...]) -> None:
    """Integers of any size are read and kept, but no new one is written that others could not read."""
    if isinstance(new, dict):
        for key, member in new.items():
            _require_writable(old.get(key) if isinstance(old, dict) else None, member, (*at, key))
    elif isinstance(new, list):
        known = old if isinstance(old, list) else []
        for i, member in enumerate(new):
            _require_writable(known[i] if i < len(known) else None, member, (*at, i))
    elif type(new) is int and not -_LARGEST <= new < _LARGEST and new != old:
        raise InvalidParameter(
            "整数超出 64 位范围", "An integer does not fit 64 bits", field=values.dotted(at)
        )


def _read_leniently(text: str, error: ValueError) -> dict[str, Any]:
    """Raises BrokenText for `error` unless tomlkit can read the text."""
    if len(text) <= _LENIENT_CHARACTERS:
        try:
            return tomlkit.parse(text.replace("\r\n", "\n")).unwrap()
        except (TOMLKitError, ValueError, RecursionError):
            pass
    said = str(error)
    found = _PLACE.search(said)
    if not found:
        raise broken(text, None, None, said) from None
    line, column = (int(found[1]), int(found[2])) if found[1] else (None, None)
    raise broken(text, line, column, said[: found.start()]) from None


def _too_deep() -> InvalidParameter:
    return InvalidParameter(
        f"嵌套超过 {values.DEPTH} 层", f"This is nested deeper than {values.DEPTH} levels"
    )
