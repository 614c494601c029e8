"""The history of usage shows what was measured, and nothing else, whatever happens to the clock, the disk or the machine."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.usage_history import FILE_BYTES, MACHINE, RINGS, Bucket, Spread, UsageHistory
from tests.support.small_disk import fill, small_disk

NOW = 1_800_000_000 - 1_800_000_000 % 3600  # a whole hour
INSTANCE = "a" * 40
KEY = f"{INSTANCE}_main"
DAY = 86_400


@pytest.fixture
def history(tmp_path: Path) -> Iterator[UsageHistory]:
    found = UsageHistory(tmp_path)
    yield found
    found.close()


def add(history: UsageHistory, at: float, cpu: float = 10, memory: int = 1 << 20, key: str = KEY) -> None:
    history.add(at, {key: (cpu, memory)})


def buckets(
    history: UsageHistory, begin: float, end: float, now: float = NOW, key: str = KEY
) -> list[Bucket]:
    return history.between(key, begin, end, now)[1]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_bucket_has_the_least_the_mean_and_the_most_of_its_samples(history: UsageHistory) -> None:
    for second, cpu in enumerate((10, 40, 100, 50)):
        add(history, NOW + second, cpu, (second + 1) << 20)
    step, (minute,) = history.between(KEY, NOW - 3600, NOW + 10, NOW + 10)
    assert (step, minute.at, minute.samples) == (60, NOW, 4)
    assert minute.cpu == Spread(10, 50, 100)
    assert minute.memory == Spread(1024, 2560, 4096)


@pytest.mark.parametrize(
    "ago, step", [(0, 1), (600, 1), (601, 60), (2 * DAY, 60), (2 * DAY + 1, 3600), (400 * DAY, 3600)]
)
def test_the_finest_step_that_reaches_back_is_chosen(history: UsageHistory, ago: int, step: int) -> None:
    assert history.between(KEY, NOW - ago, NOW, NOW) == (step, [])


def test_what_was_not_measured_is_a_gap_also_after_a_restart(tmp_path: Path) -> None:
    for begin in (0, 100):
        history = UsageHistory(tmp_path)
        for second in range(begin, begin + 3):
            add(history, NOW + second)
        history.close()
    again = UsageHistory(tmp_path)
    found = [bucket.at - NOW for bucket in buckets(again, NOW, NOW + 200, NOW + 200)]
    (hour,) = buckets(again, NOW - 3 * DAY, NOW + 200, NOW + 200)
    again.close()
    assert found == [0, 1, 2, 100, 101, 102]
    assert hour.samples == 6  # continued after the restart


def test_old_buckets_give_way_and_the_file_does_not_grow(history: UsageHistory, tmp_path: Path) -> None:
    for second in range(0, 4000, 2):
        add(history, NOW + second)
    now = NOW + 3999
    minutes = buckets(history, NOW, now, now)
    assert [bucket.samples for bucket in minutes] == [30] * 66 + [20]
    seconds = buckets(history, now - 599, now, now)
    assert [bucket.at - NOW for bucket in seconds] == list(range(3400, 4000, 2))
    assert [path.stat().st_size for path in files(tmp_path)] == [FILE_BYTES]


def test_fifty_programs_take_less_than_twenty_megabytes() -> None:
    assert 50 * FILE_BYTES < 20_000_000
    assert [step * size for step, size in RINGS.items()] == [600, 2 * DAY, 90 * DAY]


def test_a_bucket_that_is_too_old_is_not_shown_in_the_place_of_a_new_one(history: UsageHistory) -> None:
    add(history, NOW)
    later = NOW + 100 * DAY
    assert buckets(history, NOW - DAY, later, later) == []


def test_a_clock_that_is_set_back_leaves_nothing_that_is_yet_to_come(history: UsageHistory) -> None:
    for second in range(0, 7200, 60):
        add(history, NOW + second, cpu=99)
    before = NOW - DAY
    add(history, before, cpu=5)
    found = buckets(history, before - DAY, NOW + 7200, NOW + 7200)
    assert [(bucket.at, bucket.cpu.most) for bucket in found] == [(before, 5)]


def test_a_clock_that_was_set_back_between_two_servers_leaves_nothing_either(tmp_path: Path) -> None:
    history = UsageHistory(tmp_path)
    add(history, NOW, cpu=99)
    history.close()
    again = UsageHistory(tmp_path)
    assert buckets(again, NOW - 2 * DAY, NOW + 1, NOW - DAY) == []
    add(again, NOW - DAY, cpu=5)
    found = buckets(again, NOW - 2 * DAY + 60, NOW + 1, NOW)
    again.close()
    assert [bucket.cpu.most for bucket in found] == [5]


@pytest.mark.parametrize("place", [0, 4, 6, 10, 31])
def test_a_bucket_that_is_damaged_is_a_gap(tmp_path: Path, place: int) -> None:
    history = UsageHistory(tmp_path)
    add(history, NOW)
    add(history, NOW + 1)
    history.close()
    (path,) = files(tmp_path)
    content = bytearray(path.read_bytes())
    first = NOW % RINGS[1] * 32
    content[first + place] ^= 0x5A
    path.write_bytes(content)
    again = UsageHistory(tmp_path)
    found = [bucket.at - NOW for bucket in buckets(again, NOW, NOW + 10, NOW + 10)]
    again.close()
    assert found == [1]


def test_a_file_of_another_size_is_made_anew(tmp_path: Path) -> None:
    history = UsageHistory(tmp_path)
    add(history, NOW)
    history.close()
    (path,) = files(tmp_path)
    path.write_bytes(path.read_bytes()[:1000])
    again = UsageHistory(tmp_path)
    add(again, NOW + 5)
    found = buckets(again, NOW, NOW + 10, NOW + 10)
    again.close()
    assert [bucket.at for bucket in found] == [NOW + 5]
    assert path.stat().st_size == FILE_BYTES


def test_on_a_full_disk_what_has_a_file_goes_on_and_what_has_none_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with small_disk(1 << 10) as disk:
        history = UsageHistory(disk / "usage")
        add(history, NOW)
        filler = fill(disk)
        other = f"{'b' * 40}_main"
        with caplog.at_level(logging.ERROR):
            for second in range(1, 4):
                history.add(NOW + second, {KEY: (1, 1), other: (1, 1)})
        assert len(caplog.records) == 1
        assert len(buckets(history, NOW, NOW + 9, NOW + 9)) == 4
        assert buckets(history, NOW, NOW + 9, NOW + 9, other) == []
        filler.unlink()
        add(history, NOW + 5, key=other)
        assert len(buckets(history, NOW, NOW + 9, NOW + 9, other)) == 1
        history.close()


def test_a_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    history = UsageHistory(tmp_path / "usage")
    add(history, NOW, key=MACHINE)
    history.close()
    (path,) = files(tmp_path / "usage")
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    again = UsageHistory(tmp_path / "usage")
    add(again, NOW, key=MACHINE)
    again.close()
    assert not (tmp_path / "elsewhere").exists()


def test_a_deleted_instance_leaves_nothing_and_gets_nothing_more(
    history: UsageHistory, tmp_path: Path
) -> None:
    add(history, NOW)
    add(history, NOW, key=MACHINE)
    history.forget(INSTANCE)
    add(history, NOW + 1)
    assert len(files(tmp_path)) == 1
    assert not (tmp_path / INSTANCE).exists()


def test_what_an_interrupted_deletion_left_is_deleted_by_the_next_server(tmp_path: Path) -> None:
    history = UsageHistory(tmp_path)
    add(history, NOW)
    add(history, NOW, key=MACHINE)
    history.close()
    UsageHistory(tmp_path).keep_only({"c" * 40})
    assert len(files(tmp_path)) == 1


def test_more_programs_than_open_files_are_kept_all_the_same(history: UsageHistory) -> None:
    keys = [f"{number:040}_main" for number in range(150)]
    for second in range(2):
        history.add(NOW + second, dict.fromkeys(keys, (second, 1)))
    assert {len(buckets(history, NOW, NOW + 9, NOW + 9, key)) for key in keys} == {2}
