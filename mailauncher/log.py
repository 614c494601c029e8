"""Structured logs: one line a record, text for people or JSON for machines, with request ids and masked secrets."""

import logging
import re
import sys
import traceback
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

import msgspec

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the HTTP request or WebSocket that is being served, for log records and `X-Request-ID`."""

# What is logged may be a stranger's and as long as they like: every repetition that can be tried again is bounded.
_NAME = re.compile(
    r"""(?ix)
    (?: (?P<header> authorization | cookie )
      | token | secret | passw(?:or)?d | passphrase | api_?key | [_-] key (?![a-z]) )
    [\w.-]{0,64}
    (?: \\{0,8} ["']? [ \t]{0,8} [=:] | ["'] [ \t]{0,8} , ) [ \t]{0,8}
    """
)
_QUOTE = re.compile(r"""b? ( \\{0,8} (?: \"{3} | '{3} | ["'] ) )""", re.VERBOSE)
_VALUES = {
    '"': re.compile(r'(?: [^"\\\n] | \\. )*', re.VERBOSE),
    "'": re.compile(r"(?: [^'\\\n] | \\. )*", re.VERBOSE),
    '"""': re.compile(r'(?: (?!""") . )*', re.VERBOSE | re.DOTALL),
    "'''": re.compile(r"(?: (?!''') . )*", re.VERBOSE | re.DOTALL),
}
_VARIABLE = re.compile(r"(?: ^ | \n ) \s* (?:export\s+)? [\w.-]* \Z", re.VERBOSE)
_LINE = re.compile(r"[^\r\n]*")
_HEADER = re.compile(r"""[^\r\n"'}\])]*""")
_WORD = re.compile(r"""[^\s"',;&}\])]*""")
_USERINFO = re.compile(r"://[^\s/]{1,256}@")

_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_BREAKS_IN_LINES = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def mask(text: str) -> str:
    """The text with `***` for every value that stands after a secret's name (in JSON, Python, TOML, .env, a header or a
    query string) and for whoever is named before the host of an address."""
    parts, at = [], 0
    for name in _NAME.finditer(text):
        if name.start() < at:
            continue  # a name inside a value
        begin, end = _value(text, name)
        if begin < end:
            parts += [text[at:begin], "***"]
            at = end
    return _USERINFO.sub("://***@", "".join(parts) + text[at:])


def _value(text: str, name: re.Match[str]) -> tuple[int, int]:
    """Where the value begins and ends that belongs to a name."""
    at = name.end()
    if quote := _QUOTE.match(text, at):
        return quote.end(), _end(_quoted(quote[1]), text, quote.end())
    if name["header"]:
        return at, _end(_HEADER, text, at)
    if _VARIABLE.search(text, max(0, name.start() - 128), name.start()):
        return at, _end(_LINE, text, at)
    return at, _end(_WORD, text, at)


def _quoted(quote: str) -> re.Pattern[str]:
    """What stands between two such quotes, which may be those of a text within a text; at most the rest of the line."""
    return _VALUES.get(quote) or re.compile(rf"(?: (?!{re.escape(quote)}) [^\n] )*", re.VERBOSE)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


class _Formatter(logging.Formatter):
    """Puts time, level, logger, request id, message and `extra=` fields together; masks the whole."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._secrets = [secret for secret in secrets if secret]

    def _mask(self, text: str) -> str:
        """Also as UTF-8 text: the name of a file may hold what is none."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return mask(text).encode("utf-8", "backslashreplace").decode()

    def _fields(self, record: logging.LogRecord) -> dict[str, object]:
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": self._mask(record.getMessage()),
        }
        if rid := request_id.get():
            fields["request_id"] = rid
        fields |= {key: self._extra(key, value) for key, value in vars(record).items() if key not in _PLAIN}
        if record.exc_info:
            fields["traceback"] = self._mask("".join(traceback.format_exception(*record.exc_info)))
        return fields

    def _extra(self, key: str, value: object) -> object:
        """A value as it may be shown: numbers as such, everything else as text."""
        masked = self._mask(f"{key}={value}")[len(key) + 1 :]
        return value if isinstance(value, bool | int | float) and masked == str(value) else masked


class JsonFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return msgspec.json.encode(self._fields(record)).decode()


class TextFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = self._fields(record)
        trace = _BREAKS_IN_LINES.sub(_escape, str(fields.pop("traceback", "")))
        head = " ".join(
            _BREAKS.sub(_escape, str(fields.pop(k))) for k in ("time", "level", "logger", "event")
        )
        tail = "".join(f" {k}={_word(v)}" for k, v in fields.items())
        return f"{head}{tail}\n{trace}".rstrip()


def _escape(sign: re.Match[str]) -> str:
    """A sign that would begin another line, or steer the terminal that shows it."""
    return sign[0].encode("unicode_escape").decode()


def _word(value: object) -> str:
    text = _BREAKS.sub(_escape, str(value))
    return f'"{text}"' if " " in text or "=" in text else text


def configure(level: str, style: str, stream: TextIO | None = None, secrets: Iterable[str] = ()) -> None:
    """Sends every record of the process to `stream` (stderr). `style` is `text` or `json`.

    `secrets` are masked wherever they stand, also without a name that gives them away.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(secrets) if style == "json" else TextFormatter(secrets))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Their own chatter about every connection is no news to the user of a launcher.
    for name in ("uvicorn.error", "uvicorn.asgi", "websockets", "asyncio", "tortoise"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
