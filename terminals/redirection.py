"""Where the output of a program goes that is not printed in its terminal."""

import os
import stat
from pathlib import Path

from mailauncher.system_text import readable

DEPTH = 4  # a script that runs a script that runs the bot


def output_file(pid: int) -> str | None:
    """The file that a program's standard output goes to, or that of the only child of a script that waits for it; None
    where there is none or the system does not say (anything but Linux). Reads /proc."""
    for _ in range(DEPTH):
        process = Path("/proc", str(pid))
        try:
            mode = (process / "fd/1").stat().st_mode
            target = str((process / "fd/1").readlink())
            if stat.S_ISREG(mode) or target == os.devnull:
                return readable(target)
            children = (process / "task" / str(pid) / "children").read_bytes().split()
        except OSError:
            return None
        if len(children) != 1:
            return None
        pid = int(children[0])
    return None
