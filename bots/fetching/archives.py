"""Extracting downloaded archives: zip, tar (gzip, bzip2, xz, lzma, uncompressed) and Debian packages.

`bots.fetching.extract` has the rules for names, links, modes and limits.
"""

import lzma
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

from bots.fetching.decompress import DamagedArchive, DecompressingReader
from bots.fetching.extract import SafeExtractor, refused_entry
from mailauncher import files
from mailauncher.beneath import Root
from mailauncher.errors import DeploymentFailed, InsufficientSpace, LauncherError

RATIO = 200
"""Maximum ratio of extracted to compressed size. Programs have 2-10; a bomb has 1,000 (deflate) to 7,000 (lzma)."""
_FREE = 16 << 20  # allowed at any ratio: a small archive of zeros is harmless
_PIECE = 64 << 10
_CENTRAL_BYTES = 1 << 20
_LINK_BYTES = 4096
# What the readers raise for malformed bytes; bz2 raises an OSError without a number.
_DAMAGE_ERRORS = (
    DamagedArchive,
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


def extract(
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
    """Extracts into an empty folder, which is created if missing. Blocks.

    The first `strip` folders of each name are dropped; entries without further parts are skipped. `limit_ratio` None: any
    ratio. `on_progress` gets the finished share, 0-1, at most a hundred times.

    Raises DeploymentFailed (damaged, refused, over a limit) or InsufficientSpace; after any exception the folder is empty.
    """
    into.mkdir(parents=True, exist_ok=True)
    with Root(into) as root:
        extract_into(
            root,
            archive,
            kind,
            strip=strip,
            limit_bytes=limit_bytes,
            limit_entries=limit_entries,
            limit_ratio=limit_ratio,
            on_progress=on_progress,
        )


def extract_into(
    root: Root,
    archive: Path,
    kind: Literal["zip", "tar", "deb"],
    *,
    strip: int = 0,
    limit_bytes: int,
    limit_entries: int,
    limit_ratio: int | None,
    on_progress: Callable[[float], None],
) -> None:
    """Like `extract`, into a folder that is open."""
    if root.entries("."):
        raise DeploymentFailed(
            f"解压目标 {root.path.name} 不是空文件夹", f"The target folder {root.path.name} is not empty"
        )
    try:
        size = archive.stat().st_size
        if limit_ratio is not None:
            limit_bytes = min(limit_bytes, _FREE + limit_ratio * size)
        extractor = SafeExtractor(root, strip=strip, limit_bytes=limit_bytes, limit_entries=limit_entries)
        _READERS[kind](archive, extractor, limit_entries, _Progress(on_progress))
        extractor.finish()
    except BaseException as error:
        with suppress(OSError):
            for entry in root.entries("."):
                root.remove(entry.name)
        if isinstance(error, LauncherError) or not isinstance(error, Exception):
            raise
        raise _as_launcher_error(archive, error) from error
    on_progress(1.0)


def _as_launcher_error(archive: Path, error: Exception) -> LauncherError:
    if isinstance(error, OSError) and error.errno is not None:
        if files.is_full(error):
            return InsufficientSpace(
                f"解压 {archive.name} 时磁盘空间不足：请先腾出空间",
                f"Not enough disk space to extract {archive.name}: make room first",
            )
        return DeploymentFailed(
            f"无法解压 {archive.name}：{error.strerror}", f"Cannot extract {archive.name}: {error.strerror}"
        )
    if isinstance(error, (*_DAMAGE_ERRORS, OSError)):
        reason = str(error)[:200] or type(error).__name__
        return DeploymentFailed(
            f"压缩包 {archive.name} 已损坏或格式不符（{reason}）：请重新下载",
            f"The archive {archive.name} is damaged or in another format ({reason}): download it again",
        )
    raise error


class _Progress:
    """Passes on shares in steps of at least one hundredth."""

    def __init__(self, report: Callable[[float], None]) -> None:
        self._report = report
        self._reported = 0.0

    def __call__(self, done: int, total: int) -> None:
        share = min(done / total, 1.0) if total else 1.0
        if share >= self._reported + 0.01:
            self._reported = share
            self._report(share)


def _read_tar(archive: Path, extractor: SafeExtractor, _limit: int, progress: _Progress) -> None:
    with archive.open("rb") as file:
        _tar(DecompressingReader(file, archive.stat().st_size), extractor, progress, archive.stat().st_size)


def _tar(source: DecompressingReader, extractor: SafeExtractor, progress: _Progress, size: int) -> None:
    source.begin_header()
    with tarfile.TarFile(fileobj=cast("IO[bytes]", source), mode="r", encoding="utf-8") as tar:
        while (member := tar.next()) is not None:
            source.begin_content()
            _tar_entry(source, extractor, member, lambda: progress(source.consumed, size))
            # tarfile keeps both, which grow with each entry and are not needed again.
            vars(tar).update(members=[], pax_headers={})
            source.begin_header()
        if not source.at_end_mark:
            raise DamagedArchive("truncated, or a broken header")
        source.drain()


def _tar_entry(
    source: DecompressingReader, extractor: SafeExtractor, member: tarfile.TarInfo, report: Callable[[], None]
) -> None:
    if member.isdir():
        extractor.folder(member.name, member.mode)
    elif member.issym():
        extractor.symbolic_link(member.name, member.linkname)
    elif member.islnk():
        extractor.hard_link(member.name, member.linkname)
    elif member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse():
        extractor.file(member.name, member.mode, _content(source, member, report))
    else:
        raise refused_entry(
            member.name,
            "不是普通文件、文件夹或链接",
            "not a regular file, folder or link",
        )


def _content(
    source: DecompressingReader, member: tarfile.TarInfo, report: Callable[[], None]
) -> Iterator[bytes]:
    missing = member.size
    if missing < 0:
        raise DamagedArchive("an entry with a negative size")
    while missing:
        piece = source.read(min(_PIECE, missing))
        if not piece:
            raise DamagedArchive("truncated")
        missing -= len(piece)
        yield piece
        report()


def _read_deb(archive: Path, extractor: SafeExtractor, _limit: int, progress: _Progress) -> None:
    with archive.open("rb") as file:
        size = _find_data(file, archive.stat().st_size)
        _tar(DecompressingReader(file, size), extractor, progress, size)


def _find_data(file: BinaryIO, end: int) -> int:
    """Moves to the content of `data.tar.*` in an ar file and returns its size."""
    if file.read(8) != b"!<arch>\n":
        raise DamagedArchive("not a Debian package")
    for place in range(16):
        header = file.read(60)
        if len(header) < 60 or header[58:] != b"`\n":
            break
        name = header[:16].rstrip(b" ").rstrip(b"/")
        size = int(header[48:58])  # a ValueError if it is not a number
        if place == 0 and name != b"debian-binary":
            break
        if size < 0 or file.tell() + size > end:
            raise DamagedArchive("truncated")
        if name.startswith(b"data.tar"):
            return size
        file.seek(size + size % 2, 1)
    raise DamagedArchive("not a Debian package, or one without data")


def _read_zip(archive: Path, extractor: SafeExtractor, limit: int, progress: _Progress) -> None:
    with _BoundedZipFile(archive, limit) as file, zipfile.ZipFile(file) as opened:
        entries = opened.infolist()
        _refuse_overlaps(entries, opened.start_dir)
        total = sum(entry.compress_size for entry in entries)
        done = 0
        for entry in entries:
            _zip_entry(opened, extractor, entry)
            done += entry.compress_size
            progress(done, total)


class _BoundedZipFile(FileIO):
    """A zip file whose list of entries, which `zipfile` reads into memory at once, is bounded."""

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__(path, "rb")
        self._limit = limit

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size)
        if len(data) > _CENTRAL_BYTES and data.count(b"PK\1\2") > self._limit:
            raise DamagedArchive(f"more than {self._limit} entries")
        return data


def _refuse_overlaps(entries: list[zipfile.ZipInfo], end: int) -> None:
    """Raises DeploymentFailed for entries that share bytes: with those a small file extracts to terabytes."""
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    starts = [entry.header_offset for entry in ordered[1:]] + [end]
    for entry, following in zip(ordered, starts, strict=True):
        if entry.header_offset < 0 or entry.header_offset + 30 + entry.compress_size > following:
            raise refused_entry(entry.orig_filename, "条目互相重叠", "overlaps another entry")


def _zip_entry(opened: zipfile.ZipFile, extractor: SafeExtractor, entry: zipfile.ZipInfo) -> None:
    name = _zip_name(entry)
    # Only entries made on Unix (3) have a mode there.
    mode = entry.external_attr >> 16 if entry.create_system == 3 else 0
    kind = stat.S_IFMT(mode)
    if entry.flag_bits & 0x2041:
        raise refused_entry(name, "条目已加密", "encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # zipfile decompresses the others in memory without a bound.
        raise refused_entry(name, "压缩方法不受支持", "unsupported compression method")
    if kind == stat.S_IFLNK:
        extractor.symbolic_link(name, _link_target(opened, entry, name))
    elif name.endswith("/") and kind in (0, stat.S_IFDIR):
        extractor.folder(name)
    elif kind in (0, stat.S_IFREG) and not name.endswith("/"):
        extractor.file(name, stat.S_IMODE(mode) or 0o644, _zip_content(opened, entry))
    else:
        raise refused_entry(name, "不是普通文件、文件夹或链接", "not a regular file, folder or link")


def _zip_name(entry: zipfile.ZipInfo) -> str:
    """The name of an entry. Without the UTF-8 flag it is in the encoding of the writer's system: UTF-8, GBK, else cp437."""
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
        raise DamagedArchive("an entry is shorter than declared")


def _link_target(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> str:
    with opened.open(entry) as content:
        target = content.read(_LINK_BYTES + 1)
    if len(target) > _LINK_BYTES:
        raise refused_entry(name, "链接目标过长", "a link whose target is too long")
    return target.decode()


_READERS: dict[str, Callable[[Path, SafeExtractor, int, _Progress], None]] = {
    "zip": _read_zip,
    "tar": _read_tar,
    "deb": _read_deb,
}
