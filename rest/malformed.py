"""Bytes that are no HTTP request, a path that is no ASCII, a head without an end: given up before the application is asked."""

import secrets

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from mailauncher.errors import InvalidParameter
from rest import errors

MALFORMED = InvalidParameter(
    "HTTP 请求有误（路径中的非 ASCII 字符须用 % 编码）",
    "Malformed HTTP request (a path's characters beyond ASCII must be percent-encoded)",
)


HEAD_BYTES = 64 << 10
"""Of a request's line and headers, or of what follows a chunked body. uvicorn itself would keep any number."""
PIPELINED = 16
"""Requests that may wait on a connection for the answer to the one before."""


class Protocol(HttpToolsProtocol):
    """uvicorn's own protocol, whose one answer of its own has the shape of all failures, with bounds on what it keeps."""

    _unparsed = 0
    """Bytes of a head, or of what follows a body, that has begun and not ended."""

    def data_received(self, data: bytes) -> None:
        self._unparsed += len(data)
        super().data_received(data)
        if self._unparsed > HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("head too large")

    def on_headers_complete(self) -> None:
        self._unparsed = 0
        super().on_headers_complete()
        if len(self.pipeline) > PIPELINED:
            self.transport.abort()

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unparsed = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        answer = errors.answer(MALFORMED, "zh")
        headers = (
            *self.server_state.default_headers,
            *answer.headers,
            (b"content-length", b"%d" % len(answer.body)),
            (b"connection", b"close"),
            (b"x-request-id", secrets.token_hex(8).encode()),
        )
        lines = (b"%b: %b\r\n" % header for header in headers)
        self.transport.write(b"".join((STATUS_LINE[400], *lines, b"\r\n", answer.body)))
        self.transport.close()
