"""From a recipe and a folder to a command: what is run, where, with which environment."""

import sys
from pathlib import Path
from typing import Any

import pytest

from mailauncher.bots import launching
from mailauncher.bots.catalogue import SHIPPED, Catalogue
from mailauncher.bots.recipe import Recipe, Words
from mailauncher.errors import CommandFailed, InvalidParameter, InvalidPath
from mailauncher.launch import DEFAULT_STOP, Launch, StopStep
from tests.support.unprivileged import nobodys_folder

NOTHING = Words("无", "nothing")


def recipe(*run: tuple[str, ...], **more: Any) -> Recipe:
    return Recipe(name="x", kind="bot", title=NOTHING, description=NOTHING, run=run, **more)


def launch(found: Recipe, folder: Path, run_command: str | None = None, port: int = 8000) -> Launch:
    return launching.launch(found, folder, port, run_command)


def venv(folder: Path, name: str) -> str:
    """A virtual environment, as far as it matters here."""
    python = folder / name / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    return str(python)


# Which command


def test_a_maibot_is_run_with_the_servers_python_where_it_has_none(tmp_path: Path) -> None:
    (tmp_path / "bot.py").touch()
    found = launch(Catalogue(SHIPPED).get("maibot"), tmp_path)
    assert (found.argv, found.cwd) == ((sys.executable, "bot.py"), str(tmp_path))
    assert found.env["MAIBOT_WORKER_PROCESS"] == "1"
    assert found.stop[0] == StopStep("SIGINT", "process", 30)


@pytest.mark.parametrize("name", [".venv", "venv"])
def test_a_folders_own_python_is_preferred(tmp_path: Path, name: str) -> None:
    python = venv(tmp_path, name)
    assert launch(recipe(("{python}", "-V")), tmp_path).argv == (python, "-V")


def test_the_hidden_environment_is_preferred_to_the_other(tmp_path: Path) -> None:
    venv(tmp_path, "venv")
    hidden = venv(tmp_path, ".venv")
    assert launching.interpreter(tmp_path) == hidden


def test_an_environment_that_may_not_be_entered_is_none() -> None:
    with nobodys_folder() as folder:
        venv(folder, ".venv")
        (folder / ".venv").chmod(0)
        assert launching.interpreter(folder) == sys.executable


def test_the_first_command_whose_file_is_there_is_taken(tmp_path: Path) -> None:
    (tmp_path / "start.sh").touch()
    (tmp_path / "index.js").touch()
    found = launch(Catalogue(SHIPPED).get("napcat"), tmp_path)
    assert found.argv == ("bash", "./start.sh")


def test_a_command_about_no_file_is_always_there(tmp_path: Path) -> None:
    """It ended in a StopIteration, which answered with an internal error."""
    assert launch(recipe(("nowhere.sh",), ("mybot", "--all")), tmp_path).argv == ("mybot", "--all")


def test_where_nothing_can_be_run_the_files_looked_for_are_named(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"main\.py, \./start\.sh"):
        launch(recipe(("{python}", "main.py"), ("bash", "./start.sh")), tmp_path)


def test_a_folder_that_is_gone_is_said_to_be_gone(tmp_path: Path) -> None:
    with pytest.raises(InvalidPath) as caught:
        launch(recipe(("true",)), tmp_path / "gone")
    assert caught.value.field == "path"


def test_a_recipe_decides_how_it_is_stopped_and_with_which_variables(tmp_path: Path) -> None:
    found = launch(recipe(("true",), env={"A": "1"}, stop=(StopStep("SIGTERM"),)), tmp_path)
    assert found.env["A"] == "1"
    assert found.stop == (StopStep("SIGTERM"),)
    assert launch(recipe(("true",)), tmp_path).stop == DEFAULT_STOP


def test_readiness_is_told_by_the_instances_own_port(tmp_path: Path) -> None:
    (tmp_path / "bot.py").touch()
    ready = launch(Catalogue(SHIPPED).get("maibot"), tmp_path, port=8123).ready
    assert ready is not None
    assert ready.port == 8123
    assert launch(recipe(("true",)), tmp_path).ready is None


# The user's own command


def test_a_run_command_takes_the_recipes_place(tmp_path: Path) -> None:
    python = venv(tmp_path, "venv")
    found = launch(recipe(("bash", "./start.sh")), tmp_path, "{python} -X dev 'my bot.py' --name=a\\ b")
    assert found.argv == (python, "-X", "dev", "my bot.py", "--name=a b")


def test_no_shell_sees_a_run_command() -> None:
    assert launching.split("echo $HOME; rm -rf ~ | cat > x && `id` # no") == (
        "echo",
        "$HOME;",
        "rm",
        "-rf",
        "~",
        "|",
        "cat",
        ">",
        "x",
        "&&",
        "`id`",
        "#",
        "no",
    )


@pytest.mark.parametrize("command", ["", "   ", "\n", "'open", 'a "b', "a\\", "a\0b", "''", '"" x'])
def test_a_run_command_that_cannot_be_taken_apart_is_refused(command: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        launching.split(command)
    assert caught.value.field == "run_cmd"


# The environment


def test_the_servers_own_variables_stay_with_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOST", "PORT", "MAILAUNCHER_TOKEN", "MAILAUNCHER_ANYTHING"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("SOMETHING", "kept")
    env = launch(recipe(("true",)), tmp_path).env
    assert not {"HOST", "PORT", "MAILAUNCHER_TOKEN", "MAILAUNCHER_ANYTHING"} & env.keys()
    assert env["SOMETHING"] == "kept"


def test_a_recipe_may_set_what_the_server_keeps_to_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "23456")
    assert launch(recipe(("true",), env={"PORT": "8000"}), tmp_path).env["PORT"] == "8000"


@pytest.mark.parametrize("locale", ["", "C", "POSIX", "zh_CN.GBK"])
def test_a_bot_speaks_utf8_whatever_the_server_speaks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locale: str
) -> None:
    for name in ("LC_ALL", "LC_CTYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", locale)
    env = launch(recipe(("true",)), tmp_path).env
    assert (env["LC_ALL"], env["PYTHONIOENCODING"]) == ("C.UTF-8", "utf-8")


def test_a_locale_that_is_utf8_already_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_CTYPE", raising=False)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    env = launch(recipe(("true",)), tmp_path).env
    assert "LC_ALL" not in env
    assert env["LANG"] == "zh_CN.UTF-8"


def test_a_bot_knows_that_it_has_a_terminal(tmp_path: Path) -> None:
    assert launch(recipe(("true",)), tmp_path).env["TERM"] == "xterm-256color"
