"""The image files of emojis: named by the hash of their content, each stored once, with its thumbnails beside it.

A file is complete on the disk before a row uses it, and is removed after the last row that used it. A server that is killed
in between leaves only waste (a temporary file, a file that no row uses), never a row without its file; the sweep at the next
start, and every few hours, removes the waste.

Three tasks may be at the same file: an upload of a picture, the removal of the last row with that picture, and the sweep.
The lock decides. An upload holds it from the moment its file is in place until its rows are written, and the others from
their query for rows until the file is gone. Without it, they would find no row for a file that an upload has just put in
place (or has found there), and remove it; the upload's row would then name a file that is gone.
"""

import asyncio
import contextlib
import logging
import os
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from mailauncher import files
from mailauncher.errors import (
    FileTooLarge,
    InsufficientSpace,
    InvalidImageFormat,
    InvalidParameter,
    LauncherError,
    PermissionDenied,
    ResourceNotFound,
)
from mailauncher.tasks import Tasks
from store import picture_size, pictures
from store.decoding import Decoder
from store.emojis import Emojis
from store.picture_size import PictureSize
from store.pictures import Picture
from store.thumbnails import SIZES

log = logging.getLogger(__name__)

FOLDER = "emojis"
SWEEP_EVERY_S = 6 * 3600.0
_NAME = re.compile(r"[0-9a-f]{64}\.(?:png|jpg|gif|webp)")
_THUMBNAIL = re.compile(r"([0-9a-f]{64}\.[a-z]+)\.(?:64|128|256)(?:\.still)?\.webp")
_TEMPORARY = ".part"
_SUBFOLDER = re.compile(r"[0-9a-f]{2}")
Result = TypeVar("Result")


