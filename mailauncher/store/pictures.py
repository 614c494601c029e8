"""What a picture really is: recognised by its content, decoded to prove it, within bounds of memory and time.

Nothing that is told of a picture counts, neither a name nor a media type. What could be read as a page, a script or an
archive as well is refused: a browser that was told to guess would run it.
"""

import hashlib
import io
import re
import warnings
import zipfile
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image

from mailauncher.errors import FileTooLarge, InvalidImageFormat, LauncherError

MAX_BYTES = 10 << 20
MAX_PIXELS = 25_000_000
MAX_MOVING_PIXELS = 5 * MAX_PIXELS
"""Of all frames together: to decode that many takes seconds."""
MAX_FRAMES = 2000

# Pillow's own guard, for canvases that grow with a later frame. What it warns of is checked here, and refused.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_PAGE = re.compile(rb"<(?:script|html|body|iframe|!doctype|\?php)[\s>]", re.IGNORECASE)
_PDF_BEGINS_WITHIN = 1024


class Kind(NamedTuple):
    extension: str
    media: str


KINDS = {
    "PNG": Kind("png", "image/png"),
    "JPEG": Kind("jpg", "image/jpeg"),
    "GIF": Kind("gif", "image/gif"),
    "WEBP": Kind("webp", "image/webp"),
}
MEDIA = {kind.extension: kind.media for kind in KINDS.values()}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was decoded. `name` is the SHA-256 of its bytes and the ending that its content asks for."""

    name: str
    data: bytes


def examine(data: bytes) -> Picture:
    """Decodes all of it; call it in a thread. Raises FileTooLarge, where it can before decoding, InvalidImageFormat."""
    require_size(len(data))
    kind = _kind(data)
    if _is_more(data):
        raise _invalid(
            "图片中含有网页、脚本或压缩包的内容", "The image holds a page, a script or an archive as well"
        )
    _require_whole(data, kind)
    try:
        _decode(data, kind)
    except LauncherError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        raise _too_many_pixels() from None
    except Exception as error:  # hostile bytes make Pillow raise nearly anything
        raise _invalid("图片已损坏或不完整", "The image is damaged or incomplete") from error
    return Picture(f"{hashlib.sha256(data).hexdigest()}.{KINDS[kind].extension}", data)


def _is_more(data: bytes) -> bool:
    """Whether a browser, a server or an archiver could take it for something else too. Each pattern is long enough, or
    looked for in few places, that compressed pixels do not look like it by chance."""
    return (
        _PAGE.search(data) is not None
        or b"%PDF-" in data[:_PDF_BEGINS_WITHIN]
        or zipfile.is_zipfile(io.BytesIO(data))
    )


def require_size(size: int) -> None:
    """Raises FileTooLarge for more than MAX_BYTES, InvalidImageFormat for nothing."""
    if size == 0:
        raise _invalid("图片为空", "The image is empty")
    if size > MAX_BYTES:
        raise FileTooLarge(
            f"图片不能超过 {MAX_BYTES >> 20} MiB",
            f"An image may have at most {MAX_BYTES >> 20} MiB",
            field="image_data",
        )


def _invalid(zh: str, en: str) -> InvalidImageFormat:
    return InvalidImageFormat(
        f"{zh}（支持 PNG、JPEG、GIF、WebP）", f"{en} (PNG, JPEG, GIF and WebP are taken)", field="image_data"
    )


def _too_many_pixels() -> FileTooLarge:
    return FileTooLarge(
        f"图片不能超过 {MAX_PIXELS // 1_000_000} 百万像素（动图各帧合计 {MAX_MOVING_PIXELS // 1_000_000} 百万）",
        f"An image may have at most {MAX_PIXELS // 1_000_000} megapixels, the frames of a moving one "
        f"{MAX_MOVING_PIXELS // 1_000_000} together",
        field="image_data",
    )


def _kind(data: bytes) -> str:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    raise _invalid("不是可识别的图片", "This is no image that is known")


def _decode(data: bytes, kind: str) -> None:
    """Every frame, its size checked before its pixels."""
    # A JPEG of a camera may be read as MPO: the picture with others behind it, which nobody shows.
    formats = ["JPEG", "MPO"] if kind == "JPEG" else [kind]
    with Image.open(io.BytesIO(data), formats=formats) as image:
        _require_pixels(image, 1)
        frames = 1 if kind == "JPEG" else getattr(image, "n_frames", 1)
        _require_pixels(image, frames)
        for number in range(frames):
            image.seek(number)
            _require_pixels(image, frames)
            image.load()


def _require_pixels(image: Image.Image, frames: int) -> None:
    pixels = image.width * image.height
    if pixels > MAX_PIXELS or frames > MAX_FRAMES or (frames > 1 and pixels * frames > MAX_MOVING_PIXELS):
        raise _too_many_pixels()


# Where a picture ends


def _require_whole(data: bytes, kind: str) -> None:
    """Raises InvalidImageFormat where the file ends before the picture does, or goes on after it."""
    if kind == "JPEG":  # its end is known by decoding it, and cameras put second pictures behind the first
        return
    try:
        end = {"PNG": _png_end, "GIF": _gif_end, "WEBP": _webp_end}[kind](data)
    except IndexError:
        end = len(data) + 1
    if end > len(data):
        raise _invalid("图片不完整", "The image is incomplete")
    if data[end:].strip(b"\0\r\n "):
        raise _invalid("图片之后还有其他内容", "Something stands behind the image")


def _png_end(data: bytes) -> int:
    at = 8
    while True:
        kind = data[at + 4 : at + 8]
        at += 12 + int.from_bytes(data[at : at + 4])
        if at > len(data) or kind == b"IEND":
            return at


def _webp_end(data: bytes) -> int:
    return 8 + int.from_bytes(data[4:8], "little")


def _gif_end(data: bytes) -> int:
    """Behind the trailer, found by stepping over blocks: a colour table, extensions, images, each in sub-blocks."""
    at = 13 + _colours(data[10])
    while data[at] != 0x3B:
        if data[at] == 0x21:
            at += 2
        elif data[at] == 0x2C:
            at += 11 + _colours(data[at + 9])  # the last byte is the size of a code
        else:
            raise IndexError
        while data[at]:
            at += 1 + data[at]
        at += 1
    return at + 1


def _colours(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0
