"""Configuration files on disk: which ones may be read, and writing whole or not at all."""

import errno
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bots.documents import file
from mailauncher.errors import (
    Conflict,
    FileTooLarge,
    InsufficientSpace,
    InvalidParameter,
    InvalidPath,
    LauncherError,
    PermissionDenied,
)
from tests.support.unprivileged import nobodys_folder


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """An instance's folder. Nothing may appear beside it, and no unfinished file may remain in it."""
    folder = tmp_path / "instance"
    folder.mkdir()
    (tmp_path / "secret.toml").write_text("token = 'outside'\n")
    yield folder
    assert sorted(p.name for p in tmp_path.iterdir()) == ["instance", "secret.toml"]
    assert (tmp_path / "secret.toml").read_text() == "token = 'outside'\n"
    assert not [path for path in folder.rglob("*") if path.suffix == ".new"]


def test_content_is_preserved_byte_for_byte(home: Path) -> None:
    for content in (b"a = 1\r\nb = 2\n", b"\xef\xbb\xbfa = 1", "键 = '值'\n".encode(), b""):
        (home / "x.toml").write_bytes(content)
        loaded = file.read(home, "x.toml")
        file.write(home, "x.toml", loaded.text, like=loaded)
        assert (home / "x.toml").read_bytes() == content
        assert loaded.exists
        assert loaded.revision == file.revision(content)
        assert not loaded.text.startswith("\ufeff")


def test_a_missing_file_is_empty_and_is_created_with_its_folder(home: Path) -> None:
    loaded = file.read(home, "config/bot.toml")
    assert (loaded.text, loaded.exists, loaded.content) == ("", False, b"")

    made = file.write(home, "config/bot.toml", "a = 1\n", expect=loaded.revision)

    assert (home / "config/bot.toml").read_text() == "a = 1\n"
    assert stat.S_IMODE((home / "config/bot.toml").stat().st_mode) == 0o600
    assert file.read(home, "config/bot.toml") == made


def test_the_mode_stays(home: Path) -> None:
    path = home / "x.env"
    path.write_text("A=1\n")
    for mode in (0o640, 0o444, 0o755):
        path.chmod(mode)
        file.write(home, "x.env", f"A={mode}\n")
        assert stat.S_IMODE(path.stat().st_mode) == mode


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_stays(home: Path) -> None:
    path = home / "x.env"
    path.write_text("A=1\n")
    os.chown(path, 65534, 65534)
    file.write(home, "x.env", "A=2\n")
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


def test_another_encoding_is_an_error_with_its_line(home: Path) -> None:
    (home / "x.toml").write_bytes(b"a = 1\n" + "b = '麦麦'\n".encode("gbk"))
    with pytest.raises(InvalidParameter) as caught:
        file.read(home, "x.toml")
    assert "第 2 行" in caught.value.text.zh
    assert "line 2" in caught.value.text.en
    (home / "x.toml").write_bytes("a = 1\n".encode("utf-16"))
    with pytest.raises(InvalidParameter):
        file.read(home, "x.toml")


def test_reading_and_writing_are_limited_to_four_mebibytes(home: Path) -> None:
    (home / "x").write_bytes(b"#" * file.LIMIT_BYTES)
    assert len(file.read(home, "x").content) == file.LIMIT_BYTES
    (home / "x").write_bytes(b"#" * (file.LIMIT_BYTES + 1))
    with pytest.raises(FileTooLarge):
        file.read(home, "x")
    with pytest.raises(FileTooLarge):
        file.write(home, "y", "#" * (file.LIMIT_BYTES + 1))
    assert not (home / "y").exists()


# Links


def test_a_link_inside_the_folder_is_followed(home: Path) -> None:
    (home / "real").mkdir()
    (home / "real/x.toml").write_text("a = 1\n")
    (home / "config").symlink_to("real")
    (home / "x.toml").symlink_to("config/x.toml")

    file.write(home, "x.toml", "a = 2\n")
    assert (home / "x.toml").is_symlink()
    assert (home / "real/x.toml").read_text() == "a = 2\n"
    file.write(home, "config/new.toml", "b = 1\n")
    assert (home / "real/new.toml").read_text() == "b = 1\n"


def link_to_a_file(home: Path) -> str:
    (home / "x.toml").symlink_to("../secret.toml")
    return "x.toml"


