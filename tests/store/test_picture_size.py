"""Sizes of pictures from their first bytes are those that Pillow finds."""

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from store import picture_size
from tests.support.pictures import moving, picture


def saved(kind: str, size: tuple[int, int], mode: str = "RGB", **options: Any) -> bytes:
    target = io.BytesIO()
    Image.new(mode, size).save(target, kind, **options)
    return target.getvalue()


def dimensions(data: bytes) -> tuple[int, int] | None:
    return picture_size.dimensions(io.BytesIO(data))


@pytest.mark.parametrize("size", [(1, 1), (48, 32), (300, 200), (257, 4000)])
def test_sizes_are_those_of_the_pictures(size: tuple[int, int]) -> None:
    pictures = [
        *(picture(kind, size) for kind in ("PNG", "JPEG", "GIF", "WEBP")),
        saved("JPEG", size, progressive=True, icc_profile=b"x" * 200_000),
        saved("JPEG", size, "L", exif=b"Exif\0\0" + b"x" * 1000),
        saved("WEBP", size, lossless=True),
        saved("WEBP", size, "RGBA", exif=b"Exif\0\0MM"),
    ]
    assert [dimensions(data) for data in pictures] == [size] * len(pictures)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_a_moving_picture_has_the_size_of_its_canvas(kind: str) -> None:
    assert dimensions(moving(kind)) == (300, 200)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_what_is_cut_or_something_else_harms_nobody(kind: str) -> None:
    data = picture(kind)
    for end in range(len(data)):
        dimensions(data[:end])
    assert dimensions(b"<svg>") is None
    assert dimensions(b"\xff\xd8" + b"\xff" * 5000) is None
    assert dimensions(b"\xff\xd8" + b"\xff\xe0\0\0" * 5000) is None


def test_a_file_that_is_gone_has_no_size_and_one_without_a_picture_its_length(tmp_path: Path) -> None:
    assert picture_size.read(tmp_path / "none") is None
    (tmp_path / "real").write_bytes(data := picture("JPEG"))
    assert picture_size.read(tmp_path / "real") == (len(data), 48, 32)
    (tmp_path / "odd").write_bytes(b"odd")
    assert picture_size.read(tmp_path / "odd") == (3, None, None)
