"""Putting a backup's files in place: all of them or none, whatever is killed in the middle."""

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailauncher.bots import exchange
from mailauncher.bots.exchange import PLACE, Exchange
from mailauncher.errors import InvalidPath, LauncherError, PermissionDenied

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


def exchanged(folder: Path) -> None:
    begun = Exchange(folder)
    fill(begun.new, AFTER)
    begun.prepare(PATTERNS)
    begun.carry_out([".env", "config", "data", "bot.db"], PATTERNS)


def test_what_matches_is_exchanged_and_nothing_else(tmp_path: Path) -> None:
    folder = instance(tmp_path / "bot")
    exchanged(folder)
    assert files(folder) == AFTER | OTHERS
    assert not (folder / PLACE).exists()


def test_what_was_never_begun_leaves_nothing(tmp_path: Path) -> None:
    folder = instance(tmp_path / "bot")
    begun = Exchange(folder)
    fill(begun.new, AFTER)
    begun.abandon()
    assert files(folder) == BEFORE | OTHERS
    assert not (folder / PLACE).exists()


def test_remains_of_what_was_never_begun_are_cleared_away(tmp_path: Path) -> None:
    folder = instance(tmp_path / "bot")
    fill(Exchange(folder).new, AFTER)
    assert exchange.settle(folder) is False
    assert files(folder) == BEFORE | OTHERS
    assert not (folder / PLACE).exists()


def test_links_and_odd_things_stay_where_they_are(tmp_path: Path) -> None:
    folder = instance(tmp_path / "bot")
    (tmp_path / "pictures").mkdir()
    fill(tmp_path / "pictures", {"cat.png": "cat"})
    (folder / "data").mkdir()
    (folder / "data/emoji").symlink_to(tmp_path / "pictures")
    (folder / "data/back\\slash").write_text("odd")
    os.mkfifo(folder / "data/pipe")
    begun = Exchange(folder)
    fill(begun.new, AFTER)
    begun.prepare(PATTERNS)
    begun.carry_out([".env", "config", "data", "bot.db"], PATTERNS)
    assert (folder / "data/emoji").readlink() == tmp_path / "pictures"
    assert files(tmp_path / "pictures") == {"cat.png": "cat"}
    assert (folder / "data/back\\slash").read_text() == "odd"
    assert (folder / "data/pipe").is_fifo()
    assert (folder / "data/a/b").read_text() == "new"


def test_an_item_that_has_become_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    folder = instance(tmp_path / "bot")
    elsewhere = tmp_path / "elsewhere"
    fill(elsewhere, {"x": "theirs"})
    (folder / "data").symlink_to(elsewhere)
    exchanged(folder)
    assert files(folder) == AFTER | OTHERS
    assert not (folder / "data").is_symlink()
    assert files(elsewhere) == {"x": "theirs"}


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "a/../../evil", "link/evil", PLACE, f"{PLACE}/new", ""]
)
def test_a_record_that_leads_out_is_not_followed(tmp_path: Path, name: str) -> None:
    folder = instance(tmp_path / "bot")
    (tmp_path / "out").mkdir()
    (folder / "link").symlink_to(tmp_path / "out")
    begun = Exchange(folder)
    with pytest.raises(InvalidPath):
        begun.carry_out([name], PATTERNS)
    begun.abandon()
    begun = Exchange(folder)
    (folder / PLACE / "record.json").write_text(f'{{"replaced": ["{name}"], "removed": []}}')
    with pytest.raises(InvalidPath):
        exchange.settle(folder)
    assert files(tmp_path / "out") == {}
    assert {n: c for n, c in files(folder).items() if not n.startswith(PLACE)} == BEFORE | OTHERS


@pytest.mark.parametrize("content", ["", "{", "[]", '{"replaced": [1], "removed": []}'])
def test_a_damaged_record_is_an_error_and_nothing_is_touched(tmp_path: Path, content: str) -> None:
    folder = instance(tmp_path / "bot")
    fill(Exchange(folder).new, AFTER)
    (folder / PLACE / "record.json").write_text(content)
    before = files(folder)
    with pytest.raises(InvalidPath, match="by hand"):
        Exchange(folder)
    assert files(folder) == before


