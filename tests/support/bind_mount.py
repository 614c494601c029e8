"""A file that is a mount of its own, as containers are given single files."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def bind_mount(source: Path, target: Path) -> Iterator[None]:
    """During the block `source` is mounted at `target`, which exists. Skips the test where that is not allowed (it requires
    root)."""
    try:
        done = subprocess.run(
            ["mount", "--bind", str(source), str(target)], capture_output=True, check=False, timeout=10
        )
    except OSError:
        pytest.skip("no mount here")
    if done.returncode != 0:
        pytest.skip("may not mount here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(target)], check=True, timeout=10)
