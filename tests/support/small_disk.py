"""A file system that is soon full."""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(kib: int) -> Iterator[Path]:
    """A folder that holds no more than `kib` KiB; skips the test where it cannot be made (it takes the rights of root)."""
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
            subprocess.run(["umount", folder], check=True, timeout=10)
