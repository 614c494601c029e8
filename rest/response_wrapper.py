"""Wraps the `send` of one request: adds headers, and replaces failures in a library's format with the common error body."""

import asyncio
import contextlib

from starlette.types import Message, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from rest import errors
from rest.operation import language_of
from rest.responses import Response

REASON_BYTES = 512
END_TIMEOUT_S = 0.5


class ResponseWrapper:
    """The parts common to HTTP and WebSocket. `status` is 0 until the response has begun."""

    def __init__(self, scope: Scope, send: Send, added: list[tuple[bytes, bytes]]) -> None:
        self.status = 0
        self._scope = scope
        self._send = send
        self._added = added

    async def send(self, message: Message) -> None:
        """Takes the application's messages."""
        raise NotImplementedError

    async def fail(self, response: Response) -> None:
        """The application failed: sends `response` instead, unless its own response has begun."""
        raise NotImplementedError

    async def end(self, response: Response, code: int, reason: str = "") -> None:
        """Ends a response that has begun in an orderly way, or sends `response`. An open WebSocket is closed with the code and
        the reason."""
        raise NotImplementedError


class HttpResponseWrapper(ResponseWrapper):
    """The response to one HTTP request."""

    def __init__(self, scope: Scope, send: Send, added: list[tuple[bytes, bytes]]) -> None:
        super().__init__(scope, send, added)
        self._replaced: Message | None = None
        self._reason = b""
        self._streaming = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = message.get("headers", ())
            kind = next((value for name, value in headers if name == b"content-type"), b"")
            if self.status >= 400 and b"json" not in kind.partition(b";")[0]:
                self._replaced = message
                return
            self._streaming = all(name != b"content-length" for name, _ in headers)
            message["headers"] = [*headers, *self._added]
        elif message["type"] == "http.response.body":
            more = message.get("more_body", False)
            if self._replaced is not None:
                self._reason = (self._reason + message.get("body", b""))[:REASON_BYTES]
                if not more:
                    await self._replace(self._replaced)
                return
            self._streaming = more
        await self._send(message)

    async def _replace(self, start: Message) -> None:
        headers = dict(start.get("headers", ()))
        plain = headers.get(b"content-type", b"").startswith(b"text/plain")
        reason = self._reason.decode("utf-8", "replace") if plain else ""
        response = errors.for_status(start["status"], reason, language_of(self._scope))
        allow = ((b"allow", headers[b"allow"]),) if b"allow" in headers else ()
        await self._respond(Response(response.body, (*response.headers, *allow), response.status))

    async def _respond(self, response: Response) -> None:
        self._replaced = None
        await response.send(self.send, with_body=self._scope["method"] != "HEAD")

    async def fail(self, response: Response) -> None:
        """A response that has begun is cut off: the server closes the connection, so that the client sees it is incomplete."""
        if self.status == 0 or self._replaced is not None:
            await self._respond(response)

    async def end(self, response: Response, code: int, reason: str = "") -> None:
        del code, reason
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(END_TIMEOUT_S):
                if self._streaming:
                    await self._send({"type": "http.response.body", "body": b""})
                else:
                    await self.fail(response)


class WebSocketWrapper(ResponseWrapper):
    """The response to a WebSocket handshake; later messages pass unchanged. `status` is 101 once the socket is open."""

    def __init__(self, scope: Scope, send: Send, added: list[tuple[bytes, bytes]]) -> None:
        super().__init__(scope, send, added)
        self._closed = False

    async def send(self, message: Message) -> None:
        if self.status == 0 and message["type"] == "websocket.close":
            # Refused without a response: there is no such route, or the application closed it.
            known = "endpoint" in self._scope
            await self._refuse(errors.for_status(403 if known else 404, "", language_of(self._scope)))
            return
        if self.status == 0:
            self.status = 101 if message["type"] == "websocket.accept" else message["status"]
            message["headers"] = [*message.get("headers", ()), *self._added]
        elif message["type"] == "websocket.close":
            self._closed = True
        await self._send(message)

    async def _refuse(self, response: Response) -> None:
        """With an HTTP response, or without one where the server cannot send it."""
        if "websocket.http.response" in (self._scope.get("extensions") or {}):
            await response.send(self._send_denial)
        else:
            self.status = 403
            await self._send({"type": "websocket.close", "code": 1008})

    async def _send_denial(self, message: Message) -> None:
        await self.send({**message, "type": f"websocket.{message['type']}"})

    async def fail(self, response: Response) -> None:
        await self.end(response, 1011)

    async def end(self, response: Response, code: int, reason: str = "") -> None:
        """Refuses the handshake with the response, or closes the open socket."""
        with contextlib.suppress(ClientDisconnected):
            if self.status == 0:
                await self._refuse(response)
            elif self.status == 101 and not self._closed:
                self._closed = True
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
