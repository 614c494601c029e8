"""Makes file permissions apply to root, for tests of what they forbid."""

import ctypes
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534
_VERSION_3 = 0x20080522  # of capget(2)
_OVERRIDES = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


@contextmanager
def nobodys_folder() -> Iterator[Path]:
    """An empty folder of this user, in a block in which file modes apply to root as well."""
    folder = Path(tempfile.mkdtemp())
    try:
        with _bound_by_modes():
            yield folder
    finally:
        for path in (folder, *folder.rglob("*")):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o700)
        shutil.rmtree(folder)


@contextmanager
def _bound_by_modes() -> Iterator[None]:
    """Drops the capabilities with which root ignores file modes, for this thread and those that it starts in the block."""
    if os.geteuid() != 0:
        yield
        return
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.capget(header, sets) == 0
    effective = sets[0]
    try:
        sets[0] = effective & ~_OVERRIDES
        assert libc.capset(header, sets) == 0
        yield
    finally:
        sets[0] = effective
        assert libc.capset(header, sets) == 0
