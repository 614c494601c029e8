"""Files that are written completely or not at all."""

import os
from pathlib import Path

import pytest

from mailauncher import files
from tests.support.small_disk import fill, small_disk


def test_a_file_is_created_with_its_mode_and_replaced(tmp_path: Path) -> None:
    place = tmp_path / "state.json"
    files.write(place, b"one")
    assert (place.read_bytes(), place.stat().st_mode & 0o777) == (b"one", 0o600)
    files.write(place, b"two", mode=0o644)
    assert (place.read_bytes(), place.stat().st_mode & 0o777) == (b"two", 0o644)
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_a_failure_while_writing_leaves_the_former_content_and_nothing_beside_it(tmp_path: Path) -> None:
    place = tmp_path / "state.json"
    files.write(place, b"former")

    def write_half() -> None:
        with files.replacing(place) as file:
            file.write(b"half")
            raise InterruptedError

    with pytest.raises(InterruptedError):
        write_half()
    assert place.read_bytes() == b"former"
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_a_full_disk_leaves_the_former_content_and_is_recognised() -> None:
    with small_disk(64) as disk:
        place = disk / "state.json"
        files.write(place, b"former")
        fill(disk)
        with pytest.raises(OSError, match="No space") as caught:
            files.write(place, bytes(32 << 10))
        assert files.is_full(caught.value)
        assert place.read_bytes() == b"former"
        assert sorted(entry.name for entry in disk.iterdir()) == ["filler", "state.json"]


def test_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"untouched")
    place = tmp_path / "state.json"
    place.symlink_to(other)
    files.write(place, b"new")
    assert (place.is_symlink(), place.read_bytes(), other.read_bytes()) == (False, b"new", b"untouched")


def test_a_long_name_is_no_obstacle(tmp_path: Path) -> None:
    place = tmp_path / ("n" * 250)
    files.write(place, b"content")
    assert place.read_bytes() == b"content"


def test_a_file_system_that_cannot_sync_a_folder_is_tolerated_and_a_broken_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_with(number: int) -> None:
        def fsync(_descriptor: int) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(os, "fsync", fsync)

    fail_with(22)  # EINVAL
    files.sync_folder(tmp_path)
    fail_with(5)  # EIO
    with pytest.raises(OSError, match="Input/output"):
        files.sync_folder(tmp_path)
