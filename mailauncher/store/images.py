"""The files of emojis: named by the hash of their content, each stored once, with thumbnails beside it.

A file is whole on the disk before a row names it, and goes when the last row that names it has gone. What an end in
between leaves behind (a temporary file, a file that no row names) is swept away at the next start and now and then.
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

from mailauncher.errors import InsufficientSpace, InvalidParameter, LauncherError, ResourceNotFound
from mailauncher.store import pictures, thumbnails
from mailauncher.store.emojis import Emojis
from mailauncher.store.pictures import Picture
from mailauncher.store.thumbnails import SIZES

log = logging.getLogger(__name__)

FOLDER = "emojis"
AT_ONCE = 2
"""Pictures that are decoded at the same moment: one may take 100 MB for as long."""
SWEEP_EVERY_S = 6 * 3600.0
_NAME = re.compile(r"[0-9a-f]{64}\.(?:png|jpg|gif|webp)")
_THUMBNAIL = re.compile(r"[0-9a-f]{64}\.[a-z]+\.(?:64|128|256)\.webp")
_UNFINISHED = ".part"
_PREFIX = re.compile(r"[0-9a-f]{2}")
Result = TypeVar("Result")


class Images:
    """The folder of all emojis' files. Raises what `pictures.examine` raises."""

    def __init__(self, data: Path, emojis: Emojis) -> None:
        self._folder = data / FOLDER
        self._emojis = emojis
        self._decoding = asyncio.Semaphore(AT_ONCE)
        self._files = asyncio.Lock()
        """Held from a file's coming into place until its row stands, and from the look for rows until a file is gone."""
        self._unfinished: set[str] = set()
        self._thumbnails: dict[Path, asyncio.Task[None]] = {}

    async def examine(self, data: bytes) -> Picture:
        """Decodes a picture, apart from the loop."""
        pictures.require_size(len(data))
        async with self._decoding:
            return await asyncio.to_thread(pictures.examine, data)

    async def store(self, found: Sequence[Picture], write: Callable[[], Awaitable[Result]]) -> Result:
        """Puts the files in place, then does `write`, which makes the rows. Where it fails, the files are not kept."""
        async with self._temporary(await asyncio.to_thread(self._absent, found)) as first, self._files:
            try:
                await asyncio.to_thread(self._put, first)
                # What stood there may have gone with its last row before the lock was ours.
                async with self._temporary(await asyncio.to_thread(self._absent, found)) as more:
                    await asyncio.to_thread(self._put, more)
                return await write()
            except BaseException:
                await asyncio.shield(self._remove_unused([picture.name for picture in found]))
                raise

    async def release(self, names: Iterable[str]) -> None:
        """Removes those files that no row names."""
        async with self._files:
            await self._remove_unused(names)

    def path(self, name: str) -> Path:
        """Where a file lies. `name` must be one that a row has."""
        if not _NAME.fullmatch(name):
            raise ResourceNotFound("没有这个图片", "There is no such image")
        return self._folder / name[:2] / name

    async def open(self, name: str, size: int | None) -> tuple[Path, str]:
        """The file of a picture, or of its thumbnail, which is made if nobody asked for it before, and its media type.

        A picture that is no larger than the thumbnail stands for it. Raises ResourceNotFound, InvalidParameter.
        """
        if size is not None and size not in SIZES:
            sizes = ", ".join(map(str, SIZES))
            raise InvalidParameter(f"size 应为 {sizes} 之一", f"size must be one of {sizes}", field="size")
        file = self.path(name)
        media = pictures.MEDIA[name.rpartition(".")[2]]
        if not await asyncio.to_thread(file.is_file):
            raise ResourceNotFound("没有这个图片", "There is no such image")
        if size is None:
            return file, media
        thumbnail = _thumbnail_of(file, size)
        made = await asyncio.to_thread(_length, thumbnail)
        if made is None:
            await self._made(file, thumbnail, size)
            made = await asyncio.to_thread(_length, thumbnail)
        return (thumbnail, "image/webp") if made else (file, media)

    async def close(self) -> None:
        """Waits for what is being made."""
        await asyncio.gather(*self._thumbnails.values(), return_exceptions=True)

    # Files

    @asynccontextmanager
    async def _temporary(self, found: Sequence[Picture]) -> AsyncIterator[list[tuple[Path, Path]]]:
        """(temporary file, its place) of each picture, written and on the disk. What is left of them goes at the end."""
        places = [self.path(picture.name) for picture in found]
        pairs = [
            (place.with_name(f"{place.name}.{secrets.token_hex(4)}{_UNFINISHED}"), place) for place in places
        ]
        self._unfinished |= {temporary.name for temporary, _ in pairs}
        try:
            for (temporary, _), picture in zip(pairs, found, strict=True):
                await asyncio.to_thread(_write, temporary, picture.data)
            yield pairs
        except OSError as error:
            raise _full(error) from error
        finally:
            await asyncio.shield(asyncio.to_thread(_unlink, [temporary for temporary, _ in pairs]))
            self._unfinished -= {temporary.name for temporary, _ in pairs}

    def _absent(self, found: Sequence[Picture]) -> list[Picture]:
        """Those whose files are not there, each once."""
        return [picture for name, picture in _by_name(found).items() if not self.path(name).exists()]

    def _put(self, pairs: Iterable[tuple[Path, Path]]) -> None:
        folders = set()
        for temporary, place in pairs:
            temporary.replace(place)
            folders.add(place.parent)
        for folder in folders:
            _sync(folder)

    async def _remove_unused(self, names: Iterable[str]) -> None:
        places = [self.path(name) for name in await self._emojis.unused(names)]
        await asyncio.to_thread(_unlink, [file for place in places for file in (place, *_beside(place))])

    # Thumbnails

    async def _made(self, file: Path, thumbnail: Path, size: int) -> None:
        """Whoever asks first makes it; the others wait for the same."""
        task = self._thumbnails.get(thumbnail)
        if task is None:
            task = asyncio.create_task(self._make(file, thumbnail, size))
            self._thumbnails[thumbnail] = task
            task.add_done_callback(lambda _: self._thumbnails.pop(thumbnail, None))
        await asyncio.shield(task)

    async def _make(self, file: Path, thumbnail: Path, size: int) -> None:
        temporary = thumbnail.with_name(f"{thumbnail.name}.{secrets.token_hex(4)}{_UNFINISHED}")
        self._unfinished.add(temporary.name)
        try:
            async with self._decoding:
                data = await asyncio.to_thread(thumbnails.make, file, size)
            await asyncio.to_thread(_write, temporary, data)
            async with self._files:
                if await asyncio.to_thread(file.is_file):
                    await asyncio.to_thread(temporary.replace, thumbnail)
        except FileNotFoundError:
            raise ResourceNotFound("没有这个图片", "There is no such image") from None
        except OSError as error:
            raise _full(error) from error
        finally:
            await asyncio.to_thread(_unlink, [temporary])
            self._unfinished.discard(temporary.name)

    # Sweeping

    async def sweep(self) -> None:
        """Removes what no row names, and what somebody did not finish."""
        for prefix in await asyncio.to_thread(_names, self._folder):
            if not _PREFIX.fullmatch(prefix):
                continue
            names = await asyncio.to_thread(_names, self._folder / prefix)
            async with self._files:
                used = await self._emojis.images_used(prefix)
                gone = [name for name in names if self._is_waste(name, used)]
                await asyncio.to_thread(_unlink, [self._folder / prefix / name for name in gone])
            if gone:
                log.info(
                    "%d files in %s belonged to nothing, and are removed", len(gone), self._folder / prefix
                )

    def _is_waste(self, name: str, used: set[str]) -> bool:
        """Files that are none of ours stay."""
        if name.endswith(_UNFINISHED):
            return name not in self._unfinished
        if _THUMBNAIL.fullmatch(name):
            return name.rpartition(".webp")[0].rpartition(".")[0] not in used
        return bool(_NAME.fullmatch(name)) and name not in used

    async def sweep_forever(self) -> None:
        """Every few hours. What fails is logged."""
        while True:
            await asyncio.sleep(SWEEP_EVERY_S)
            try:
                await self.sweep()
            except (LauncherError, OSError) as error:
                log.error("sweeping the images failed: %s", error)


