"""Consent to a bot's texts, recorded as MaiBot does it: a file with the MD5 of the text that was accepted.

`consent` is a recipe's: the file of the record by the file of the text, both below the bot's folder.
"""

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from mailauncher.errors import FileTooLarge, InsufficientSpace, InvalidPath, LauncherError

TEXT_BYTES = 1 << 20
_DIGEST_BYTES = 32


def digest(text: bytes) -> str:
    """The MD5 of a text whose line breaks are LF, in 32 hex digits. A byte order mark counts, as it does for MaiBot."""
    unified = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return hashlib.md5(unified, usedforsecurity=False).hexdigest()


def missing(folder: Path, consent: Mapping[str, str]) -> list[str]:
    """The texts of the folder that are not accepted as they stand there. Of a text that the folder lacks nothing is asked.

    Raises InvalidPath, FileTooLarge. Reads files.
    """
    return [text for text, record in consent.items() if not _accepted(folder, text, record)]


def changed(new: Path, old: Path, consent: Mapping[str, str]) -> list[str]:
    """The texts of a new tree that are not those whose acceptance an old one has on record.

    Raises InvalidPath, FileTooLarge. Reads files.
    """
    return [text for text, record in consent.items() if not _accepted(new, text, record, old)]


def texts(folder: Path, consent: Mapping[str, str]) -> dict[str, bytes | None]:
    """The texts as they stand in the folder, None for what is not there. Raises InvalidPath, FileTooLarge. Reads files."""
    return {text: _content(folder, text, TEXT_BYTES) for text in consent}


def accept(folder: Path, consent: Mapping[str, str]) -> None:
    """Records that the user has accepted every text of the folder as it stands there. A record is whole or not there.

    A link in the place of a record is replaced, not followed. Raises InvalidPath, FileTooLarge, InsufficientSpace.
    """
    for text, record in consent.items():
        content = _content(folder, text, TEXT_BYTES)
        if content is not None and not _accepted(folder, text, record):
            _write(_inside(folder, record), digest(content))


def _accepted(folder: Path, text: str, record: str, recorded: Path | None = None) -> bool:
    """`recorded`: the folder that has the record, if that is another."""
    content = _content(folder, text, TEXT_BYTES)
    if content is None:
        return True
    try:
        return _content(recorded or folder, record, _DIGEST_BYTES) == digest(content).encode()
    except FileTooLarge:
        return False


def _content(folder: Path, name: str, limit: int) -> bytes | None:
    """A file's bytes; None where there is none."""
    path = _inside(folder, name)
    try:
        # Opening anything but a file might wait for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            found = os.read(descriptor, limit + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _wrong(path, error) from None
    if len(found) > limit:
        raise FileTooLarge(f"{path} 超过 {limit} 字节", f"{path} has more than {limit} bytes")
    return found


def _inside(folder: Path, name: str) -> Path:
    """The file's path, once it is sure that the folder it stands in is below `folder`. Raises InvalidPath."""
    path = folder / name
    try:
        here = path.parent.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):  # links that lead to each other
        here = False
    if not here:
        raise InvalidPath(f"{path} 指向实例文件夹之外", f"{path} leads out of the instance's folder")
    return path


def _write(path: Path, content: str) -> None:
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with unfinished.open("x", encoding="ascii") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise _wrong(path, error) from None


def _wrong(path: Path, error: OSError) -> LauncherError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return InsufficientSpace(f"磁盘空间不足，无法写入 {path}", f"No space is left to write {path}")
    return InvalidPath(
        f"无法使用文件 {path}：{error.strerror}", f"The file {path} cannot be used: {error.strerror}"
    )
