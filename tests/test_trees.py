"""Removing folders with everything in them."""

import os
from pathlib import Path

import pytest

from mailauncher import trees
from mailauncher.interruption import Interrupted

DEPTH = 1200
"""More than there are descriptors, or calls of a function within each other."""


def filled(folder: Path) -> Path:
    (folder / "a/b").mkdir(parents=True)
    for name in ("one", "a/two", "a/b/three"):
        (folder / name).touch()
    return folder


def test_a_folder_is_removed_and_what_its_links_lead_to_is_not(tmp_path: Path) -> None:
    kept, folder = filled(tmp_path / "kept"), filled(tmp_path / "folder")
    (folder / "a/link").symlink_to(kept)
    (folder / "a/broken").symlink_to("nowhere")
    trees.remove(folder)
    trees.remove(folder)  # it is no error that it has gone
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert len(list(kept.rglob("*"))) == 5


def test_a_link_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    kept = filled(tmp_path / "kept")
    (tmp_path / "link").symlink_to(kept)
    with pytest.raises(OSError, match="link"):
        trees.remove(tmp_path / "link")
    assert len(list(kept.rglob("*"))) == 5


@pytest.mark.slow
def test_a_folder_of_any_depth_is_removed(tmp_path: Path) -> None:
    """Each level took a descriptor and a call within the former one: RecursionError, and nothing could remove such a folder."""
    top = os.open(tmp_path, os.O_RDONLY)
    at = os.dup(top)
    for _ in range(DEPTH):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    trees.remove("d", at=top)
    os.close(top)
    assert list(tmp_path.iterdir()) == []


def test_a_removal_can_be_interrupted_at_each_entry_and_repeated(tmp_path: Path) -> None:
    folder = filled(tmp_path / "folder")
    entries = 0

    def check() -> None:
        nonlocal entries
        entries += 1
        if entries == 4:
            raise Interrupted

    with pytest.raises(Interrupted):
        trees.remove(folder, check)
    assert folder.is_dir()
    trees.remove(folder)
    assert not folder.exists()


def test_an_error_names_the_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = filled(tmp_path / "folder")

    def stuck(name: str, *, dir_fd: int) -> None:
        if name == "three":
            raise PermissionError(1, "Operation not permitted", name)

    with monkeypatch.context() as patched:
        patched.setattr(os, "unlink", stuck)
        with pytest.raises(PermissionError) as raised:
            trees.remove(folder)
    assert raised.value.filename == str(folder / "a/b/three")


def test_nothing_is_removed_where_somebody_has_moved_a_folder_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, elsewhere = filled(tmp_path / "folder"), filled(tmp_path / "elsewhere")
    (elsewhere / "b").mkdir()
    open_it = os.open

    def opened(name: str, flags: int, *, dir_fd: int | None = None) -> int:
        descriptor = open_it(name, flags, dir_fd=dir_fd)
        if name == "b":
            (folder / "a/b").rename(elsewhere / "moved")
        return descriptor

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", opened)
        with pytest.raises(OSError, match="Stale"):
            trees.remove(folder)
    assert {path.name for path in elsewhere.iterdir()} == {"a", "b", "one", "moved"}
