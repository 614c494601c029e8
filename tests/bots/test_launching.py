"""Building launch commands: what is run, where, and with which environment."""

import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bots import launching, run_command
from bots.catalogue import SHIPPED, Catalogue
from bots.recipe import BilingualText, Login, Recipe
from mailauncher.errors import CommandFailed, InvalidParameter, InvalidPath
from mailauncher.launch import DEFAULT_STOP, Launch, StopStep
from tests.support.growth import require_linear
from tests.support.unprivileged import nobodys_folder

NOTHING = BilingualText("无", "nothing")


def recipe(*run: tuple[str, ...], **more: Any) -> Recipe:
    return Recipe(name="x", kind="bot", title=NOTHING, description=NOTHING, run=run, **more)


def launch(found: Recipe, folder: Path, run_command: str | None = None, port: int = 8000) -> Launch:
    return launching.launch(found, folder, port, run_command)


def venv(folder: Path, name: str) -> str:
    """A virtual environment, as far as the tests need it."""
    python = folder / name / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    return str(python)


# Which command


def test_a_maibot_without_an_environment_runs_with_the_servers_python(tmp_path: Path) -> None:
    (tmp_path / "bot.py").touch()
    found = launch(Catalogue(SHIPPED).get("maibot"), tmp_path)
    assert (found.argv, found.cwd) == ((sys.executable, "bot.py"), str(tmp_path))
    assert found.env["MAIBOT_WORKER_PROCESS"] == "1"
    assert found.stop[0] == StopStep("SIGINT", "process", 30)


@pytest.mark.parametrize("name", [".venv", "venv"])
def test_a_folders_own_python_is_preferred(tmp_path: Path, name: str) -> None:
    python = venv(tmp_path, name)
    assert launch(recipe(("{python}", "-V")), tmp_path).argv == (python, "-V")


def test_dot_venv_is_preferred_to_venv(tmp_path: Path) -> None:
    venv(tmp_path, "venv")
    hidden = venv(tmp_path, ".venv")
    assert launching.interpreter(tmp_path) == hidden


def test_an_inaccessible_environment_is_ignored() -> None:
    with nobodys_folder() as folder:
        venv(folder, ".venv")
        (folder / ".venv").chmod(0)
        assert launching.interpreter(folder) == sys.executable


def test_the_first_command_whose_file_exists_is_used(tmp_path: Path) -> None:
    (tmp_path / "start.sh").touch()
    (tmp_path / "index.js").touch()
    found = launch(Catalogue(SHIPPED).get("napcat"), tmp_path)
    assert found.argv == ("bash", "./start.sh")


def test_a_command_without_a_file_is_always_usable(tmp_path: Path) -> None:
    """It raised StopIteration, which became an internal error."""
    assert launch(recipe(("nowhere.sh",), ("mybot", "--all")), tmp_path).argv == ("mybot", "--all")


def test_if_nothing_can_be_run_the_expected_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"main\.py, \./start\.sh"):
        launch(recipe(("{python}", "main.py"), ("bash", "./start.sh")), tmp_path)


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InvalidPath) as caught:
        launch(recipe(("true",)), tmp_path / "gone")
    assert caught.value.field == "path"


def test_a_folder_or_file_that_cannot_be_looked_for_is_reported(tmp_path: Path) -> None:
    """Both were internal errors: `Permission denied` and `File name too long`."""
    with nobodys_folder() as folder:
        (folder / "closed").mkdir(0)
        with pytest.raises(InvalidPath, match="no access"):
            launch(recipe(("true",)), folder / "closed" / "bot")
    with pytest.raises(CommandFailed, match="Nothing to run"):
        launch(recipe((f"./{'a' * 300}",)), tmp_path)


def test_stop_steps_and_variables_come_from_the_recipe(tmp_path: Path) -> None:
    found = launch(recipe(("true",), env={"A": "1"}, stop=(StopStep("SIGTERM"),)), tmp_path)
    assert found.env["A"] == "1"
    assert found.stop == (StopStep("SIGTERM"),)
    assert launch(recipe(("true",)), tmp_path).stop == DEFAULT_STOP


