"""From a recipe and a folder to a command that can be run."""

import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from mailauncher.bots.catalogue import exists
from mailauncher.bots.recipe import Recipe
from mailauncher.errors import CommandFailed, InvalidParameter, InvalidPath
from mailauncher.launch import Launch, Readiness, child_environment

NO_PORTS: Mapping[str, int] = MappingProxyType({})
NO_ENVIRONMENT: Mapping[str, str] = MappingProxyType({})
_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_.-]*)\}")


def fill(text: str, ports: Mapping[str, int]) -> str:
    """A text with its placeholders (`{main}`, `{napcat.ws}`) replaced by ports; one that is none of these stays."""
    return _PLACEHOLDER.sub(lambda found: str(ports.get(found[1], found[0])), text)


def launch(
    recipe: Recipe,
    folder: Path,
    port: int,
    run_command: str | None,
    ports: Mapping[str, int] = NO_PORTS,
    extra: Mapping[str, str] = NO_ENVIRONMENT,
) -> Launch:
    """The command for a program in its folder, with `ports` filled into the recipe's environment and into `extra`, which
    adds to that. Reads the folder: call it off the loop.

    Raises InvalidPath for a folder that is gone, CommandFailed when nothing in it can be run, InvalidParameter for a run
    command that cannot be taken apart.
    """
    if not folder.is_dir():
        raise InvalidPath(f"文件夹不存在：{folder}", f"No such folder: {folder}", field="path")
    argv = split(run_command) if run_command else _candidate(recipe, folder)
    filled = tuple(word.replace("{python}", interpreter(folder)) for word in argv)
    ready = None
    if recipe.ready is not None:
        ready = Readiness(
            port=port if recipe.ready.port else 0, line=recipe.ready.line, within_s=recipe.ready.within_s
        )
    own = {name: fill(value, ports) for name, value in {**recipe.env, **extra}.items()}
    env = child_environment() | own
    return Launch(argv=filled, cwd=str(folder), env=env, stop=recipe.stop, ready=ready)


def split(run_command: str) -> tuple[str, ...]:
    """A run command as words, as a POSIX shell would split it. No shell runs it. Raises InvalidParameter."""
    try:
        words = tuple(shlex.split(run_command))
    except ValueError as error:
        raise InvalidParameter(
            f"运行命令无效：{error}", f"Invalid run command: {error}", field="run_cmd"
        ) from None
    if not any(words[:1]) or "\0" in run_command:
        raise InvalidParameter("运行命令为空", "The run command is empty", field="run_cmd")
    return words


def interpreter(folder: Path) -> str:
    """The folder's own Python (`.venv`, then `venv`), else the one that runs the server."""
    places = [folder / name / "bin" / "python" for name in (".venv", "venv")]
    return next((str(place) for place in places if exists(place)), sys.executable)


def _candidate(recipe: Recipe, folder: Path) -> tuple[str, ...]:
    files = [_file(argv) for argv in recipe.run]
    for argv, file in zip(recipe.run, files, strict=True):
        if not file or exists(folder / file):
            return argv
    names = ", ".join(files)
    raise CommandFailed(f"{folder} 中没有可运行的文件（{names}）", f"Nothing to run in {folder} ({names})")


def _file(argv: tuple[str, ...]) -> str:
    """The file that a recipe's command is about; empty for one that names none."""
    words = (word for word in argv if not word.startswith("{") and ("." in word or "/" in word))
    return next(words, "")
