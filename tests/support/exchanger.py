"""A program that exchanges a folder for a link that leads elsewhere, over and over, as whoever may write beside it can."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_PROGRAM = """
import ctypes, os, sys
one, other = map(os.fsencode, sys.argv[1:])
exchange = ctypes.CDLL(None, use_errno=True).renameat2
if exchange(-100, one, -100, other, 2) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
print("exchanging", flush=True)
parent = os.getppid()
while os.getppid() == parent:
    for _ in range(100):
        exchange(-100, one, -100, other, 2)
"""


@contextmanager
def exchanging(folder: Path, elsewhere: Path) -> Iterator[None]:
    """During the block `folder` is, by turns, itself and a link to `elsewhere`; afterwards it is itself. Skips the test where
    the system cannot exchange two names."""
    if sys.platform != "linux":
        pytest.skip("no renameat2 here")
    link = folder.with_name(f"{folder.name}-link")
    link.symlink_to(elsewhere)
    command = [sys.executable, "-I", "-S", "-c", _PROGRAM, str(folder), str(link)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            if process.stdout.readline() != b"exchanging\n":
                pytest.skip("the file system cannot exchange two names")
            yield
        finally:
            process.kill()
    if folder.is_symlink():
        folder.unlink()
        link.rename(folder)
    elif link.is_symlink():
        link.unlink()
