"""Masks secrets in documents for diffs, logs and events."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Literal

from bots.documents import env, json, toml
from bots.documents.scanner import Scanner, Value, line_end
from bots.documents.toml_language import Toml
from bots.documents.toml_tables import statements
from mailauncher.errors import InvalidParameter
from mailauncher.log import mask, secret_spans

Kind = Literal["toml", "json", "env"]

HIDDEN = '"***"'
_READERS: dict[Kind, Callable[[str], object]] = {"toml": toml.read, "json": json.read, "env": env.read}
_SECRET = re.compile(
    r"(?ix) token(?!s) | secret | passw(?:or)?d | passphrase | api_?keys? | credential | cookie"
    r" | (?: ^ | [_.-] ) keys? $ | (?-i: [a-z]Keys? $ ) | ^ authorization $"
)
_HARMLESS = re.compile(r"""[\d.+-]+ | true | false | null | "" | ''""", re.VERBOSE)
_COMMENT_SIGNS = ("#", ";")
_USERINFO = re.compile(r"://[^\s/@\"']{1,256}@")


def is_secret(name: str) -> bool:
    """Whether a value of this name is a secret."""
    return _SECRET.search(name) is not None


def spans(text: str, values: Iterable[tuple[int, int]] | None) -> list[tuple[int, int]]:
    """Where secrets stand in the text, in order, as start and end of each place in characters: `values`, those in comments and
    user information in URLs. Without values, as of a text with a syntax error, what looks like secrets."""
    found = list(values or ())
    at = 0
    for line in text.splitlines(keepends=True):
        if values is None or line.lstrip().startswith(_COMMENT_SIGNS):
            found += [(at + start, at + end) for start, end in secret_spans(line)]
        elif "://" in line:
            found += [(at + one.start() + 3, at + one.end() - 1) for one in _USERINFO.finditer(line)]
        at += len(line)
    return _joined(found)


def _joined(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The places in order, those that overlap made one."""
    joined: list[tuple[int, int]] = []
    for start, end in sorted(found):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def masked(text: str, kind: Kind) -> str:
    """The text with `***` in place of secrets: values whose name, or the name of a table or array around them, is a secret's,
    and user information in URLs. The number of lines stays the same."""
    try:
        _READERS[kind](text)
        spans = list(_SECRET_SPANS[kind](text))
    except InvalidParameter:
        return "".join(map(mask, text.splitlines(keepends=True)))
    parts, at = [], 0
    for start, end in spans:
        breaks = text.count("\n", start, end)
        parts += [text[at:start], HIDDEN + line_end(text) * breaks]
        at = end
    parts.append(text[at:])
    lines = "".join(parts).splitlines(keepends=True)
    return "".join(_USERINFO.sub("://***@", _comment(line)) for line in lines)


def _comment(line: str) -> str:
    """Masks secrets in a line that is commented out."""
    return mask(line) if line.lstrip().startswith(_COMMENT_SIGNS) else line


def _in_toml(text: str) -> Iterator[tuple[int, int]]:
    language = Toml(line_end(text))
    section: tuple[str, ...] = ()
    for statement in statements(text, language):
        if statement.kind != "pair":
            section = statement.names
            continue
        hidden = any(map(is_secret, (*section, *statement.names)))
        yield from _in_value(text, language.name, statement.value, hidden=hidden)


def _in_json(text: str) -> Iterator[tuple[int, int]]:
    scanner = Scanner(text)
    scanner.trivia()
    if scanner.peek():
        yield from _in_value(text, lambda written: written[1:-1], scanner.value(), hidden=False)


def _in_value(
    text: str, name: Callable[[str], str], value: Value, *, hidden: bool
) -> Iterator[tuple[int, int]]:
    if value.kind == "scalar":
        if hidden and not _HARMLESS.fullmatch(text, value.start, value.end):
            yield value.start, value.end
        return
    for member in value.members:
        names = [name(text[key.start : key.end]) for key in member.keys]
        yield from _in_value(text, name, member.value, hidden=hidden or any(map(is_secret, names)))


def _in_env(text: str) -> Iterator[tuple[int, int]]:
    for name, start, end in env.value_spans(text):
        if is_secret(name) and end > start:
            yield start, end


_SECRET_SPANS: dict[Kind, Callable[[str], Iterator[tuple[int, int]]]] = {
    "toml": _in_toml,
    "json": _in_json,
    "env": _in_env,
}
