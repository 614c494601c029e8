"""Checks of what people write into emojis and persons, and of how they ask for lists."""

import unicodedata
from collections.abc import Sequence

from mailauncher.errors import InvalidParameter

LIMIT = 200
"""Rows of one page of REST, and of one bulk command."""
QUERY_CHARACTERS = 256
GREATEST_OFFSET = 2**53 - 1
_REFUSED = {"Cc", "Cs", "Co", "Zl", "Zp"}


def line(text: str, field: str, most: int, *, least: int = 0) -> str:
    """The text without spaces at its ends. Raises InvalidParameter for one of another length than `least` to `most`, or
    with control or private characters."""
    return _checked(text.strip(), field, least, most, allowed="")


def paragraph(text: str, field: str, most: int) -> str:
    """The same of a text that may have several lines."""
    return _checked(text, field, 0, most, allowed="\n\t\r")


def _checked(text: str, field: str, least: int, most: int, allowed: str) -> str:
    if not least <= len(text) <= most:
        raise InvalidParameter(
            f"{field} 应为 {least}-{most} 个字符", f"{field} must have {least}-{most} characters", field=field
        )
    if any(unicodedata.category(c) in _REFUSED and c not in allowed for c in text):
        raise InvalidParameter(
            f"{field} 含有控制字符或私用字符", f"{field} has control or private characters", field=field
        )
    return text


def require_page(limit: int, offset: int) -> None:
    """Raises InvalidParameter."""
    if not 1 <= limit <= LIMIT:
        raise InvalidParameter(
            f"limit 应在 1 与 {LIMIT} 之间", f"limit must be between 1 and {LIMIT}", field="limit"
        )
    if not 0 <= offset <= GREATEST_OFFSET:
        raise InvalidParameter("offset 应为非负整数", "offset must be 0 or more", field="offset")


def require_query(text: str, field: str) -> None:
    """Raises InvalidParameter for a text that is too long to be searched for."""
    if len(text) > QUERY_CHARACTERS:
        raise InvalidParameter(
            f"{field} 不能超过 {QUERY_CHARACTERS} 个字符",
            f"{field} may have at most {QUERY_CHARACTERS} characters",
            field=field,
        )


def require_bulk(items: Sequence[object], field: str) -> None:
    """Raises InvalidParameter for none, or more than LIMIT."""
    if not 1 <= len(items) <= LIMIT:
        raise InvalidParameter(
            f"{field} 应有 1-{LIMIT} 项", f"{field} must have 1-{LIMIT} items", field=field
        )


def cursor(after: str | None) -> int | None:
    """The number that a cursor is. Raises InvalidParameter."""
    if after is None:
        return None
    if not (after.isascii() and after.isdigit() and len(after) < 17) or int(after) > GREATEST_OFFSET:
        raise InvalidParameter("after 不是有效的游标", "after is no cursor", field="after")
    return int(after)
