"""`mailauncher config`: listing, changing, editing and restoring configuration files."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.configured import BOT, ENV, write_configs, write_recipes
from tests.support.context import free_port
from tests.support.program import Home, home
from tests.support.screen import Screen

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shared_home() -> Iterator[Home]:
    with home() as found:
        write_recipes(found.data)
        found.serve()
        yield found


@pytest.fixture
def folder(shared_home: Home) -> Iterator[Path]:
    """The folder of a stopped bot for this test only."""
    folder = shared_home.bot(f"talker {len(list((shared_home.folder / 'bots').glob('*')))}")
    write_configs(folder)
    added = shared_home.run("add", str(folder), "--name", "talker", "--port", str(free_port()))
    assert added.returncode == 0, added.stderr
    yield folder
    shared_home.run("rm", "--yes", "talker")


def ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def editor(shared_home: Home, script: str) -> str:
    """An editor that is a shell script."""
    program = shared_home.folder / "editor"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    return str(program)


def edited(shared_home: Home, file: str, script: str) -> subprocess.CompletedProcess[str]:
    """Runs `config edit` with an editor that is a shell script."""
    program = editor(shared_home, script)
    return shared_home.run("config", "edit", "talker", file, EDITOR=program, VISUAL="")


def test_files_are_listed_and_printed(shared_home: Home, folder: Path) -> None:
    listed = ok(shared_home.run("config", "ls", "talker")).splitlines()
    assert listed[0].split() == ["NAME", "PATH", "COMPONENT"]
    assert listed[1].split() == ["bot", "config/bot_config.toml", "main"]
    assert listed[2].split() == ["model", "config/model_config.toml", "main", "not", "there", "yet"]
    assert ok(shared_home.run("config", "show", "talker", "bot")) == BOT
    assert ok(shared_home.run("config", "show", "talker", "env")) == ENV
    assert ok(shared_home.run("config", "show", "talker", "lpmm")) == ""
    assert json.loads(ok(shared_home.run("config", "show", "talker", "bot", "--json")))["version"] == "1.0.0"
    assert json.loads(ok(shared_home.run("config", "ls", "talker", "--json")))[0]["kind"] == "TOML"


def test_values_are_read_set_and_removed(shared_home: Home, folder: Path) -> None:
    assert ok(shared_home.run("config", "get", "talker", "bot", "version")) == "1.0.0\n"
    assert ok(shared_home.run("config", "get", "talker", "bot", "server.hosts.0")) == "127.0.0.1\n"
    assert ok(shared_home.run("config", "get", "talker", "bot", "webui")) == '{\n  "port": 8001\n}\n'

    assert (
        ok(shared_home.run("config", "set", "talker", "bot", "webui.port", "9001"))
        == "The configuration was updated\n"
    )
    ok(shared_home.run("config", "set", "talker", "bot", "version", "2"))  # it is a text
    ok(shared_home.run("config", "unset", "talker", "bot", "server.hosts.0"))
    ok(shared_home.run("config", "set", "talker", "env", "PORT", "9002"))
    assert (
        ok(shared_home.run("config", "set", "talker", "bot", "webui.port", "9001"))
        == "The configuration is unchanged\n"
    )

    expected = (
        BOT.replace("8001", "9001").replace("1.0.0", "2").replace('[\n    "127.0.0.1", # 本机\n]', "[]")
    )
    assert (folder / "config/bot_config.toml").read_text("utf-8") == expected
    assert "PORT=9002\n" in (folder / ".env").read_text("utf-8")
    listed = json.loads(ok(shared_home.run("ls", "--json")))
    assert next(instance for instance in listed if instance["name"] == "talker")["port"] == 9002


def test_a_file_is_edited_in_the_users_editor(shared_home: Home, folder: Path) -> None:
    done = edited(shared_home, "bot", 'sed -i s/1.0.0/1.1.0/ "$1"')
    assert ok(done) == "The configuration was updated\n"
    assert (folder / "config/bot_config.toml").read_text("utf-8") == BOT.replace("1.0.0", "1.1.0")
    done = edited(shared_home, "bot", "true")
    assert (ok(done), done.stderr) == ("", "Nothing was changed\n")


def test_an_edit_that_cannot_be_written_is_kept(shared_home: Home, folder: Path) -> None:
    broken = edited(shared_home, "bot", 'echo "a = = 1" > "$1"')
    assert broken.returncode == 2
    assert "line 1, column 5" in broken.stderr
    kept = Path(broken.stderr.split("is kept in ")[1].splitlines()[0])
    assert kept.read_text() == "a = = 1\n"
    kept.unlink()
    kept.parent.rmdir()

    overtaken = edited(shared_home, "env", f'echo "BOT=was here" > "{folder}/.env"; echo "A=1" > "$1"')
    assert overtaken.returncode == 4
    assert (folder / ".env").read_text() == "BOT=was here\n"
    kept = Path(overtaken.stderr.split("is kept in ")[1].splitlines()[0])
    kept.unlink()
    kept.parent.rmdir()


def test_an_editor_may_remove_the_file_or_leave_others(shared_home: Home, folder: Path) -> None:
    """A traceback: the file was gone (`EDITOR=rm`), or a backup that the editor made was in the folder to be removed."""
    removed = edited(shared_home, "bot", 'rm "$1"')
    assert (removed.returncode, removed.stdout) == (1, "")
    assert removed.stderr.startswith("Error COMMAND_FAILED: The editor ")
    assert removed.stderr.endswith("No such file or directory; set EDITOR to a text editor\n")
    assert "kept" not in removed.stderr
    assert (
        ok(edited(shared_home, "bot", 'sed -i.bak s/1.0.0/1.1.0/ "$1"')) == "The configuration was updated\n"
    )
    assert list(shared_home.temporary.glob("mailauncher-*")) == []


def test_at_a_terminal_an_invalid_edit_can_be_corrected(shared_home: Home, folder: Path) -> None:
    """Enter alone edits again, and the editor opens the same text."""
    script = 'grep -q "a = = 1" "$1" && echo "a = 2" > "$1" || echo "a = = 1" > "$1"'
    screen = Screen(
        shared_home, "config", "edit", "talker", "bot", EDITOR=editor(shared_home, script), VISUAL=""
    )
    try:
        screen.expect(r"line 1, column 5[\s\S]*Edit again\? \[Y/n\]")
        screen.type("\r")
        assert screen.wait() == 0
    finally:
        screen.close()
    assert (folder / "config/bot_config.toml").read_text("utf-8") == "a = 2\n"


def test_earlier_contents_are_listed_compared_and_restored(shared_home: Home, folder: Path) -> None:
    ok(shared_home.run("config", "set", "talker", "bot", "ai.api_key", "sk-other-secret"))

    lines = ok(shared_home.run("config", "history", "talker", "bot")).splitlines()
    assert lines[0].split() == ["REVISION", "TIME", "SOURCE", "BYTES"]
    assert "changed (command line)" in lines[1]  # it said "graphql", for every change
    assert "found on disk" in lines[2]
    shown = ok(shared_home.run("config", "diff", "talker", "bot"))
    assert '+api_key = "***"' in shown
    assert "secret" not in shown
    ok(shared_home.run("config", "restore", "talker", "bot", lines[2].split()[0]))
    assert (folder / "config/bot_config.toml").read_text("utf-8") == BOT
    assert len(json.loads(ok(shared_home.run("config", "history", "talker", "bot", "--json")))) == 3


def test_a_diff_since_the_start_is_shown_while_the_bot_runs(shared_home: Home, folder: Path) -> None:
    stopped = shared_home.run("config", "diff", "talker", "env", "--since-start")
    assert (stopped.returncode, stopped.stderr) == (
        4,
        "Error INSTANCE_NOT_RUNNING: talker is not running\n",
    )
    ok(shared_home.run("start", "talker"))
    unchanged = shared_home.run("config", "diff", "talker", "env", "--since-start")
    assert (ok(unchanged), unchanged.stderr) == ("", "Nothing has changed since the start\n")
    for name in ("FIRST", "SECOND"):
        ok(shared_home.run("config", "set", "talker", "env", name, "1"))
    shown = ok(shared_home.run("config", "diff", "talker", "env", "--since-start"))
    assert [line for line in shown.splitlines()[2:] if line[0] in "+-"] == ["+FIRST=1", "+SECOND=1"]
    assert shared_home.run("config", "diff", "talker", "env", "1", "--since-start").returncode == 2


@pytest.mark.parametrize("levels", [970, 3000])
def test_a_value_nested_too_deeply_is_refused(shared_home: Home, folder: Path, levels: int) -> None:
    """A traceback for many brackets, which may well be text."""
    value = "[" * levels + "]" * levels
    done = shared_home.run("config", "set", "talker", "bot", "server.hosts", value)
    assert done.returncode == 2
    assert done.stderr.startswith("Error INVALID_PARAMETER: ")
    assert len(done.stderr.splitlines()) == 1
    assert (folder / "config/bot_config.toml").read_text("utf-8") == BOT


@pytest.mark.parametrize(
    "words, status, message",
    [
        (["show", "talker", "nothing"], 3, "available: bot, model, env"),
        (["get", "talker", "bot", "a.b"], 3, "There is no a.b"),
        (["burn", "talker", "bot"], 2, "No such command 'burn'"),
        (["talker", "bot", "burn"], 2, "No such command 'talker'"),
        (["set", "talker", "bot", "a"], 2, "Missing argument 'VALUE'"),
        (["set", "talker", "bot", "server.port", "0"], 2, "between 1 and 65535"),
        (["set", "talker", "bot", "server.port", "none"], 2, "server.port is a number now"),
        (["set", "talker", "bot", "server.prot", "1"], 2, "there is server.port; to add"),
        (["get", "talker", "bot", "server.prot"], 3, "There is no server.prot, but there is server.port"),
        (["set", "talker", "env", "A B", "1"], 2, "not a valid variable name"),
        (["set", "talker", "bot", "", "1"], 2, "has an empty step"),
        (["set", "talker", "bot", "server.hosts." + "9" * 5000 + ".x", "1"], 2, "Invalid path"),
        (["set", "talker", "bot", "a", "\udcff"], 2, "An argument is not UTF-8"),
        (["restore", "talker", "bot", "x"], 2, "Invalid revision id"),
        (["restore", "talker", "bot", "9" * 5000], 2, "Invalid revision id"),
        (["restore", "talker", "bot", "999999"], 3, "Revision 999999 not found"),
    ],
)
def test_a_command_that_fails_says_why(
    shared_home: Home, folder: Path, words: list[str], status: int, message: str
) -> None:
    done = shared_home.run("config", *words)
    assert done.returncode == status
    assert message in done.stderr
    assert (folder / "config/bot_config.toml").read_text("utf-8") == BOT


def test_the_former_order_still_works(shared_home: Home, folder: Path) -> None:
    """The command came after instance and file: `config INSTANCE FILE set PATH VALUE`."""
    for former, present in [
        (["talker"], ["ls", "talker"]),
        (["talker", "--json"], ["ls", "talker", "--json"]),
        (["talker", "bot"], ["show", "talker", "bot"]),
        (["talker", "bot", "get", "version"], ["get", "talker", "bot", "version"]),
    ]:
        assert ok(shared_home.run("config", *former)) == ok(shared_home.run("config", *present))
    ok(shared_home.run("config", "talker", "bot", "set", "version", "2", "--text"))
    assert ok(shared_home.run("config", "get", "talker", "bot", "version")) == "2\n"


def test_a_port_is_replaced_in_all_files(shared_home: Home, folder: Path) -> None:
    port = free_port()
    assert ok(shared_home.run("config", "port", "talker")) == "No port is taken; nothing was changed\n"
    moved = json.loads(ok(shared_home.run("config", "port", "talker", f"main={port}", "--json")))
    assert moved["changedFiles"] == ["bot", "env"]
    assert ok(shared_home.run("config", "get", "talker", "env", "PORT")) == f"{port}\n"
    for wrong in ("main", "main=", "=8000", "main=eight", "main=-1"):
        refused = shared_home.run("config", "port", "talker", wrong)
        assert (refused.returncode, "NAME=PORT" in refused.stderr) == (2, True)
