"""`backup`, `backups` and `restore` at the command line."""

import json
import re
from pathlib import Path

import pytest

from tests.support.context import free_port
from tests.support.program import Home
from tests.support.screen import Screen

pytestmark = pytest.mark.slow


def test_a_backup_is_made_listed_and_restored(place: Home) -> None:
    folder = place.bot("bot")
    (folder / "config").mkdir()
    file = folder / "config" / "bot_config.toml"
    file.write_text("nickname = 'before'\n", "utf-8")
    place.serve()
    assert place.run("add", str(folder), "--port", str(free_port())).returncode == 0
    empty = place.run("backups", "bot")
    assert (empty.returncode, empty.stdout) == (0, "")
    message, _, backup = place.run("backup", "bot").stdout.strip().partition(": ")
    assert message == "The backup was made"
    heading, line = place.run("backups", "bot").stdout.splitlines()
    assert heading.split() == ["BACKUP", "VERSION", "SIZE"]
    assert re.fullmatch(rf"{backup} +unknown +[\d.]+ (?:B|KiB)", line)  # it was "0.0 MiB"
    (found,) = json.loads(place.run("backups", "bot", "--json").stdout)
    assert (found["id"], found["reason"]) == (backup, "MANUAL")
    file.write_text("nickname = 'after'\n", "utf-8")
    refused = place.run("restore", "bot", backup)
    assert (refused.returncode, file.read_text("utf-8")) == (2, "nickname = 'after'\n")
    restored = place.run("restore", "bot", backup, "--yes")
    assert (restored.returncode, restored.stdout) == (0, "The backup was restored\n")
    assert file.read_text("utf-8") == "nickname = 'before'\n"
    assert place.run("restore", "bot", "nothing", "--yes").returncode == 3
    assert place.run("backup", "nobody").returncode == 3
    asked(place, backup, file)
    assert place.run("backups", "bot", "--delete", backup).stdout == "The backup was deleted\n"
    assert place.run("backups", "bot", "--delete", backup).returncode == 3
    assert backup not in place.run("backups", "bot").stdout


def asked(place: Home, backup: str, file: Path) -> None:
    """At a terminal the command asks, and does nothing after a no."""
    file.write_text("nickname = 'mine'\n", "utf-8")
    for answer, status, content in (("n", 1, "nickname = 'mine'\n"), ("y", 0, "nickname = 'before'\n")):
        screen = Screen(place, "restore", "bot", backup)
        try:
            screen.expect(r"Replace configuration and data of bot .*\? \[y/N\]")
            screen.type(f"{answer}\r")
            assert screen.wait() == status
        finally:
            screen.close()
        assert file.read_text("utf-8") == content
