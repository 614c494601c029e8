"""Validation of pictures: by content, by decoding, within bounds."""

import base64
import io
import random
import struct
import time
import zipfile
import zlib
from collections.abc import Callable

import pytest
from PIL import Image

from mailauncher.errors import FileTooLarge, InvalidImageFormat
from store import pictures, thumbnails
from tests.support.growth import require_linear
from tests.support.pictures import chunk, gif_bomb, many_comments, many_scans, moving, picture, vast_png

KINDS = ("PNG", "JPEG", "GIF", "WEBP")


@pytest.mark.parametrize("kind", KINDS)
def test_each_format_is_recognised_by_content(kind: str) -> None:
    found = pictures.examine(picture(kind))
    digest, _, extension = found.name.partition(".")
    assert len(digest) == 64
    assert extension == pictures.FORMATS[kind].extension


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_an_animated_image_is_accepted(kind: str) -> None:
    pictures.examine(moving(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_a_truncated_image_is_refused_wherever_it_ends(kind: str) -> None:
    whole = noise(kind)
    for length in (1, 4, 12, 30, len(whole) // 2, len(whole) * 9 // 10, len(whole) - 40):
        with pytest.raises(InvalidImageFormat):
            pictures.examine(whole[:length])


def noise(kind: str, **options: object) -> bytes:
    """A picture each of whose bytes matters."""
    target = io.BytesIO()
    pixels = random.Random(kind).randbytes(65 * 65 * 3)
    Image.frombytes("RGB", (65, 65), pixels).save(target, kind, **options)
    return target.getvalue()


NO_TRAILER = base64.b64decode("R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBAA==")
NUL_BEFORE_TRAILER = base64.b64decode("R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBAAA7")


def claiming(data: bytes, more: int) -> bytes:
    """A WebP whose header names so many more bytes."""
    return data[:4] + struct.pack("<I", len(data) - 8 + more) + data[8:]


WITHOUT_END = {
    "GIF without trailer": NO_TRAILER,
    "GIF with a NUL before its trailer": NUL_BEFORE_TRAILER,
    "animated GIF without trailer": moving("GIF")[:-1],
    "animated GIF without its last two bytes": moving("GIF")[:-2],
    "JPEG without its end mark": noise("JPEG")[:-2],
    "JPEG with half its end mark": noise("JPEG")[:-1],
    "progressive JPEG without its end mark": noise("JPEG", progressive=True)[:-2],
    "grey JPEG without its end mark": noise("JPEG", quality=20)[:-2],
    "PNG without its end chunk": noise("PNG")[:-12],
    "PNG with half its end chunk": noise("PNG")[:-5],
    "animated PNG without its end chunk": moving("PNG")[:-12],
    "WebP that claims to be longer": claiming(noise("WEBP"), 8),
    "animated WebP that claims to be longer": claiming(moving("WEBP"), 1000),
    "lossless WebP that claims to be endless": claiming(noise("WEBP", lossless=True), 2**31),
}


@pytest.mark.parametrize("name", WITHOUT_END)
def test_a_picture_that_lacks_nothing_but_its_end_is_accepted(name: str) -> None:
    """Browsers, QQ and Pillow show them; the answer was that they are incomplete."""
    pictures.examine(WITHOUT_END[name])
    thumbnails.make(WITHOUT_END[name], 64)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("length", [3, 4, 5, 8, 20, 100, 1000])
def test_a_jpeg_without_its_last_pixels_is_refused(progressive: bool, length: int) -> None:
    whole = noise("JPEG", progressive=progressive, quality=95)
    with pytest.raises(InvalidImageFormat):
        pictures.examine(whole[: -length - 2])


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_with_a_page_or_script_in_it_is_refused(kind: str) -> None:
    whole = picture(kind)
    for text in (b"<script>alert(1)</script>", b"<HTML ><body>", b"<!DOCTYPE html>", b"<?php system(0);"):
        with pytest.raises(InvalidImageFormat):
            pictures.examine(whole + text)
    with pytest.raises(InvalidImageFormat):
        pictures.examine(whole[:8] + chunk(b"tEXt", b"Comment\0<script>alert(1)</script>") + whole[8:])


def test_an_image_with_a_page_as_comment_is_refused() -> None:
    target = io.BytesIO()
    Image.new("RGB", (8, 8)).save(target, "GIF", comment=b"<script >alert(1)</script>")
    with pytest.raises(InvalidImageFormat):
        pictures.examine(target.getvalue())


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_with_an_archive_behind_it_is_refused(kind: str) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("evil.js", "alert(1)")
    with pytest.raises(InvalidImageFormat):
        pictures.examine(picture(kind) + target.getvalue())


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_neither_page_nor_archive_may_follow_an_image(kind: str) -> None:
    """Cameras, chat programs and editors leave marks of their own there, which no viewer minds."""
    for tail in (b"anything", b"\0\0\n", random.Random(kind).randbytes(5000)):
        pictures.examine(picture(kind) + tail)


@pytest.mark.parametrize(
    "tail", [b"Rar!\x1a\x07\x01\0", b"7z\xbc\xaf\x27\x1c\0\x04", b"<svg onload=alert(1)>"]
)
def test_an_archive_of_another_kind_may_not_follow_an_image(tail: bytes) -> None:
    with pytest.raises(InvalidImageFormat):
        pictures.examine(picture() + tail + bytes(50))


def test_a_second_picture_of_a_camera_may_follow_a_jpeg() -> None:
    pictures.examine(picture("JPEG") + picture("JPEG", (8, 8)))
    target = io.BytesIO()
    Image.new("RGB", (32, 32)).save(
        target, "MPO", save_all=True, append_images=[Image.new("RGB", (32, 32), (9, 9, 9))]
    )
    assert pictures.examine(target.getvalue()).name.endswith(".jpg")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0" * 100,
        b"BM" + bytes(100),
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"%PDF-1.7",
        b"II*\0" + bytes(50),
        b"\x00\x00\x00 ftypavif",
        b"GIF89a",
        b"\x89PNG\r\n\x1a\n",
        b"RIFF\x04\0\0\0WEBP",
        b"\xff\xd8\xff\xd9",
    ],
    ids=lambda data: repr(data[:12]),
)
def test_other_formats_are_refused(data: bytes) -> None:
    with pytest.raises(InvalidImageFormat):
        pictures.examine(data)


def test_an_image_of_the_maximum_size_is_accepted_and_one_more_row_is_refused() -> None:
    pictures.examine(vast_png(5000, 5000))
    with pytest.raises(FileTooLarge):
        pictures.examine(vast_png(5000, 5001))


@pytest.mark.slow
def test_a_vast_image_is_refused_before_it_is_decoded() -> None:
    for data in (
        vast_png(30_000, 30_000),
        picture("GIF").replace(struct.pack("<HH", 48, 32), struct.pack("<HH", 65_535, 65_535)),
        picture("JPEG").replace(struct.pack(">HH", 32, 48), struct.pack(">HH", 30_000, 30_000)),
    ):
        with pytest.raises(FileTooLarge):
            pictures.examine(data)


def test_each_frame_counts_as_a_whole_canvas() -> None:
    with pytest.raises(FileTooLarge):
        pictures.examine(gif_bomb(4000, 100))
    with pytest.raises(FileTooLarge):
        pictures.examine(gif_bomb(2, pictures.MAX_FRAMES + 1))
    pictures.examine(gif_bomb(100, 100))


def test_the_size_in_bytes_is_checked_first() -> None:
    with pytest.raises(FileTooLarge):
        pictures.examine(bytes(pictures.MAX_BYTES + 1))
    with pytest.raises(InvalidImageFormat):
        pictures.examine(bytes(pictures.MAX_BYTES))


def test_a_compressed_text_bomb_is_not_decompressed() -> None:
    whole = picture("PNG")
    bomb = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(100 << 20)))
    with pytest.raises(InvalidImageFormat):
        pictures.examine(whole[:33] + bomb + whole[33:])


