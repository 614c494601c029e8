"""Small pictures of every kind, and a few that lie."""

import base64
import io
import struct
import zlib

from PIL import Image

Colour = tuple[int, int, int]


def picture(kind: str = "PNG", size: tuple[int, int] = (48, 32), colour: Colour = (255, 205, 60)) -> bytes:
    """One that stands still."""
    target = io.BytesIO()
    Image.new("RGB", size, colour).save(target, kind)
    return target.getvalue()


def moving(
    kind: str = "GIF", frames: int = 4, size: tuple[int, int] = (300, 200), duration: int = 80
) -> bytes:
    """One that moves: each frame has another colour."""
    target = io.BytesIO()
    shown = [Image.new("RGB", size, (40 * number % 256, 255 - number % 256, 90)) for number in range(frames)]
    shown[0].save(target, kind, save_all=True, append_images=shown[1:], duration=duration, loop=0)
    return target.getvalue()


def base64_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def chunk(kind: bytes, content: bytes) -> bytes:
    """One chunk of a PNG."""
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def vast_png(width: int, height: int) -> bytes:
    """A PNG of so many black pixels, whole and valid, in few bytes: it is made line by line, never in memory."""
    compressor = zlib.compressobj(9)
    line = bytes(1 + (width + 7) // 8)
    lines = b"".join(compressor.compress(line) for _ in range(height)) + compressor.flush()
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")


def gif_bomb(side: int, frames: int) -> bytes:
    """A GIF of so many frames of one pixel on a vast canvas, each of which costs the whole canvas to show."""
    head = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    frame = b"\x21\xf9\x04\x04\x01\x00\x00\x00" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0)
    pixel = b"\x02\x02\x44\x01\x00"
    return head + (frame + pixel) * frames + b"\x3b"


def many_scans(count: int, side: int = 4992) -> bytes:
    """A progressive JPEG of one colour that repeats its last scan so many times: each goes over all pixels."""
    target = io.BytesIO()
    Image.new("L", (side, side), 90).save(target, "JPEG", progressive=True)
    whole = target.getvalue()
    last = whole.rindex(b"\xff\xda")
    return whole[:-2] + whole[last:-2] * count + whole[-2:]


def many_comments(count: int, length: int = 250) -> bytes:
    """A GIF with so many comments, each of which Pillow appends to all before it."""
    whole = picture("GIF")
    comment = b"\x21\xfe" + bytes([length]) + b"c" * length + b"\0"
    return whole[:-1] + comment * count + whole[-1:]
