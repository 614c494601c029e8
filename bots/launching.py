"""Builds the launch command of a program from its recipe and folder."""

import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from types import MappingProxyType

from bots import run_command as run_commands
from bots.recipe import Login, Recipe
from mailauncher.errors import CommandFailed, InvalidPath
from mailauncher.files import exists, is_folder
from mailauncher.launch import Launch, Readiness, child_environment

NO_PORTS: Mapping[str, int] = MappingProxyType({})
NO_ENVIRONMENT: Mapping[str, str] = MappingProxyType({})
_ACCOUNT = re.compile(r"[0-9A-Za-z-]{1,32}")
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_.-]*)\}")


def fill(text: str, ports: Mapping[str, int]) -> str:
    """The text with placeholders (`{main}`, `{napcat.ws}`) replaced by ports; unknown placeholders stay."""
    return _PLACEHOLDER.sub(lambda found: str(ports.get(found[1], found[0])), text)


def launch(
    recipe: Recipe,
    folder: Path,
    port: int,
    run_command: str | None,
    ports: Mapping[str, int] = NO_PORTS,
    extra: Mapping[str, str] = NO_ENVIRONMENT,
) -> Launch:
    """The launch command for a program in its folder. `ports` replace placeholders in the recipe's environment and in
    `extra`, which adds to it. Reads the folder: call it off the event loop.

    Raises InvalidPath if there is no such folder, CommandFailed if it contains nothing to run, InvalidParameter for an
    invalid run command.
    """
    if not is_folder(folder):
        raise InvalidPath(
            f"文件夹不存在，或无权访问：{folder}",
            f"No such folder, or no access to it: {folder}",
            field="path",
        )
    argv = run_commands.split(run_command) if run_command else command_in(recipe, folder)
    filled = tuple(word.replace("{python}", interpreter(folder)) for word in argv)
    ready = None
    if recipe.ready is not None:
        ready = Readiness(
            port=port if recipe.ready.port else 0, line=recipe.ready.line, within_s=recipe.ready.within_s
        )
    own = {name: fill(value, ports) for name, value in {**recipe.env, **extra}.items()}
    account = login_account(recipe, folder)
    env = child_environment() | ({recipe.login.env: account} if recipe.login and account else {}) | own
    return Launch(
        argv=filled,
        cwd=str(folder),
        env=env,
        stop=recipe.stop,
        ready=ready,
        login=recipe.login.signs if recipe.login else None,
    )


def login_files(login: Login, folder: Path) -> dict[Path, str]:
    """The files of accounts that have logged in, each with its account."""
    before, _, after = PurePosixPath(login.files).name.partition("*")
    found = {}
    with suppress(OSError):
        for file in sorted((folder / login.files).parent.iterdir()):
            account = file.name.removeprefix(before).removesuffix(after)
            if file.name == before + account + after and _ACCOUNT.fullmatch(account):
                found[file] = account
    return found


def login_account(recipe: Recipe, folder: Path) -> str | None:
    """The account with which the program logs in again; None if it had none, or several."""
    accounts = set(login_files(recipe.login, folder).values()) if recipe.login else set()
    return accounts.pop() if len(accounts) == 1 else None


def interpreter(folder: Path) -> str:
    """The folder's own Python (`.venv`, then `venv`), else the Python of the server."""
    places = [folder / name / "bin" / "python" for name in (".venv", "venv")]
    return next((str(place) for place in places if exists(place)), sys.executable)


def command_in(recipe: Recipe, folder: Path) -> tuple[str, ...]:
    """The recipe's command for what is in the folder. Raises CommandFailed if nothing of it is. Reads the folder."""
    files = [_file(argv) for argv in recipe.run]
    for argv, file in zip(recipe.run, files, strict=True):
        if not file or exists(folder / file):
            return argv
    names = ", ".join(files)
    raise CommandFailed(f"{folder} 中没有可运行的文件（{names}）", f"Nothing to run in {folder} ({names})")


def _file(argv: tuple[str, ...]) -> str:
    """The file that a recipe's command runs; empty if it names none."""
    words = (word for word in argv if not word.startswith("{") and ("." in word or "/" in word))
    return next(words, "")
