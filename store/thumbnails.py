"""Thumbnails: WebP, animated if the picture is, or still and small enough for hundreds of them on one page."""

import io

from PIL import Image, ImageOps, ImageSequence

from store import pictures

SIZES = (64, 128, 256)
"""Pixels of the longer side."""
ANIMATED_PIXELS = 16_000_000
"""Of all frames of an animated thumbnail together, which are in memory at once."""
DEFAULT_FRAME_MS = 100
STILL_BYTES = 15_000
"""Of a still thumbnail, at most."""
_QUALITIES = (80, 60, 40, 20, 0)


def make(data: bytes, size: int, *, still: bool = False) -> bytes:
    """WebP; empty if the picture is no larger than the thumbnail. `still`: of its first frame, and of at most STILL_BYTES; empty
    only if the picture is that itself. Blocks. Raises OSError."""
    with Image.open(io.BytesIO(pictures.decodable(data)), formats=[*pictures.FORMATS, "MPO"]) as image:
        animated = image.format != "MPO" and getattr(image, "n_frames", 1) > 1
        if max(image.size) <= size and not (still and (animated or len(data) > STILL_BYTES)):
            return b""
        if still:
            return _light(image, size)
        return _animated(image, size) if animated else _encoded(_still(image, size), _QUALITIES[0])


def _light(image: Image.Image, size: int) -> bytes:
    """In the best quality that fits; noise, which never does, becomes smaller."""
    small = _still(image, size)
    while True:
        for quality in _QUALITIES:
            if len(data := _encoded(small, quality)) <= STILL_BYTES:
                return data
        small = small.reduce(2)


def _still(image: Image.Image, size: int) -> Image.Image:
    small = ImageOps.exif_transpose(image).convert("RGBA" if _transparent(image) else "RGB")
    small.thumbnail((size, size))
    return small


def _encoded(image: Image.Image, quality: int) -> bytes:
    target = io.BytesIO()
    image.save(target, "WEBP", quality=quality, method=4)
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
