"""`/static/emojis/...`: the images of emojis. Their paths derive from their content, so they may be cached for ever."""

import asyncio
import os
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from starlette.types import Send

from mailauncher.errors import Code, InvalidParameter, ResourceNotFound, Text
from mailauncher.etags import matches
from resolvers.context import Context
from rest.operation import Call, Operation, Parameter
from rest.responses import StreamedResponse
from store import pictures
from store.thumbnails import SIZES, STILL_BYTES

PIECE_BYTES = 256 << 10
IMMUTABLE = (b"cache-control", b"public, max-age=31536000, immutable")
# An image opened on its own is a page: nothing in it may run or load.
SANDBOXED = (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; sandbox")


@dataclass(frozen=True, slots=True, eq=False)
class ImageResponse(StreamedResponse):
    """The content of an image file, with an ETag."""

    etag: bytes = b""

    async def send_conditionally(self, send: Send, if_none_match: bytes, *, with_body: bool = True) -> None:
        if not matches(if_none_match, self.etag):
            await StreamedResponse.send_conditionally(self, send, if_none_match, with_body=with_body)
            return
        await self.pieces.aclose()
        headers = [pair for pair in self.headers if pair[0] not in (b"content-type", b"content-length")]
        await send({"type": "http.response.start", "status": 304, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


async def _image(ctx: Context, call: Call) -> ImageResponse:
    size, still = _size(call), _still(call)
    file, media = await ctx.store.images.open(call.path["file"], size, still=still)
    try:
        length = (await asyncio.to_thread(file.stat)).st_size
    except FileNotFoundError:
        raise ResourceNotFound("没有这个图片", "Image not found") from None  # deleted since it was looked up
    etag = b'"%b"' % file.name.encode()
    headers = (
        (b"content-type", media.encode()),
        (b"content-length", b"%d" % length),
        (b"etag", etag),
        IMMUTABLE,
        SANDBOXED,
    )
    return ImageResponse(_read(file, length), headers, etag)


async def _read(file: Path, length: int) -> AsyncGenerator[bytes, None]:
    descriptor = await asyncio.to_thread(os.open, file, os.O_RDONLY)
    try:
        while length > 0 and (
            piece := await asyncio.to_thread(os.read, descriptor, min(PIECE_BYTES, length))
        ):
            length -= len(piece)
            yield piece
    finally:
        os.close(descriptor)


def _size(call: Call) -> int | None:
    given = call.query("size")
    if not given:
        return None
    if given[0] not in map(str, SIZES) or len(given) > 1:
        sizes = ", ".join(map(str, SIZES))
        raise InvalidParameter(f"size 应为 {sizes} 之一", f"size must be one of {sizes}", field="size")
    return int(given[0])


def _still(call: Call) -> bool:
    given = call.query("still")
    if given and (given != ["true"] or not call.query("size")):
        raise InvalidParameter(
            "still 只能为 true，且须与 size 同时给出",
            "still can only be true, and requires size",
            field="still",
        )
    return bool(given)


OPERATIONS = (
    Operation(
        method="GET",
        path="/static/emojis/{file}",
        group="emojis",
        text=Text("获取表情包图片", "Get an emoji's image"),
        details=Text(
            f"地址由内容决定，可永久缓存。给出 size 则为缩略图（WebP，动图仍会动）；更小的图片原样返回。再给出 still 则为第一帧，至多 {STILL_BYTES} 字节。",
            "The path derives from the content, so it may be cached for ever. With `size`, a thumbnail (WebP, animated if"
            " the image is); a smaller image is returned unchanged. With `still` too, it is the first frame, of at most"
            f" {STILL_BYTES:,} bytes.",
        ),
        handler=_image,
        query=(
            Parameter(
                "size",
                Text("缩略图长边的像素", "Longer side of the thumbnail in pixels"),
                tuple(map(str, SIZES)),
            ),
            Parameter("still", Text("不动的缩略图", "A thumbnail that does not move"), ("true",)),
        ),
        codes=(
            Code.RESOURCE_NOT_FOUND,
            Code.INVALID_PARAMETER,
            Code.SERVICE_UNAVAILABLE,
            Code.INSUFFICIENT_SPACE,
        ),
        media=tuple(pictures.MEDIA.values()),
    ),
)
