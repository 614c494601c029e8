"""Validation of the texts of emojis and persons, and of the parameters of lists and bulk commands."""

import unicodedata
from collections.abc import Sequence

from mailauncher.errors import InvalidParameter

LIMIT = 200
"""Maximum number of rows in a page of REST, and of items in a bulk command."""
BATCH_LIMIT = 1000
"""Maximum number of rows in a batch of the existing web client."""
QUERY_CHARACTERS = 256
MAX_OFFSET = 2**53 - 1
_REFUSED = {"Cc", "Cs", "Co", "Zl", "Zp"}


def line(text: str, field: str, most: int, *, least: int = 0) -> str:
    """Returns the text without spaces at its ends. Raises InvalidParameter if its length is not `least` to `most`, or if it
    has control, private-use or line-breaking characters."""
    return _checked(text.strip(), field, least, most, allowed="")


def paragraph(text: str, field: str, most: int) -> str:
    """Validates a text that may have several lines, as `line` does; its spaces stay."""
    return _checked(text, field, 0, most, allowed="\n\t\r")


def _checked(text: str, field: str, least: int, most: int, allowed: str) -> str:
    if not least <= len(text) <= most:
        raise InvalidParameter(
            f"{field} 应为 {least}-{most} 个字符", f"{field} must have {least}-{most} characters", field=field
        )
    if any(unicodedata.category(c) in _REFUSED and c not in allowed for c in text):
        raise InvalidParameter(
            f"{field} 含有控制字符或私用字符",
            f"{field} contains control or private-use characters",
            field=field,
        )
    return text


def require_page(limit: int, offset: int, *, field: str = "limit", most: int = LIMIT) -> None:
    """Raises InvalidParameter for a limit or offset out of range."""
    if not 1 <= limit <= most:
        raise InvalidParameter(
            f"{field} 应在 1 与 {most} 之间", f"{field} must be between 1 and {most}", field=field
        )
    if not 0 <= offset <= MAX_OFFSET:
        raise InvalidParameter("offset 应为非负整数", "offset must be 0 or more", field="offset")


def require_query(text: str, field: str) -> None:
    """Raises InvalidParameter for a search text that is too long."""
    if len(text) > QUERY_CHARACTERS:
        raise InvalidParameter(
            f"{field} 不能超过 {QUERY_CHARACTERS} 个字符",
            f"{field} must have at most {QUERY_CHARACTERS} characters",
            field=field,
        )


def require_bulk(items: Sequence[object], field: str) -> None:
    """Raises InvalidParameter for no items, or more than LIMIT."""
    if not 1 <= len(items) <= LIMIT:
        raise InvalidParameter(
            f"{field} 应有 1-{LIMIT} 项", f"{field} must have 1-{LIMIT} items", field=field
        )


def cursor(after: str | None) -> int | None:
    """Parses a cursor. Raises InvalidParameter."""
    if after is None:
        return None
    if not (after.isascii() and after.isdigit() and len(after) < 17) or int(after) > MAX_OFFSET:
        raise InvalidParameter("after 不是有效的游标", "after is not a valid cursor", field="after")
    return int(after)
