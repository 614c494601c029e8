"""What programs and the machine used in the past, in files of a fixed size.

A file holds three rings of buckets, one after the other: of a second each for ten minutes, of a minute each for two days, of
an hour each for ninety days. A bucket's place follows from its time, so that a new one replaces the one that is too old, and
what was not measured is a gap. 32 bytes never lie across two sectors of a disk: a power cut leaves a bucket as it was, or as
it should be, and its checksum tells if it did not.
"""

import binascii
import hashlib
import logging
import os
import shutil
import struct
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mailauncher import files

log = logging.getLogger(__name__)

RINGS = {1: 600, 60: 2880, 3600: 2160}
"""How many buckets are kept, by the seconds that one stands for."""
MACHINE = "machine"
"""The key of the machine; a program's is the id of its terminal's session, which has an underscore."""

_BUCKET = struct.Struct("<IHHfffIII")  # time, samples, checksum, CPU, memory in KiB
_TIME = struct.Struct("<I28x")
FILE_BYTES = _BUCKET.size * sum(RINGS.values())
_OPEN_FILES = 128
_MOST_KIB = (1 << 32) - 1
_MOST_SAMPLES = (1 << 16) - 1


class Spread(NamedTuple):
    """The values in a bucket."""

    least: float
    mean: float
    most: float

    def including(self, value: float, samples: int) -> "Spread":
        """Those values and one more, if there were `samples` of them."""
        mean = self.mean + (value - self.mean) / (samples + 1)
        return Spread(min(self.least, value), mean, max(self.most, value))


@dataclass(frozen=True, slots=True)
class Bucket:
    """What was measured in the period that begins at `at`, in seconds since 1970. CPU in percent of one core, of all
    processors for the machine; memory in KiB."""

    at: int
    samples: int
    cpu: Spread
    memory: Spread

    def including(self, cpu: float, memory: float) -> "Bucket":
        return Bucket(
            self.at,
            min(self.samples + 1, _MOST_SAMPLES),
            self.cpu.including(cpu, self.samples),
            self.memory.including(memory, self.samples),
        )

    def packed(self) -> bytes:
        least, mean, most = (min(round(value), _MOST_KIB) for value in self.memory)
        values = (*self.cpu, least, mean, most)
        checksum = _checksum(_BUCKET.pack(self.at, self.samples, 0, *values))
        return _BUCKET.pack(self.at, self.samples, checksum, *values)


def _checksum(packed: bytes) -> int:
    return binascii.crc_hqx(packed[8:], binascii.crc_hqx(packed[:6], 0))


class _File:
    """The rings of one program. Every method raises OSError."""

    def __init__(self, path: Path, now: int) -> None:
        """Creates the file in its whole size, so that a full disk takes no bucket from it later."""
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        self._current: dict[int, Bucket] = {}
        self._newest = now
        try:
            if os.fstat(self._file).st_size != FILE_BYTES:
                self._fill(path)
            self._forget_after(now)
        except BaseException:
            self.close()
            raise

    def _fill(self, path: Path) -> None:
        os.ftruncate(self._file, 0)
        written = 0
        try:
            while written < FILE_BYTES:
                written += os.pwrite(self._file, bytes(FILE_BYTES - written), written)
        except OSError:
            path.unlink()
            raise

    def close(self) -> None:
        os.close(self._file)

    def add(self, now: int, cpu: float, memory: float) -> None:
        if (
            now < self._newest
        ):  # the clock was set back: what is dated later would be shown as if it were to come
            self._forget_after(now)
        self._newest = now
        for step in RINGS:
            at = now - now % step
            bucket = self._current.get(step)
            if bucket is None or bucket.at != at:
                bucket = self._at(step, at)
            self._current[step] = bucket = (
                Bucket(at, 1, Spread(cpu, cpu, cpu), Spread(memory, memory, memory))
                if bucket is None
                else bucket.including(cpu, memory)
            )
            os.pwrite(self._file, bucket.packed(), _place(step, at))

    def _at(self, step: int, at: int) -> Bucket | None:
        """The bucket of this time, begun by an earlier server."""
        found = _unpacked(os.pread(self._file, _BUCKET.size, _place(step, at)), step)
        return found if found is not None and found.at == at else None

    def buckets(self, step: int) -> Iterator[Bucket]:
        """All that are valid, in no order."""
        content = os.pread(self._file, _BUCKET.size * RINGS[step], _place(step, 0))
        for begin in range(0, len(content), _BUCKET.size):
            found = _unpacked(content[begin : begin + _BUCKET.size], step)
            if found is not None and _place(step, found.at) == _place(step, 0) + begin:
                yield found

    def _forget_after(self, now: int) -> None:
        for step, size in RINGS.items():
            begin = _place(step, 0)
            content = os.pread(self._file, _BUCKET.size * size, begin)
            for number, (at,) in enumerate(_TIME.iter_unpack(content)):
                if at > now:
                    os.pwrite(self._file, bytes(_BUCKET.size), begin + number * _BUCKET.size)
        self._current = {step: bucket for step, bucket in self._current.items() if bucket.at <= now}