def test_readiness_uses_the_instances_own_port(tmp_path: Path) -> None:
    (tmp_path / "bot.py").touch()
    ready = launch(Catalogue(SHIPPED).get("maibot"), tmp_path, port=8123).ready
    assert ready is not None
    assert ready.port == 8123
    assert launch(recipe(("true",)), tmp_path).ready is None


# The user's own command


def test_a_run_command_replaces_the_recipes_commands(tmp_path: Path) -> None:
    python = venv(tmp_path, "venv")
    found = launch(recipe(("bash", "./start.sh")), tmp_path, "{python} -X dev 'my bot.py' --name=a\\ b")
    assert found.argv == (python, "-X", "dev", "my bot.py", "--name=a b")


def test_a_run_command_is_not_run_by_a_shell() -> None:
    assert run_command.split("echo $HOME ~ `id` # * ->") == ("echo", "$HOME", "~", "`id`", "#", "*", "->")
    assert run_command.split("bash -c 'cd x && exec ./bot > log &'")[-1] == "cd x && exec ./bot > log &"


@pytest.mark.parametrize(
    "typed, named, instead",
    [
        ("source .venv/bin/activate && python bot.py", "`source`", "bash -c 'source .venv/bin/activate && p"),
        ("cd sub && python3 bot.py", "`cd`", "bash -c 'cd sub && python3 bot.py'"),
        ("cd sub; ./bot", "`cd`", "bash -c 'cd sub; ./bot'"),
        ("./prepare && ./bot", "`&&`", "bash -c './prepare && ./bot'"),
        ("PORT=8000 python3 bot.py", "`PORT=8000`", "env PORT=8000 python3 bot.py"),
        ("python3 bot.py > bot.log 2>&1", "`>`", "bash -c 'python3 bot.py > bot.log 2>&1'"),
        ("python3 bot.py 2>&1", "`2>&1`", "bash -c"),
        ("python3 bot.py >>bot.log", "`>>bot.log`", "bash -c"),
        ("yes | python3 bot.py", "`|`", "bash -c"),
        ("python3 bot.py &", "`&`", "Leave out"),
        ("nohup ./start.sh&", "`./start.sh&`", "Leave out"),
        (r"C:\Python\python.exe bot.py", r"C:\Python\python.exe", "use / instead"),
        (r"python src\bot.py", r"src\bot.py", "use / instead"),
    ],
)
def test_what_only_a_shell_could_do_is_refused_with_the_way_to_write_it(
    typed: str, named: str, instead: str
) -> None:
    """`source` was looked for as a program in /bin, a bot got `>` as an argument, and backslashes were lost."""
    with pytest.raises(InvalidParameter) as refused:
        run_command.split(typed)
    assert refused.value.field == "run_cmd"
    for text in (refused.value.text.zh, refused.value.text.en):
        assert named.strip("`") in text
    assert instead in refused.value.text.en


def test_a_recipe_whose_command_needs_a_shell_is_invalid() -> None:
    with pytest.raises(ValueError, match=r"run: No shell .*bash -c"):
        recipe(("python3", "bot.py", ">", "log"))


@pytest.mark.parametrize("command", ["", "   ", "\n", "'open", 'a "b', "a\\", "a\0b", "''", '"" x'])
def test_an_invalid_run_command_is_refused(command: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        run_command.split(command)
    assert caught.value.field == "run_cmd"


# The environment


def test_the_servers_own_variables_are_not_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOST", "PORT", "MAILAUNCHER_TOKEN", "MAILAUNCHER_ANYTHING"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("SOMETHING", "kept")
    env = launch(recipe(("true",)), tmp_path).env
    assert not {"HOST", "PORT", "MAILAUNCHER_TOKEN", "MAILAUNCHER_ANYTHING"} & env.keys()
    assert env["SOMETHING"] == "kept"


def test_a_recipe_may_set_variables_that_are_not_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "23456")
    assert launch(recipe(("true",), env={"PORT": "8000"}), tmp_path).env["PORT"] == "8000"


