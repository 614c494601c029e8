"""Complete HTTP responses: status, headers and body, and the handling of `If-None-Match`."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from starlette.types import Send

from mailauncher.etags import etag_of, matches
from mailauncher.system_text import to_json

JSON = (b"content-type", b"application/json")
NO_STORE = (b"cache-control", b"no-store")
"""For everything that a client must request anew, above all the documented GETs that change something."""
REVALIDATE = (b"cache-control", b"no-cache")
"""The client may cache it, and must revalidate it before each use."""


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """A response that may be sent any number of times. An empty `etag` means that it cannot be revalidated."""

    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    status: int = 200
    etag: bytes = b""

    async def send(self, send: Send, *, with_body: bool = True) -> None:
        """Sends it; for HEAD without the body, but with the length that GET would have."""
        headers = [*self.headers]
        if self.status != 204:  # RFC 9110, 8.6
            headers.append((b"content-length", b"%d" % len(self.body)))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body if with_body else b""})

    async def send_conditionally(self, send: Send, if_none_match: bytes, *, with_body: bool = True) -> None:
        """Sends it, or 304 if the client has this content already."""
        if not self.etag or not matches(if_none_match, self.etag):
            await self.send(send, with_body=with_body)
            return
        headers = [pair for pair in self.headers if pair[0] != b"content-type"]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


@dataclass(frozen=True, slots=True, eq=False)
class StreamedResponse:
    """A response sent piece by piece as the client reads it; its length is not known in advance."""

    pieces: AsyncGenerator[bytes, None]
    headers: tuple[tuple[bytes, bytes], ...]

    async def send_conditionally(self, send: Send, _if_none_match: bytes, *, with_body: bool = True) -> None:
        async with aclosing(self.pieces):
            await send({"type": "http.response.start", "status": 200, "headers": [*self.headers]})
            if with_body:
                async for piece in self.pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


def json_response(value: object, status: int = 200) -> Response:
    """`value` as JSON that must not be cached."""
    return Response(to_json(value), (JSON, NO_STORE), status)


def json_with_etag(value: object) -> Response:
    """`value` as JSON with an ETag."""
    return with_etag(to_json(value), (JSON,))


def with_etag(body: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> Response:
    """A body with an ETag."""
    etag = etag_of(body)
    return Response(body, (*headers, REVALIDATE, (b"etag", etag)), etag=etag)