def _place(step: int, at: int) -> int:
    """Where in the file the bucket of this time stands; of time 0, where its ring begins."""
    before = sum(size for other, size in RINGS.items() if other < step)
    return _BUCKET.size * (before + at // step % RINGS[step])


def _unpacked(packed: bytes, step: int) -> Bucket | None:
    at, samples, checksum, *values = _BUCKET.unpack(packed)
    if not samples or at % step or checksum != _checksum(packed):
        return None
    return Bucket(at, samples, Spread(*values[:3]), Spread(*values[3:]))


class UsageHistory:
    """The files of all programs, in `folder`. Its methods block, and may be called from several threads at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, _File] = {}
        self._lock = threading.Lock()
        self._forgotten: set[str] = set()
        self._failing = False

    def add(self, now: float, samples: Mapping[str, tuple[float, int]]) -> None:
        """Adds what was measured at this time (seconds since 1970): CPU and memory (bytes) by key. What cannot be written is a
        gap; the first time that it cannot is logged."""
        failure: OSError | None = None
        with self._lock:
            for key, (cpu, memory) in samples.items():
                try:
                    if _owner(key) not in self._forgotten:
                        self._file(key, int(now)).add(int(now), cpu, memory / 1024)
                except OSError as error:
                    failure = error
        if failure is not None and not self._failing:
            log.error("the history of usage has a gap: %s", failure)
        self._failing = failure is not None

    def between(self, key: str, begin: float, end: float, now: float) -> tuple[int, list[Bucket]]:
        """The buckets of a period, oldest first, in the finest step that reaches back to its begin, and that step. Raises
        OSError."""
        step = next((step for step, size in RINGS.items() if begin >= now - step * size), max(RINGS))
        with self._lock:
            if key not in self._files and not files.exists(self._path(key)):
                return step, []
            found = list(self._file(key, int(now)).buckets(step))
        oldest = max(begin, now - step * RINGS[step])
        within = [bucket for bucket in found if oldest < bucket.at + step and bucket.at < min(end, now + 1)]
        return step, sorted(within, key=lambda bucket: bucket.at)

    def keep_only(self, instance_ids: Collection[str]) -> None:
        """Deletes what deleted instances have left, if a server's end has cut their deletion short."""
        with suppress(OSError):
            for folder in self._folder.iterdir():
                if files.is_folder(folder) and folder.name not in instance_ids:
                    shutil.rmtree(folder, ignore_errors=True)

    def forget(self, instance_id: str) -> None:
        """Deletes the history of an instance's programs, for good: a sample that is just being taken adds nothing."""
        with self._lock:
            self._forgotten.add(instance_id)
            for key in [key for key in self._files if _owner(key) == instance_id]:
                self._files.pop(key).close()
            shutil.rmtree(self._folder / instance_id, ignore_errors=True)

    def close(self) -> None:
        with self._lock:
            while self._files:
                self._files.popitem()[1].close()

    def _file(self, key: str, now: int) -> _File:
        """The file of a program, which was used last of all from now on."""
        file = self._files.pop(key, None)
        if file is None:
            path = self._path(key)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = _File(path, now)
        self._files[key] = file
        if len(self._files) > _OPEN_FILES:
            self._files.pop(next(iter(self._files))).close()
        return file

    def _path(self, key: str) -> Path:
        name = hashlib.sha256(key.encode()).hexdigest()[:24]
        return self._folder / _owner(key) / f"{name}.usage"


def _owner(key: str) -> str:
    """The instance whose program it is; empty for the machine."""
    return key.rpartition("_")[0]
