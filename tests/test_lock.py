"""The lock of a data folder."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mailauncher import lock
from mailauncher.errors import Code, InvalidPath

URL = "http://127.0.0.1:1"


def test_a_new_or_released_folder_has_no_holder(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert lock.holder(folder) is None
    with lock.hold(folder, URL):
        assert lock.holder(folder) == (os.getpid(), URL)
    assert lock.holder(folder) is None


@pytest.mark.parametrize("content", ["", "[]", "[" * 4096])
def test_a_holder_that_cannot_be_read_is_unknown(tmp_path: Path, content: str) -> None:
    """Many brackets in the file were a traceback."""
    with lock.hold(tmp_path, URL):
        (tmp_path / lock.FILE_NAME).write_text(content)
        assert lock.holder(tmp_path) is None


@pytest.mark.slow
def test_a_second_process_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    with (
        lock.hold(tmp_path, URL),
        pytest.raises(lock.DataFolderInUse) as caught,
        lock.hold(tmp_path, "other"),
    ):
        pass
    assert caught.value.code is Code.CONFLICT
    for text in caught.value.text:
        assert str(os.getpid()) in text
        assert URL in text
        assert str(tmp_path) in text


@pytest.mark.slow
def test_a_dead_process_holds_nothing(tmp_path: Path) -> None:
    program = "import os, sys; from pathlib import Path; from mailauncher import lock\n"
    program += "with lock.hold(Path(sys.argv[1]), 'gone'): os.kill(os.getpid(), 9)"
    root = Path(__file__).resolve().parents[1]
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=root, check=False)
    assert "gone" in (tmp_path / "lock").read_text()
    assert lock.holder(tmp_path) is None
    with lock.hold(tmp_path, URL):
        assert lock.holder(tmp_path) == (os.getpid(), URL)


def test_asking_for_the_holder_does_not_prevent_holding(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            lock.holder(tmp_path)

    onlooker = threading.Thread(target=look)
    onlooker.start()
    try:
        for _ in range(20):
            with lock.hold(tmp_path, URL):
                pass
    finally:
        stop.set()
        onlooker.join()


def test_children_do_not_inherit_the_lock(tmp_path: Path) -> None:
    with lock.hold(tmp_path, URL):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with lock.hold(tmp_path, URL):
            pass
    finally:
        child.kill()
        child.wait()


def test_a_folder_that_cannot_be_created_is_an_invalid_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidPath), lock.hold(tmp_path / "file" / "data", URL):
        pass


def test_a_new_folder_is_private_to_its_owner(tmp_path: Path) -> None:
    with lock.hold(tmp_path / "data", URL):
        assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
        assert (tmp_path / "data" / "lock").stat().st_mode & 0o777 == 0o600
