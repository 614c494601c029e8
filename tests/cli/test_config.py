"""`mailauncher config`: the configuration files of an instance, as a user edits them."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.configured import BOT, ENV, write_configs, write_recipes
from tests.support.context import free_port
from tests.support.program import Home, home

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def house() -> Iterator[Home]:
    with home() as found:
        write_recipes(found.data)
        found.serve()
        yield found


@pytest.fixture
def folder(house: Home) -> Iterator[Path]:
    """The folder of a stopped bot of this test's own."""
    folder = house.bot(f"talker {len(list((house.folder / 'bots').glob('*')))}")
    write_configs(folder)
    added = house.run("add", str(folder), "--name", "talker", "--port", str(free_port()))
    assert added.returncode == 0, added.stderr
    yield folder
    house.run("rm", "--yes", "talker")


def ok(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


def edited(house: Home, file: str, script: str) -> subprocess.CompletedProcess[str]:
    """The file after an editor that runs a script with its name."""
    program = house.folder / "editor"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o700)
    return house.run("config", "talker", file, "edit", EDITOR=str(program), VISUAL="")


def test_files_are_listed_and_printed(house: Home, folder: Path) -> None:
    listed = ok(house.run("config", "talker")).splitlines()
    assert listed[0].split() == ["NAME", "PATH", "OF"]
    assert listed[1].split() == ["bot", "config/bot_config.toml", "main"]
    assert listed[2].split() == ["model", "config/model_config.toml", "main", "not", "there", "yet"]
    assert ok(house.run("config", "talker", "bot")) == BOT
    assert ok(house.run("config", "talker", "env")) == ENV
    assert ok(house.run("config", "talker", "lpmm")) == ""
    assert json.loads(ok(house.run("config", "talker", "bot", "--json")))["version"] == "1.0.0"
    assert json.loads(ok(house.run("config", "talker", "--json")))[0]["kind"] == "TOML"


def test_values_are_got_set_and_unset(house: Home, folder: Path) -> None:
    assert ok(house.run("config", "talker", "bot", "get", "version")) == "1.0.0\n"
    assert ok(house.run("config", "talker", "bot", "get", "server.hosts.0")) == "127.0.0.1\n"
    assert ok(house.run("config", "talker", "bot", "get", "webui")) == '{\n  "port": 8001\n}\n'

    assert (
        ok(house.run("config", "talker", "bot", "set", "webui.port", "9001"))
        == "The configuration was changed\n"
    )
    ok(house.run("config", "talker", "bot", "set", "version", "2", "--text"))
    ok(house.run("config", "talker", "bot", "unset", "server.hosts.0"))
    ok(house.run("config", "talker", "env", "set", "PORT", "9002"))
    assert (
        ok(house.run("config", "talker", "bot", "set", "webui.port", "9001"))
        == "There was nothing to change\n"
    )

    expected = (
        BOT.replace("8001", "9001").replace("1.0.0", "2").replace('[\n    "127.0.0.1", # 本机\n]', "[]")
    )
    assert (folder / "config/bot_config.toml").read_text("utf-8") == expected
    assert "PORT=9002\n" in (folder / ".env").read_text("utf-8")
    listed = json.loads(ok(house.run("ls", "--json")))
    assert next(instance for instance in listed if instance["name"] == "talker")["port"] == 9002


def test_a_file_is_edited_in_the_users_editor(house: Home, folder: Path) -> None:
    done = edited(house, "bot", 'sed -i s/1.0.0/1.1.0/ "$1"')
    assert ok(done) == "The configuration was changed\n"
    assert (folder / "config/bot_config.toml").read_text("utf-8") == BOT.replace("1.0.0", "1.1.0")
    done = edited(house, "bot", "true")
    assert (ok(done), done.stderr) == ("", "Nothing was changed\n")


def test_an_edit_that_went_wrong_is_kept(house: Home, folder: Path) -> None:
    broken = edited(house, "bot", 'echo "a = = 1" > "$1"')
    assert broken.returncode == 2
    assert "line 1, column 5" in broken.stderr
    kept = Path(broken.stderr.split("is kept in ")[1].splitlines()[0])
    assert kept.read_text() == "a = = 1\n"
    kept.unlink()
    kept.parent.rmdir()

    overtaken = edited(house, "env", f'echo "BOT=was here" > "{folder}/.env"; echo "A=1" > "$1"')
    assert overtaken.returncode == 4
    assert (folder / ".env").read_text() == "BOT=was here\n"
    kept = Path(overtaken.stderr.split("is kept in ")[1].splitlines()[0])
    kept.unlink()
    kept.parent.rmdir()


def test_earlier_contents_are_listed_compared_and_restored(house: Home, folder: Path) -> None:
    ok(house.run("config", "talker", "bot", "set", "ai.api_key", "sk-other-secret"))

    lines = ok(house.run("config", "talker", "bot", "history")).splitlines()
    assert lines[0].split() == ["REVISION", "AT", "SOURCE", "BYTES"]
    assert "changed (graphql)" in lines[1]
    assert "found on disk" in lines[2]
    shown = ok(house.run("config", "talker", "bot", "diff"))
    assert '+api_key = "***"' in shown
    assert "secret" not in shown
    ok(house.run("config", "talker", "bot", "restore", lines[2].split()[0]))
    assert (folder / "config/bot_config.toml").read_text("utf-8") == BOT
    assert len(json.loads(ok(house.run("config", "talker", "bot", "history", "--json")))) == 3


@pytest.mark.parametrize(
    "words, status, said",
    [
        (["nothing"], 3, "there are: bot, model, env"),
        (["bot", "get", "a.b"], 3, "There is no a.b"),
        (["bot", "burn"], 2, "Unknown action burn"),
        (["bot", "set", "a"], 2, "another number of arguments"),
        (["bot", "set", "server.port", "none"], 2, "between 1 and 65535"),
        (["env", "set", "A B", "1"], 2, "no name for a variable"),
        (["bot", "restore", "x"], 2, "no id of a revision"),
        (["bot", "restore", "999999"], 3, "There is no revision"),
    ],
)
def test_what_cannot_be_is_said(house: Home, folder: Path, words: list[str], status: int, said: str) -> None:
    done = house.run("config", "talker", *words)
    assert done.returncode == status
    assert said in done.stderr
    assert (folder / "config/bot_config.toml").read_text("utf-8") == BOT
