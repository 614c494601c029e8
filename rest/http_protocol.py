"""uvicorn's HTTP protocol with limits: rejects malformed requests and handshakes before they reach the application."""

import asyncio
import secrets

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from websockets.http11 import Request
from websockets.server import ServerProtocol

from mailauncher.errors import InvalidParameter, preferred_language
from mailauncher.streams import ENDLESS
from mailauncher.unread import UnreadWatch
from rest import errors

MALFORMED = InvalidParameter(
    "HTTP 请求有误（路径中的非 ASCII 字符须用 % 编码）",
    "Malformed HTTP request (non-ASCII characters in a path must be percent-encoded)",
)
UPGRADE_WITH_BODY = InvalidParameter(
    "本服务器只能升级到 WebSocket，其他带请求体的升级会丢失请求体：请去掉 Upgrade 头"
    "（Java 的 HttpClient：version(HTTP_1_1)）",
    "This server upgrades to WebSocket only, and the body of any other upgrade would be lost: "
    "send no Upgrade header (Java's HttpClient: version(HTTP_1_1))",
)

HEAD_BYTES = 64 << 10
"""Maximum size of a request's line and headers, or of the trailers of a chunked body. uvicorn itself has no limit."""
PIPELINED_MAX = 16
"""Maximum number of pipelined requests that wait on one connection."""
LAST_CHUNK = b"0\r\n\r\n"
IDLE_S = 60.0
"""After this time without a byte, twice as long at most, an incomplete request is given up. uvicorn itself waits for ever."""
_BODY_HEADERS = {b"content-length", b"transfer-encoding"}


class HttpProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with bounded buffers; whatever it refuses itself has the common error body."""

    _unparsed = 0
    """Bytes received of a head, or of trailers, that is not complete yet."""
    _incomplete = True
    """Whether the client has to send something: the rest of a request, or its first one."""
    _progressed = False
    """Whether it has sent something since that was looked at."""
    _fault = MALFORMED

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._unread = UnreadWatch(transport, self.loop)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._watching.cancel()
        self._unread.cancel()
        super().connection_lost(exc)

    def _watch(self) -> None:
        self._watching = self.loop.call_later(IDLE_S, self._cut_if_idle)

    def _cut_if_idle(self) -> None:
        """Each connection takes a descriptor: a thousand that never send a request would keep all others out."""
        if self._incomplete and not self._progressed and not self.flow.read_paused:
            self.transport.close()
            return
        self._progressed = False
        self._watch()

    def data_received(self, data: bytes) -> None:
        self._incomplete = self._progressed = True
        self._unparsed += len(data)
        super().data_received(data)
        if self._unparsed > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("head too large")

    def on_message_begin(self) -> None:
        self._incomplete = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._unparsed = 0
        self._require_no_upgrade_with_body()
        super().on_headers_complete()
        if len(self.pipeline) > PIPELINED_MAX:
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unparsed = 0
        self._incomplete = False
        super().on_message_complete()

    def shutdown(self) -> None:
        """Ends a stream that has no end of its own in an orderly way, so that stopping does not wait for it.

        The application is told that its client has left. What has not been sent yet is lost with a client that does not read;
        others continue where they were, at another server.
        """
        super().shutdown()
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn declares that there always is one
        if cycle is None or cycle.response_complete or not cycle.scope.get(ENDLESS):
            return
        cycle.disconnected = True
        cycle.message_event.set()
        if cycle.response_started and self.transport.get_write_buffer_size() == 0:
            self.transport.write(LAST_CHUNK)
            self.transport.close()
        else:
            self.transport.abort()

    def _require_no_upgrade_with_body(self) -> None:
        """The parser ends a message at the head of an upgrade, and takes the body for the next message. Raises ValueError,
        upon which uvicorn sends its 400 response."""
        names = {name for name, _ in self.headers}
        if self.parser.should_upgrade() and not self._should_upgrade() and names & _BODY_HEADERS:
            self._fault = UPGRADE_WITH_BODY
            raise ValueError

    def handle_websocket_upgrade(self) -> None:
        """Examines the handshake first: the WebSocket protocol would refuse it in plain text, or not answer at all."""
        method, headers = self.scope["method"].encode(), self.scope["headers"]
        lines = (b"%b: %b\r\n" % header for header in headers)
        fault = _handshake_fault(b"".join((method, b" ", self.url, b" HTTP/1.1\r\n", *lines, b"\r\n")))
        if fault:
            self._refuse(_invalid_handshake(fault))
            return
        self._watching.cancel()  # the connection is another protocol's from here on
        self._unread.cancel()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        self._refuse(self._fault)

    def _refuse(self, error: InvalidParameter) -> None:
        """Responds without the application, and closes the connection."""
        wanted = dict(self.headers or ()).get(b"accept-language", b"").decode("latin-1")
        response = errors.response(error, preferred_language(wanted))
        headers = (
            *self.server_state.default_headers,
            *response.headers,
            (b"content-length", b"%d" % len(response.body)),
            (b"connection", b"close"),
            (b"x-request-id", secrets.token_hex(8).encode()),
        )
        lines = (b"%b: %b\r\n" % header for header in headers)
        self.transport.write(b"".join((STATUS_LINE[response.status], *lines, b"\r\n", response.body)))
        self.transport.close()


def _handshake_fault(head: bytes) -> str:
    """What the WebSocket protocol does not accept in the head of a request; empty if nothing."""
    protocol = ServerProtocol()
    protocol.receive_data(head)
    for request in protocol.events_received():
        assert isinstance(request, Request)
        protocol.accept(request)
    fault: BaseException | None = protocol.parser_exc or protocol.handshake_exc
    while fault is not None and fault.__cause__ is not None:
        fault = fault.__cause__
    return "" if fault is None else str(fault)


def _invalid_handshake(fault: str) -> InvalidParameter:
    return InvalidParameter(f"WebSocket 握手有误：{fault}", f"Invalid WebSocket handshake: {fault}")
