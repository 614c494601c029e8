"""A small file system."""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

PATIENCE_S = 10


@contextmanager
def small_disk(kib: int) -> Iterator[Path]:
    """A folder on a file system of `kib` KiB; skips the test if it cannot be created (that requires root)."""
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=0700", "tmpfs", folder]
        try:
            done = subprocess.run(mount, capture_output=True, check=False, timeout=10)
        except OSError:
            pytest.skip("no mount here")
        if done.returncode != 0:
            pytest.skip("may not mount here")
        try:
            yield Path(folder)
        finally:
            _unmount(folder)


def _unmount(folder: str) -> None:
    """As soon as nobody uses it: the keeper of a bot that was just stopped ends a moment later."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        done = subprocess.run(["umount", folder], capture_output=True, text=True, check=False, timeout=10)
        if done.returncode == 0:
            return
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.05)


def fill(disk: Path, left_kib: int = 0) -> Path:
    """Fills the remaining space, except for `left_kib` KiB. Returns the file that takes it."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    os.truncate(filler, max(0, filler.stat().st_size - (left_kib << 10)))
    return filler
