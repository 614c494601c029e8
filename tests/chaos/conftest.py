"""Fixtures of tests with a full disk, and with a server that is killed."""

import contextlib
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from resolvers import lifespan
from tests.support.context import processes_in
from tests.support.killable import Server
from tests.support.small_disk import small_disk

DISK_KIB = 12 << 10


@pytest.fixture
def disk() -> Iterator[Path]:
    """A small disk, of a server that saves soon after each change."""
    with small_disk(DISK_KIB) as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(lifespan, "SAVE_PAUSE_S", 0.05)
        yield folder


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    """One that runs. Afterwards nothing of it does."""
    running = Server(tmp_path)
    await running.start()
    yield running
    if running.lives:
        await running.end(signal.SIGKILL)
    for pid in processes_in(tmp_path):
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()
