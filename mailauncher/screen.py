"""What a program's output leaves switched on in the terminal of who watches it, and how that is undone when they leave."""

import re

ALTERNATE, NORMAL = b"\x1b[?1049h", b"\x1b[?1049l"
# Mouse reports, bracketed paste, application keys, a hidden cursor, colours: the program's own way of undoing it no longer
# reaches this terminal.
_RESET = b"\x1b[?1000;1002;1003;1006;2004l\x1b[?1l\x1b>\x1b[?25h\x1b[0m"
_MODES = re.compile(rb"\x1b\[\?([0-9;]*)([hl])")
_BEGUN = re.compile(rb"\x1b(?:\[(?:\?[0-9;]*)?)?\Z")
_ALTERNATE_SCREENS = {b"47", b"1047", b"1049"}
_LONGEST = 64
"""Bytes of a sequence that has begun; no program's is longer."""


class ScreenModes:
    """Follows the output that a terminal is shown, in pieces that may end within a sequence."""

    def __init__(self) -> None:
        self._alternate = False
        self._begun = b""

    def show(self, data: bytes) -> None:
        data = self._begun + data
        for modes, switch in _MODES.findall(data):
            if not _ALTERNATE_SCREENS.isdisjoint(modes.split(b";")):
                self._alternate = switch == b"h"
        begun = _BEGUN.search(data, max(0, len(data) - _LONGEST))
        self._begun = begun[0] if begun else b""

    def undo(self) -> bytes:
        """What to print at the end."""
        return (NORMAL if self._alternate else b"") + _RESET + b"\r\n"


def aside(text: str) -> bytes:
    """A sentence between a program's output, which is not the program's."""
    return f"\x1b[2m[{text}]\x1b[0m\r\n".encode()
