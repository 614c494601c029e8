"""A file that is a mount of its own could never be saved: nothing can be renamed over it."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mailauncher import files
from tests.support.bind_mount import bind_mount
from tests.support.small_disk import small_disk

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file `home/file`, which `elsewhere` is mounted at."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "file").touch()
    (tmp_path / "elsewhere").write_bytes(b"former content")
    (tmp_path / "elsewhere").chmod(0o640)
    with bind_mount(tmp_path / "elsewhere", tmp_path / "home" / "file"):
        yield tmp_path / "home" / "file"


def refuse_renames(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As the system does for a mount, also where a test may not mount."""
    replace = os.replace

    def refusing(source: str, target: str, **folders: int) -> None:
        if target == name:
            raise OSError(errno.EBUSY, "Device or resource busy")
        replace(source, target, **folders)

    monkeypatch.setattr(os, "replace", refusing)


def test_a_mounted_file_is_written_in_place_with_its_mode(mounted: Path, tmp_path: Path) -> None:
    for content in (b"new", b"longer than it was before", b""):
        files.write(mounted, content)
        assert (tmp_path / "elsewhere").read_bytes() == content
        assert os.listdir(mounted.parent) == ["file"]  # noqa: PTH208
    assert mounted.stat().st_mode & 0o777 == 0o640


def test_a_disk_that_is_full_leaves_the_former_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "file"
    place.write_bytes(b"former content")
    refuse_renames(monkeypatch, "file")
    write = os.pwrite

    def full(descriptor: int, data: bytes, offset: int) -> int:
        if data.startswith(b"former"):
            return write(descriptor, data, offset)
        if offset:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:2], offset)

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(OSError, match="No space") as caught:
        files.write(place, b"new content")
    assert files.is_full(caught.value)
    assert place.read_bytes() == b"former content"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_what_is_freed_is_taken_by_others_and_the_former_content_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both contents were lost: the file was emptied first, another program took the room, and then neither fitted."""
    former = b"former" * 3000
    write = os.pwrite

    def write_after_others(descriptor: int, data: bytes, offset: int) -> int:
        with (disk / "others").open("ab", buffering=0) as others, suppress(OSError):
            while others.write(b"x" * 4096):
                pass
        return write(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", write_after_others)
    with small_disk(64) as disk:
        (disk / "file").write_bytes(former)
        folder, workshop = (os.open(place, os.O_RDONLY) for place in (disk, tmp_path))
        try:
            with (
                pytest.raises(OSError, match="No space") as caught,
                files.replacing_at(folder, "file", workshop=workshop) as file,
            ):
                file.write(b"longer" * 9000)
            assert files.is_full(caught.value)
            assert (disk / "file").read_bytes() == former
            with files.replacing_at(folder, "file", workshop=workshop) as file:
                file.write(b"short" * 3000)
            assert (disk / "file").read_bytes() == b"short" * 3000
        finally:
            os.close(folder)
            os.close(workshop)
        assert list(tmp_path.iterdir()) == []


def complete(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        files.complete_at(descriptor, "file")
    finally:
        os.close(descriptor)
    assert [path.name for path in folder.iterdir()] == ["file"]


@pytest.mark.parametrize("content", [b"new content", b"a new content, longer than the former one"])
def test_wherever_a_writing_was_cut_it_is_completed(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written in part, and then could not be undone either, was taken for somebody else's and was never completed."""
    place = tmp_path / "file"
    former = b"former content"
    refuse_renames(monkeypatch, "file")
    write = os.pwrite
    room = max(0, len(content) - len(former))
    for kept in range(room + len(content) + 1):
        left = kept

        def cut(descriptor: int, data: bytes, offset: int) -> int:
            nonlocal left
            if not left:
                raise _CutError
            done = write(descriptor, data[:left], offset)
            left -= done
            return done

        place.write_bytes(former)
        with monkeypatch.context() as cutting, suppress(_CutError):
            cutting.setattr(os, "pwrite", cut)
            files.write(place, content)
        complete(tmp_path)
        assert place.read_bytes() == (content if kept else former)


def test_what_can_neither_be_written_nor_undone_is_kept_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was removed by the next start, which left half a file and nothing beside it."""
    place = tmp_path / "file"
    place.write_bytes(b"former content")
    refuse_renames(monkeypatch, "file")
    write = os.pwrite

    def full(descriptor: int, data: bytes, offset: int) -> int:
        if offset or data.startswith(b"former"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data[:2], offset)

    with monkeypatch.context() as filled:
        filled.setattr(os, "pwrite", full)
        for content in (b"new content", b"another"):
            with pytest.raises(OSError, match="No space"):
                files.write(place, content)
        with pytest.raises(OSError, match="No space"):
            complete(tmp_path)
        assert place.read_bytes() == b"nermer content"
    complete(tmp_path)
    assert place.read_bytes() == b"new content"


def test_a_file_on_another_file_system_than_its_workshop_is_written_in_place(tmp_path: Path) -> None:
    """A volume for a bot's pictures: they are made beside it, and could not be renamed into it."""
    with small_disk(64) as disk:
        for content in (b"made", b"replaced"):
            folder, workshop = (os.open(place, os.O_RDONLY) for place in (disk, tmp_path))
            try:
                with files.replacing_at(folder, "file", mode=0o644, workshop=workshop) as file:
                    file.write(content)
            finally:
                os.close(folder)
                os.close(workshop)
            assert {path.name: path.read_bytes() for path in disk.iterdir()} == {"file": content}
            assert list(tmp_path.iterdir()) == []
        assert (disk / "file").stat().st_mode & 0o777 == 0o644


class _CutError(BaseException):
    """As a kill, it is not handled."""


_KILLED = """
import errno, os, signal, sys
from pathlib import Path
from mailauncher import files
replace, write = os.replace, os.pwrite
def refusing(source, target, **folders):
    if target == "file":
        raise OSError(errno.EBUSY, "busy")
    replace(source, target, **folders)
def killed(descriptor, data, offset):
    write(descriptor, data[:3], offset)
    os.kill(os.getpid(), signal.SIGKILL)
os.replace, os.pwrite = refusing, killed
files.write(Path(sys.argv[1]), b"new content")
"""


@pytest.mark.slow
def test_a_writer_that_is_killed_in_between_is_completed(tmp_path: Path) -> None:
    place = tmp_path / "file"

    def kill_a_writer() -> None:
        place.write_bytes(b"former content")
        done = subprocess.run([sys.executable, "-c", _KILLED, str(place)], cwd=ROOT, check=False, timeout=30)
        assert (done.returncode, place.read_bytes()) == (-signal.SIGKILL, b"newmer content")

    kill_a_writer()
    complete(tmp_path)
    assert place.read_bytes() == b"new content"
    kill_a_writer()
    place.write_bytes(b"written by hand")
    complete(tmp_path)
    assert place.read_bytes() == b"written by hand"
    complete(tmp_path)
