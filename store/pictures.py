"""Validates pictures: recognises the format by content, and decodes all of it, within bounds of memory and time.

File names and media types are not trusted. A picture that is also a page, a script or an archive is refused: a browser
that guesses types would run it. What every viewer shows is accepted: a picture with all its pixels whose end mark is missing,
or that has other bytes behind it.
"""

import hashlib
import io
import re
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from PIL import Image

from mailauncher.errors import FileTooLarge, InvalidImageFormat, LauncherError

MAX_BYTES = 10 << 20
MAX_PIXELS = 25_000_000
MAX_ANIMATED_PIXELS = 5 * MAX_PIXELS
"""Of all frames of an animated image together: decoding that many takes seconds."""
MAX_FRAMES = 2000
SCANS_MAX = 100
"""Scans of a JPEG: each of them may cost a pass over all pixels, and encoders write about ten."""
SEGMENTS_MAX = 1000
"""Segments of a JPEG. Pillow appends each to all before it."""
PARTS_MAX = 20_000
"""Chunks of a PNG, extensions of a GIF."""

# Pillow's own limit, for canvases that grow with a later frame. What it warns of is refused here.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

_PAGE = re.compile(rb"<(?:script|html|body|iframe|svg|!doctype|\?php)[\s>]", re.IGNORECASE)
_ARCHIVE = re.compile(rb"Rar!\x1a\x07|7z\xbc\xaf\x27\x1c")
_PDF_BEGINS_WITHIN = 1024
_JPEG_END = b"\xff\xd9"
# A scan has 1-4 components, and a length that says so: other data matches once in 16 million MiB.
_SCAN = re.compile(rb"\xff\xda\x00(?:\x06\x00|\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)")
_TAIL = 64


class ImageFormat(NamedTuple):
    extension: str
    media: str


FORMATS = {
    "PNG": ImageFormat("png", "image/png"),
    "JPEG": ImageFormat("jpg", "image/jpeg"),
    "GIF": ImageFormat("gif", "image/gif"),
    "WEBP": ImageFormat("webp", "image/webp"),
}
MEDIA = {image_format.extension: image_format.media for image_format in FORMATS.values()}


@dataclass(frozen=True, slots=True)
class Picture:
    """A valid picture. `name` is the SHA-256 of its bytes with the extension of its format."""

    name: str
    data: bytes


def examine(data: bytes) -> Picture:
    """Decodes every frame: blocks, for seconds. Raises FileTooLarge, before decoding where possible, and
    InvalidImageFormat."""
    require_size(len(data))
    format_name = _format(data)
    if _is_polyglot(data):
        raise _invalid(
            "图片中含有网页、脚本或压缩包的内容", "The image also contains a page, a script or an archive"
        )
    try:
        _require_few_parts(data, format_name)
        try:
            _decode(data if format_name == "JPEG" else decodable(data), format_name)
        except OSError:
            if format_name != "JPEG" or not _lacks_only_its_end(data):
                raise
    except LauncherError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        raise _too_many_pixels() from None
    except Exception as error:  # hostile bytes make Pillow raise nearly anything
        raise _invalid("图片已损坏或不完整", "The image is damaged or incomplete") from error
    return Picture(f"{hashlib.sha256(data).hexdigest()}.{FORMATS[format_name].extension}", data)


def _is_polyglot(data: bytes) -> bool:
    """Whether a browser, a server or an archiver could read it as something else too. Each pattern is long enough, or
    searched in so few places, that compressed pixels do not match it by chance."""
    return (
        _PAGE.search(data) is not None
        or _ARCHIVE.search(data) is not None
        or b"%PDF-" in data[:_PDF_BEGINS_WITHIN]
        or zipfile.is_zipfile(io.BytesIO(data))
    )


def require_size(size: int) -> None:
    """Raises FileTooLarge for more than MAX_BYTES, InvalidImageFormat for zero bytes."""
    if size == 0:
        raise _invalid("图片为空", "The image is empty")
    if size > MAX_BYTES:
        raise FileTooLarge(
            f"图片不能超过 {MAX_BYTES >> 20} MiB",
            f"The maximum size of an image is {MAX_BYTES >> 20} MiB",
            field="image_data",
        )


def _invalid(zh: str, en: str) -> InvalidImageFormat:
    return InvalidImageFormat(
        f"{zh}（支持 PNG、JPEG、GIF、WebP）", f"{en} (supported: PNG, JPEG, GIF, WebP)", field="image_data"
    )


