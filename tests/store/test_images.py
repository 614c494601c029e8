"""Image files: written before their row, shared by equal pictures, removed with the last row, swept if unused."""

import asyncio
import io
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from PIL import Image

from mailauncher.errors import (
    DatabaseError,
    InsufficientSpace,
    InvalidParameter,
    LauncherError,
    PermissionDenied,
    ResourceNotFound,
)
from store import thumbnails
from store.database import Database
from store.decoding import Decoder
from store.emojis import Emojis
from store.images import Images
from store.records import InstanceRecord
from store.registry import Registry
from store.search_index import Criteria
from tests.support.pictures import moving, picture

BOT = "a" * 40


@pytest_asyncio.fixture
async def database(database: Database) -> Database:
    """With an instance."""
    await Registry(database).add(
        InstanceRecord(
            id=BOT, name="bot", path="/srv/bot", port=1, version="", installed_at=1, recipe="custom"
        )
    )
    return database


@pytest.fixture
def emojis(database: Database) -> Emojis:
    return Emojis(database)


@pytest_asyncio.fixture
async def images(tmp_path: Path, emojis: Emojis) -> AsyncIterator[Images]:
    made = Images(tmp_path, emojis)
    yield made
    await made.close()


async def put(images: Images, emojis: Emojis, name: str, data: bytes) -> dict[str, Any]:
    found = await images.examine(data)
    row = {"name": name, "description": "", "tags": "[]", "category": "", "image": found.name}
    return (await images.save([found], lambda: emojis.add(BOT, [row])))[0]


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in (folder / "emojis").rglob("*") if file.is_file())


async def test_a_file_is_named_by_the_hash_of_its_content(
    images: Images, emojis: Emojis, tmp_path: Path
) -> None:
    row = await put(images, emojis, "one", picture())
    file = tmp_path / "emojis" / row["image"][:2] / row["image"]
    assert file.read_bytes() == picture()
    assert files(tmp_path) == [row["image"]]


async def test_equal_pictures_are_stored_once_and_removed_with_the_last_row(
    images: Images, emojis: Emojis, tmp_path: Path
) -> None:
    one = await put(images, emojis, "one", picture())
    two = await put(images, emojis, "two", picture())
    assert files(tmp_path) == [one["image"]]
    for row, left in ((one, [one["image"]]), (two, [])):
        gone = await emojis.remove(BOT, [row["id"]])
        await images.remove_unused(each["image"] for each in gone)
        assert files(tmp_path) == left


async def test_no_file_stays_if_its_row_cannot_be_written(
    images: Images, emojis: Emojis, tmp_path: Path
) -> None:
    found = await images.examine(picture())

    async def refused() -> None:
        assert files(tmp_path) == [found.name]  # the row comes after the file
        raise DatabaseError("满", "full")

    with pytest.raises(DatabaseError):
        await images.save([found], refused)
    assert files(tmp_path) == []


async def test_a_shared_picture_stays_if_another_row_cannot_be_written(
    images: Images, emojis: Emojis, tmp_path: Path
) -> None:
    row = await put(images, emojis, "one", picture())
    with pytest.raises(Exception, match="exists"):
        await put(images, emojis, "one", picture())
    assert files(tmp_path) == [row["image"]]


async def test_an_upload_during_the_last_delete_of_the_same_picture_keeps_its_file(
    images: Images, emojis: Emojis, tmp_path: Path
) -> None:
    for number in range(10):
        row = await put(images, emojis, f"a{number}", picture())

        async def delete(row: dict[str, Any] = row) -> None:
            gone = await emojis.remove(BOT, [row["id"]])
            await images.remove_unused(each["image"] for each in gone)

        made, _ = await asyncio.gather(put(images, emojis, f"b{number}", picture()), delete())
        assert files(tmp_path) == [made["image"]]
        await delete(made)
        assert files(tmp_path) == []


