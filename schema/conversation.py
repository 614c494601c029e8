"""One socket's `graphql-transport-ws`, as Strawberry speaks it, made to answer with our codes and to mind what it is sent."""

import logging
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import Message, SubscribeMessage

from mailauncher.errors import InvalidParameter
from schema.context import Call
from schema.errors import extensions
from schema.limits import require_length

log = logging.getLogger(__name__)

Payload = dict[str, Any] | None
OperationId = Annotated[str, Meta(min_length=1, max_length=256)]


class _ConnectionInit(msgspec.Struct, tag_field="type", tag="connection_init"):
    payload: Payload = None


class _Ping(msgspec.Struct, tag_field="type", tag="ping"):
    payload: Payload = None


class _Pong(msgspec.Struct, tag_field="type", tag="pong"):
    payload: Payload = None


class _Operation(msgspec.Struct):
    query: str
    variables: Payload = None
    operationName: str | None = None  # noqa: N815 - the protocol's name
    extensions: Payload = None


class _Subscribe(msgspec.Struct, tag_field="type", tag="subscribe"):
    id: OperationId
    payload: _Operation


class _Complete(msgspec.Struct, tag_field="type", tag="complete"):
    id: OperationId


_Message = _ConnectionInit | _Ping | _Pong | _Subscribe | _Complete


class Conversation(BaseGraphQLTransportWSHandler[Call, None]):
    """A message that the protocol does not know closes the socket with 4400; a document that is wrong is an `error`."""

    async def handle_message(self, message: Message) -> None:
        try:
            known: _Message = msgspec.convert(message, _Message)
        except msgspec.ValidationError as error:
            await self.handle_invalid_message(f"Invalid message: {error}")
            return
        if isinstance(known, _ConnectionInit) and known.payload is None:
            message = {"type": "connection_init", "payload": {}}
        await super().handle_message(message)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        if self.connection_acknowledged and message["id"] not in self.operations:
            try:
                self._require_room()
                require_length(message["payload"]["query"])
            except InvalidParameter as error:
                await self._refuse(message["id"], error)
                return
        await super().handle_subscribe(message)

    def _require_room(self) -> None:
        limit = self.max_subscriptions_per_connection
        # A command outlives an operation that its client has ended.
        if limit is not None and max(len(self.operations), self.context.commands) >= limit:
            raise InvalidParameter(
                f"同一连接上最多同时进行 {limit} 个操作",
                f"There can be {limit} operations at once on one socket",
            )

    async def _refuse(self, operation_id: str, error: InvalidParameter) -> None:
        message = error.text.in_language(self.context.language)
        details = extensions(error.code, error.field)
        await self.send_message(
            {"id": operation_id, "type": "error", "payload": [{"message": message, "extensions": details}]}
        )

    async def shutdown(self) -> None:
        await super().shutdown()
        await self.context.finish()

    @staticmethod
    def _get_pre_execution_close_reason(error: Exception) -> str | None:
        """None: a document with a typing error is no reason to end the subscriptions beside it."""
        return None

    async def handle_task_exception(self, error: Exception) -> None:
        if not isinstance(error, WebSocketDisconnected):
            log.error("graphql operation failed", exc_info=error)
