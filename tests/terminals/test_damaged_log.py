"""The log of a terminal after a power cut and on a full disk: gaps are gaps, and nothing wrong is shown."""

import os
import time
from pathlib import Path

import pytest

from terminals import keeper
from terminals.keeper import INDEX, Log
from tests.support.small_disk import fill, small_disk

EVER_MS = 1 << 53


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Log:
    """A log whose output is indexed whenever it comes, at times that count from 1000 on."""
    times = iter(range(1000, 2000))
    monkeypatch.setattr(keeper, "INDEX_EVERY_S", 0)
    monkeypatch.setattr(keeper, "now_ms", lambda: next(times))
    monkeypatch.setattr(keeper, "in_background", lambda work: work())
    return Log(str(tmp_path / "main"), 20_000, 3)


def files(log: Log, suffix: str) -> list[Path]:
    return sorted(Path(log.folder).glob(f"*{suffix}"))


def again(log: Log) -> Log:
    """The log of the next keeper."""
    log.close()
    return Log(log.folder, log.segment_bytes, log.segments)


def content(log: Log) -> bytes:
    offset, found = log.oldest, b""
    while True:
        at, data = log.read(offset, 1 << 16)
        if not data:
            return found
        assert at == offset
        offset, found = at + len(data), found + data


@pytest.mark.parametrize(
    "left",
    [
        b"",
        b"\0",
        INDEX.pack(1003, 30)[:9],
        bytes(16),
        bytes(40),
        INDEX.pack(1003, 30),
        INDEX.pack(9999, 1 << 60),
    ],
)
def test_what_a_power_cut_leaves_at_the_end_of_an_index_is_removed(log: Log, left: bytes) -> None:
    """Part of an entry made all that followed it wrong, and an entry of lost output let offsets fall."""
    log.append(b"0123456789")
    log.append(b"abcdefghij")
    (index,) = files(log, ".index")
    with index.open("ab") as file:
        file.write(left)
    found = again(log)
    assert list(found.times(0, EVER_MS)) == [(1000, 0, 10), (1001, 10, 20)]
    found.append(b"new")
    assert list(found.times(0, EVER_MS)) == [(1000, 0, 10), (1001, 10, 20), (1002, 20, 23)]
    assert found.seek(1002) == 20
    assert content(found) == b"0123456789abcdefghijnew"


def test_output_that_a_power_cut_has_taken_has_no_times(log: Log) -> None:
    for _ in range(4):
        log.append(b"0123456789")
    (segment,) = files(log, ".log")
    log.close()
    with segment.open("r+b") as file:
        file.truncate(15)
    found = again(log)
    assert (found.end, content(found)) == (15, b"012345678901234")
    assert list(found.times(0, EVER_MS)) == [(1000, 0, 10), (1001, 10, 15)]
    found.append(b"new")
    assert list(found.times(0, EVER_MS)) == [(1000, 0, 10), (1001, 10, 15), (1004, 15, 18)]


@pytest.mark.parametrize("taken", [0, 1, 100, 9_000, 400_000])
def test_no_offset_is_given_twice_though_a_power_cut_takes_what_was_not_synced(
    log: Log, monkeypatch: pytest.MonkeyPatch, taken: int
) -> None:
    """What was printed after a power cut had the offsets of what it had taken: whoever had seen those missed it."""
    synced: dict[Path, bytes] = {}

    def sync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if not path.is_dir():
            synced[path] = path.read_bytes()

    monkeypatch.setattr(keeper, "SYNC_DATA", sync)
    size = 0
    for number in range(1, 200):
        log.append(b"%05d\n" % number * number)
        size += 6 * number
        assert log.end == size <= log.reserved
    log.close()
    for file in Path(log.folder).iterdir():
        content = file.read_bytes()
        kept = synced.get(file, b"") if file.name == "reserved" else content[: max(0, len(content) - taken)]
        file.write_bytes(kept)
    monkeypatch.setattr(keeper, "boot_id", lambda: "another")
    found = Log(log.folder, log.segment_bytes, log.segments)
    gap = found.end
    assert gap >= size
    found.append(b"new")
    at, data = found.read(size, 100)
    assert (at, data) == (gap, b"new")
    assert all(begin < size or begin == gap for _, begin, _ in found.times(0, EVER_MS))
    found.settle()