def _by_name(found: Iterable[Picture]) -> dict[str, Picture]:
    return {picture.name: picture for picture in found}


def _length(file: Path) -> int | None:
    """Bytes of a file, None where there is none."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return None


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _beside(place: Path) -> list[Path]:
    """The thumbnails of a picture."""
    return [_thumbnail_of(place, size) for size in SIZES]


def _thumbnail_of(place: Path, size: int) -> Path:
    return place.with_name(f"{place.name}.{size}.webp")


def _unlink(files: Iterable[Path]) -> None:
    for file in files:
        with contextlib.suppress(OSError):  # it may be gone, or stay until the next sweep
            file.unlink()


def _write(file: Path, data: bytes) -> None:
    """Until it is on the disk."""
    if not file.parent.is_dir():
        file.parent.parent.mkdir(0o700, exist_ok=True)
        file.parent.mkdir(0o700, exist_ok=True)
        _sync(file.parent.parent)
    with file.open("xb") as opened:
        opened.write(data)
        opened.flush()
        os.fsync(opened.fileno())


def _sync(folder: Path) -> None:
    """A file's name is on the disk only when its folder is."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _full(error: OSError) -> InsufficientSpace:
    return InsufficientSpace(
        f"无法写入图片：{error.strerror}", f"The image cannot be written: {error.strerror}"
    )
