"""Reads and writes configuration files: with their encoding details, whole or not at all."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mailauncher import descriptors, files, utf8
from mailauncher.beneath import LeadsOutside, Place, Root
from mailauncher.errors import (
    Conflict,
    FileTooLarge,
    InsufficientSpace,
    InvalidParameter,
    InvalidPath,
    LauncherError,
    PermissionDenied,
)
from mailauncher.utf8 import BOM, NotUtf8

LIMIT_BYTES = 1 << 20
"""Fifty times a long configuration. Changing one value of a TOML file of this size takes three seconds of CPU time."""
MODE = 0o600  # of a new file: configurations hold keys
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MISPLACED = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.ENXIO)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A text and the properties of its file. `path` is relative to the folder, links resolved. A missing file has an empty
    text and the revision of empty content."""

    text: str
    content: bytes
    """The text as bytes, byte order mark included."""
    path: str
    exists: bool
    bom: bool
    mode: int
    owner: tuple[int, int] | None
    revision: str


def revision(content: bytes) -> str:
    """A name for a content: 32 hex digits, the same for the same bytes."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def read(folder: Path, relative: str) -> Loaded:
    """The file at `relative`, a path with `/` inside `folder`. Blocks. Keeps line breaks unchanged.

    Raises InvalidPath if it is not a regular file or outside the folder, links resolved; FileTooLarge beyond LIMIT_BYTES;
    InvalidParameter if it is not UTF-8; PermissionDenied.
    """
    return with_text(read_bytes(folder, relative))


def read_bytes(folder: Path, relative: str) -> Loaded:
    """Like `read`, but in any encoding and without the text."""
    with _explained(relative), _root(folder) as root:
        try:
            with root.place(relative) as place:
                return _read(place)
        except FileNotFoundError:
            return Loaded("", b"", relative, False, False, MODE, None, revision(b""))


def write(
    folder: Path, relative: str, text: str, *, like: Loaded | None = None, expect: str | None = None
) -> Loaded:
    """Replaces the content of the file, or creates it and its parent folders. Blocks.

    A reader sees the old content or the new one, never a part. Byte order mark, mode and owner are those of `like`, by
    default those of the existing file. With `expect`, raises Conflict unless the file still has that revision; a change
    made by others between this check and the rename, which follows at once, is lost. Other errors as in `read`, and
    InsufficientSpace; after any error the file is unchanged, and no temporary file remains.
    """
    if like is None:
        like = read_bytes(folder, relative)
    written = write_bytes(folder, relative, BOM * like.bom + encoded(text), like=like, expect=expect)
    return replace(written, text=text)


def write_bytes(
    folder: Path, relative: str, content: bytes, *, like: Loaded, expect: str | None = None
) -> Loaded:
    """Like `write`, but for bytes. The result has no text."""
    if len(content) > LIMIT_BYTES:
        raise too_large(relative)
    with _explained(relative), _root(folder) as root, root.place(relative, make=True) as place:
        _replace(place, content, like, expect)
        owner = like.owner or (os.geteuid(), os.getegid())
        return Loaded(
            "", content, place.path, True, content.startswith(BOM), like.mode, owner, revision(content)
        )


def complete(folder: Path, relative: str) -> None:
    """Completes a `write` in place that was killed, if there is one; see `mailauncher.in_place`. Blocks. Raises as `read`."""
    with (
        _explained(relative),
        _root(folder) as root,
        suppress(FileNotFoundError),
        root.place(relative) as place,
    ):
        files.complete_at(place.folder, place.name)


def with_text(loaded: Loaded) -> Loaded:
    """The result of `read_bytes` with its text. Raises InvalidParameter."""
    return replace(loaded, text=decoded(loaded.content, loaded.path))


def decoded(content: bytes, name: str) -> str:
    """The text of a file's bytes without a byte order mark. Raises InvalidParameter naming the line of the first byte that
    is not UTF-8."""
    try:
        return utf8.decode(content)
    except NotUtf8 as error:
        raise InvalidParameter(f"文件 '{name}' {error.text.zh}", f"'{name}' is {error.text.en}") from None


def encoded(text: str) -> bytes:
    """Raises InvalidParameter."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidParameter(
            "文本含有无法编码的字符", "The text has a character that cannot be encoded"
        ) from None


def _root(folder: Path) -> Root:
    try:
        return Root(folder)
    except FileNotFoundError:
        raise InvalidPath(f"文件夹 '{folder}' 不存在", f"Folder '{folder}' does not exist") from None


@contextmanager
def _explained(relative: str) -> Iterator[None]:
    """Turns errors of the block into those of `read` and `write`. Raises InvalidPath for what names no file."""
    if not relative or relative.startswith("/"):
        raise _outside(relative)
    try:
        yield
    except OSError as error:
        raise _failure(error, relative) from error


def _read(place: Place) -> Loaded:
    """Raises OSError, FileTooLarge."""
    descriptor = os.open(place.name, _READ, dir_fd=place.folder)
    with descriptors.as_regular(descriptor, place.path) as opened:
        status, content = os.fstat(descriptor), opened.read(LIMIT_BYTES + 1)
    if len(content) > LIMIT_BYTES:
        raise too_large(place.path)
    owner = (status.st_uid, status.st_gid)
    bom, mode = content.startswith(BOM), stat.S_IMODE(status.st_mode)
    return Loaded("", content, place.path, True, bom, mode, owner, revision(content))


def _replace(place: Place, content: bytes, like: Loaded, expect: str | None) -> None:
    """Raises OSError, Conflict."""
    with files.replacing_at(place.folder, place.name, mode=like.mode, owner=like.owner) as unfinished:
        unfinished.write(content)
        if expect is None:
            return
        # The slow part first: whatever the bot writes between the check and the rename at the end of the block is lost.
        unfinished.flush()
        os.fsync(unfinished.fileno())
        if _revision_at(place) != expect:
            raise Conflict(
                f"'{place.path}' 已被修改，请重新读取后再试",
                f"'{place.path}' has changed meanwhile: read it again",
            )


def _revision_at(place: Place) -> str:
    try:
        return _read(place).revision
    except FileNotFoundError:
        return revision(b"")


def _failure(error: OSError, relative: str) -> LauncherError:
    if isinstance(error, LeadsOutside):
        return _outside(relative)
    if files.is_full(error):
        return InsufficientSpace(
            f"磁盘空间不足，'{relative}' 未改动", f"Not enough disk space; '{relative}' was not changed"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return PermissionDenied(
            f"没有权限访问 '{relative}'：{error.strerror}",
            f"No permission to access '{relative}': {error.strerror}",
        )
    if error.errno in _MISPLACED:
        return InvalidPath(f"'{relative}' 不是普通文件", f"'{relative}' is not a regular file")
    return LauncherError(
        f"无法访问 '{relative}'：{error.strerror}", f"Cannot access '{relative}': {error.strerror}"
    )


def _outside(relative: str) -> InvalidPath:
    return InvalidPath(
        f"'{relative[:200]}' 不在实例文件夹内", f"'{relative[:200]}' is not inside the instance's folder"
    )


def too_large(relative: str) -> FileTooLarge:
    limit = f"{LIMIT_BYTES >> 20} MiB"
    return FileTooLarge(f"'{relative}' 超过 {limit}", f"'{relative}' exceeds {limit}")