@pytest.mark.parametrize("locale", ["", "C", "POSIX", "zh_CN.GBK"])
def test_a_bot_gets_a_utf8_locale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locale: str) -> None:
    for name in ("LC_ALL", "LC_CTYPE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", locale)
    env = launch(recipe(("true",)), tmp_path).env
    assert (env["LC_ALL"], env["PYTHONIOENCODING"]) == ("C.UTF-8", "utf-8")


def test_an_existing_utf8_locale_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_CTYPE", raising=False)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    env = launch(recipe(("true",)), tmp_path).env
    assert "LC_ALL" not in env
    assert env["LANG"] == "zh_CN.UTF-8"


def test_a_bot_gets_a_terminal_type(tmp_path: Path) -> None:
    assert launch(recipe(("true",)), tmp_path).env["TERM"] == "xterm-256color"


@pytest.mark.parametrize(
    "before, repeated, after",
    [("", "a", ""), ("", r"\"", ""), ("'", "&", " x'"), ("", r"\\", "-"), ("x ", "'\\'", "")],
)
def test_a_run_command_costs_in_proportion_to_its_length(before: str, repeated: str, after: str) -> None:
    """80,000 times `a` kept the server for seconds, and again at each start: each letter was tried as the beginning of a path."""

    def cost(times: int) -> float:
        typed = before + repeated * (1000 * times // len(repeated)) + after
        began = time.process_time()
        for _ in range(3):
            run_command.split(typed)
        return time.process_time() - began

    require_linear(cost)


def test_a_run_command_that_is_too_long_is_refused_before_it_is_parsed() -> None:
    """80,000 characters were stored, and parsed in quadratic time; the error of another repeated all of it."""
    longest = "a" * run_command.LIMIT
    assert run_command.split(longest) == (longest,)
    with pytest.raises(
        InvalidParameter, match=r"at most 4096 characters, and this one has 80000: put it into"
    ):
        run_command.split('"' * 80_000)
    with pytest.raises(ValueError, match="run: A run command has at most 4096 characters"):
        recipe(("python3", longest))
    quotes, letters = "'" * 4000, "x" * 4000
    for typed in (f"cd {quotes}", f"./bot {letters} &&", rf"{letters}\a", f"{letters}&"):
        with pytest.raises(InvalidParameter) as refused:
            run_command.split(typed)
        assert len(refused.value.text.en) < 1200


@pytest.mark.parametrize(
    "typed, words",
    [
        (r"say \" C:\bot \"", None),
        (r'say "C:\bot"', ("say", r"C:\bot")),
        (r"say 'C:\bot'", ("say", r"C:\bot")),
        (r"say \"x y\" \ ", ("say", '"x', 'y"', " ")),
        (r"say C:\\bot", None),
        (r"say \\\\bot", None),
    ],
)
def test_a_backslash_that_is_quoted_or_quotes_is_no_path(typed: str, words: tuple[str, ...] | None) -> None:
    """An escaped quotation mark was taken for the beginning of what is quoted, and hid a path behind it."""
    if words is not None:
        assert run_command.split(typed) == words
        return
    with pytest.raises(InvalidParameter):
        run_command.split(typed)


def test_a_program_logs_in_again_with_the_one_account_that_it_had(tmp_path: Path) -> None:
    """Each restart of NapCat ended at a code to scan."""
    napcat = Catalogue(SHIPPED).get("napcat").of("1.2.1")
    (tmp_path / "config").mkdir()
    (tmp_path / "main.py").touch()
    accounts = []
    for name in (
        "onebot11.json",
        "onebot11_.json",
        "onebot11_10001.json",
        "napcat_10001.json",
        "onebot11_10002.json",
    ):
        (tmp_path / "config" / name).touch()
        accounts.append(launch(napcat, tmp_path).env.get("NAPCAT_QUICK_ACCOUNT"))
    assert accounts == [None, None, "10001", "10001", None]


@pytest.mark.parametrize("files", ["config/account.json", "con*/account.json", "*_*.json", "../*.json"])
def test_a_pattern_of_accounts_has_one_star_in_the_files_name(files: str) -> None:
    with pytest.raises(ValueError, match=r"must have one|relative"):
        Login(files, "ACCOUNT")
