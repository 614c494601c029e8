"""The user's consent to a bot's texts, recorded as MaiBot does: a file with the MD5 of the accepted text.

`consent` is the recipe's mapping from the file of a text to the file of its record, both relative to the bot's folder.
"""

import hashlib
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from mailauncher import files
from mailauncher.beneath import LeadsOutside, Root
from mailauncher.errors import FileTooLarge, InsufficientSpace, InvalidPath, LauncherError

TEXT_BYTES = 1 << 20
_DIGEST_BYTES = 32


def digest(text: bytes) -> str:
    """The MD5 of a text after converting line breaks to LF, in 32 hex digits. A byte order mark counts, as in MaiBot."""
    unified = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return hashlib.md5(unified, usedforsecurity=False).hexdigest()


def not_accepted(folder: Path, consent: Mapping[str, str]) -> list[str]:
    """The texts in the folder whose present content is not accepted. A text that the folder lacks needs no consent.

    Raises InvalidPath, FileTooLarge. Reads files.
    """
    return [text for text, record in consent.items() if not _accepted(folder, text, record)]


def changed_texts(new: Path, old: Path, consent: Mapping[str, str]) -> list[str]:
    """The texts in a new tree that differ from those accepted in an old tree.

    Raises InvalidPath, FileTooLarge. Reads files.
    """
    return [text for text, record in consent.items() if not _accepted(new, text, record, old)]


def has_record(folder: Path, record: str, wanted: str) -> bool:
    """Whether a record in the folder is of the text with this digest. Raises InvalidPath. Reads files."""
    try:
        return _content(folder, record, _DIGEST_BYTES, replaced=True) == wanted.encode()
    except FileTooLarge:
        return False


def texts(folder: Path, consent: Mapping[str, str]) -> dict[str, bytes | None]:
    """The texts in the folder, None for a missing one. Raises InvalidPath, FileTooLarge. Reads files."""
    return {text: _content(folder, text, TEXT_BYTES) for text in consent}


def accept(folder: Path, consent: Mapping[str, str]) -> None:
    """Records that the user has accepted the present content of every text in the folder. A record is written whole or not
    at all; a link in its place is replaced, not followed.

    Raises InvalidPath, FileTooLarge, InsufficientSpace.
    """
    for text, record in consent.items():
        content = _content(folder, text, TEXT_BYTES)
        if content is not None and not _accepted(folder, text, record):
            with (
                _explained(folder / record),
                Root(folder) as root,
                root.replacing(record, mode=0o644, follow=False) as file,
            ):
                file.write(digest(content).encode("ascii"))


def _accepted(folder: Path, text: str, record: str, recorded: Path | None = None) -> bool:
    """`recorded`: the folder of the record, if it is another one."""
    content = _content(folder, text, TEXT_BYTES)
    if content is None:
        return True
    return has_record(recorded or folder, record, digest(content))


def _content(folder: Path, name: str, limit: int, *, replaced: bool = False) -> bytes | None:
    """The bytes of a file; None if it, or the folder, does not exist. `replaced`: whoever writes it replaces it, so that a link out of the
    folder is no file either. Raises InvalidPath, FileTooLarge."""
    path = folder / name
    with _explained(path):
        try:
            with Root(folder) as root, _opened(root, name, replaced=replaced) as file:
                found = file.read(limit + 1)
        except FileNotFoundError:
            return None
    if len(found) > limit:
        raise FileTooLarge(f"{path} 超过 {limit} 字节", f"{path} is larger than {limit} bytes")
    return found


def _opened(root: Root, name: str, *, replaced: bool) -> BinaryIO:
    try:
        return root.open_regular(name)
    except LeadsOutside:
        if replaced and stat.S_ISLNK(root.status(name).st_mode):
            raise FileNotFoundError from None
        raise


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _as_launcher_error(path, error) from None


def _as_launcher_error(path: Path, error: OSError) -> LauncherError:
    if isinstance(error, LeadsOutside):
        return InvalidPath(f"{path} 指向实例文件夹之外", f"{path} leads out of the instance's folder")
    if files.is_full(error):
        return InsufficientSpace(f"磁盘空间不足，无法写入 {path}", f"Not enough disk space to write {path}")
    return InvalidPath(
        f"无法使用文件 {path}：{error.strerror}", f"The file {path} cannot be used: {error.strerror}"
    )
