"""One answer on its way out: headers are added to it, and a failure in a library's own words is put into ours."""

import asyncio
import contextlib

from starlette.types import Message, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected

from rest import errors
from rest.answers import Answer
from rest.operation import spoken

REASON_BYTES = 512
LEAVE_TIMEOUT_S = 0.5


class Exchange:
    """What HTTP and WebSocket have in common. `status` is 0 until the answer has begun."""

    def __init__(self, scope: Scope, send: Send, added: list[tuple[bytes, bytes]]) -> None:
        self.status = 0
        self._scope = scope
        self._send = send
        self._added = added

    async def send(self, message: Message) -> None:
        """Takes the application's messages."""
        raise NotImplementedError

    async def fail(self, answer: Answer) -> None:
        """The application failed: `answer` in its place, if it has not begun."""
        raise NotImplementedError

    async def leave(self, answer: Answer) -> None:
        """The server is ending: an orderly end of what has begun, or `answer`."""
        raise NotImplementedError


class Reply(Exchange):
    """The answer to one HTTP request."""

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
        answer = errors.foreign(start["status"], reason, spoken(self._scope))
        allow = ((b"allow", headers[b"allow"]),) if b"allow" in headers else ()
        await self._give(Answer(answer.body, (*answer.headers, *allow), answer.status))

    async def _give(self, answer: Answer) -> None:
        self._replaced = None
        await answer.send(self.send, with_body=self._scope["method"] != "HEAD")

    async def fail(self, answer: Answer) -> None:
        """An answer that has begun is broken off: the server closes the connection, so that it is not taken for whole."""
        if self.status == 0 or self._replaced is not None:
            await self._give(answer)

    async def leave(self, answer: Answer) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_TIMEOUT_S):
                if self._streaming:
                    await self._send({"type": "http.response.body", "body": b""})
                else:
                    await self.fail(answer)


class Handshake(Exchange):
    """The answer to a WebSocket's handshake, and then its messages as they are. `status` is 101 once it is open."""

    def __init__(self, scope: Scope, send: Send, added: list[tuple[bytes, bytes]]) -> None:
        super().__init__(scope, send, added)
        self._closed = False

    async def send(self, message: Message) -> None:
        if self.status == 0 and message["type"] == "websocket.close":
            # Nobody wanted it: there is no such route, or the application refused in its own way.
            known = "endpoint" in self._scope
            await self._refuse(errors.foreign(403 if known else 404, "", spoken(self._scope)))
            return
        if self.status == 0:
            self.status = 101 if message["type"] == "websocket.accept" else message["status"]
            message["headers"] = [*message.get("headers", ()), *self._added]
        elif message["type"] == "websocket.close":
            self._closed = True
        await self._send(message)

    async def _refuse(self, answer: Answer) -> None:
        """With an HTTP answer, or without one where the server cannot send it."""
        if "websocket.http.response" in (self._scope.get("extensions") or {}):
            await answer.send(self._denied)
        else:
            self.status = 403
            await self._send({"type": "websocket.close", "code": 1008})

    async def _denied(self, message: Message) -> None:
        await self.send({**message, "type": f"websocket.{message['type']}"})

    async def fail(self, answer: Answer) -> None:
        await self._end(answer, 1011)

    async def leave(self, answer: Answer) -> None:
        await self._end(answer, 1012)

    async def _end(self, answer: Answer, code: int) -> None:
        """Refuses the handshake with the answer, or closes the open socket with the code."""
        with contextlib.suppress(ClientDisconnected):
            if self.status == 0:
                await self._refuse(answer)
            elif self.status == 101 and not self._closed:
                self._closed = True
                await self._send({"type": "websocket.close", "code": code})