def test_a_place_that_is_a_link_is_not_entered(tmp_path: Path) -> None:
    folder = instance(tmp_path / "bot")
    fill(tmp_path / "out", {"x": "theirs"})
    (folder / PLACE).symlink_to(tmp_path / "out")
    with pytest.raises(InvalidPath):
        exchange.settle(folder)
    assert files(tmp_path / "out") == {"x": "theirs"}


def test_a_folder_that_is_gone_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidPath):
        Exchange(tmp_path / "none")
    assert exchange.settle(tmp_path / "none") is False


@pytest.mark.parametrize("failing", range(1, 9))
def test_an_exchange_that_fails_half_way_is_undone(
    tmp_path: Path, failing: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = instance(tmp_path / "bot")
    begun = Exchange(folder)
    fill(begun.new, AFTER)
    calls, rename = 0, Path.rename

    def fails_once(path: Path, to: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise PermissionError(1, "Operation not permitted", str(path))
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", fails_once)
    with pytest.raises(PermissionDenied):
        begun.carry_out([".env", "config", "data", "bot.db"], PATTERNS)
    assert files(folder) == BEFORE | OTHERS
    assert not (folder / PLACE).exists()


def killed_at(step: int, folder: Path) -> bool:
    """Exchanges in a process that is killed at its nth change of the disk; whether it ended before that."""
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

        begun = Exchange(folder)
        fill(begun.new, AFTER)
        begun.prepare(PATTERNS)
        for name in ("rename", "unlink", "rmdir", "mkdir", "fsync"):
            setattr(os, name, counted(getattr(os, name)))
        begun.carry_out([".env", "config", "data", "bot.db"], PATTERNS)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in (0, signal.SIGKILL)
    return status == 0


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_kill_at_any_step_leaves_all_or_nothing_and_the_next_start_completes_it(tmp_path: Path) -> None:
    ended, outcomes = False, []
    for step in range(1, 200):
        folder = instance(tmp_path / str(step))
        ended = killed_at(step, folder)
        settled = exchange.settle(folder)
        found = files(folder)
        assert found in (BEFORE | OTHERS, AFTER | OTHERS), step
        assert not (folder / PLACE).exists()
        outcomes.append((settled, found == AFTER | OTHERS))
        if ended:
            break
    assert ended
    assert outcomes[-1] == (False, True)
    assert outcomes[0] == (False, False)
    assert (True, True) in outcomes
    assert sorted(new for _, new in outcomes) == [new for _, new in outcomes], (
        "once it is begun it is completed"
    )


def test_an_exchange_can_be_settled_by_the_next(tmp_path: Path) -> None:
    folder = instance(tmp_path / "bot")
    begun = Exchange(folder)
    fill(begun.new, AFTER)
    record = '{"replaced": [".env", "config", "data", "bot.db"], "removed": ["bot.db-wal"]}'
    (folder / PLACE / "record.json").write_text(record)
    following = Exchange(folder)
    assert {n: c for n, c in files(folder).items() if not n.startswith(PLACE)} == AFTER | OTHERS
    following.abandon()


def test_something_that_came_between_is_not_lost(tmp_path: Path) -> None:
    folder = instance(tmp_path / "bot")
    begun = Exchange(folder)
    fill(begun.new, {".env": "new"})
    fill(folder / PLACE / "old", {".env": "old"})
    (folder / ".env").write_text("between")
    (folder / PLACE / "record.json").write_text('{"replaced": [".env"], "removed": []}')
    exchange._exchange(folder, exchange._Record((".env",), ()))
    assert files(folder / PLACE / "old") == {".env": "old", ".env~": "between"}
    assert (folder / ".env").read_text() == "new"


def test_an_error_of_the_system_has_its_reason(tmp_path: Path) -> None:
    folder = instance(tmp_path / "bot")
    (folder / PLACE).mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / PLACE / "s"))
        (folder / "data").write_text("a file")
        begun = Exchange(folder)
    fill(begun.new, {"data/a/b": "new"})
    with pytest.raises(LauncherError):
        begun.carry_out(["data/a", "data/a/b/c"], ["none"])
    assert (folder / "data").read_text() == "a file"
