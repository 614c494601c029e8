"""Scalars for what GraphQL's own cannot hold: numbers over 32 bit, and points in time."""

import json
from datetime import UTC, datetime
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

GREATEST = 2**53 - 1

Long = NewType("Long", int)
"""A whole number that a JSON number carries without loss."""

Instant = NewType("Instant", int)
"""Milliseconds since 1970, shown as `DateTime`."""


def _long_out(value: Any) -> int:
    if not isinstance(value, int) or abs(value) > GREATEST:
        raise TypeError(f"Long cannot represent {value!r}")
    return value


def _long_in(value: Any) -> int:
    whole = (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, float) and value.is_integer()
    )
    if not whole or abs(value) > GREATEST:
        raise GraphQLError("Long must be a whole number of at most 53 bit")
    return int(value)


def _instant_out(value: Any) -> str:
    """`2025-07-05T10:30:00.000Z` for milliseconds, which some views carry as text."""
    milliseconds = int(value)
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def _instant_in(value: Any) -> int:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise GraphQLError("DateTime must be ISO 8601 with a zone, such as 2025-07-05T10:30:00Z") from None
    if moment.tzinfo is None:
        raise GraphQLError("DateTime needs a zone, such as Z")
    return round(moment.timestamp() * 1000)


Json = NewType("Json", object)
"""Any JSON value; shown from its text."""


def _json_out(value: Any) -> Any:
    return json.loads(value)


SCALARS: dict[object, ScalarDefinition] = {
    Long: strawberry.scalar(
        name="Long",
        description=(
            "A whole number of at most 53 bit, as a JSON number: offsets and sizes in bytes, which outgrow `Int`."
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
        description="A point in time: ISO 8601 in UTC with milliseconds, such as `2025-07-05T10:30:00.000Z`.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339",
        serialize=_instant_out,
        parse_value=_instant_in,
    ),
}
