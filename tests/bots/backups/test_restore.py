"""Restoring a backup: all of its files or none, even if killed midway."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bots.backups import restore
from bots.backups.restore import WORK_FOLDER, Restore
from mailauncher.beneath import Root
from mailauncher.errors import InvalidPath, LauncherError, PermissionDenied
from tests.support.bind_mount import bind_mount

NEW = f"{WORK_FOLDER}/new"
PATTERNS = [".env", "config", "data", "*.db"]
BEFORE = {
    ".env": "old",
    "config/bot.toml": "old",
    "config/extra": "old",
    "bot.db": "old",
    "bot.db-wal": "old",
}
AFTER = {".env": "new", "config/bot.toml": "new", "data/a/b": "new", "bot.db": "new"}
OTHERS = {"bot.py": "code", "logs/x": "log", ".mailauncher-deployed": "id"}


def fill(folder: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


def instance(folder: Path) -> Path:
    folder.mkdir()
    fill(folder, BEFORE | OTHERS)
    return folder


def restored(folder: Path) -> None:
    pending = Restore(folder)
    fill(folder / NEW, AFTER)
    pending.link_unarchivable(PATTERNS)
    pending.apply([".env", "config", "data", "bot.db"], PATTERNS)


def test_only_matching_files_are_replaced(tmp_path: Path) -> None:
    folder = instance(tmp_path / "bot")
    restored(folder)
    assert files(folder) == AFTER | OTHERS
    assert not (folder / WORK_FOLDER).exists()


def test_a_discarded_restore_leaves_nothing(tmp_path: Path) -> None:
    folder = instance(tmp_path / "bot")
    pending = Restore(folder)
    fill(folder / NEW, AFTER)
    pending.discard()
    assert files(folder) == BEFORE | OTHERS
    assert not (folder / WORK_FOLDER).exists()


def test_leftovers_of_a_restore_that_was_not_applied_are_removed(tmp_path: Path) -> None:
    folder = instance(tmp_path / "bot")
    Restore(folder)
    fill(folder / NEW, AFTER)
    assert restore.recover(folder) is False
    assert files(folder) == BEFORE | OTHERS
    assert not (folder / WORK_FOLDER).exists()


def test_links_pipes_and_odd_names_stay_in_place(tmp_path: Path) -> None:
    folder = instance(tmp_path / "bot")
    (tmp_path / "pictures").mkdir()
    fill(tmp_path / "pictures", {"cat.png": "cat"})
    (folder / "data").mkdir()
    (folder / "data/emoji").symlink_to(tmp_path / "pictures")
    (folder / "data/back\\slash").write_text("odd")
    os.mkfifo(folder / "data/pipe")
    pending = Restore(folder)
    fill(folder / NEW, AFTER)
    pending.link_unarchivable(PATTERNS)
    pending.apply([".env", "config", "data", "bot.db"], PATTERNS)
    assert (folder / "data/emoji").readlink() == tmp_path / "pictures"
    assert files(tmp_path / "pictures") == {"cat.png": "cat"}
    assert (folder / "data/back\\slash").read_text() == "odd"
    assert (folder / "data/pipe").is_fifo()
    assert (folder / "data/a/b").read_text() == "new"


@pytest.mark.parametrize("name", ["b\udcffd.txt", "back\\slash", "new\nline", "fo\udcfflder/x"])
def test_what_matches_with_a_name_that_no_backup_can_hold_stays_in_place(tmp_path: Path, name: str) -> None:
    """Such a file, where a recipe's `keep` has a pattern for files, was said to be in the backup and to lead outside."""
    folder = instance(tmp_path / "bot")
    fill(folder, {f"config/{name}": "odd"})
    pending = Restore(folder)
    fill(folder / NEW, {"config/bot.toml": "new"})
    pending.link_unarchivable(["config/*"])
    pending.apply(["config/bot.toml"], ["config/*"])
    expected = BEFORE | OTHERS | {"config/bot.toml": "new", f"config/{name}": "odd"}
    del expected["config/extra"]
    assert files(folder) == expected


def test_an_item_that_has_become_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    folder = instance(tmp_path / "bot")
    elsewhere = tmp_path / "elsewhere"
    fill(elsewhere, {"x": "theirs"})
    (folder / "data").symlink_to(elsewhere)
    restored(folder)
    assert files(folder) == AFTER | OTHERS
    assert not (folder / "data").is_symlink()
    assert files(elsewhere) == {"x": "theirs"}


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "a/../../evil", "link/evil", WORK_FOLDER, f"{WORK_FOLDER}/new", ""]
)
def test_a_record_with_paths_outside_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    folder = instance(tmp_path / "bot")
    (tmp_path / "out").mkdir()
    (folder / "link").symlink_to(tmp_path / "out")
    pending = Restore(folder)
    with pytest.raises(InvalidPath):
        pending.apply([name], PATTERNS)
    pending.discard()
    pending = Restore(folder)
    (folder / WORK_FOLDER / "record.json").write_text(f'{{"replaced": ["{name}"], "removed": []}}')
    with pytest.raises(InvalidPath):
        restore.recover(folder)
    assert files(tmp_path / "out") == {}
    assert {n: c for n, c in files(folder).items() if not n.startswith(WORK_FOLDER)} == BEFORE | OTHERS


@pytest.mark.parametrize("content", ["", "{", "[]", '{"replaced": [1], "removed": []}'])
def test_a_damaged_record_is_an_error_and_changes_nothing(tmp_path: Path, content: str) -> None:
    folder = instance(tmp_path / "bot")
    Restore(folder)
    fill(folder / NEW, AFTER)
    (folder / WORK_FOLDER / "record.json").write_text(content)
    before = files(folder)
    with pytest.raises(InvalidPath, match="by hand"):
        Restore(folder)
    assert files(folder) == before


