"""`/graphql`: queries and mutations over HTTP, all operations over WebSocket or server-sent events, and the explorer."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import aclosing, nullcontext, suppress
from datetime import timedelta
from types import MappingProxyType
from typing import Any, cast

import msgspec
import strawberry
from cross_web import HTTPException
from graphql import GraphQLError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.asgi import ASGIWebSocketAdapter, GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.http import GraphQLHTTPResponse, GraphQLRequestData
from strawberry.http.exceptions import WebSocketDisconnected
from strawberry.subscriptions import GRAPHQL_SSE_PROTOCOL, GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.unset import UnsetType

from mailauncher import utf8
from mailauncher.access import SIGNED_IN, bearer_token, token_matches
from mailauncher.departures import unless_left
from mailauncher.errors import InvalidParameter, preferred_language
from mailauncher.etags import matches
from mailauncher.frames import EXTENSION, text_frame
from mailauncher.grants import EVERYTHING
from mailauncher.json_size import MESSAGE_VALUES_MAX, VALUES_MAX, require_few_values
from mailauncher.streams import ENDLESS
from mailauncher.system_text import to_json
from mailauncher.utf8 import NotUtf8
from resolvers.context import Context
from schema import root
from schema.compiled.executor import PlanCache
from schema.context import Reader, RequestContext
from schema.kept_answers import REQUEST_BYTES, Answer, Asked, KeptAnswers
from schema.limits import DocumentCache, require_length
from schema.loaders import Loaders
from schema.negotiation import EventStreamTransport, MediaType, choose, is_subscription
from schema.shared_events import EventAnswer
from schema.socket_handler import SocketHandler
from schema.stored_documents import StoredDocuments

INIT_TIMEOUT_S = 10.0
"""Maximum time until a socket's `connection_init`."""
REASON_BYTES = 123
"""Maximum size of a WebSocket close reason."""


def create(ctx: Context, documents: Mapping[str, str], explorer: Callable[[str], Response]) -> ASGIApp:
    """The endpoint, for a `Route` and a `WebSocketRoute` alike. `documents` are those that clients may send by id, `explorer`
    makes the page for browsers in a language.

    It expects two middlewares around it: one that refuses unauthorized callers (except for the token of a socket, which is
    checked here), and one that turns a LauncherError, or Strawberry's plain-text refusals, into the common error body.
    """
    return GraphQLEndpoint(ctx, documents, explorer)


class WebSocketAdapter(ASGIWebSocketAdapter):
    """Sends JSON in text messages, since JavaScript clients do not parse binary ones.

    A client may leave at any moment: sending raises WebSocketDisconnected, which ends the operation, and closing does nothing.
    """

    async def send_json(self, message: Mapping[str, object]) -> None:
        await self.send_encoded(to_json(message))

    async def send_encoded(self, *parts: bytes) -> None:
        """Sends a message of JSON in parts, in one frame where the server takes prepared ones."""
        if self.ws.application_state is not WebSocketState.CONNECTED:
            raise WebSocketDisconnected
        try:
            if EXTENSION in (self.ws.scope.get("extensions") or {}):
                await self.ws.send({"type": "websocket.send", EXTENSION: text_frame(*parts)})
            else:
                await self.ws.send_text(b"".join(parts).decode())
        except WebSocketDisconnect as error:
            raise WebSocketDisconnected from error

    async def close(self, code: int, reason: str) -> None:
        if self.ws.application_state is WebSocketState.CONNECTED:
            with suppress(WebSocketDisconnect):
                await super().close(code, reason.encode()[:REASON_BYTES].decode("utf-8", "ignore"))


