"""How much text an edit may write before the file is too large in any case."""

from collections.abc import Iterable

from bots.documents.file import LIMIT_BYTES
from mailauncher.errors import FileTooLarge
from mailauncher.interruption import Check, proceed


class Room:
    """Counts the text that an edit writes. A small change can make a text of gigabytes: each new table repeats the path to it,
    and each new member the indentation of its neighbour."""

    def __init__(self, check: Check = proceed) -> None:
        self._left = LIMIT_BYTES
        self._check = check

    def take(self, written: str) -> str:
        """The same text. Raises FileTooLarge if there is no room for it, a character counting as one byte."""
        self._check()
        self._left -= len(written)
        if self._left < 0:
            raise _too_large()
        return written


def joined(pieces: Iterable[str]) -> str:
    """The pieces as one text. Raises FileTooLarge as soon as they are more than a file may have."""
    room = Room()
    return "".join(map(room.take, pieces))


def require_room(text: str) -> None:
    """Raises FileTooLarge for a text that no file may have."""
    if len(text) > LIMIT_BYTES:
        raise _too_large()


def _too_large() -> FileTooLarge:
    limit = f"{LIMIT_BYTES >> 20} MiB"
    return FileTooLarge(
        f"修改后的文件会超过 {limit}；文件未改动",
        f"The file would exceed {limit} after this change; it was not changed",
    )
