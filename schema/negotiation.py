"""Content negotiation over HTTP: one JSON document or an event stream, by `Accept` and the kind of the operation.

Clients list the media types they can read in `Accept` (RFC 9110, 12.5.1), often several: urql lists two of JSON and
`text/event-stream` for every operation. Queries and mutations get JSON unless an event stream has a greater weight;
subscriptions always get an event stream.
"""

from enum import StrEnum
from typing import Any, cast

from graphql import DocumentNode, GraphQLError, OperationType, get_operation_ast
from strawberry.http.streaming import SSETransport

from mailauncher.errors import InvalidParameter
from schema.shared_events import EventAnswer

PARTS_MAX = 64
"""Of more media ranges in a header, or more parameters of one, those behind are not read: each costs time of the loop."""


class MediaType(StrEnum):
    """The media types of responses."""

    JSON = "application/json"
    GRAPHQL_RESPONSE = "application/graphql-response+json"
    """The media type of the specification "GraphQL over HTTP": a document that was not executed gets 400."""
    EVENT_STREAM = "text/event-stream"


class EventStreamTransport(SSETransport):
    """Server-sent events whose lines end in LF: some clients recognise no other empty line between events. An event that has
    a position in its stream has it as its `id`, which clients send back as `Last-Event-ID` when they reconnect."""

    def encode_next(self, response: Any, encode_json: Any) -> str:
        if not isinstance(response, EventAnswer):
            return super().encode_next(response, encode_json)
        if response.event is None:
            text = self.encode_event("next", response.encoded.decode())
            head = "" if response.position is None else f"id: {response.position}\n"
            response.event = f"{head}{text}".encode()
        return cast(str, response.event)  # Starlette sends bytes as they are

    def encode_event(self, event: str, data: str | None = None) -> str:
        return super().encode_event(event, data).replace("\r\n", "\n")

    def encode_comment(self, comment: str) -> str:
        return super().encode_comment(comment).replace("\r\n", "\n")


def choose(accept: str, *, subscription: bool) -> MediaType:
    """The media type for an operation. Raises InvalidParameter for a subscription of a client that accepts no stream."""
    ranges = _ranges(accept)
    weight = {media_type: _weight(ranges, media_type) for media_type in MediaType}
    if subscription:
        if weight[MediaType.EVENT_STREAM] > 0:
            return MediaType.EVENT_STREAM
        raise InvalidParameter(
            "订阅需使用 WebSocket（graphql-transport-ws），或以 Accept: text/event-stream 请求",
            "Subscriptions require a WebSocket (graphql-transport-ws), or a request with Accept: text/event-stream",
        )
    json = max(weight[MediaType.JSON], weight[MediaType.GRAPHQL_RESPONSE])
    if weight[MediaType.EVENT_STREAM] > json:
        return MediaType.EVENT_STREAM
    named = MediaType.GRAPHQL_RESPONSE in accept.lower()
    return (
        MediaType.GRAPHQL_RESPONSE
        if named and weight[MediaType.GRAPHQL_RESPONSE] >= json > 0
        else MediaType.JSON
    )


def is_subscription(document: DocumentNode, name: str | None) -> bool:
    """Whether the operation of that name, or the only one, is a subscription."""
    try:
        operation = get_operation_ast(document, name)
    except GraphQLError:
        return False
    return operation is not None and operation.operation is OperationType.SUBSCRIPTION


def _ranges(accept: str) -> list[tuple[str, float]]:
    """The media ranges of the header with their weights, the first ones of more than anybody needs."""
    found = []
    for part in (accept.strip() or "*/*").split(",", PARTS_MAX)[:PARTS_MAX]:
        media_range, *parameters = (text.strip().lower() for text in part.split(";", PARTS_MAX)[:PARTS_MAX])
        found.append((media_range, _quality(parameters)))
    return found


def _weight(accepted: list[tuple[str, float]], media_type: MediaType) -> float:
    """The weight of a media type, by the most specific range that includes it; 0 if none does."""
    ranges = ("*/*", f"{media_type.partition('/')[0]}/*", media_type.value)
    return max(
        ((ranges.index(name), quality) for name, quality in accepted if name in ranges), default=(-1, 0.0)
    )[1]


def _quality(parameters: list[str]) -> float:
    text = next((text[2:] for text in parameters if text.startswith("q=")), "1")
    try:
        value = float(text)
    except ValueError:
        return 1.0
    return value if 0 <= value <= 1 else 1.0
