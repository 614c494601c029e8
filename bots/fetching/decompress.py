"""Bounded decompression: a compressed file read once from start to end, with bounds on memory and on headers.

`tarfile` reads from it; without it, `tarfile` would read a header of any size into memory.
"""

import bz2
import lzma
import re
import zlib
from collections.abc import Callable
from typing import BinaryIO, Protocol

from mailauncher.errors import DeploymentFailed

BLOCK = 512
HEADER_BYTES = 64 << 10
_MEMORY = 512 << 20  # xz -9 needs 65 MiB
_PIECE = 64 << 10
_TRAILER_BYTES = 1 << 20  # archives are padded with zeros, mostly to 10 KiB
_DIGITS = re.compile(rb"\d{300}")


class DamagedArchive(Exception):
    """The archive is malformed or truncated."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Gzip:
    """zlib with the interface of the other two: keeps the input that it has not processed yet."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


_MAGIC: dict[bytes, Callable[[], _Decompressor]] = {
    b"\x1f\x8b": _Gzip,
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_MEMORY),
    b"\x5d\0\0": lambda: lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=_MEMORY),
}
_ZSTD = b"\x28\xb5\x2f\xfd"


class DecompressingReader:
    """Reads `size` bytes of a file from its position, decompressed by the format of their first bytes (gzip, bzip2, xz, lzma,
    or uncompressed). `consumed` of the `size` bytes have been read. A forward-only file object for `tarfile`."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.consumed = 0
        self._file = file
        self._size = size
        self._position = 0
        self._header: int | None = None
        self._last = b""
        self._waiting = b""
        start = self._read_raw(8)
        if start.startswith(_ZSTD):
            raise DeploymentFailed(
                "压缩包用 zstd 压缩，此版 Python 无法读取：请改用 xz 或 gzip 压缩的包",
                "The archive is compressed with zstd, which this Python cannot read: use one compressed with xz or gzip",
            )
        self._make = next((make for magic, make in _MAGIC.items() if start.startswith(magic)), None)
        self._decompressor = self._make() if self._make else None
        self._input = start

    def begin_header(self) -> None:
        """Until the next `begin_content`, at most HEADER_BYTES may be read."""
        self._header = 0

    def begin_content(self) -> None:
        self._header = None

    @property
    def at_end_mark(self) -> bool:
        """Whether the last read returned the block of zeros that ends a tar archive."""
        return self._last == bytes(BLOCK)

    def tell(self) -> int:
        return self._position

    def seek(self, position: int, whence: int = 0) -> int:
        if whence != 0 or position < self._position:
            raise DamagedArchive("an entry with a negative size")
        while self._position < position:
            if not self.read(min(_PIECE, position - self._position)):
                break
        return self._position

    def read(self, size: int = -1) -> bytes:
        """Returns `size` bytes; fewer only at the end. Raises DamagedArchive, and the decompressor's errors."""
        if size < 0 or (self._header is not None and self._header + size > HEADER_BYTES):
            raise DamagedArchive("a header is too large")
        pieces = []
        missing = size
        while missing and (piece := self._read_some(missing)):
            pieces.append(piece)
            missing -= len(piece)
        data = b"".join(pieces)
        self._position += len(data)
        if self._header is not None:
            self._header += len(data)
            self._last = data
            # tarfile before 3.11.10 needs time quadratic in the length of a run of digits.
            if _DIGITS.search(data):
                raise DamagedArchive("a header contains an endless number")
        return data

    def drain(self) -> None:
        """Reads what follows the end of the archive, so that the checksum of the compressed data is verified."""
        self._header = None
        end = self._position + _TRAILER_BYTES
        while self.read(_PIECE):
            if self._position > end:
                raise DamagedArchive("too much data after its end")

    def _read_some(self, limit: int) -> bytes:
        """1 to `limit` bytes; empty at the end."""
        if self._decompressor is None:
            return self._next_input(limit)
        while True:
            if self._decompressor.eof and not self._next_stream():
                return b""
            needs_input = self._decompressor.needs_input
            fed = self._next_input(_PIECE) if needs_input else b""
            data = self._decompressor.decompress(fed, limit)
            if data:
                return data
            if needs_input and not fed and not self._decompressor.eof:
                raise DamagedArchive("truncated")

    def _next_stream(self) -> bool:
        """Starts the next stream, if there is one: compressed files may be concatenated, with zeros in between."""
        assert self._decompressor is not None
        assert self._make is not None
        rest = self._decompressor.unused_data.lstrip(b"\0")
        while not rest:
            more = self._read_raw(_PIECE)
            if not more:
                return False
            rest = more.lstrip(b"\0")
        self._decompressor = self._make()
        self._input = rest
        return True

    def _next_input(self, limit: int) -> bytes:
        taken = self._input[:limit]
        self._input = self._input[limit:]
        return taken or self._read_raw(limit)

    def _read_raw(self, limit: int) -> bytes:
        data = self._file.read(min(limit, self._size - self.consumed))
        self.consumed += len(data)
        return data
