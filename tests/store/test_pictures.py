"""What counts as a picture: decided by content, proved by decoding, within bounds."""

import io
import struct
import zipfile
import zlib

import pytest
from PIL import Image

from mailauncher.errors import FileTooLarge, InvalidImageFormat
from mailauncher.store import pictures
from tests.support.pictures import chunk, gif_bomb, moving, picture, vast_png

KINDS = ("PNG", "JPEG", "GIF", "WEBP")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_recognised_by_its_content(kind: str) -> None:
    found = pictures.examine(picture(kind))
    digest, _, extension = found.name.partition(".")
    assert len(digest) == 64
    assert extension == pictures.KINDS[kind].extension


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_one_that_moves_is_taken(kind: str) -> None:
    pictures.examine(moving(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_ends_too_early_is_refused_wherever_it_ends(kind: str) -> None:
    whole = picture(kind, (64, 64))
    for length in (1, 4, 12, 30, len(whole) // 2, len(whole) * 9 // 10):
        with pytest.raises(InvalidImageFormat):
            pictures.examine(whole[:length])


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_one_that_lacks_its_last_byte_is_refused(kind: str) -> None:
    with pytest.raises(InvalidImageFormat):
        pictures.examine(moving(kind)[:-1])


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_or_a_script_in_it_is_refused_wherever_it_stands(kind: str) -> None:
    whole = picture(kind)
    for text in (b"<script>alert(1)</script>", b"<HTML ><body>", b"<!DOCTYPE html>", b"<?php system(0);"):
        with pytest.raises(InvalidImageFormat):
            pictures.examine(whole + text)
    with pytest.raises(InvalidImageFormat):
        pictures.examine(whole[:8] + chunk(b"tEXt", b"Comment\0<script>alert(1)</script>") + whole[8:])


def test_a_comment_in_a_picture_that_is_a_page_is_refused() -> None:
    target = io.BytesIO()
    Image.new("RGB", (8, 8)).save(target, "GIF", comment=b"<script >alert(1)</script>")
    with pytest.raises(InvalidImageFormat):
        pictures.examine(target.getvalue())


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_behind_it_is_refused(kind: str) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("evil.js", "alert(1)")
    with pytest.raises(InvalidImageFormat):
        pictures.examine(picture(kind) + target.getvalue())


@pytest.mark.parametrize("kind", ["PNG", "GIF", "WEBP"])
def test_anything_else_behind_it_is_refused_but_padding_is_not(kind: str) -> None:
    with pytest.raises(InvalidImageFormat):
        pictures.examine(picture(kind) + b"anything")
    pictures.examine(picture(kind) + b"\0\0\n")


def test_a_camera_may_put_a_second_picture_behind_the_first() -> None:
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
def test_what_is_no_picture_of_these_kinds_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidImageFormat):
        pictures.examine(data)


def test_a_picture_of_exactly_the_greatest_size_is_taken_and_one_more_row_is_not() -> None:
    pictures.examine(vast_png(5000, 5000))
    with pytest.raises(FileTooLarge):
        pictures.examine(vast_png(5000, 5001))


@pytest.mark.slow
def test_a_vast_one_is_refused_before_it_is_decoded() -> None:
    for data in (
        vast_png(30_000, 30_000),
        picture("GIF").replace(struct.pack("<HH", 48, 32), struct.pack("<HH", 65_535, 65_535)),
        picture("JPEG").replace(struct.pack(">HH", 32, 48), struct.pack(">HH", 30_000, 30_000)),
    ):
        with pytest.raises(FileTooLarge):
            pictures.examine(data)


def test_frames_count_with_the_whole_canvas() -> None:
    with pytest.raises(FileTooLarge):
        pictures.examine(gif_bomb(4000, 100))
    with pytest.raises(FileTooLarge):
        pictures.examine(gif_bomb(2, pictures.MAX_FRAMES + 1))
    pictures.examine(gif_bomb(100, 100))


def test_bytes_count_before_anything_else() -> None:
    with pytest.raises(FileTooLarge):
        pictures.examine(bytes(pictures.MAX_BYTES + 1))
    with pytest.raises(InvalidImageFormat):
        pictures.examine(bytes(pictures.MAX_BYTES))


def test_text_that_unpacks_to_gigabytes_is_not_unpacked() -> None:
    whole = picture("PNG")
    bomb = chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(100 << 20)))
    with pytest.raises(InvalidImageFormat):
        pictures.examine(whole[:33] + bomb + whole[33:])