def link_to_a_folder(home: Path) -> str:
    (home / "config").symlink_to(home.parent)
    return "config/secret.toml"


def link_to_nothing_outside(home: Path) -> str:
    (home / "x.toml").symlink_to("../new.toml")
    return "x.toml"


def link_over_a_link(home: Path) -> str:
    (home / "up").symlink_to("..")
    (home / "x.toml").symlink_to("up/secret.toml")
    return "x.toml"


def links_in_a_circle(home: Path) -> str:
    (home / "x.toml").symlink_to("y.toml")
    (home / "y.toml").symlink_to("x.toml")
    return "x.toml"


def a_folder(home: Path) -> str:
    (home / "x.toml").mkdir()
    return "x.toml"


def a_pipe(home: Path) -> str:
    os.mkfifo(home / "x.toml")
    return "x.toml"


def below_a_file(home: Path) -> str:
    (home / "x.toml").touch()
    return "x.toml/y.toml"


def dots(_: Path) -> str:
    return "config/../../secret.toml"


def absolute(home: Path) -> str:
    return str(home.parent / "secret.toml")


def the_folder_itself(_: Path) -> str:
    return "."


def a_name_too_long(_: Path) -> str:
    return "x" * 300


def a_nul(_: Path) -> str:
    return "x\0.toml"


@pytest.mark.parametrize(
    "place",
    [
        link_to_a_file,
        link_to_a_folder,
        link_to_nothing_outside,
        link_over_a_link,
        links_in_a_circle,
        a_folder,
        a_pipe,
        below_a_file,
        dots,
        absolute,
        the_folder_itself,
        a_name_too_long,
        a_nul,
    ],
    ids=lambda place: place.__name__,
)
def test_what_is_not_a_regular_file_inside_the_folder_is_refused(
    home: Path, place: Callable[[Path], str]
) -> None:
    relative = place(home)
    with pytest.raises(InvalidPath):
        file.read(home, relative)
    with pytest.raises(InvalidPath):
        file.write(home, relative, "token = 1\n")


def test_a_socket_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("x.toml")
        with pytest.raises(InvalidPath):
            file.read(tmp_path, "x.toml")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidPath, match="gone"):
        file.read(tmp_path / "gone", "x.toml")
    with pytest.raises(InvalidPath, match="gone"):
        file.write(tmp_path / "gone", "x.toml", "")
    assert not (tmp_path / "gone").exists()


def test_missing_permissions_are_reported() -> None:
    with nobodys_folder() as home:
        (home / "x.toml").write_text("a = 1\n")
        (home / "x.toml").chmod(0)
        with pytest.raises(PermissionDenied):
            file.read(home, "x.toml")
        (home / "x.toml").chmod(0o600)
        home.chmod(0o500)
        with pytest.raises(PermissionDenied):
            file.write(home, "x.toml", "a = 2\n")
        assert (home / "x.toml").read_text() == "a = 1\n"


# At once, and when it goes wrong


def test_a_file_that_changed_meanwhile_is_not_overwritten(home: Path) -> None:
    (home / "x.toml").write_text("a = 1\n")
    loaded = file.read(home, "x.toml")
    (home / "x.toml").write_text("a = 2 # by hand\n")

    with pytest.raises(Conflict):
        file.write(home, "x.toml", "a = 3\n", like=loaded, expect=loaded.revision)

    assert (home / "x.toml").read_text() == "a = 2 # by hand\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_the_file_unchanged(
    home: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (home / "x.toml").write_text("a = 1\n")

    def full(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InsufficientSpace):
        file.write(home, "x.toml", "a = 2\n")
    assert (home / "x.toml").read_text() == "a = 1\n"


def test_any_other_failure_is_reported_and_leaves_no_files(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "x.toml").write_text("a = 1\n")

    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(LauncherError):
        file.write(home, "x.toml", "a = 2\n")
    assert (home / "x.toml").read_text() == "a = 1\n"


def test_a_reader_sees_only_complete_files(home: Path) -> None:
    texts = {"a" * 200_000, "b" * 300_000}
    (home / "x").write_text("a" * 200_000)
    seen = set()
    ended = threading.Event()

    def read() -> None:
        while not ended.is_set():
            seen.add((home / "x").read_text())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for _ in range(20):
            for text in texts:
                file.write(home, "x", text)
    finally:
        ended.set()
        reader.join()
    assert seen <= texts
