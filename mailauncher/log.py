"""Structured logs: one line per record, as text or JSON, with request ids and masked secrets."""

import logging
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

import msgspec

from mailauncher.system_text import visible, visible_line

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the HTTP request or WebSocket being served, for log records and `X-Request-ID`."""

# Log messages may contain input of attackers, of any length: every repetition that can backtrack is bounded.
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

_INSTANCE_ID = re.compile(r"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])")
_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def mask(text: str) -> str:
    """The text with `***` for every value that follows the name of a secret (in JSON, Python, TOML, .env, a header or a
    query string), and for user and password in a URL."""
    parts, at = [], 0
    for begin, end in _named_values(text):
        parts += [text[at:begin], "***"]
        at = end
    return _USERINFO.sub("://***@", "".join(parts) + text[at:])


def secret_spans(text: str) -> list[tuple[int, int]]:
    """Where in the text `mask` hides something. The places may overlap."""
    urls = [(found.start() + 3, found.end() - 1) for found in _USERINFO.finditer(text)]
    return [*_named_values(text), *urls]


def _named_values(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    for name in _NAME.finditer(text):
        if name.start() < at:
            continue  # a name inside a value
        begin, end = _value(text, name)
        if begin < end:
            yield begin, end
            at = end


def _value(text: str, name: re.Match[str]) -> tuple[int, int]:
    """Where the value of a name begins and ends."""
    at = name.end()
    if quote := _QUOTE.match(text, at):
        return quote.end(), _match_end(_quoted(quote[1]), text, quote.end())
    if name["header"]:
        return at, _match_end(_HEADER, text, at)
    if _VARIABLE.search(text, max(0, name.start() - 128), name.start()):
        return at, _match_end(_LINE, text, at)
    return at, _match_end(_WORD, text, at)


def _quoted(quote: str) -> re.Pattern[str]:
    """Matches what is between two such quotes, which may be escaped themselves; at most the rest of the line."""
    return _VALUES.get(quote) or re.compile(rf"(?: (?!{re.escape(quote)}) [^\n] )*", re.VERBOSE)


def _match_end(pattern: re.Pattern[str], text: str, at: int) -> int:
    found = pattern.match(text, at)
    return found.end() if found else at


class _Formatter(logging.Formatter):
    """Collects time, level, logger, request id, message and `extra=` fields; masks secrets in all of them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__()
        self._secrets = [secret for secret in secrets if secret]
        self.name_of: Callable[[str], str | None] = lambda _id: None

    def _mask(self, text: str) -> str:
        """Masks secrets and escapes what UTF-8 cannot encode, such as file names in other encodings."""
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
        }
        fields |= self._event(record.getMessage())
        if rid := request_id.get():
            fields["request_id"] = rid
        fields |= {key: self._extra(key, value) for key, value in vars(record).items() if key not in _PLAIN}
        if record.exc_info:
            fields["traceback"] = self._mask("".join(traceback.format_exception(*record.exc_info)))
        return fields

    def _event(self, message: str) -> dict[str, object]:
        """The message with the names of instances in the place of their ids, and the id of the first one."""
        names = {found: self.name_of(found) for found in _INSTANCE_ID.findall(message)}
        ids = [found for found, name in names.items() if name is not None]
        named = _INSTANCE_ID.sub(lambda found: names[found[0]] or found[0], message)
        return {"event": self._mask(named), **({"instance": ids[0]} if ids else {})}

    def _extra(self, key: str, value: object) -> object:
        """The masked value: numbers unchanged, everything else as text."""
        masked = self._mask(f"{key}={value}")[len(key) + 1 :]
        return value if isinstance(value, bool | int | float) and masked == str(value) else masked


class JsonFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return visible(msgspec.json.encode(self._fields(record)).decode())


class TextFormatter(_Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = self._fields(record)
        trace = visible(str(fields.pop("traceback", "")))
        # Joined and not escaped: most of these lines are the last words of a program, for somebody to read.
        fields["event"] = " | ".join(str(fields["event"]).splitlines())
        head = " ".join(visible_line(str(fields.pop(k))) for k in ("time", "level", "logger", "event"))
        tail = "".join(f" {k}={_logfmt_value(v)}" for k, v in fields.items())
        return f"{head}{tail}\n{trace}".rstrip()


@contextmanager
def naming(name_of: Callable[[str], str | None]) -> Iterator[None]:
    """Within the block, messages contain the name of an instance instead of its id, as far as `name_of` knows it."""
    own = [it.formatter for it in logging.getLogger().handlers if isinstance(it.formatter, _Formatter)]
    former = [formatter.name_of for formatter in own]
    for formatter in own:
        formatter.name_of = name_of
    try:
        yield
    finally:
        for formatter, names in zip(own, former, strict=True):
            formatter.name_of = names


def _logfmt_value(value: object) -> str:
    text = visible_line(str(value))
    return f'"{text}"' if " " in text or "=" in text else text


def configure(level: str, style: str, stream: TextIO | None = None, secrets: Iterable[str] = ()) -> None:
    """Sends every record of the process to `stream` (stderr). `style` is `text` or `json`.

    `secrets` are masked everywhere, even without a name that identifies them.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(secrets) if style == "json" else TextFormatter(secrets))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # What they log about every connection does not concern a user of the launcher.
    for name in ("uvicorn.asgi", "websockets", "asyncio", "tortoise"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
    # Its warnings are each about one request that a client has sent malformed.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
