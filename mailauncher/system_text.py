"""Text from the operating system: names of files, processes and hosts, command lines, environments, output of programs.

To the system all of it is bytes: Linux cuts the name of a process at 15 bytes, be it inside a character, and a folder may
be named in Latin-1. Python decodes it with lone surrogates in the place of what is not UTF-8, so that the bytes can be had
back. That is right for paths and arguments that go back to the system, and wrong for everything that is shown or stored:
neither JSON nor a database nor a terminal takes a lone surrogate.
"""

import json
import re

import msgspec

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")
_INVISIBLE = "\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""Further control characters (U+009B begins a sequence like ESC [), line separators, and what changes the direction of text."""
_UNSAFE = re.compile(f"[\x00-\x1f{_INVISIBLE}]")
_UNSAFE_IN_LINES = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f{_INVISIBLE}]|\r(?!\n)")


def decode(data: bytes) -> str:
    """UTF-8; what is not becomes U+FFFD."""
    return data.decode("utf-8", "replace")


def readable(text: str) -> str:
    """The text with U+FFFD for each lone surrogate: it can be encoded, shown and stored."""
    return text if text.isascii() else _LONE_SURROGATES.sub("\ufffd", text)


def visible(text: str) -> str:
    """The text, of any number of lines, safe to show on a terminal: whatever would control the terminal, or show text in
    another order than it has, is an escape such as `\\x1b` and `\\u202e`. JSON stays valid, and means the same."""
    return text if text.isprintable() else _UNSAFE_IN_LINES.sub(_escape, text)


def visible_line(text: str) -> str:
    """The same in one line: line breaks and tabs are escaped too."""
    return text if text.isprintable() else _UNSAFE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    sign = found[0]
    return sign.encode("unicode_escape").decode() if sign < " " else f"\\u{ord(sign):04x}"


def to_json(value: object) -> bytes:
    """The value as JSON; what a text of it has that is not UTF-8 becomes U+FFFD."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        builtins = msgspec.to_builtins(value, enc_hook=msgspec.json.decode)  # of `Raw`
        text = json.dumps(builtins, separators=(",", ":"), ensure_ascii=False)
        return readable(text).encode()
