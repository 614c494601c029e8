"""What a keeper that has died said last: its standard error is its log."""

import contextlib
import os
from pathlib import Path

from mailauncher import files, system_text
from mailauncher.errors import ConnectionFailed

TAIL_BYTES = 4096
CHARACTERS = 300


def last_words(log: Path) -> str:
    """The last line of a log; empty if it has none or cannot be read. Blocks."""
    with contextlib.suppress(OSError), files.open_regular(log) as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
        lines = system_text.decode(file.read(TAIL_BYTES)).split("\n")
        said = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return system_text.visible_line(said[:CHARACTERS])
    return ""


def with_last_words(error: ConnectionFailed, log: Path) -> ConnectionFailed:
    """The error, with what the log says last. Blocks."""
    said = last_words(log)
    if not said:
        return error
    return ConnectionFailed(
        f"{error.text.zh}；其日志最后一行：{said}", f"{error.text.en}; its log ends with: {said}"
    )
