"""Types of values that several nouns share, with their descriptions, and their conversion to and from JSON."""

from datetime import UTC, datetime
from typing import Annotated, TypeVar

from msgspec import UnsetType

from mailauncher.names import NAME_LENGTH
from resolvers import validation
from rest.field_docs import about

Value = TypeVar("Value")

Success = Annotated[bool, about("总是 true。", "Always true.", const=True)]
StatusSuccess = Annotated[str, about("总是 success。", "Always `success`.", const="success")]
Message = Annotated[str, about("给人看的说明。", "Message for people.")]
Id = Annotated[str, about("40 位小写十六进制数字。", "40 lower-case hexadecimal digits.")]
CreatedAt = Annotated[
    str, about("创建时间，ISO 8601，UTC。", "Creation time, ISO 8601 in UTC.", format="date-time")
]
UpdatedAt = Annotated[
    str, about("更新时间，ISO 8601，UTC。", "Time of the last change, ISO 8601 in UTC.", format="date-time")
]
InstanceName = Annotated[
    str,
    about(
        f"1-{NAME_LENGTH} 个字符：文字、数字、-、_、.、空格（不在首尾）；不重复。",
        f"Unique; 1-{NAME_LENGTH} characters: letters, digits, `-`, `_`, `.` and space (not at either end).",
    ),
]
Limit = Annotated[
    int, about(f"返回的最大数量，1-{validation.LIMIT}。", f"Maximum number of results, 1-{validation.LIMIT}.")
]
Offset = Annotated[int, about("跳过的数量。", "Number of results to skip.")]
Total = Annotated[int, about("符合条件的总数。", "Total number of matches.")]
PageLimit = Annotated[int, about("同请求。", "As requested.")]
PageOffset = Annotated[int, about("同请求。", "As requested.")]


def timestamp(milliseconds: int) -> str:
    """`2025-07-05T10:30:00Z` for milliseconds since 1970."""
    return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def unset_to_none(value: Value | UnsetType) -> Value | None:
    """None for a field that the request does not have."""
    return None if isinstance(value, UnsetType) else value