@pytest.mark.parametrize("kind", ["scans", "segments", "chunks", "extensions"])
def test_very_many_parts_are_refused_before_they_are_read(kind: str) -> None:
    """A JPEG of 1.1 MB with 25,000 empty scans took minutes of CPU time."""
    whole = picture("JPEG")
    data = {
        "scans": many_scans(pictures.SCANS_MAX, 64),
        "segments": whole[:2] + b"\xff\xe5\0\2" * (pictures.SEGMENTS_MAX + 1) + whole[2:],
        "chunks": picture()[:33] + chunk(b"teSt", b"") * pictures.PARTS_MAX + picture()[33:],
        "extensions": many_comments(pictures.PARTS_MAX + 1, 1),
    }[kind]
    with pytest.raises(InvalidImageFormat, match="too long"):
        pictures.examine(data)


def test_a_picture_of_several_scans_is_accepted() -> None:
    pictures.examine(many_scans(50, 64))
    pictures.examine(moving("PNG", frames=300, size=(8, 8)))
    pictures.examine(many_comments(100, 10))


GROWING: dict[str, Callable[[int], bytes]] = {
    "scans": lambda n: many_scans(20 * n, 1000),
    "chunks": lambda n: picture()[:33] + chunk(b"teSt", b"") * (2000 * n) + picture()[33:],
    "comments": lambda n: many_comments(2000 * n),
    "frames": lambda n: gif_bomb(100, 250 * n),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", GROWING)
def test_twice_the_parts_take_twice_the_time(name: str) -> None:
    data = {times: GROWING[name](times) for times in (1, 2, 4)}

    def cost(times: int) -> float:
        begin = time.process_time()
        pictures.examine(data[times])
        return time.process_time() - begin

    require_linear(cost)
