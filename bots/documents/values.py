"""The values of a document, independent of its format: merging, paths and equality."""

import math
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from mailauncher.errors import InvalidParameter

Path = Sequence[str | int]

DEPTH = 64
INDEX_DIGITS = 9
"""More than any list has; Python refuses to convert thousands of them."""
_MOMENTS = (datetime, date, time)
_EXACT = 1 << 53  # up to here every integer is exact as a float
_LARGEST = 1 << 64


def merged(old: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """Merges as in RFC 7396: tables key by key, other values are replaced, None removes a key. Raises InvalidParameter for a
    None inside an array and for values that no document can hold."""
    if not isinstance(patch, Mapping):
        raise InvalidParameter("内容应为一个对象", "The content must be an object")
    require_shallow(patch)
    return _merged(old, patch, ())


def _merged(old: Mapping[str, Any], patch: Mapping[str, Any], at: tuple[str, ...]) -> dict[str, Any]:
    result = dict(old)
    for key, value in patch.items():
        place = (*at, _key(key, at))
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            below = old.get(key)
            result[key] = _merged(below if isinstance(below, dict) else {}, value, place)
        elif key not in old:
            result[key] = _checked(value, place, nulls=False)
        elif not is_same(old[key], value):  # a null inside an existing array is not an error
            result[key] = adapted(old[key], _checked(value, place, nulls=False))
    return result


def with_value(old: Mapping[str, Any], path: Path, value: Any, *, nulls: bool = False) -> dict[str, Any]:
    """A copy with `value` at `path`; missing tables and arrays on the way are created. An index equal to the length of its
    list appends. Raises InvalidParameter for an impossible path."""
    require_shallow(value)
    require_path(path)
    value = _checked(value, tuple(path), nulls=nulls)
    result = _placed(old, path, value, path)
    if not isinstance(result, dict):
        raise _no_such(path)
    return result


def without(old: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """A copy without the value at `path`; an equal copy if there is none. Raises InvalidParameter for an empty path."""
    require_path(path)
    result = dict(old)
    place: Any = result
    for given in path[:-1]:
        step = _step(place, given)
        if not _has(place, step):
            return result
        below = place[step]
        place[step] = (
            dict(below) if isinstance(below, dict) else list(below) if isinstance(below, list) else below
        )
        place = place[step]
    last = _step(place, path[-1])
    if _has(place, last):
        del place[last]
    return result


def value_at(value: Any, path: Path) -> Any:
    """The value at `path`. Raises LookupError."""
    for given in path:
        step = _step(value, given)
        if not _has(value, step):
            raise LookupError(dotted(path))
        value = value[step]
    return value


def require_path(path: Path) -> None:
    """Raises InvalidParameter for a path without steps, or with more than a document has levels."""
    if not path:
        raise _no_such(path)
    if len(path) > DEPTH:
        raise InvalidParameter(
            f"路径最多 {DEPTH} 段，而这里有 {len(path)} 段",
            f"A path has at most {DEPTH} steps, and this one has {len(path)}",
            field="path",
        )


def is_same(one: Any, other: Any) -> bool:
    """Equality that distinguishes `1`, `1.0` and `true`, as documents do, and ignores the order of keys."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    if type(one) is not type(other):
        return False
    if isinstance(one, (float, *_MOMENTS)):
        return repr(one) == repr(other)
    return bool(one == other)


def adapted(old: Any, new: Any) -> Any:
    """`new` with the types of `old` where JSON cannot express them: `1` in place of `0.5` becomes `1.0`, an ISO text in place
    of a date becomes a date. A value that equals `old` as JSON becomes `old`."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {key: adapted(old[key], value) if key in old else value for key, value in new.items()}
    if isinstance(old, list) and isinstance(new, list):
        return [adapted(old[i], value) if i < len(old) else value for i, value in enumerate(new)]
    if isinstance(old, float) and type(new) is int and abs(new) <= _EXACT:
        return old if old == new else float(new)
    if type(old) is int and type(new) is int and _EXACT < abs(old) < _LARGEST and new == _rounded(old):
        return old
    if isinstance(new, str) and not isinstance(old, str | dict | list):
        return _typed(old, new)
    return new


def _rounded(number: int) -> int:
    """The integer as JavaScript writes it: the shortest digits of the nearest float, followed by zeros."""
    return int(Decimal(repr(float(number))))


def plain(value: Any) -> Any:
    """The value as JSON: dates in ISO 8601, `nan` and `inf` as texts."""
    if isinstance(value, dict):
        return {key: plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [plain(member) for member in value]
    if isinstance(value, _MOMENTS):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    return value


def dotted(path: Path) -> str:
    """A path in dotted form: `api.hosts.0`."""
    return ".".join(map(str, path))


def _typed(old: Any, new: str) -> Any:
    if not isinstance(old, bool | int) and plain(old) == new:
        return old
    if isinstance(old, _MOMENTS):
        try:
            moment = tomllib.loads(f"x = {new}")["x"]
        except ValueError:
            return new
        if type(moment) is type(old):
            return moment
    return new


def _placed(old: Any, path: Path, value: Any, whole: Path) -> Any:
    if not path:
        return adapted(old, value)
    if old is None:
        old = [] if isinstance(path[0], int) else {}
    step = _step(old, path[0])
    if isinstance(old, dict) and isinstance(step, str):
        return old | {_key(step, whole): _placed(old.get(step), path[1:], value, whole)}
    if isinstance(old, list) and isinstance(step, int) and 0 <= step <= len(old):
        below = old[step] if step < len(old) else None
        return [*old[:step], _placed(below, path[1:], value, whole), *old[step + 1 :]]
    raise _no_such(whole)


def _step(place: Any, step: str | int) -> str | int:
    """A key, or the index of a list, which may be text as in a dotted path."""
    if isinstance(place, list) and isinstance(step, str) and step.isdecimal() and len(step) <= INDEX_DIGITS:
        return int(step)
    return step


def _has(place: Any, step: str | int) -> bool:
    if isinstance(place, dict):
        return step in place
    return isinstance(place, list) and type(step) is int and 0 <= step < len(place)


def _no_such(path: Path) -> InvalidParameter:
    shown = dotted(path)[:200]
    return InvalidParameter(f"路径 '{shown}' 不成立", f"Invalid path '{shown}'", field=shown or None)


def _key(key: object, at: Path) -> str:
    if not isinstance(key, str):
        raise InvalidParameter("键名应为字符串", "A key must be a string", field=dotted(at) or None)
    return _text(key, at)


def _text(text: str, at: Path) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidParameter(
            "文本含有无法编码的字符",
            "The text has a character that cannot be encoded",
            field=dotted(at) or None,
        ) from None
    return text


def _checked(value: Any, at: Path, *, nulls: bool) -> Any:
    """A copy in plain types. Raises InvalidParameter naming the path."""
    if isinstance(value, Mapping):
        return {_key(key, at): _checked(member, (*at, key), nulls=nulls) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_checked(member, (*at, i), nulls=nulls) for i, member in enumerate(value)]
    if isinstance(value, str):
        return _text(value, at)
    if value is None and not nulls:
        raise InvalidParameter(
            "数组中或此处不能为 null", "null is not allowed here or in an array", field=dotted(at) or None
        )
    if value is None or isinstance(value, bool | int | float | datetime | date | time):
        return value
    raise InvalidParameter("不支持的值类型", "Values of this type cannot be stored", field=dotted(at) or None)


def require_shallow(value: Any) -> None:
    """Raises InvalidParameter if the value is nested deeper than `DEPTH`."""
    level = [value]
    for _ in range(DEPTH):
        level = [
            member
            for outer in level
            if isinstance(outer, Mapping | list | tuple)
            for member in (outer.values() if isinstance(outer, Mapping) else outer)
        ]
        if not level:
            return
    raise InvalidParameter(f"嵌套超过 {DEPTH} 层", f"Nested deeper than {DEPTH} levels")
