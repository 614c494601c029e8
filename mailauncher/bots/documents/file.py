"""Texts on disk: read with what their bytes were like, written whole or not at all."""

import errno
import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mailauncher.errors import (
    Conflict,
    FileTooLarge,
    InsufficientSpace,
    InvalidParameter,
    InvalidPath,
    LauncherError,
    PermissionDenied,
)

LIMIT_BYTES = 4 << 20
MODE = 0o600  # of a new file: configurations hold keys
BOM = b"\xef\xbb\xbf"
_MISPLACED = (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.ENXIO)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A text and what its file is like. `path` is the file itself, behind any link. A file that is missing has an empty
    text and the revision of no bytes."""

    text: str
    content: bytes
    """The text as bytes, byte order mark included."""
    path: Path
    exists: bool
    bom: bool
    mode: int
    owner: tuple[int, int] | None
    revision: str


def revision(content: bytes) -> str:
    """Names a content: 32 hex digits, the same for the same bytes."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def read(folder: Path, relative: str) -> Loaded:
    """The file at `relative`, a path with `/` below `folder`. Blocks. Line breaks are kept as they are.

    Raises InvalidPath for what is no regular file or lies outside the folder, through a link too; FileTooLarge beyond 4
    MiB; InvalidParameter for what is not UTF-8; PermissionDenied.
    """
    return with_text(look(folder, relative))


def look(folder: Path, relative: str) -> Loaded:
    """The same in any encoding, without the text."""
    return _look(locate(folder, relative), relative)


def write(
    folder: Path, relative: str, text: str, *, like: Loaded | None = None, expect: str | None = None
) -> Loaded:
    """Puts `text` in the place of the file, or makes it with the folders on the way. Blocks.

    A reader sees the old file or the new one, whole, whatever happens. Byte order mark, mode and owner are those of
    `like`, by default of the file that is there. With `expect`, Conflict is raised unless the file has that revision
    still; what anybody writes between this look and the rename, which follows at once, is lost. Other errors as in
    `read`, and InsufficientSpace; after any error the file is what it was, and nothing is left beside it.
    """
    if like is None:
        like = look(folder, relative)
    written = write_bytes(folder, relative, BOM * like.bom + encoded(text), like=like, expect=expect)
    return replace(written, text=text)


def write_bytes(
    folder: Path, relative: str, content: bytes, *, like: Loaded, expect: str | None = None
) -> Loaded:
    """The same for bytes as they are. The result has no text."""
    path = locate(folder, relative)
    if len(content) > LIMIT_BYTES:
        raise _too_large(relative)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, content, like, expect)
    except OSError as error:
        raise _failure(error, relative) from error
    owner = like.owner or (os.geteuid(), os.getegid())
    return Loaded("", content, path, True, content.startswith(BOM), like.mode, owner, revision(content))


def with_text(loaded: Loaded) -> Loaded:
    """What was only looked at, with its text; see `read`. Raises InvalidParameter."""
    return replace(loaded, text=decoded(loaded.content, loaded.path.name))


def decoded(content: bytes, name: str) -> str:
    """The text of a file's bytes, without a byte order mark. Raises InvalidParameter naming the line of the first byte
    that is not UTF-8."""
    try:
        return content.removeprefix(BOM).decode()
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InvalidParameter(
            f"'{name}' 第 {line} 行不是 UTF-8 编码（可能是 GBK），请用编辑器另存为 UTF-8",
            f"'{name}' is not UTF-8 at line {line} (it may be GBK): save it as UTF-8 with an editor",
        ) from None


def encoded(text: str) -> bytes:
    """Raises InvalidParameter."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidParameter(
            "文本含有无法编码的字符", "The text has a character that cannot be encoded"
        ) from None


def locate(folder: Path, relative: str) -> Path:
    """Where the file really is, or will be. Raises InvalidPath unless that is below the folder."""
    if not relative or "\0" in relative or Path(relative).is_absolute():
        raise _outside(relative)
    try:
        home = folder.resolve(strict=True)
        path = (home / relative).resolve()
    except FileNotFoundError:
        raise InvalidPath(f"文件夹 '{folder}' 不存在", f"Folder '{folder}' does not exist") from None
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead to each other
        raise _failure(error, relative) from error
    if path == home or not path.is_relative_to(home):
        raise _outside(relative)
    return path


def _content(path: Path) -> tuple[os.stat_result, bytes]:
    """At most one byte more than allowed. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return status, opened.read(LIMIT_BYTES + 1)


def _look(path: Path, relative: str) -> Loaded:
    try:
        status, content = _content(path)
    except FileNotFoundError:
        return Loaded("", b"", path, False, False, MODE, None, revision(b""))
    except OSError as error:
        raise _failure(error, relative) from error
    if len(content) > LIMIT_BYTES:
        raise _too_large(relative)
    owner = (status.st_uid, status.st_gid)
    bom, mode = content.startswith(BOM), stat.S_IMODE(status.st_mode)
    return Loaded("", content, path, True, bom, mode, owner, revision(content))


def _replace(path: Path, content: bytes, like: Loaded, expect: str | None) -> None:
    """Raises OSError, Conflict."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:64]}.", suffix=".new", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as unfinished:
            unfinished.write(content)
            if like.owner and like.owner != (os.geteuid(), os.getegid()):
                with suppress(PermissionError):
                    os.fchown(descriptor, *like.owner)
            os.fchmod(descriptor, like.mode)
            unfinished.flush()
            os.fsync(descriptor)
        if expect is not None and _look(path, path.name).revision != expect:
            raise Conflict(
                f"'{path.name}' 已被修改，请重新读取后再试",
                f"'{path.name}' has changed meanwhile: read it again",
            )
        os.rename(name, path)  # noqa: PTH104 - a file's name here, not a path of ours
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108 - the same
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _failure(error: Exception, relative: str) -> LauncherError:
    number = error.errno if isinstance(error, OSError) else errno.ELOOP
    if number in (errno.ENOSPC, errno.EDQUOT):
        return InsufficientSpace(
            f"磁盘空间不足，'{relative}' 未改动", f"No space left on disk; '{relative}' is as it was"
        )
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return PermissionDenied(f"没有权限访问 '{relative}'", f"'{relative}' may not be accessed")
    if number in _MISPLACED:
        return InvalidPath(f"'{relative}' 不是普通文件", f"'{relative}' is not a regular file")
    return LauncherError(
        f"无法访问 '{relative}'", f"'{relative}' cannot be accessed: {os.strerror(number or 0)}"
    )


def _outside(relative: str) -> InvalidPath:
    return InvalidPath(
        f"'{relative[:200]}' 不在实例文件夹内", f"'{relative[:200]}' is not inside the instance's folder"
    )


def _too_large(relative: str) -> FileTooLarge:
    return FileTooLarge(f"'{relative}' 超过 4 MiB", f"'{relative}' is larger than 4 MiB")
