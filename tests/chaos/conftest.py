"""Fixtures of tests with a full disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from resolvers import lifespan
from tests.support.small_disk import small_disk

DISK_KIB = 12 << 10


@pytest.fixture
def disk() -> Iterator[Path]:
    """A small disk, of a server that saves soon after each change."""
    with small_disk(DISK_KIB) as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(lifespan, "SAVE_PAUSE_S", 0.05)
        yield folder
