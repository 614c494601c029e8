"""An emoji and a person as a bot's database has them, whatever version it is of."""

import re
from datetime import datetime

import msgspec

LONG_TEXT = 1 << 16
"""Characters of a text column that are read; what is beyond is left out."""
_SEPARATORS = re.compile(r"[,，、;；\n]")
_SECONDS = 253_402_300_800  # the year 10000


class BotEmoji(msgspec.Struct, frozen=True, kw_only=True):
    """`key` is the content's hash as the bot wrote it (MD5 or SHA-256, by version), `path` of the image file relative to the
    instance's folder as it stands in the row. Times are milliseconds since 1970, None where the bot has none.

    From 1.0 on a row has tags only, so `description` is empty.
    """

    row: int
    key: str
    path: str
    description: str
    tags: tuple[str, ...]
    registered: bool
    banned: bool
    usage: int
    recorded_at: int | None


class BotPerson(msgspec.Struct, frozen=True, kw_only=True):
    """`key` is the bot's `person_id`, the MD5 of `<platform>_<user_id>`; `name` is what the bot calls them; `memory` what it
    remembers of them, as it wrote it. Times are milliseconds since 1970, None where the bot has none."""

    row: int
    key: str
    platform: str
    user_id: str
    nickname: str
    name: str
    groups: str
    memory: str
    times: int
    known_since: int | None
    last_known: int | None


def text(value: object) -> str:
    """A column as text, whatever type SQLite found in it."""
    if value is None:
        return ""
    found = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return found.replace("\0", "")


def whole(value: object) -> int:
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]  # what is no number is the case below
    except (TypeError, ValueError, OverflowError):
        return 0


def tags(value: object) -> tuple[str, ...]:
    """The bot's comma text as tags, each once."""
    parts = (part.strip() for part in _SEPARATORS.split(text(value)))
    return tuple(dict.fromkeys(part for part in parts if part))


def joined(words: tuple[str, ...]) -> str:
    """Tags as the bot's comma text."""
    return ",".join(word for tag in words if (word := _SEPARATORS.sub(" ", tag).strip()))


def instant(value: object) -> int | None:
    """Milliseconds since 1970 from seconds (up to 0.12) or from the local time as text (from 1.0)."""
    if isinstance(value, str):
        try:
            return int(datetime.fromisoformat(value).timestamp() * 1000)
        except (ValueError, OverflowError, OSError):
            return None
    if isinstance(value, int | float) and 0 < value < _SECONDS:
        return int(value * 1000)
    return None


def local_time(at: int) -> str:
    """Milliseconds since 1970 as 1.x writes a time."""
    return datetime.fromtimestamp(at / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")
