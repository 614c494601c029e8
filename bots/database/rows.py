"""An emoji and a person as a bot's database has them, independent of its version."""

import re
from datetime import datetime

import msgspec

LONG_TEXT = 1 << 16
"""Maximum characters that are read of a text column; the rest is ignored."""
_SEPARATORS = re.compile(r"[,，、;；\n]")
_SECONDS = 253_402_300_800  # the year 10000


class BotEmoji(msgspec.Struct, frozen=True, kw_only=True):
    """`key`: the hash of the content as the bot wrote it (MD5 or SHA-256, by version). `path`: the row's path of the image
    file, relative to the instance's folder. Times are milliseconds since 1970, None if the bot has none.

    From 1.0 on a row has only tags, and `description` is empty.
    """

    row: int
    key: str
    path: str
    description: str
    tags: tuple[str, ...]
    registered: bool
    banned: bool
    usage: int
    queries: int
    recorded_at: int | None


class BotPerson(msgspec.Struct, frozen=True, kw_only=True):
    """`key`: the bot's `person_id`, the MD5 of `<platform>_<user_id>`. `name`: the name that the bot uses. `memory`: what the
    bot remembers of the person, as it wrote it. Times are milliseconds since 1970, None if the bot has none."""

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


def as_text(value: object) -> str:
    """The value of a column as text, whatever its type."""
    if value is None:
        return ""
    found = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return found.replace("\0", "")


def as_int(value: object) -> int:
    try:
        return int(value)  # type: ignore[call-overload, no-any-return]  # anything but a number raises, see below
    except (TypeError, ValueError, OverflowError):
        return 0


def split_tags(value: object) -> tuple[str, ...]:
    """The tags in the bot's comma-separated text, each once."""
    parts = (part.strip() for part in _SEPARATORS.split(as_text(value)))
    return tuple(dict.fromkeys(part for part in parts if part))


def join_tags(words: tuple[str, ...]) -> str:
    """The bot's comma-separated text for tags."""
    return ",".join(word for tag in words if (word := _SEPARATORS.sub(" ", tag).strip()))


def as_milliseconds(value: object) -> int | None:
    """Milliseconds since 1970, from seconds (up to 0.12) or from the local time as text (from 1.0); None for other values."""
    if isinstance(value, str):
        try:
            return int(datetime.fromisoformat(value).timestamp() * 1000)
        except (ValueError, OverflowError, OSError):
            return None
    if isinstance(value, int | float) and 0 < value < _SECONDS:
        return int(value * 1000)
    return None


def local_time(at: int) -> str:
    """The text that 1.x writes for a time in milliseconds since 1970."""
    return datetime.fromtimestamp(at / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")
