"""What a program's output leaves switched on in the terminal of who watches it, and how that is undone when they leave."""

ALTERNATE, NORMAL = b"\x1b[?1049h", b"\x1b[?1049l"
# Mouse reports, bracketed paste, application keys, a hidden cursor, colours: the program's own way of undoing it no longer
# reaches this terminal.
_RESET = b"\x1b[?1000;1002;1003;1006;2004l\x1b[?1l\x1b>\x1b[?25h\x1b[0m"


class ScreenModes:
    """Follows the output that a terminal is shown."""

    def __init__(self) -> None:
        self._alternate = False

    def show(self, data: bytes) -> None:
        if ALTERNATE in data or NORMAL in data:
            self._alternate = data.rfind(ALTERNATE) > data.rfind(NORMAL)

    def undo(self) -> bytes:
        """What to print at the end."""
        return (NORMAL if self._alternate else b"") + _RESET + b"\r\n"


def aside(text: str) -> bytes:
    """A sentence between a program's output, which is not the program's."""
    return f"\x1b[2m[{text}]\x1b[0m\r\n".encode()
