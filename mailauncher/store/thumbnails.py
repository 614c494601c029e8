"""Small pictures of large ones: WebP, which moves where the picture moves."""

import io
from pathlib import Path

from PIL import Image, ImageOps, ImageSequence

from mailauncher.store import pictures

SIZES = (64, 128, 256)
"""Pixels of the longer side."""
MOVING_PIXELS = 16_000_000
"""Of all frames together, while a moving one is made."""
USUAL_DURATION_MS = 100


def make(file: Path, size: int) -> bytes:
    """WebP, moving where the picture moves; nothing where the picture is small enough to stand for itself."""
    with Image.open(file, formats=[*pictures.KINDS, "MPO"]) as image:
        if max(image.size) <= size:
            return b""
        if image.format == "MPO" or getattr(image, "n_frames", 1) == 1:
            return _still(image, size)
        return _moving(image, size)


def _still(image: Image.Image, size: int) -> bytes:
    small = ImageOps.exif_transpose(image).convert("RGBA" if _transparent(image) else "RGB")
    small.thumbnail((size, size))
    target = io.BytesIO()
    small.save(target, "WEBP", quality=80, method=4)
    return target.getvalue()


def _moving(image: Image.Image, size: int) -> bytes:
    """Of very many frames only each second, third... is taken, shown for as long as those together."""
    number = int(getattr(image, "n_frames", 1))
    step = 1 + number * size * size // MOVING_PIXELS
    frames: list[Image.Image] = []
    durations: list[int] = []
    for place, frame in enumerate(ImageSequence.Iterator(image)):
        frame.load()
        shown = int(frame.info.get("duration") or USUAL_DURATION_MS)
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
