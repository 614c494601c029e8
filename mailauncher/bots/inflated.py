"""A compressed file as the bytes in it, read once from beginning to end, with bounds on memory and on headers.

It is what `tarfile` reads from, which by itself would take a header of any size into memory.
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
_AFTER = 1 << 20  # archives are filled up with zeros, to 10 KiB mostly
_DIGITS = re.compile(rb"\d{300}")


class Damaged(Exception):
    """The bytes are not what they should be, or end too early."""


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Gzip:
    """zlib with the manners of the other two: it keeps the input that it did not come to."""

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


class Inflated:
    """`size` bytes of a file from where it stands, decompressed as their first bytes say (gzip, bzip2, xz, lzma, none).

    `consumed` of the `size` bytes have been read. A file object as `tarfile` needs one, that only goes forward.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.consumed = 0
        self._file = file
        self._size = size
        self._position = 0
        self._header: int | None = None
        self._last = b""
        self._waiting = b""
        start = self._raw(8)
        if start.startswith(_ZSTD):
            raise DeploymentFailed(
                "压缩包用 zstd 压缩，此版 Python 无法读取：请改用 xz 或 gzip 压缩的包",
                "The archive is compressed with zstd, which this Python cannot read: take one with xz or gzip",
            )
        self._make = next((make for magic, make in _MAGIC.items() if start.startswith(magic)), None)
        self._decompressor = self._make() if self._make else None
        self._input = start

    def begin_header(self) -> None:
        """Up to the next `begin_content`, no more than HEADER_BYTES may be read."""
        self._header = 0

    def begin_content(self) -> None:
        self._header = None

    @property
    def at_end_mark(self) -> bool:
        """Whether what was read last is the block of zeros that ends a tar archive."""
        return self._last == bytes(BLOCK)

    def tell(self) -> int:
        return self._position

    def seek(self, position: int, whence: int = 0) -> int:
        if whence != 0 or position < self._position:
            raise Damaged("an entry of negative size")
        while self._position < position:
            if not self.read(min(_PIECE, position - self._position)):
                break
        return self._position

    def read(self, size: int = -1) -> bytes:
        """`size` bytes; fewer only at the end. Raises Damaged, and what the decompressor raises."""
        if size < 0 or (self._header is not None and self._header + size > HEADER_BYTES):
            raise Damaged("a header that is too large")
        pieces = []
        missing = size
        while missing and (piece := self._some(missing)):
            pieces.append(piece)
            missing -= len(piece)
        data = b"".join(pieces)
        self._position += len(data)
        if self._header is not None:
            self._header += len(data)
            self._last = data
            # tarfile before 3.11.10 takes a time that grows with the square of a run of digits.
            if _DIGITS.search(data):
                raise Damaged("a header with an endless number")
        return data

    def drain(self) -> None:
        """Reads what follows the archive's end, so that a check sum at the end of the compressed data is looked at."""
        self._header = None
        end = self._position + _AFTER
        while self.read(_PIECE):
            if self._position > end:
                raise Damaged("too much after its end")

    def _some(self, limit: int) -> bytes:
        """1 to `limit` bytes; none at the end."""
        if self._decompressor is None:
            return self._take(limit)
        while True:
            if self._decompressor.eof and not self._next_stream():
                return b""
            hungry = self._decompressor.needs_input
            fed = self._take(_PIECE) if hungry else b""
            data = self._decompressor.decompress(fed, limit)
            if data:
                return data
            if hungry and not fed and not self._decompressor.eof:
                raise Damaged("it ends too early")

    def _next_stream(self) -> bool:
        """Compressed files may be joined, with zeros between them."""
        assert self._decompressor is not None
        assert self._make is not None
        rest = self._decompressor.unused_data.lstrip(b"\0")
        while not rest:
            more = self._raw(_PIECE)
            if not more:
                return False
            rest = more.lstrip(b"\0")
        self._decompressor = self._make()
        self._input = rest
        return True

    def _take(self, limit: int) -> bytes:
        taken = self._input[:limit]
        self._input = self._input[limit:]
        return taken or self._raw(limit)

    def _raw(self, limit: int) -> bytes:
        data = self._file.read(min(limit, self._size - self.consumed))
        self.consumed += len(data)
        return data
