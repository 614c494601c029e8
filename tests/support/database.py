"""A database that has every migration already. Running them all takes longer than most tests."""

import asyncio
import functools
import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from store.database import FILE_NAME, Database


def migrated(folder: Path) -> Path:
    """Gives a data folder an empty database, as a server leaves it, unless it has one. Returns the folder.

    `tests/store/test_database.py` does without, and so do the servers of `tests/cli/test_serve.py`.
    """
    folder.mkdir(0o700, parents=True, exist_ok=True)
    if not (folder / FILE_NAME).exists():
        with open(folder / FILE_NAME, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(_content())
    return folder


@functools.cache
def _content() -> bytes:
    """Made once in each process of tests; in a thread, since the caller's may have a running loop."""
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _make(Path(folder))).result()
        return (Path(folder) / FILE_NAME).read_bytes()


async def _make(folder: Path) -> None:
    await (await Database.open(folder)).close()
