"""Strawberry's handler of a `graphql-transport-ws` socket, with our error codes and strict validation of messages."""

import asyncio
import logging
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.types import Message, SubscribeMessage
from strawberry.types.execution import PreExecutionError

from mailauncher.errors import InvalidParameter, LauncherError, UnknownDocument
from mailauncher.system_text import to_json
from schema.context import RequestContext
from schema.errors import extensions
from schema.limits import require_length
from schema.shared_events import EventAnswer

log = logging.getLogger(__name__)

EVENTS_IN_A_TURN = 16

Payload = dict[str, Any] | None
OperationId = Annotated[str, Meta(min_length=1, max_length=256)]


class _ConnectionInit(msgspec.Struct, tag_field="type", tag="connection_init"):
    payload: Payload = None


class _Ping(msgspec.Struct, tag_field="type", tag="ping"):
    payload: Payload = None


class _Pong(msgspec.Struct, tag_field="type", tag="pong"):
    payload: Payload = None


class _Operation(msgspec.Struct):
    query: str | None = None
    documentId: str | None = None  # noqa: N815 - as over HTTP
    variables: Payload = None
    operationName: str | None = None  # noqa: N815 - the protocol's name
    extensions: Payload = None


class _Subscribe(msgspec.Struct, tag_field="type", tag="subscribe"):
    id: OperationId
    payload: _Operation


class _Complete(msgspec.Struct, tag_field="type", tag="complete"):
    id: OperationId


_Message = _ConnectionInit | _Ping | _Pong | _Subscribe | _Complete


class SocketHandler(BaseGraphQLTransportWSHandler[RequestContext, None]):
    """A message that violates the protocol closes the socket with 4400; an invalid document gets an `error` message."""

    async def handle_message(self, message: Message) -> None:
        try:
            known: _Message = msgspec.convert(message, _Message)
        except msgspec.ValidationError as error:
            await self.handle_invalid_message(f"Invalid message: {error}")
            return
        if isinstance(known, _Subscribe) and known.payload.query is None and known.payload.documentId is None:
            await self.handle_invalid_message(
                "Invalid message: `payload` has neither `query` nor `documentId`"
            )
            return
        if isinstance(known, _ConnectionInit) and known.payload is None:
            message = {"type": "connection_init", "payload": {}}
        await super().handle_message(message)

    async def handle_subscribe(self, message: SubscribeMessage) -> None:
        if self.connection_acknowledged and message["id"] not in self.operations:
            try:
                self._require_room()
                view: Any = self.view
                view.stored_documents.resolve(message["payload"])
                require_length(message["payload"]["query"])
            except (InvalidParameter, UnknownDocument) as error:
                await self._refuse(message["id"], error)
                return
        await super().handle_subscribe(message)

    async def _send_result_stream(self, operation: Any, result_source: Any) -> None:
        """Sends the answers to events as they are encoded, with a turn for others after every few that lay ready."""
        socket: Any = self.websocket
        head = b'{"id":' + to_json(operation.id) + b',"type":"next","payload":'
        sent = 0
        async for result in result_source:
            if isinstance(result, EventAnswer):
                await socket.send_encoded(head, result.encoded, b"}")
                sent += 1
                if sent % EVENTS_IN_A_TURN == 0:
                    await asyncio.sleep(0)
            elif isinstance(result, PreExecutionError):
                await self._handle_pre_execution_error(operation, result)
                return
            else:
                await operation.send_next(result)

    def _require_room(self) -> None:
        limit = self.max_subscriptions_per_connection
        # A command outlives an operation that its client has completed.
        if limit is not None and max(len(self.operations), len(self.context.commands)) >= limit:
            raise InvalidParameter(
                f"同一连接上最多同时进行 {limit} 个操作",
                f"At most {limit} concurrent operations on one socket",
            )

    async def _refuse(self, operation_id: str, error: LauncherError) -> None:
        message = error.text.in_language(self.context.language)
        details = extensions(error.code, error.field)
        await self.send_message(
            {"id": operation_id, "type": "error", "payload": [{"message": message, "extensions": details}]}
        )

    async def shutdown(self) -> None:
        # In this order: cancelling the operations leaves their commands running, and what a command needs must exist until
        # it has ended. Waiting first would let a client that is gone start further commands.
        await super().shutdown()
        await self.context.commands.finish()

    @staticmethod
    def _get_pre_execution_close_reason(error: Exception) -> str | None:
        """None: an invalid document must not end the other subscriptions of the socket."""
        return None

    async def handle_task_exception(self, error: Exception) -> None:
        if not isinstance(error, WebSocketDisconnected):
            log.error("graphql operation failed", exc_info=error)
