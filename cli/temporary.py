"""Folders of commands, which are removed at their end."""

import tempfile
from pathlib import Path

from mailauncher.errors import CommandFailed


def temporary_folder(prefix: str) -> Path:
    """A new one. Raises CommandFailed where Python finds no folder that it can write to."""
    try:
        return Path(tempfile.mkdtemp(prefix=prefix))
    except FileNotFoundError as error:
        raise CommandFailed(
            f"没有可写的临时文件夹（{error.strerror}）：请腾出空间，或用 TMPDIR 指定一个",
            f"There is no temporary folder to write to ({error.strerror}): make room, or name one in TMPDIR",
        ) from None
