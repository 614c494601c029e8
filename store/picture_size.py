"""The width and height of stored pictures, read from their first bytes: lists show many, and nothing is decoded for that."""

import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

from mailauncher import files

HEAD_BYTES = 30
SEGMENTS_MAX = 1000
"""Segments of a JPEG that are skipped to find its size."""
_NO_FRAME = (0xC4, 0xC8, 0xCC)  # markers among those of a JPEG's frames that begin tables and the like


class PictureSize(NamedTuple):
    """Of the file in bytes, and of the picture in pixels, before a viewer turns it as Exif may say; None: not known."""

    bytes: int
    width: int | None
    height: int | None


def read(path: Path) -> PictureSize | None:
    """None if there is no such file, or it cannot be read. Blocks."""
    try:
        with files.open_regular(path) as file:
            return PictureSize(os.fstat(file.fileno()).st_size, *(dimensions(file) or (None, None)))
    except OSError:
        return None


def dimensions(file: BinaryIO) -> tuple[int, int] | None:
    """(width, height) of a PNG, GIF, WebP or JPEG; None for anything else."""
    head = file.read(HEAD_BYTES)
    if head.startswith(b"\x89PNG"):
        return int.from_bytes(head[16:20]), int.from_bytes(head[20:24])
    if head.startswith(b"GIF8"):
        return int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    if head.startswith(b"RIFF"):
        return _of_webp(head)
    return _of_jpeg(file) if head.startswith(b"\xff\xd8") else None


def _of_webp(head: bytes) -> tuple[int, int] | None:
    match head[12:16]:
        case b"VP8 ":
            bits = int.from_bytes(head[26:30], "little")
            return bits & 0x3FFF, bits >> 16 & 0x3FFF
        case b"VP8L":
            bits = int.from_bytes(head[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8X":
            return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    return None


def _of_jpeg(file: BinaryIO) -> tuple[int, int] | None:
    """Goes from segment to segment up to that of the frame."""
    at = 2
    for _ in range(SEGMENTS_MAX):
        file.seek(at)
        segment = file.read(9)
        if len(segment) < 9 or segment[0] != 0xFF:
            break
        marker = segment[1]
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            return int.from_bytes(segment[7:9]), int.from_bytes(segment[5:7])
        at += 1 if marker == 0xFF else 2 + int.from_bytes(segment[2:4])
    return None
