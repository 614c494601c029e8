"""A value as somebody types it for `config set`: of the type that is there, at a path that is there."""

import difflib
import json
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from mailauncher.errors import InvalidParameter, Text

CUTOFF = 0.75
PREFIX = 3
"""Characters of a key that are taken for the beginning of a longer one."""
_KINDS = (
    (bool, Text("真假值（true 或 false）", "true or false")),
    (int | float, Text("数字", "a number")),
    (list, Text('列表，如 ["a", 1]', 'a list, such as ["a", 1]')),
    (dict, Text('表，如 {"a": 1}', 'a table, such as {"a": 1}')),
)


def typed(text: str, path: str, present: Any) -> Any:
    """What is meant by `text` in place of `present`, None: of nothing. In place of a text it is text, whatever it looks like; else it is
    JSON where it can be read as JSON. Raises InvalidParameter for a value of another type than what is there."""
    value = _json(text)
    if isinstance(present, str):
        return value if isinstance(value, str) else text
    expected = _kind(present)
    if expected is None or value is None or _kind(value) == expected:
        return value
    raise InvalidParameter(
        f"{path} 现在是{expected.zh}，而 {text[:80]!r} 不是；若要改变其类型，请先用 unset 移除它",
        f"{path} is {expected.en} now, and {text[:80]!r} is not; to change its type, remove it with unset first",
        field="VALUE",
    )


def present_at(config: Any, steps: Sequence[str]) -> Any:
    """The value at a path, None if there is none. For the place after the last entry of a list it is the entry before."""
    for step in steps:
        if isinstance(config, list):
            index = int(step) if step.isdecimal() and len(step) < 10 else -1
            config = config[min(index, len(config) - 1)] if 0 <= index <= len(config) and config else None
        else:
            config = config.get(step) if isinstance(config, dict) else None
    return config


def is_new(config: Any, steps: Sequence[str]) -> bool:
    """Whether a key of the path is not there yet."""
    for step in steps:
        if not isinstance(config, dict):
            return False
        if step not in config:
            return True
        config = config[step]
    return False


def nearest(config: Any, steps: Sequence[str]) -> str | None:
    """The existing key that is probably meant by a path that does not exist, as a path; None if none resembles it."""
    for place, step in enumerate(steps):
        if not isinstance(config, dict):
            return None
        if step not in config:
            near = _similar(step, config)
            return None if near is None else ".".join([*steps[:place], near, *steps[place + 1 :]])
        config = config[step]
    return None


def _similar(step: str, keys: Iterable[str]) -> str | None:
    folded, wanted = {key.casefold(): key for key in keys}, step.casefold()
    begun = [key for key in folded if len(wanted) >= PREFIX and key.startswith(wanted)]
    found = begun or difflib.get_close_matches(wanted, folded, 1, CUTOFF)
    return folded[found[0]] if found else None


def _kind(value: Any) -> Text | None:
    return next((words for kind, words in _KINDS if isinstance(value, kind)), None)


def _json(text: str) -> Any:
    """JSON if the text is valid JSON, else the text itself."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except ValueError:
        return text


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)