@pytest.mark.parametrize("number, error", [(28, InsufficientSpace), (30, PermissionDenied)])
async def test_a_full_disk_is_insufficient_space_and_one_that_cannot_be_written_to_is_not(
    images: Images,
    emojis: Emojis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    error: type[LauncherError],
) -> None:
    """A disk that had become read-only was called full."""

    def refuse(_descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(error):
        await put(images, emojis, "one", picture())
    monkeypatch.undo()
    assert files(tmp_path) == []
    assert await emojis.count(BOT, Criteria()) == 0


# Thumbnails


@pytest.mark.parametrize("size", [64, 128, 256])
async def test_a_thumbnail_has_the_requested_size_and_is_created_once(
    images: Images, emojis: Emojis, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await put(images, emojis, "one", picture(size=(1000, 500)))
    made = []
    original = Decoder.thumbnail

    async def thumbnail(decoder: Decoder, data: bytes, size: int, *, still: bool = False) -> bytes:
        made.append(size)
        return await original(decoder, data, size, still=still)

    monkeypatch.setattr(Decoder, "thumbnail", thumbnail)
    answers = await asyncio.gather(*(images.open(row["image"], size) for _ in range(8)))
    assert made == [size]
    ((file, media),) = set(answers)
    assert media == "image/webp"
    with Image.open(file) as shown:
        assert shown.size == (size, size // 2)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
async def test_an_animated_picture_has_an_animated_thumbnail_of_the_same_duration(
    images: Images, emojis: Emojis, kind: str
) -> None:
    row = await put(images, emojis, "one", moving(kind, frames=5, duration=120))
    file, _ = await images.open(row["image"], 64)
    with Image.open(file) as shown:
        assert getattr(shown, "n_frames", 1) == 5
        shown.seek(4)
        shown.load()
        assert shown.info["duration"] == 120


def test_a_thumbnail_drops_frames_of_a_long_animation_and_keeps_its_duration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(thumbnails, "ANIMATED_PIXELS", 64 * 64 * 4)
    total = 0
    with Image.open(io.BytesIO(thumbnails.make(moving(frames=12, duration=50), 64))) as shown:
        frames = getattr(shown, "n_frames", 1)
        for number in range(frames):
            shown.seek(number)
            shown.load()
            total += shown.info["duration"]
    assert 1 < frames < 5
    assert total == 600


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
async def test_a_still_thumbnail_is_the_first_frame(images: Images, emojis: Emojis, kind: str) -> None:
    for name, size in (("large", (300, 200)), ("small", (60, 40))):
        row = await put(images, emojis, name, moving(kind, size=size))
        file, media = await images.open(row["image"], 64, still=True)
        assert media == "image/webp"
        with Image.open(file) as shown:
            assert getattr(shown, "n_frames", 1) == 1
            red, green, _ = shown.convert("RGB").getpixel((0, 0))  # type: ignore[misc]
            assert (red < 10, green > 240) == (True, True)


def test_a_still_thumbnail_is_light_whatever_is_in_it() -> None:
    noise = Image.frombytes("RGBA", (250, 250), os.urandom(250 * 250 * 4))
    target = io.BytesIO()
    noise.save(target, "PNG")
    assert thumbnails.make(target.getvalue(), 256) == b""
    still = thumbnails.make(target.getvalue(), 256, still=True)
    assert 1000 < len(still) <= thumbnails.STILL_BYTES
    assert thumbnails.make(picture(), 64, still=True) == b""


async def test_a_small_picture_is_its_own_thumbnail(images: Images, emojis: Emojis) -> None:
    row = await put(images, emojis, "one", picture("GIF", (60, 20)))
    file, media = await images.open(row["image"], 64)
    assert (file.name, media) == (row["image"], "image/gif")


async def test_a_thumbnail_applies_the_exif_orientation(images: Images, emojis: Emojis) -> None:
    target = io.BytesIO()
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (400, 200)).save(target, "JPEG", exif=turned)
    row = await put(images, emojis, "one", target.getvalue())
    file, _ = await images.open(row["image"], 64)
    with Image.open(file) as shown:
        assert shown.size == (32, 64)


async def test_thumbnails_are_removed_with_their_picture(
    images: Images, emojis: Emojis, tmp_path: Path
) -> None:
    row = await put(images, emojis, "one", picture(size=(400, 400)))
    await images.open(row["image"], 64)
    await images.open(row["image"], 256)
    await images.open(row["image"], 256, still=True)
    assert len(files(tmp_path)) == 4
    await images.remove_unused(each["image"] for each in await emojis.remove(BOT, [row["id"]]))
    assert files(tmp_path) == []


@pytest.mark.parametrize("size", [0, 63, 65, 512, -64])
async def test_other_sizes_are_refused(images: Images, emojis: Emojis, size: int) -> None:
    row = await put(images, emojis, "one", picture())
    with pytest.raises(InvalidParameter):
        await images.open(row["image"], size)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a" * 64, "a" * 64 + ".svg", "A" * 64 + ".png", "a\0"]
)
async def test_a_name_that_is_no_image_name_is_not_found(images: Images, name: str) -> None:
    with pytest.raises(ResourceNotFound):
        await images.open(name, None)


# Sweeping


async def test_a_sweep_removes_unused_files_and_leaves_foreign_ones(
    images: Images, emojis: Emojis, tmp_path: Path
) -> None:
    row = await put(images, emojis, "one", picture(size=(400, 400)))
    await images.open(row["image"], 64)
    folder = tmp_path / "emojis" / row["image"][:2]
    orphan = row["image"][:2] + "0" * 62
    for name in (
        f"{orphan}.png",
        f"{orphan}.png.64.webp",
        f"{row['image']}.0a1b2c3d.part",
        f"{orphan}.gif.64.webp.0a1b2c3d.part",
    ):
        (folder / name).write_bytes(b"x")
    (folder / "notes.txt").write_text("mine")
    await images.sweep()
    assert files(tmp_path) == sorted([row["image"], f"{row['image']}.64.webp", "notes.txt"])


async def test_a_sweep_leaves_files_of_an_upload_in_progress(
    images: Images, emojis: Emojis, tmp_path: Path
) -> None:
    found = await images.examine(picture())

    async def slow() -> list[dict[str, Any]]:
        sweeping = asyncio.create_task(images.sweep())
        await asyncio.sleep(0)
        row = {"name": "one", "description": "", "tags": "[]", "category": "", "image": found.name}
        made = await emojis.add(BOT, [row])
        return [*made, {"task": sweeping}]

    made = await images.save([found], slow)
    await made[1]["task"]
    assert files(tmp_path) == [found.name]


async def test_a_sweep_without_a_folder_does_nothing(images: Images, tmp_path: Path) -> None:
    await images.sweep()
    assert not (tmp_path / "emojis").exists()
