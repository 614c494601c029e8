"""Unpacking what was downloaded: zip, tar (gzip, bzip2, xz, lzma, none) and Debian packages.

What is refused, and what becomes of modes and links, stands in `mailauncher.bots.unpacked`.
"""

import lzma
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import IO, BinaryIO, Literal, cast

from mailauncher.bots.inflated import Damaged, Inflated
from mailauncher.bots.unpacked import Unpacked, no_space, refused
from mailauncher.errors import DeploymentFailed, InsufficientSpace, LauncherError

RATIO = 200
"""How many times its size an archive may unpack to. Programs have 2-10; a bomb has 1,000 (deflate) to 7,000 (lzma)."""
_FREE = 16 << 20  # a small archive of zeros harms nobody
_PIECE = 64 << 10
_CENTRAL_BYTES = 1 << 20
_LINK_BYTES = 4096
# What the readers raise for bytes that make no sense; bz2 has an OSError without a number.
_NONSENSE = (
    Damaged,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    ArithmeticError,
    LookupError,
    MemoryError,
)


def unpack(
    archive: Path,
    kind: Literal["zip", "tar", "deb"],
    into: Path,
    *,
    strip: int = 0,
    limit_bytes: int,
    limit_entries: int,
    limit_ratio: int | None = RATIO,
    on_progress: Callable[[float], None] = lambda _share: None,
) -> None:
    """Unpacks into an empty folder, which is made if need be. Blocks.

    `strip` leading folders of each name are dropped, and what has no more than those. `limit_ratio` None: any.
    `on_progress` gets the share that is done, 0-1, at most a hundred times.

    Raises DeploymentFailed (damaged, refused, over a limit) or InsufficientSpace; then, and after any other exception,
    the folder is empty.
    """
    into.mkdir(parents=True, exist_ok=True)
    if next(into.iterdir(), None) is not None:
        raise DeploymentFailed(
            f"解压目标 {into.name} 不是空文件夹", f"The folder to unpack into, {into.name}, is not empty"
        )
    try:
        size = archive.stat().st_size
        if limit_ratio is not None:
            limit_bytes = min(limit_bytes, _FREE + limit_ratio * size)
        unpacked = Unpacked(into, strip=strip, limit_bytes=limit_bytes, limit_entries=limit_entries)
        _READERS[kind](archive, unpacked, limit_entries, _Progress(on_progress))
        unpacked.finish()
    except BaseException as error:
        with suppress(OSError):
            _empty(into)
        if isinstance(error, LauncherError) or not isinstance(error, Exception):
            raise
        raise _explained(archive, error) from error
    on_progress(1.0)


def _explained(archive: Path, error: Exception) -> LauncherError:
    if isinstance(error, OSError) and error.errno is not None:
        if no_space(error):
            return InsufficientSpace(
                f"解压 {archive.name} 时磁盘空间不足：请先腾出空间",
                f"No space left on the disk to unpack {archive.name}: make room first",
            )
        return DeploymentFailed(
            f"无法解压 {archive.name}：{error.strerror}", f"Cannot unpack {archive.name}: {error.strerror}"
        )
    if isinstance(error, (*_NONSENSE, OSError)):
        reason = str(error)[:200] or type(error).__name__
        return DeploymentFailed(
            f"压缩包 {archive.name} 已损坏或格式不符（{reason}）：请重新下载",
            f"The archive {archive.name} is damaged or of another kind ({reason}): download it again",
        )
    raise error


def _empty(folder: Path) -> None:
    for child in folder.iterdir():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        else:
            child.unlink()


class _Progress:
    """Passes shares on, each by at least a hundredth above the one before."""

    def __init__(self, tell: Callable[[float], None]) -> None:
        self._tell = tell
        self._told = 0.0

    def __call__(self, done: int, total: int) -> None:
        share = min(done / total, 1.0) if total else 1.0
        if share >= self._told + 0.01:
            self._told = share
            self._tell(share)


def _read_tar(archive: Path, unpacked: Unpacked, _limit: int, progress: _Progress) -> None:
    with archive.open("rb") as file:
        _tar(Inflated(file, archive.stat().st_size), unpacked, progress, archive.stat().st_size)


def _tar(source: Inflated, unpacked: Unpacked, progress: _Progress, size: int) -> None:
    source.begin_header()
    with tarfile.TarFile(fileobj=cast("IO[bytes]", source), mode="r", encoding="utf-8") as tar:
        while (member := tar.next()) is not None:
            source.begin_content()
            _tar_entry(source, unpacked, member)
            progress(source.consumed, size)
            # Neither is needed again, and both would grow with each entry.
            vars(tar).update(members=[], pax_headers={})
            source.begin_header()
        if not source.at_end_mark:
            raise Damaged("it ends too early or has a broken header")
        source.drain()


def _tar_entry(source: Inflated, unpacked: Unpacked, member: tarfile.TarInfo) -> None:
    if member.isdir():
        unpacked.folder(member.name, member.mode)
    elif member.issym():
        unpacked.symbolic_link(member.name, member.linkname)
    elif member.islnk():
        unpacked.hard_link(member.name, member.linkname)
    elif member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse():
        unpacked.file(member.name, member.mode, _content(source, member))
    else:
        raise refused(
            member.name,
            "不是普通文件、文件夹或链接",
            "it is no plain file, folder or link",
        )


