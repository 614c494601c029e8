"""`/graphql`: queries and mutations over HTTP, everything over a WebSocket or server-sent events, a page for browsers."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import msgspec
import strawberry
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLRequestData
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.unset import UnsetType

from mailauncher.access import bearer, token_matches
from mailauncher.errors import InvalidParameter, preferred_language
from resolvers.context import Context
from schema import explorer, root
from schema.context import Call
from schema.conversation import Conversation
from schema.limits import require_length
from schema.loaders import Loaders

INIT_TIMEOUT_S = 10.0
"""How long a socket may wait with its `connection_init`."""
REASON_BYTES = 123
"""What the reason of a WebSocket's close may have."""


def create(ctx: Context) -> ASGIApp:
    """The endpoint, for a `Route` and a `WebSocketRoute` alike.

    It expects two layers around it: one that has refused whoever may not call (the token of a socket is asked for here),
    and one that turns a LauncherError, or Strawberry's own refusals in plain text, into the body that failures have.
    """
    return Endpoint(ctx)


class Adapter(ASGIWebSocketAdapter):
    """Sends text, since JavaScript clients take JSON in binary messages for something else."""

    async def send_json(self, message: Mapping[str, object]) -> None:
        if self.ws.application_state is not WebSocketState.CONNECTED:
            raise WebSocketDisconnected
        await self.ws.send_text(encode(message).decode())

    async def close(self, code: int, reason: str) -> None:
        if self.ws.application_state is WebSocketState.CONNECTED:
            await super().close(code, reason.encode()[:REASON_BYTES].decode("utf-8", "ignore"))


class Endpoint(GraphQL[Call, None]):
    group = "graphql"
    """The part of the product that its requests are counted under."""
    websocket_adapter_class = Adapter
    graphql_transport_ws_handler_class = Conversation

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        super().__init__(
            root.create(ctx.settings),
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL],
            connection_init_wait_timeout=timedelta(seconds=INIT_TIMEOUT_S),
            max_subscriptions_per_connection=ctx.settings.graphql_max_subscriptions,
        )

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Call:
        return Call(
            self._ctx,
            Loaders(self._ctx),
            language=preferred_language(request.headers.get("accept-language", "")),
            authorization=request.headers.get("authorization", ""),
        )

    # Who may call

    def is_websocket_origin_allowed(self, request: WebSocket, origin: str) -> bool:
        """The layer around has refused foreign pages; Strawberry alone would refuse those of another port, too."""
        return True

    async def on_ws_connect(self, context: Call) -> UnsetType:
        """The token stands in the handshake's header or, where browsers can put it, in the payload."""
        presented = {key.lower(): value for key, value in context.connection_params.items()}
        authorization = presented.get("authorization", context.authorization)
        token = bearer(authorization) if isinstance(authorization, str) else ""
        if not token_matches(self._ctx.settings, token):
            raise ConnectionRejectionError
        nothing: UnsetType = strawberry.UNSET
        return nothing

    # What comes in and goes out

    def decode_json(self, data: str | bytes) -> object:
        """Raises json.JSONDecodeError, which Strawberry answers with 400, or 4400 on a socket."""
        try:
            return msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise json.JSONDecodeError(str(error), "", 0) from error

    def encode_json(self, data: object) -> bytes:
        return encode(data)

    def parse_json(self, data: str | bytes) -> Any:
        """A body comes as bytes, a parameter of the address as text."""
        parsed = super().parse_json(data)
        if isinstance(data, bytes) and not isinstance(parsed, dict | list):
            raise InvalidParameter("请求体应为 JSON 对象", "The body must be a JSON object")
        return parsed

    async def parse_http_body(self, request: Any) -> GraphQLRequestData | list[GraphQLRequestData]:
        parsed = await super().parse_http_body(request)
        if isinstance(parsed, GraphQLRequestData):
            require_length(parsed.query or "")
        return parsed

    async def create_streaming_response(
        self,
        request: Request | WebSocket,
        stream: Callable[[], AsyncIterator[str]],
        sub_response: Response,
        headers: Mapping[str, str],
    ) -> Response:
        async def closed_at_its_end() -> AsyncIterator[str]:
            events = stream()
            assert isinstance(events, AsyncGenerator)
            async with aclosing(events):
                async for event in events:
                    yield event

        return await super().create_streaming_response(request, closed_at_its_end, sub_response, headers)

    async def render_graphql_ide(self, request: Request) -> Response:
        return HTMLResponse(await asyncio.to_thread(explorer.page))


def encode(data: object) -> bytes:
    """JSON. Half a surrogate pair, which a file's name may hold, is escaped: it has no UTF-8."""
    try:
        return msgspec.json.encode(data)
    except UnicodeEncodeError:
        return json.dumps(data, separators=(",", ":")).encode()