class Images:
    """The folder of all image files."""

    def __init__(self, data: Path, emojis: Emojis) -> None:
        self._folder = data / FOLDER
        self._emojis = emojis
        self._decoder = Decoder()
        self._lock = asyncio.Lock()
        """Keeps uploads, removals and the sweep apart, as said above."""
        self._temporaries: set[str] = set()
        """Names of temporary files in use, which the sweep must leave."""
        self._tasks = Tasks()
        self._thumbnails: dict[Path, asyncio.Task[None]] = {}

    async def examine(self, data: bytes) -> Picture:
        """Validates a picture, in a process of its own. Raises what `Decoder.examine` raises."""
        pictures.require_size(len(data))
        return await self._decoder.examine(data)

    async def save(self, found: Sequence[Picture], insert: Callable[[], Awaitable[Result]]) -> Result:
        """Puts the files in place, then calls `insert`, which writes the rows. If that fails, files that no row uses are
        removed. Raises InsufficientSpace or PermissionDenied, and what `insert` raises."""
        async with self._temporary(await asyncio.to_thread(self._absent, found)) as first, self._lock:
            try:
                await asyncio.to_thread(_move_all, first)
                # A file that was there when we looked may have been removed with its last row while we waited for the lock.
                async with self._temporary(await asyncio.to_thread(self._absent, found)) as more:
                    await asyncio.to_thread(_move_all, more)
                return await insert()
            except BaseException:
                removal = self._remove_unused([picture.name for picture in found])
                await self._tasks.complete(removal, "removal of unused images")
                raise

    async def remove_unused(self, names: Iterable[str]) -> None:
        """Removes those of the files that no row uses."""
        async with self._lock:
            await self._remove_unused(names)

    def path(self, name: str) -> Path:
        """The path of an image, which may not exist. Raises ResourceNotFound for a name that no image can have."""
        if not _NAME.fullmatch(name):
            raise ResourceNotFound("没有这个图片", "Image not found")
        return self._folder / name[:2] / name

    async def open(self, name: str, size: int | None, *, still: bool = False) -> tuple[Path, str]:
        """The file of a picture, or of its thumbnail, and its media type. The thumbnail is created on the first request;
        a picture that is no larger (and, for a `still` one, that is no animation and light) is its own thumbnail. Raises ResourceNotFound, InvalidParameter,
        InsufficientSpace, PermissionDenied."""
        if size is not None and size not in SIZES:
            sizes = ", ".join(map(str, SIZES))
            raise InvalidParameter(f"size 应为 {sizes} 之一", f"size must be one of {sizes}", field="size")
        file = self.path(name)
        media = pictures.MEDIA[name.rpartition(".")[2]]
        if not await asyncio.to_thread(files.is_file, file):
            raise ResourceNotFound("没有这个图片", "Image not found")
        if size is None:
            return file, media
        thumbnail = _thumbnail_of(file, size, still)
        length = await asyncio.to_thread(_length, thumbnail)
        if length is None:
            await self._create_thumbnail(file, thumbnail, size, still)
            length = await asyncio.to_thread(_length, thumbnail)
        return (thumbnail, "image/webp") if length else (file, media)

    async def sizes(self, names: Sequence[str]) -> list[PictureSize | None]:
        """The sizes of images by name; None for one whose file is missing."""
        places = [self.path(name) for name in names]
        return await asyncio.to_thread(lambda: [picture_size.read(place) for place in places])

    async def close(self) -> None:
        """Ends decoding, and waits for removals in progress."""
        await self._decoder.close()
        await self._tasks.finish()

    # Files

    @asynccontextmanager
    async def _temporary(self, found: Sequence[Picture]) -> AsyncIterator[list[tuple[Path, Path]]]:
        """Writes each picture to a temporary file: (temporary file, its place). Removes those that were not moved."""
        places = [self.path(picture.name) for picture in found]
        pairs = [
            (place.with_name(f"{place.name}.{secrets.token_hex(4)}{_TEMPORARY}"), place) for place in places
        ]
        self._temporaries |= {temporary.name for temporary, _ in pairs}
        try:
            for (temporary, _), picture in zip(pairs, found, strict=True):
                await asyncio.to_thread(_write_through, temporary, picture.data)
            yield pairs
        except OSError as error:
            raise _not_written(error) from error
        finally:
            removal = asyncio.to_thread(_unlink, [temporary for temporary, _ in pairs])
            await self._tasks.complete(removal, "removal of temporary files")
            self._temporaries -= {temporary.name for temporary, _ in pairs}

    def _absent(self, found: Sequence[Picture]) -> list[Picture]:
        """Those whose files do not exist, each once."""
        return [picture for name, picture in _by_name(found).items() if not files.exists(self.path(name))]

    async def _remove_unused(self, names: Iterable[str]) -> None:
        places = [self.path(name) for name in await self._emojis.unused(names)]
        await asyncio.to_thread(
            _unlink, [file for place in places for file in (place, *_thumbnails_of(place))]
        )

    # Thumbnails

    async def _create_thumbnail(self, file: Path, thumbnail: Path, size: int, still: bool) -> None:
        """The first request creates it, and the others wait for that; one that goes away does not end it for the others."""
        task = self._thumbnails.get(thumbnail)
        if task is None:
            task = self._tasks.spawn(
                self._write_thumbnail(file, thumbnail, size, still), f"thumbnail {thumbnail.name}"
            )
            self._thumbnails[thumbnail] = task
            task.add_done_callback(lambda _: self._thumbnails.pop(thumbnail, None))
        await asyncio.shield(task)

    async def _write_thumbnail(self, file: Path, thumbnail: Path, size: int, still: bool) -> None:
        temporary = thumbnail.with_name(f"{thumbnail.name}.{secrets.token_hex(4)}{_TEMPORARY}")
        self._temporaries.add(temporary.name)
        try:
            data = await self._thumbnail_data(file, size, still)
            await asyncio.to_thread(_write_through, temporary, data)
            # The picture may have been removed, with its thumbnails, while this one was computed.
            async with self._lock:
                if await asyncio.to_thread(files.is_file, file):
                    await asyncio.to_thread(temporary.replace, thumbnail)
        except FileNotFoundError:
            raise ResourceNotFound("没有这个图片", "Image not found") from None
        except OSError as error:
            raise _not_written(error) from error
        finally:
            await asyncio.to_thread(_unlink, [temporary])
            self._temporaries.discard(temporary.name)

    async def _thumbnail_data(self, file: Path, size: int, still: bool) -> bytes:
        """Empty if the picture itself is to be shown: it is no larger, or cannot be decoded within the limits, which a former
        version may not have noticed."""
        data = await asyncio.to_thread(file.read_bytes)
        try:
            return await self._decoder.thumbnail(data, size, still=still)
        except (InvalidImageFormat, FileTooLarge) as error:
            log.warning("no thumbnail of %s: %s", file.name, error)
            return b""

    # Sweeping

    async def sweep(self) -> None:
        """Removes images that no row uses, their thumbnails, and temporary files that a former server left.

        File names are listed before the lock is taken. An upload may put more files in place meanwhile: the sweep does not
        know them and leaves them. One whose name is listed is looked up under the lock, when its row is written or the
        upload has failed.
        """
        for prefix in await asyncio.to_thread(_names, self._folder):
            if not _SUBFOLDER.fullmatch(prefix):
                continue
            names = await asyncio.to_thread(_names, self._folder / prefix)
            async with self._lock:
                used = await self._emojis.images_used(prefix)
                gone = [name for name in names if self._is_waste(name, used)]
                await asyncio.to_thread(_unlink, [self._folder / prefix / name for name in gone])
            if gone:
                log.info("removed %d unused files in %s", len(gone), self._folder / prefix)

    def _is_waste(self, name: str, used: set[str]) -> bool:
        """False for a file that no version of this module wrote."""
        if name.endswith(_TEMPORARY):
            return name not in self._temporaries
        if thumbnail := _THUMBNAIL.fullmatch(name):
            return thumbnail[1] not in used
        return bool(_NAME.fullmatch(name)) and name not in used

    async def sweep_forever(self) -> None:
        """Sweeps every few hours. Logs failures."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            try:
                await self.sweep()
            except (LauncherError, OSError) as error:
                log.error("sweeping the images failed: %s", error)


def _by_name(found: Iterable[Picture]) -> dict[str, Picture]:
    return {picture.name: picture for picture in found}


def _length(file: Path) -> int | None:
    """The size of a file in bytes; None: it does not exist."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return None


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _thumbnails_of(place: Path) -> list[Path]:
    return [_thumbnail_of(place, size, still) for size in SIZES for still in (False, True)]


def _thumbnail_of(place: Path, size: int, still: bool) -> Path:
    return place.with_name(f"{place.name}.{size}{'.still' if still else ''}.webp")


def _unlink(unused: Iterable[Path]) -> None:
    for file in unused:
        with contextlib.suppress(OSError):  # gone already, or left for the next sweep
            file.unlink()


def _write_through(file: Path, data: bytes) -> None:
    """Writes a new file; its content is on the disk once this returns."""
    if not files.is_folder(file.parent):
        file.parent.parent.mkdir(0o700, exist_ok=True)
        file.parent.mkdir(0o700, exist_ok=True)
        files.sync_folder(file.parent.parent)
    file.write_bytes(data)
    files.sync(file)


def _move_all(pairs: Iterable[tuple[Path, Path]]) -> None:
    for temporary, place in pairs:
        files.move(temporary, place)


def _not_written(error: OSError) -> LauncherError:
    return (InsufficientSpace if files.is_full(error) else PermissionDenied)(
        f"无法写入图片：{error.strerror}", f"Cannot write the image: {error.strerror}"
    )
