"""Thumbnails: WebP, animated if the picture is."""

import io

from PIL import Image, ImageOps, ImageSequence

from store import pictures

SIZES = (64, 128, 256)
"""Pixels of the longer side."""
ANIMATED_PIXELS = 16_000_000
"""Of all frames of an animated thumbnail together, which are in memory at once."""
DEFAULT_FRAME_MS = 100


def make(data: bytes, size: int) -> bytes:
    """WebP; empty if the picture is no larger than the thumbnail. Blocks. Raises OSError."""
    with Image.open(io.BytesIO(pictures.decodable(data)), formats=[*pictures.FORMATS, "MPO"]) as image:
        if max(image.size) <= size:
            return b""
        if image.format == "MPO" or getattr(image, "n_frames", 1) == 1:
            return _still(image, size)
        return _animated(image, size)


def _still(image: Image.Image, size: int) -> bytes:
    small = ImageOps.exif_transpose(image).convert("RGBA" if _transparent(image) else "RGB")
    small.thumbnail((size, size))
    target = io.BytesIO()
    small.save(target, "WEBP", quality=80, method=4)
    return target.getvalue()


def _animated(image: Image.Image, size: int) -> bytes:
    """Of very many frames only every second, third... is kept, and shown as long as the dropped ones together with it."""
    number = int(getattr(image, "n_frames", 1))
    step = 1 + number * size * size // ANIMATED_PIXELS
    frames: list[Image.Image] = []
    durations: list[int] = []
    for place, frame in enumerate(ImageSequence.Iterator(image)):
        frame.load()
        shown = int(frame.info.get("duration") or DEFAULT_FRAME_MS)
        if place % step:
            durations[-1] += shown
            continue
        small = frame.convert("RGBA")
        small.thumbnail((size, size))
        frames.append(small)
        durations.append(shown)
    target = io.BytesIO()
    loop = int(image.info.get("loop", 1))
    frames[0].save(
        target,
        "WEBP",
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        loop=loop,
        quality=70,
        method=2,
    )
    return target.getvalue()


def _transparent(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
