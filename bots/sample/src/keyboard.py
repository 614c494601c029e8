"""Lines from standard input."""

from __future__ import annotations

import os
import stat

_LONGEST = 1 << 16


class Keyboard:
    """Reads descriptor 0 itself: a thread that waits in sys.stdin holds its lock when the process ends."""

    def __init__(self) -> None:
        self._rest = b""

    @staticmethod
    def is_interactive() -> bool:
        """Whether somebody may type: a terminal, a pipe or a socket, but no file and not /dev/null."""
        try:
            mode = os.fstat(0).st_mode
        except OSError:
            return False
        return os.isatty(0) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)

    def line(self) -> str | None:
        """Waits for the next line; None at the end of input. Of a line over 64 KiB the last part is kept."""
        while b"\n" not in self._rest:
            try:
                data = os.read(0, 4096)
            except OSError:  # the terminal is gone
                data = b""
            if not data:
                last, self._rest = self._rest, b""
                return last.decode(errors="replace") or None
            self._rest = (self._rest + data)[-_LONGEST:]
        line, _, self._rest = self._rest.partition(b"\n")
        return line.rstrip(b"\r").decode(errors="replace")
