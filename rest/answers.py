"""Whole answers: status, headers and bytes, ready to be sent, and `If-None-Match`."""

import hashlib
import json
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import msgspec
from starlette.types import Send

JSON = (b"content-type", b"application/json")
NO_STORE = (b"cache-control", b"no-store")
"""For everything that a client must ask for anew, the documented GETs that change something before all."""
REVALIDATE = (b"cache-control", b"no-cache")
"""May be kept, and must be asked about before it is used again."""

_TAG = re.compile(rb'(?:W/)?("[^"]*")')
_encoder = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """An answer that may be sent any number of times. `etag` is empty where a client cannot ask whether it changed."""

    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    status: int = 200
    etag: bytes = b""

    async def send(self, send: Send, *, with_body: bool = True) -> None:
        """Without its body for HEAD, but with the length that GET would have."""
        headers = [*self.headers]
        if self.status != 204:  # RFC 9110, 8.6
            headers.append((b"content-length", b"%d" % len(self.body)))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body if with_body else b""})

    async def send_unless_known(self, send: Send, if_none_match: bytes, *, with_body: bool = True) -> None:
        """304 when the client has these very bytes."""
        if not self.etag or not matches(if_none_match, self.etag):
            await self.send(send, with_body=with_body)
            return
        kept = [pair for pair in self.headers if pair[0] != b"content-type"]
        await send({"type": "http.response.start", "status": 304, "headers": kept})
        await send({"type": "http.response.body", "body": b""})


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """An answer whose length is not known before its end, sent piece by piece as the client takes it."""

    pieces: AsyncGenerator[bytes, None]
    headers: tuple[tuple[bytes, bytes], ...]

    async def send_unless_known(self, send: Send, _if_none_match: bytes, *, with_body: bool = True) -> None:
        async with aclosing(self.pieces):
            await send({"type": "http.response.start", "status": 200, "headers": [*self.headers]})
            if with_body:
                async for piece in self.pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


def _encode(value: object) -> bytes:
    """JSON. Half a surrogate pair, which the name of a file or a process may hold, is escaped: it has no UTF-8."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode()


def encoded(value: object, status: int = 200) -> Answer:
    """`value` as JSON, not to be kept by anyone."""
    return Answer(_encode(value), (JSON, NO_STORE), status)


def kept(value: object) -> Answer:
    """`value` as JSON with an ETag."""
    return tagged(_encode(value), (JSON,))


def tagged(body: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> Answer:
    """Bytes with an ETag made from them, so that it is true across restarts."""
    etag = b'"%b"' % hashlib.blake2b(body, digest_size=12).hexdigest().encode()
    return Answer(body, (*headers, REVALIDATE, (b"etag", etag)), etag=etag)


def matches(if_none_match: bytes, etag: bytes) -> bool:
    """Whether an `If-None-Match` names the tag: `*`, or in its list, weak or strong (RFC 9110, 13.1.2)."""
    if not if_none_match:
        return False
    return if_none_match.strip() == b"*" or etag in _TAG.findall(if_none_match)