def test_without_a_power_cut_output_goes_on_where_it_ended(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.append(b"killed")
    log.close()
    found = Log(log.folder, log.segment_bytes, log.segments)
    assert found.end == 6
    found.append(b"ended")
    found.settle()
    monkeypatch.setattr(
        keeper, "boot_id", lambda: ""
    )  # as where nothing tells one start of the machine from another
    found = Log(log.folder, log.segment_bytes, log.segments)
    assert found.end == 11
    found.append(b"killed")
    found.close()
    assert Log(log.folder, log.segment_bytes, log.segments).end >= 17


@pytest.mark.parametrize("record", [b"", b"\0" * 58, b"x" * 10_000, b"7\n"])
def test_a_damaged_record_of_offsets_leaves_a_wide_gap(log: Log, record: bytes) -> None:
    log.append(b"0123456789")
    (Path(log.folder) / "reserved").write_bytes(record)
    assert again(log).end == 10 + keeper.RESERVED_BYTES[1]


def test_output_goes_on_where_no_record_of_offsets_can_be_written(
    log: Log, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(Path(log.folder) / "reserved")  # the open of which would wait
    found = again(log)
    for _ in range(3):
        monkeypatch.setattr(found, "reserve_at", 0.0)
        found.append(b"0123456789")
    assert (content(found), found.error) == (b"0123456789" * 3, "")
    assert capfd.readouterr().err.count("reserved: ") == 1
    found.settle()


def test_a_flood_reserves_more_at_once_and_what_comes_now_and_then_less(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    least, most = keeper.RESERVED_BYTES

    def reserved() -> int:
        end = log.reserved + 1
        log._reserve(end)
        return log.reserved - end

    assert [reserved() for _ in range(10)] == [min(least << number, most) for number in range(10)]
    monkeypatch.setattr(log, "reserve_at", log.reserve_at - 5)
    assert reserved() == least


def test_the_index_of_a_segment_whose_deletion_was_cut_short_is_deleted(log: Log) -> None:
    log.append(b"0123456789")
    orphan = Path(log.folder) / f"{5:020d}.index"
    orphan.write_bytes(INDEX.pack(1, 5))
    other = Path(log.folder) / "notes.index"
    other.touch()
    again(log)
    assert not orphan.exists()
    assert other.exists()
    assert len(files(log, ".index")) == 2


def test_a_missing_index_loses_the_times_and_nothing_else(log: Log) -> None:
    log.append(b"0123456789")
    (index,) = files(log, ".index")
    index.unlink()
    found = again(log)
    assert list(found.times(0, EVER_MS)) == []
    found.append(b"new")
    assert content(found) == b"0123456789new"
    assert list(found.times(0, EVER_MS)) == [(1001, 10, 13)]


@pytest.mark.slow
def test_output_that_found_no_room_is_a_gap_and_what_follows_has_its_offset(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(256) as disk:
        log = Log(str(disk / "main"), 20_000, 3)
        log.append(b"a" * 5000)
        filler = fill(disk)
        log.append(b"b" * 5000)
        assert log.error
        for _ in range(40):  # what does not fit into memory either is lost
            log.append(b"c" * 5000)
        filler.unlink()
        monkeypatch.setattr(log, "retry_at", 0.0)
        log.append(b"d" * 5000)
        assert log.error == ""
        found = again(log)
        kept = [found.read(0, 1 << 20)]
        while kept[-1][1]:
            kept.append(found.read(kept[-1][0] + len(kept[-1][1]), 1 << 20))
        shown = b"".join(data for _, data in kept)
        assert shown.startswith(b"a" * 5000)
        assert shown.endswith(b"d" * 5000)
        assert b"c" not in shown
        assert kept[-2][0] == 42 * 5000
        assert found.end == 43 * 5000
        pieces = list(found.times(0, EVER_MS))
        assert all(begin <= end for _, begin, end in pieces)
        assert pieces[-1][1:] == (42 * 5000, 43 * 5000)
        assert len(files(found, ".log")) <= 3
        found.close()


@pytest.mark.slow
def test_the_next_keeper_goes_on_behind_output_that_found_no_room() -> None:
    """It went on where the file ended, with offsets that viewers had seen already."""
    with small_disk(4096) as disk:
        log = Log(str(disk / "main"), 400_000, 2)
        log.append(b"a" * 10)
        while log.reserving:  # the file of that must be there before the disk is full
            time.sleep(0.001)
        fill(disk)
        log.append(b"b" * 10_000)
        assert log.error
        log.settle()
        found = Log(log.folder, log.segment_bytes, log.segments)
        found.close()
    assert found.end == log.end == 10_010


@pytest.mark.slow
def test_a_disk_that_is_full_again_and_again_takes_nothing_from_the_log(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each gap began a segment, however short the one before, and the long ones gave way to them."""
    with small_disk(4096) as disk:
        log = Log(str(disk / "main"), 400_000, 2)
        log.append(b"a" * 15_000)
        for _ in range(100):
            filler = fill(disk)
            log.append(b"b" * 10_000)
            assert log.error
            filler.unlink()
            monkeypatch.setattr(log, "retry_at", 0.0)
            log.append(b"c" * 10)
        count = len(files(log, ".log"))
        begin = log.read(0, 15_000)
        for _ in range(100):
            log.append(b"d" * 10_000)
        found = again(log)
        found.close()
        sizes = [path.stat().st_size for path in files(found, ".log")]
    assert begin == (0, b"a" * 15_000)
    assert count == 2 + keeper.SHORT_SEGMENTS
    assert sum(sizes) == found.total <= 2 * 400_000
    assert len(sizes) <= 3
