"""Small PNG faces, drawn in code so that no binary file is shipped."""

from __future__ import annotations

import math
import struct
import zlib

Colour = tuple[int, int, int]
_SIZE = 48


def face(skin: Colour, smile: float) -> bytes:
    """A PNG of a round face; `smile` from -1 (sad) to 1 (happy) bends the mouth."""
    rows = (b"\0" + b"".join(_pixel(x, y, skin, smile) for x in range(_SIZE)) for y in range(_SIZE))
    header = struct.pack(">IIBBBBB", _SIZE, _SIZE, 8, 6, 0, 0, 0)  # 8-bit RGBA, not interlaced
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _pixel(x: int, y: int, skin: Colour, smile: float) -> bytes:
    across, down = (2 * x + 1) / _SIZE - 1, (2 * y + 1) / _SIZE - 1
    if math.hypot(across, down) > 0.95:
        return b"\0\0\0\0"
    eye = math.hypot(abs(across) - 0.35, down + 0.25) < 0.12
    mouth = abs(across) < 0.5 and abs(down - 0.45 + smile * (across * across - 0.1)) < 0.06
    return bytes((40, 40, 40, 255) if eye or mouth else (*skin, 255))
