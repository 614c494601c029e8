"""Bytes that are no HTTP request, or a path that is no ASCII: uvicorn's parser gives up before the application is asked."""

import secrets

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from mailauncher.errors import InvalidParameter
from rest import errors

MALFORMED = InvalidParameter(
    "HTTP 请求有误（路径中的非 ASCII 字符须用 % 编码）",
    "Malformed HTTP request (a path's characters beyond ASCII must be percent-encoded)",
)


class Protocol(HttpToolsProtocol):
    """uvicorn's own protocol, whose one answer of its own has the shape of all failures."""

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