def test_a_work_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    folder = instance(tmp_path / "bot")
    fill(tmp_path / "out", {"x": "theirs"})
    (folder / WORK_FOLDER).symlink_to(tmp_path / "out")
    with pytest.raises(InvalidPath):
        restore.recover(folder)
    assert files(tmp_path / "out") == {"x": "theirs"}


def test_a_missing_instance_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidPath):
        Restore(tmp_path / "none")
    assert restore.recover(tmp_path / "none") is False


@pytest.mark.parametrize("failing", range(1, 9))
def test_a_restore_that_fails_midway_is_rolled_back(
    tmp_path: Path, failing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = instance(tmp_path / "bot")
    pending = Restore(folder)
    fill(folder / NEW, AFTER)
    calls = 0

    def failing_once(source: str, target: str, **folders: int) -> None:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise PermissionError(1, "Operation not permitted", source)
        rename(source, target, **folders)

    rename = os.replace
    monkeypatch.setattr(os, "replace", failing_once)
    with pytest.raises(PermissionDenied):
        pending.apply([".env", "config", "data", "bot.db"], PATTERNS)
    assert files(folder) == BEFORE | OTHERS
    assert not (folder / WORK_FOLDER).exists()


def killed_at(step: int, folder: Path) -> bool:
    """Restores in a process that is killed at its nth change of the disk. Returns whether it ended before that."""
    child = os.fork()
    if child == 0:
        calls = 0

        def counted(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **given: Any) -> Any:
                nonlocal calls
                calls += 1
                if calls == step:
                    os.kill(os.getpid(), signal.SIGKILL)
                return real(*args, **given)

            return call

        pending = Restore(folder)
        fill(folder / NEW, AFTER)
        pending.link_unarchivable(PATTERNS)
        for name in ("rename", "replace", "unlink", "rmdir", "mkdir", "fsync"):
            setattr(os, name, counted(getattr(os, name)))
        pending.apply([".env", "config", "data", "bot.db"], PATTERNS)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_restore_killed_at_any_step_is_completed_or_discarded(tmp_path: Path) -> None:
    ended, outcomes = False, []
    for step in range(1, 200):
        folder = instance(tmp_path / str(step))
        ended = killed_at(step, folder)
        recovered = restore.recover(folder)
        found = files(folder)
        assert found in (BEFORE | OTHERS, AFTER | OTHERS), step
        assert not (folder / WORK_FOLDER).exists()
        outcomes.append((recovered, found == AFTER | OTHERS))
        if ended:
            break
    assert ended
    assert outcomes[-1] == (False, True)
    assert outcomes[0] == (False, False)
    assert (True, True) in outcomes
    assert sorted(new for _, new in outcomes) == [new for _, new in outcomes], (
        "once it is begun it is completed"
    )


def test_the_next_restore_completes_an_interrupted_one(tmp_path: Path) -> None:
    folder = instance(tmp_path / "bot")
    Restore(folder)
    fill(folder / NEW, AFTER)
    record = '{"replaced": [".env", "config", "data", "bot.db"], "removed": ["bot.db-wal"]}'
    (folder / WORK_FOLDER / "record.json").write_text(record)
    later = Restore(folder)
    assert {n: c for n, c in files(folder).items() if not n.startswith(WORK_FOLDER)} == AFTER | OTHERS
    later.discard()


def test_a_file_that_appeared_during_a_restore_is_kept(tmp_path: Path) -> None:
    folder = instance(tmp_path / "bot")
    Restore(folder)
    fill(folder / NEW, {".env": "new"})
    fill(folder / WORK_FOLDER / "old", {".env": "old"})
    (folder / ".env").write_text("between")
    (folder / WORK_FOLDER / "record.json").write_text('{"replaced": [".env"], "removed": []}')
    with Root(folder) as root:
        restore._apply(root, restore._RestoreRecord((".env",), ()))
    assert files(folder / WORK_FOLDER / "old") == {".env": "old", ".env~": "between"}
    assert (folder / ".env").read_text() == "new"


@pytest.mark.parametrize("place", [".env", "config/bot.toml"])
def test_what_is_a_mount_of_its_own_is_not_replaced(tmp_path: Path, place: str) -> None:
    """A folder was moved away with the file that was mounted in it, and could be neither removed nor restored again."""
    folder = instance(tmp_path / "b o t")
    (tmp_path / "own").write_text("mounted")
    with bind_mount(tmp_path / "own", folder / place):
        before = files(folder)
        pending = Restore(folder)
        fill(folder / NEW, AFTER)
        with pytest.raises(InvalidPath, match="mount of its own"):
            pending.apply([".env", "config", "data", "bot.db"], PATTERNS)
        pending.discard()
        assert files(folder) == before
    restored(folder)
    assert files(folder) == AFTER | OTHERS


def test_a_system_error_leaves_the_files_unchanged(tmp_path: Path) -> None:
    folder = instance(tmp_path / "bot")
    (folder / WORK_FOLDER).mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / WORK_FOLDER / "s"))
        (folder / "data").write_text("a file")
        pending = Restore(folder)
    fill(folder / NEW, {"data/a/b": "new"})
    with pytest.raises(LauncherError):
        pending.apply(["data/a", "data/a/b/c"], ["none"])
    assert (folder / "data").read_text() == "a file"