def _content(source: Inflated, member: tarfile.TarInfo) -> Iterator[bytes]:
    missing = member.size
    if missing < 0:
        raise Damaged("an entry of negative size")
    while missing:
        piece = source.read(min(_PIECE, missing))
        if not piece:
            raise Damaged("it ends too early")
        missing -= len(piece)
        yield piece


def _read_deb(archive: Path, unpacked: Unpacked, _limit: int, progress: _Progress) -> None:
    with archive.open("rb") as file:
        size = _find_data(file, archive.stat().st_size)
        _tar(Inflated(file, size), unpacked, progress, size)


def _find_data(file: BinaryIO, end: int) -> int:
    """Goes to the content of `data.tar.*` in an ar file and returns its size."""
    if file.read(8) != b"!<arch>\n":
        raise Damaged("no Debian package")
    for place in range(16):
        header = file.read(60)
        if len(header) < 60 or header[58:] != b"`\n":
            break
        name = header[:16].rstrip(b" ").rstrip(b"/")
        size = int(header[48:58])  # a ValueError where it is none
        if place == 0 and name != b"debian-binary":
            break
        if size < 0 or file.tell() + size > end:
            raise Damaged("it ends too early")
        if name.startswith(b"data.tar"):
            return size
        file.seek(size + size % 2, 1)
    raise Damaged("no Debian package, or one without data")


def _read_zip(archive: Path, unpacked: Unpacked, limit: int, progress: _Progress) -> None:
    with _Bounded(archive, limit) as file, zipfile.ZipFile(file) as opened:
        entries = opened.infolist()
        _refuse_overlaps(entries, opened.start_dir)
        total = sum(entry.compress_size for entry in entries)
        done = 0
        for entry in entries:
            _zip_entry(opened, unpacked, entry)
            done += entry.compress_size
            progress(done, total)


class _Bounded(FileIO):
    """A zip file whose list of entries, which `zipfile` takes into memory at once, is bounded too."""

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__(path, "rb")
        self._limit = limit

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size)
        if len(data) > _CENTRAL_BYTES and data.count(b"PK\1\2") > self._limit:
            raise Damaged(f"over {self._limit} entries")
        return data


def _refuse_overlaps(entries: list[zipfile.ZipInfo], end: int) -> None:
    """Entries that share their bytes are how a small file unpacks to terabytes."""
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    starts = [entry.header_offset for entry in ordered[1:]] + [end]
    for entry, following in zip(ordered, starts, strict=True):
        if entry.header_offset < 0 or entry.header_offset + 30 + entry.compress_size > following:
            raise refused(entry.orig_filename, "条目互相重叠", "it overlaps another entry")


def _zip_entry(opened: zipfile.ZipFile, unpacked: Unpacked, entry: zipfile.ZipInfo) -> None:
    name = _zip_name(entry)
    # Only Unix has modes there; 3 is its number.
    mode = entry.external_attr >> 16 if entry.create_system == 3 else 0
    kind = stat.S_IFMT(mode)
    if entry.flag_bits & 0x2041:
        raise refused(name, "条目已加密", "it is encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # zipfile takes the others into memory at whatever size they unpack to.
        raise refused(name, "压缩方法不受支持", "its compression method is not supported")
    if kind == stat.S_IFLNK:
        unpacked.symbolic_link(name, _link_target(opened, entry, name))
    elif name.endswith("/") and kind in (0, stat.S_IFDIR):
        unpacked.folder(name)
    elif kind in (0, stat.S_IFREG) and not name.endswith("/"):
        unpacked.file(name, stat.S_IMODE(mode) or 0o644, _zip_content(opened, entry))
    else:
        raise refused(name, "不是普通文件、文件夹或链接", "it is no plain file, folder or link")


def _zip_name(entry: zipfile.ZipInfo) -> str:
    """Names without the mark for UTF-8 are in whatever the writer's system used: UTF-8, GBK, else what zip was made with."""
    name = entry.orig_filename
    if entry.flag_bits & 0x800 or name.isascii():
        return name
    data = name.encode("cp437")
    for encoding in ("utf-8", "gbk"):
        with suppress(UnicodeDecodeError):
            return data.decode(encoding)
    return name


def _zip_content(opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    with opened.open(entry) as content:
        size = 0
        while piece := content.read(_PIECE):
            size += len(piece)
            yield piece
    if size != entry.file_size:
        raise Damaged("an entry is shorter than it says")


def _link_target(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> str:
    with opened.open(entry) as content:
        target = content.read(_LINK_BYTES + 1)
    if len(target) > _LINK_BYTES:
        raise refused(name, "链接目标过长", "it is a link with too long a target")
    return target.decode()


_READERS: dict[str, Callable[[Path, Unpacked, int, _Progress], None]] = {
    "zip": _read_zip,
    "tar": _read_tar,
    "deb": _read_deb,
}