class ClosingStream(StreamingResponse):
    """Closes its events when it ends, however it ends: see `GraphQLEndpoint._stream_result`."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[ENDLESS] = True
        events = self.body_iterator
        assert isinstance(events, AsyncGenerator)
        async with scope.get(SIGNED_IN, nullcontext)(), aclosing(events):
            await super().__call__(scope, receive, send)


class GraphQLEndpoint(GraphQL[RequestContext, None]):
    group = "graphql"
    """The group under which its requests are counted."""
    websocket_adapter_class = WebSocketAdapter
    graphql_transport_ws_handler_class = SocketHandler
    stream_transport_classes_by_protocol = MappingProxyType({GRAPHQL_SSE_PROTOCOL: EventStreamTransport})

    def __init__(
        self, ctx: Context, documents: Mapping[str, str], explorer: Callable[[str], Response]
    ) -> None:
        self._ctx = ctx
        self.stored_documents = StoredDocuments(documents)
        self._explorer = explorer
        self._documents = DocumentCache(ctx.settings)
        schema = root.create(ctx.settings, self._documents, PlanCache(ctx.graphql_fallbacks))
        self._graphql_schema = schema._schema
        self._answers = KeptAnswers()
        super().__init__(
            schema,
            subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL, GRAPHQL_SSE_PROTOCOL],
            connection_init_wait_timeout=timedelta(seconds=INIT_TIMEOUT_S),
            max_subscriptions_per_connection=ctx.settings.graphql_max_subscriptions,
        )

    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> RequestContext:
        return self._context(request)  # of a socket: `__call__` makes that of a request

    def _context(self, request: Request | WebSocket) -> RequestContext:
        ctx = self._called_by(request)
        return RequestContext(
            ctx,
            Loaders(ctx),
            Reader(preferred_language(request.headers.get("accept-language", "")), ctx.grant),
            authorization=request.headers.get("authorization", ""),
            signed_in=SIGNED_IN in request.scope,
        )

    def _called_by(self, request: Request | WebSocket) -> Context:
        headers = request.headers
        return self._ctx.called_by(headers.get("user-agent", ""), headers.get("authorization", ""))

    # Kept answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        request = Request(scope, receive)
        asked = await _asked(request) if self._called_by(request).grant is EVERYTHING else None
        answer = self._answers.find(asked, self._ctx.live.version) if asked else None
        if answer is None:
            await request.body()  # behind it comes the end of the connection
            # What the client has started by a mutation goes on: see `RequestContext.complete`.
            response, version = await unless_left(self._execute(request), receive)
            if version is None or asked is None or version != self._ctx.live.version:
                await response(scope, receive, send)
                return
            answer = self._answers.keep(asked, version, bytes(response.body), response.raw_headers)
        await _send(answer, request, send)

    async def _execute(self, request: Request) -> tuple[Response, int | None]:
        """The response, and the version of which alone it is a function."""
        context = self._context(request)
        context.last_event_id = request.headers.get("last-event-id", "")
        try:
            return await self.run(request, context), context.version
        except HTTPException as error:
            return PlainTextResponse(error.reason, status_code=error.status_code), None

    # Access control

    def is_websocket_origin_allowed(self, request: WebSocket, origin: str) -> bool:
        """The guard has refused foreign pages; Strawberry would also refuse pages on another port."""
        return True

    async def on_ws_connect(self, context: RequestContext) -> UnsetType:
        """The token is in the handshake's header or, since browsers cannot set that, in the payload; so is the language."""
        presented = {key.lower(): value for key, value in context.connection_params.items()}
        language = presented.get("acceptlanguage")
        if isinstance(language, str):
            context.reader = context.reader._replace(language=preferred_language(language))
        authorization = presented.get("authorization", context.authorization)
        token = bearer_token(authorization) if isinstance(authorization, str) else ""
        delegated = context.ctx.grant is not EVERYTHING
        if not (context.signed_in or delegated or token_matches(self._ctx.settings, token)):
            raise ConnectionRejectionError
        nothing: UnsetType = strawberry.UNSET
        return nothing

    # Encoding

    def decode_json(self, data: str | bytes) -> object:
        """Raises json.JSONDecodeError, which Strawberry turns into 400, or 4400 on a socket; InvalidParameter for a body in
        UTF-16. A byte order mark before a body is skipped. The values of a body are counted before this."""
        try:
            if isinstance(data, bytes):
                utf8.require_not_utf16(data)
                data = data.removeprefix(utf8.BOM)
            else:
                require_few_values(data.encode(errors="replace"), MESSAGE_VALUES_MAX)
            return msgspec.json.decode(data)
        except NotUtf8 as error:
            raise InvalidParameter(f"请求体{error.text.zh}", f"The request body is {error.text.en}") from None
        except (msgspec.DecodeError, UnicodeError, RecursionError, InvalidParameter) as error:
            raise json.JSONDecodeError(str(error), "", 0) from error

    def encode_json(self, data: object) -> bytes:
        return to_json(data)

    def parse_json(self, data: str | bytes) -> Any:
        """A body is bytes, a query parameter is text."""
        parsed = super().parse_json(data)
        if isinstance(data, bytes):
            if not isinstance(parsed, dict | list):
                raise InvalidParameter("请求体应为 JSON 对象", "The request body must be a JSON object")
            for request in parsed if isinstance(parsed, list) else [parsed]:
                if isinstance(request, dict):
                    self.stored_documents.resolve(request)
        return parsed

    def parse_query_params(self, params: Any) -> dict[str, Any]:
        parsed: dict[str, Any] = super().parse_query_params(params)
        self.stored_documents.resolve(parsed)
        return parsed

    async def parse_http_body(self, request: Any) -> GraphQLRequestData | list[GraphQLRequestData]:
        """The request, and the protocol of the response: Strawberry would choose a stream whenever `Accept` lists one."""
        if request.method == "POST" and len(text := await request.get_body()) > VALUES_MAX:
            await asyncio.to_thread(require_few_values, text)
        parsed = await super().parse_http_body(request)
        if isinstance(parsed, GraphQLRequestData):
            require_length(parsed.query or "")
            media_type = choose(_accept(request), subscription=await self._is_subscription(parsed))
            parsed.protocol = "sse" if media_type is MediaType.EVENT_STREAM else "http"
        return parsed

    async def _is_subscription(self, data: GraphQLRequestData) -> bool:
        # Most documents do not contain the word: only Strawberry parses them.
        if "subscription" not in (data.query or ""):
            return False
        try:
            document = await self._documents.load(self._graphql_schema, data.query or "")
        except GraphQLError:
            return False  # reported when it is executed
        # An invalid document starts no stream: its errors are one response, in JSON unless a stream is preferred.
        return not document.errors and is_subscription(document.node, data.operation_name)

    async def get_sub_response(self, request: Request | WebSocket) -> Response:
        response = await super().get_sub_response(request)
        accept = request.headers.get("accept", "")
        if choose(accept, subscription=False) is MediaType.GRAPHQL_RESPONSE:
            response.media_type = MediaType.GRAPHQL_RESPONSE
        return response

    def create_response(
        self, response_data: GraphQLHTTPResponse | list[GraphQLHTTPResponse], sub_response: Response
    ) -> Response:
        """In the media type of "GraphQL over HTTP", a document that was not executed gets 400."""
        if sub_response.media_type != MediaType.GRAPHQL_RESPONSE or isinstance(response_data, list):
            return super().create_response(response_data, sub_response)
        errors = response_data.get("errors") or []
        executed = response_data.get("data") is not None or any(
            "path" in cast(dict[str, object], error) for error in errors
        )
        if not executed:
            response_data.pop("data", None)
            sub_response.status_code = 400
        response = super().create_response(response_data, sub_response)
        response.headers["content-type"] = f"{MediaType.GRAPHQL_RESPONSE}; charset=utf-8"
        return response

    async def _process_stream_result(
        self, request: Request, value: Any, all_pending: list[Any]
    ) -> tuple[Any, list[Any]]:
        """An event's answer goes to the transport as it is: it is encoded."""
        if isinstance(value, EventAnswer):
            return value, all_pending
        return await super()._process_stream_result(request, value, all_pending)

    def _stream_result(
        self, request: Request, result: Any, transport: Any
    ) -> Callable[[], AsyncGenerator[str, None]]:
        """The events of a subscription, which close `result` when they are closed.

        A client that leaves while an event waits to be sent leaves the generators below where they are, each inside
        another. The garbage collector would close all of them at once, in any order, and they would trip over each other.
        """
        merged = super()._stream_result(request, result, transport)

        async def events() -> AsyncGenerator[str, None]:
            async with aclosing(result), aclosing(merged()) as found:  # the reader of `result` ends first
                async for event in found:
                    yield event

        return events

    async def create_streaming_response(
        self,
        request: Request | WebSocket,
        stream: Callable[[], AsyncIterator[str]],
        sub_response: Response,
        headers: Mapping[str, str],
    ) -> Response:
        return ClosingStream(
            stream(),
            status_code=sub_response.status_code or 200,
            headers={**sub_response.headers, **headers},
        )

    def should_render_graphql_ide(self, request: Any) -> bool:
        """Strawberry knows no documents that are sent by their id, and would answer them with the explorer."""
        by_id = request.query_params.get("documentId") is not None
        return not by_id and super().should_render_graphql_ide(request)

    async def render_graphql_ide(self, request: Request) -> Response:
        language = preferred_language(request.headers.get("accept-language", ""))
        return await asyncio.to_thread(self._explorer, language)


async def _asked(request: Request) -> Asked | None:
    """What a request asks for. None: it is too large, or not of a kind whose answer could be kept."""
    headers = dict(request.scope["headers"])
    kind = headers.get(b"content-type", b"")
    if request.method == "GET":
        sent: bytes = request.scope["query_string"]
    elif request.method == "POST" and b"application/json" in kind:
        sent = await request.body()
    else:
        return None
    if len(sent) > REQUEST_BYTES:
        return None
    language = preferred_language(headers.get(b"accept-language", b"").decode("latin-1"))
    return Asked(request.method, sent, kind, headers.get(b"accept", b""), Reader(language))


async def _send(answer: Answer, request: Request, send: Send) -> None:
    """Sends an answer, or 304 if the client has it already."""
    status, headers, body = 200, answer.headers, answer.body
    known = request.headers.get("if-none-match", "") if answer.etag else ""
    if matches(known.encode("latin-1"), answer.etag):
        status, body = 304, b""
        headers = [header for header in headers if header[0] not in (b"content-type", b"content-length")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _accept(request: Any) -> str:
    return next((value for name, value in request.headers.items() if name.lower() == "accept"), "")
