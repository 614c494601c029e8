"""Scalars that GraphQL lacks: integers over 32 bits, times, and JSON."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NewType

import msgspec
import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

LONG_MAX = 2**53 - 1

Long = NewType("Long", int)
"""An integer that a JSON number represents exactly."""

Instant = NewType("Instant", int)
"""Milliseconds since 1970, a `DateTime` in the schema."""


def _long_out(value: Any) -> int:
    if not isinstance(value, int) or abs(value) > LONG_MAX:
        raise TypeError(f"Long cannot represent {value!r}")
    return value


def _long_in(value: Any) -> int:
    whole = (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and value.is_integer()
    )
    if not whole or abs(value) > LONG_MAX:
        raise GraphQLError("Long must be an integer of at most 53 bits")
    return int(value)


@lru_cache(4096)
def _instant_out(value: Any) -> str:
    """`2025-07-05T10:30:00.000Z` for milliseconds, which some views have as text."""
    milliseconds = int(value)
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def _instant_in(value: Any) -> int:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise GraphQLError(
            "DateTime must be ISO 8601 with a time zone, such as 2025-07-05T10:30:00Z"
        ) from None
    if moment.tzinfo is None:
        raise GraphQLError("DateTime must have a time zone, such as Z")
    return round(moment.timestamp() * 1000)


Json = NewType("Json", object)
"""Any JSON value; serialized from its text."""


def _json_out(value: Any) -> msgspec.Raw:
    """Put into the response as it is: to parse and encode a megabyte would keep the event loop for 100 ms."""
    return msgspec.Raw(value)


SCALARS: dict[object, ScalarDefinition] = {
    Long: strawberry.scalar(
        name="Long",
        description=(
            "An integer of at most 53 bits, as a JSON number: offsets and sizes in bytes that exceed `Int`."
        ),
        serialize=_long_out,
        parse_value=_long_in,
    ),
    Json: strawberry.scalar(
        name="JSON",
        description="Any JSON value.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        serialize=_json_out,
        parse_value=lambda value: value,
    ),
    Instant: strawberry.scalar(
        name="DateTime",
        description="A time: ISO 8601 in UTC with milliseconds, such as `2025-07-05T10:30:00.000Z`.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=_instant_out,
        parse_value=_instant_in,
    ),
}
