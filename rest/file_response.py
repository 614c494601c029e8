"""A file as a response: whole, or the part that a client asks for to resume a download (RFC 9110, 13.1.5 and 14)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.types import Send

from mailauncher.etags import matches
from rest.responses import StreamedResponse

_RANGE = re.compile(rb"bytes=([0-9]{0,18})-([0-9]{0,18})")


@dataclass(frozen=True, slots=True, eq=False)
class FileResponse(StreamedResponse):
    """Knows its length, and closes its file at the end, whether or not anything of it was sent."""

    status: int
    etag: bytes
    close: Callable[[], None]

    async def send_conditionally(self, send: Send, if_none_match: bytes, *, with_body: bool = True) -> None:
        same = matches(if_none_match, self.etag)
        of_content = (b"content-type", b"content-length", b"content-disposition", b"content-range")
        headers = [pair for pair in self.headers if not same or pair[0] not in of_content]
        try:
            await send(
                {"type": "http.response.start", "status": 304 if same else self.status, "headers": headers}
            )
            if with_body and not same:
                async for piece in self.pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            await self.pieces.aclose()
            self.close()


def part_of(size: int, etag: bytes, headers: Mapping[bytes, bytes]) -> tuple[int, int] | None:
    """The offset and length that a request for a part of a file asks for; the length is 0 for a part behind the end. None for the
    whole file: the client wants that, or has a part of another content, or asks in a way that this server does not know."""
    found = _RANGE.fullmatch(headers.get(b"range", b""))
    if found is None or found.groups() == (b"", b"") or headers.get(b"if-range", etag) != etag:
        return None
    begin, end = found.groups()
    if not begin:  # the last so many bytes
        length = min(int(end), size)
        return size - length, length
    first, last = int(begin), min(int(end or size), size - 1)
    if end and int(end) < first:
        return None
    return first, max(0, last - first + 1)
