"""`.env` files, read as python-dotenv reads them, because bots use it. Of a duplicate name, the last one counts."""

import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from dotenv.parser import Binding, parse_stream

from bots.documents.errors import syntax_error, unsafe_edit
from bots.documents.room import require_room
from bots.documents.scanner import line_end
from bots.documents.values import Path
from mailauncher.errors import InvalidParameter
from mailauncher.interruption import Check, proceed

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BREAK = re.compile(r"\r\n?")
_SAFE = re.compile(r"[^\s\\'\"#`$\x00-\x20\x7f]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # except tab
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"}
_SPECIAL = re.compile(r'[\\"\n\r]')

# The pieces of a binding, split as in the parser of python-dotenv.
_BINDING = re.compile(
    r"""(?P<before>\s*)
    (?P<name>(?:export[^\S\r\n]+)?(?:'[^']+'|[^=\#\s]+)[^\S\r\n]*)
    (?:(?P<equal>=[^\S\r\n]*)
       (?P<value>'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|(?!['"])[^\r\n]*))?
    (?P<after>.*)""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"\s+#.*")
_BLANKS_MAX = 256
_ENDLESS_BLANKS = re.compile(rf"[^\S\r\n]{{{_BLANKS_MAX + 1}}}")


class _Pieces(NamedTuple):
    """A binding's text: up to and with its equal sign, its value as written, and the rest of its line."""

    head: str
    value: str
    rest: str


def read(text: str) -> dict[str, str]:
    """All names with their values; a name without `=` has an empty value. `${NAME}` is not expanded. Raises
    DocumentSyntaxError."""
    return _values(_bindings(text))


def read_leniently(text: str) -> dict[str, str]:
    """Like `read`, but skips statements with a syntax error, as python-dotenv does for a bot. Raises DocumentSyntaxError
    for too many blanks only."""
    return _values([binding for binding in _parsed(_BREAK.sub("\n", text)) if not binding.error])


def merge(text: str, patch: Mapping[str, Any], check: Check = proceed) -> str:
    """The text with the values of `patch`, which are texts, or None to remove a name. Returns the same text if nothing
    changes. Raises InvalidParameter naming the variable."""
    if not isinstance(patch, Mapping):
        raise InvalidParameter("环境变量应为一个对象", "The variables must be an object")
    bindings = _bindings(text)
    old = _values(bindings)
    check()
    new = dict(old)
    for name, value in patch.items():
        if value is None:
            new.pop(name, None)
        elif old.get(name) != value:
            new[_name(name)] = _value(name, value)
    return text if old == new else _rewritten(text, bindings, old, new, check)


def set_value(text: str, path: Path, value: Any, check: Check = proceed) -> str:
    """The text with a new value; `path` is one name. Raises InvalidParameter."""
    if value is None:
        raise _no_text(str(path[0]) if path else "")
    return merge(text, {_single_name(path): value}, check)


def unset(text: str, path: Path, check: Check = proceed) -> str:
    """The text without a name, which need not exist. Raises InvalidParameter."""
    return merge(text, {_single_name(path): None}, check)


def value_spans(text: str) -> Iterator[tuple[str, int, int]]:
    """Each name with the start and end of its value, quotes included. Raises DocumentSyntaxError."""
    at = 0
    for binding in _bindings(text):
        if binding.key is not None:
            _, value, rest = _pieces(binding.original.string)
            begin = at + len(binding.original.string) - len(rest) - len(value)  # there may be no equal sign
            yield binding.key, begin, begin + len(value)
        at += len(binding.original.string)


def _bindings(text: str) -> list[Binding]:
    """Raises DocumentSyntaxError."""
    bindings = _parsed(text)
    for binding in bindings:
        if binding.error:
            before = binding.original.string
            blank = len(before) - len(before.lstrip())
            lines = _BREAK.sub("\n", before[:blank]).split("\n")
            line = binding.original.line + len(lines) - 1
            raise syntax_error(text, line, len(lines[-1]) + 1, "expected NAME=value")
    return bindings


def _parsed(text: str) -> list[Binding]:
    """Raises DocumentSyntaxError."""
    # python-dotenv needs time quadratic in the number of blanks: hours for a megabyte of them, in one call that lets no other
    # thread run.
    if found := _ENDLESS_BLANKS.search(text):
        before = _BREAK.sub("\n", text[: found.start()]).split("\n")
        reason = f"more than {_BLANKS_MAX} blanks in a row"
        raise syntax_error(text, len(before), len(before[-1]) + 1, reason)
    return list(parse_stream(io.StringIO(text, newline="")))


def _values(bindings: list[Binding]) -> dict[str, str]:
    return {binding.key: _decoded(binding) for binding in bindings if binding.key is not None}


def _decoded(binding: Binding) -> str:
    """The value for a program that opens the file as text, which makes every line break an LF."""
    if "\r" not in binding.original.string:
        return binding.value or ""
    (again, *_) = parse_stream(io.StringIO(_BREAK.sub("\n", binding.original.string), newline=""))
    return again.value or ""


def _rewritten(
    text: str, bindings: list[Binding], old: dict[str, str], new: dict[str, str], check: Check
) -> str:
    end = line_end(text)
    last = {binding.key: i for i, binding in enumerate(bindings)}
    pieces = []
    for i, binding in enumerate(bindings):
        name, original = binding.key, binding.original.string
        if name is None or old[name] == new.get(name):
            pieces.append(original)
        elif name not in new:
            blank = original[: len(original) - len(original.lstrip())]
            pieces.append(blank[: max(blank.rfind("\n"), blank.rfind("\r")) + 1])
        elif last[name] == i:
            head, was, rest = _pieces(original)
            pieces.append(head + _written(new[name], like=was) + rest)
        else:
            pieces.append(original)
    result = "".join(pieces)
    added = [f"{name}={_written(new[name])}" for name in new if name not in old]
    if added:
        open_ended = bool(result) and not result.endswith(("\n", "\r"))
        result += end * open_ended + end.join(added) + end * (not open_ended)
    check()
    require_room(result)
    if _reread(result) != new:
        raise unsafe_edit()
    return result


def _pieces(original: str) -> _Pieces:
    found = _BINDING.fullmatch(original)
    assert found
    head = found["before"] + found["name"]
    equal, value, after = found["equal"], found["value"], found["after"]
    if equal is None:
        return _Pieces(head + "=", "", after)
    if value.startswith(("'", '"')):
        return _Pieces(head + equal, value, after)
    if value.startswith("#") and len(equal) > 1:  # a comment after an empty value
        return _Pieces(head + "=", "", equal[1:] + value + after)
    kept = _COMMENT.sub("", value).rstrip()
    return _Pieces(head + equal, kept, value[len(kept) :] + after)


def _written(value: str, like: str = "") -> str:
    """The value in the quotes that it had, if they can hold it."""
    if _CONTROL.search(value):
        return _double(value)
    if like.startswith('"'):
        return _double(value)
    if like.startswith("'"):
        return _single(value)
    if _SAFE.fullmatch(value) or not value:
        return value
    return _double(value) if "'" in value else _single(value)


def _double(value: str) -> str:
    return '"' + _SPECIAL.sub(lambda found: _ESCAPES[found[0]], value) + '"'


def _single(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _reread(text: str) -> dict[str, str] | None:
    try:
        return read(text)
    except InvalidParameter:
        return None


def _single_name(path: Path) -> str:
    if len(path) != 1 or not isinstance(path[0], str):
        shown = ".".join(map(str, path))[:200]
        raise InvalidParameter(
            f"环境变量没有层级：'{shown}'", f"Variables cannot be nested: '{shown}'", field=shown or None
        )
    return path[0]


def _name(name: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        shown = str(name)[:64]
        raise InvalidParameter(
            f"'{shown}' 不是有效的变量名：只能用字母、数字和下划线，且不以数字开头",
            f"'{shown}' is not a valid variable name: use letters, digits and _, and do not start with a digit",
            field=shown or None,
        )
    return name


def _value(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _no_text(name)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidParameter(
            "文本含有无法编码的字符", "The text has a character that cannot be encoded", field=name
        ) from None
    if "\0" in value:
        raise InvalidParameter(
            "环境变量不能包含 NUL 字符", "A variable cannot contain a NUL character", field=name
        )
    return value


def _no_text(name: str) -> InvalidParameter:
    return InvalidParameter(
        f"环境变量 '{name}' 的值应为字符串",
        f"The value of variable '{name}' must be a string",
        field=name or None,
    )
