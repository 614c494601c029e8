"""Converts images to the formats that each version of the bot accepts."""

import hashlib
import io

import msgspec
from PIL import Image, UnidentifiedImageError

from bots.database.layout import Family
from mailauncher.errors import FileTooLarge, InvalidImageFormat
from mailauncher.interruption import Check, proceed

LIMIT_BYTES = 5_000_000
"""The limit of 1.x; earlier versions have none."""
FRAMES_LIMIT = 500
PIXELS_LIMIT = 100_000_000
"""Total over all frames of an animation that has to be converted."""
_OLD_FORMATS = ("JPEG", "PNG", "GIF")


class BotImage(msgspec.Struct, frozen=True):
    """The bytes of a file, its extension, and its hash as the bot computes it, which is the key of its row."""

    data: bytes
    extension: str
    key: str


def converted_for(data: bytes, family: Family, check: Check = proceed) -> BotImage:
    """The image for this family: unchanged, or converted if the bot does not accept its format (before 1.0, WebP becomes
    PNG, or GIF if it is animated). The caller has checked the size of `data`. Slow, minutes for the largest animations: call it off
    the event loop. `check` is called before each frame, and may raise.

    Raises FileTooLarge, InvalidImageFormat.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            kind = image.format or ""
            if kind == "MPO":  # a camera's JPEG with more pictures after it, which no version expects
                data, kind = _first_picture(image), "JPEG"
            elif family != "1" and kind not in _OLD_FORMATS:
                data, kind = _converted(image, check)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InvalidImageFormat(
            f"图片无法转换为 Bot 支持的格式：{error}",
            f"The image cannot be converted to a format that the bot accepts: {error}",
        ) from error
    if family == "1" and len(data) > LIMIT_BYTES:
        raise FileTooLarge(
            f"图片有 {len(data)} 字节，Bot 最多接受 {LIMIT_BYTES} 字节",
            f"The image has {len(data)} bytes; the bot accepts at most {LIMIT_BYTES}",
        )
    return BotImage(data, kind.lower(), hash_of(data, family))


def hash_of(data: bytes, family: Family) -> str:
    if family == "1":
        return hashlib.sha256(data).hexdigest()
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _first_picture(image: Image.Image) -> bytes:
    made = io.BytesIO()
    image.convert("RGB").save(made, "JPEG", quality=95, exif=image.getexif())
    return made.getvalue()


def _converted(image: Image.Image, check: Check) -> tuple[bytes, str]:
    frames = getattr(image, "n_frames", 1)
    if frames > FRAMES_LIMIT or frames * image.width * image.height > PIXELS_LIMIT:
        raise FileTooLarge(
            f"动图太大，无法转换为 GIF：{frames} 帧，{image.width} x {image.height}",
            f"The animation is too large to convert to GIF: {frames} frames of {image.width} x {image.height}",
        )
    made = io.BytesIO()
    if frames == 1:
        image.convert("RGBA").save(made, "PNG")
        return made.getvalue(), "PNG"

    def frame(number: int) -> Image.Image:
        check()
        image.seek(number)
        return image.copy()

    loop = image.info.get("loop", 0)
    others = (frame(number) for number in range(1, frames))  # made one by one, as they are saved
    frame(0).save(made, "GIF", save_all=True, append_images=others, disposal=2, loop=loop)
    return made.getvalue(), "GIF"