def _too_many_pixels() -> FileTooLarge:
    return FileTooLarge(
        f"图片不能超过 {MAX_PIXELS // 1_000_000} 百万像素（动图各帧合计 {MAX_ANIMATED_PIXELS // 1_000_000} 百万）",
        f"The maximum size of an image is {MAX_PIXELS // 1_000_000} megapixels, and "
        f"{MAX_ANIMATED_PIXELS // 1_000_000} megapixels for all frames of an animated image together",
        field="image_data",
    )


def too_costly() -> InvalidImageFormat:
    return _invalid("图片过于复杂，无法在限定的时间内解码", "Decoding the image takes too long")


def _format(data: bytes) -> str:
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    raise _invalid("不是可识别的图片", "Unknown image format")


def decodable(data: bytes) -> bytes:
    """The picture as Pillow reads it, which is stricter than viewers: with its end mark, and a size that is not too large."""
    if data.startswith(b"\xff\xd8"):
        return data.removesuffix(b"\xff") + _JPEG_END
    if data.startswith(b"RIFF") and 8 + int.from_bytes(data[4:8], "little") > len(data):
        data += bytes(len(data) % 2)  # the last chunk may lack its padding
        return data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:]
    return data


def _decode(data: bytes, format_name: str) -> None:
    """Every frame, its size checked before its pixels."""
    # Pillow reads some JPEGs of cameras as MPO: the picture with others behind it, which no browser shows.
    formats = ["JPEG", "MPO"] if format_name == "JPEG" else [format_name]
    with Image.open(io.BytesIO(data), formats=formats) as image:
        _require_pixels(image, 1)
        frames = 1 if format_name == "JPEG" else getattr(image, "n_frames", 1)
        _require_pixels(image, frames)
        for number in range(frames):
            image.seek(number)
            _require_pixels(image, frames)
            image.load()


def _lacks_only_its_end(data: bytes) -> bool:
    """Whether a JPEG that ends too early has all its pixels. The decoder skips what stands before an end mark once it has all
    of them. While some are missing, it takes that for pixels, and the picture changes with it."""
    shown = set()
    for tail in (b"", b"\x55" * _TAIL, bytes(range(1, _TAIL + 1))):
        with Image.open(io.BytesIO(data.removesuffix(b"\xff") + tail + _JPEG_END), formats=["JPEG"]) as image:
            shown.add(hashlib.sha256(image.tobytes()).digest())
    return len(shown) == 1


def _require_pixels(image: Image.Image, frames: int) -> None:
    pixels = image.width * image.height
    if pixels > MAX_PIXELS or frames > MAX_FRAMES or (frames > 1 and pixels * frames > MAX_ANIMATED_PIXELS):
        raise _too_many_pixels()


# Parts, counted before Pillow reads them: it takes milliseconds for a scan, and microseconds for anything else


def _require_few_parts(data: bytes, format_name: str) -> None:
    """Raises InvalidImageFormat, and FileTooLarge for too many frames."""
    try:
        parts = _PARTS[format_name](data)
    except IndexError:  # the end is missing; decoding shows whether more is
        return
    if parts > PARTS_MAX:
        raise too_costly()


def _png_chunks(data: bytes) -> int:
    at, count = 8, 0
    while at < len(data) and count <= PARTS_MAX:
        at += 12 + int.from_bytes(data[at : at + 4])
        count += 1
    return count


def _jpeg_segments(data: bytes) -> int:
    """Those before the first scan, which Pillow reads itself."""
    if next(islice(_SCAN.finditer(data), SCANS_MAX, None), None):
        raise too_costly()
    at, count = 2, 0
    while data[at] == 0xFF and data[at + 1] != 0xDA and count <= SEGMENTS_MAX:
        fill = data[at + 1] == 0xFF
        at += 1 if fill else 2 + int.from_bytes(data[at + 2 : at + 4])
        count += not fill
    if count > SEGMENTS_MAX:
        raise too_costly()
    return count


def _gif_blocks(data: bytes) -> int:
    """Skips blocks: a colour table, extensions, images, in sub-blocks. Other bytes between them are skipped by viewers too."""
    at, frames, others = 13 + _colours(data[10]), 0, 0
    while data[at] != 0x3B:
        if data[at] == 0x21:
            at, others = at + 2, others + 1
        elif data[at] == 0x2C:
            at, frames = at + 11 + _colours(data[at + 9]), frames + 1  # the last byte is the size of a code
        else:
            at += 1
            continue
        if frames > MAX_FRAMES:
            raise _too_many_pixels()
        if others > PARTS_MAX:
            break
        while data[at]:
            at += 1 + data[at]
        at += 1
    return others


def _colours(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


_PARTS: dict[str, Callable[[bytes], int]] = {
    "PNG": _png_chunks,
    "JPEG": _jpeg_segments,
    "GIF": _gif_blocks,
    "WEBP": lambda _: 0,  # libwebp reads its chunks, in no time
}
