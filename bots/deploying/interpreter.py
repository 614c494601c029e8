"""Which Python an environment is made with: one that the settings name, else an installed one that fits."""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bots import release
from mailauncher.errors import DeploymentFailed
from mailauncher.home import home
from mailauncher.launch import child_environment

OUTSIDE = Path("/")
"""Working folder of uv, without a project in it or above it."""
_ASK_S = 120
# Variables that would lead uv to another project, environment or Python than the one in its arguments.
_MISLEADING = (
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "PYTHONPATH",
    "PYTHONHOME",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_WORKING_DIR",
    "UV_WORKING_DIRECTORY",
    "UV_NO_PROGRESS",
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    path: str
    version: str

    def __str__(self) -> str:
        return f"Python {self.version} ({self.path})"


def find(uv: str, wanted: str, chosen: Sequence[str] = ()) -> Interpreter | None:
    """The first that fits a range such as `>=3.12, <3.14`: of `chosen` (paths, or versions such as `3.12`) unless that is
    empty, else of those that are installed; None if there is none. Blocks.

    Raises DeploymentFailed if none of the chosen ones fits.
    """
    if not chosen:
        return _find(uv, wanted)
    found = [(one, _find(uv, one)) for one in chosen]
    for _, python in found:
        if python is not None and release.is_within(python.version, wanted):
            return python
    zh = "、".join(f"{one}（{python.version if python else '找不到'}）" for one, python in found)
    en = ", ".join(f"{one} ({python.version if python else 'not found'})" for one, python in found)
    raise DeploymentFailed(
        f"需要 Python {wanted}，而设置 python 中没有符合的：{zh}。请在其中加上一个符合的，或清空该设置",
        f"Python {wanted} is required, and the setting python has none that fits: {en}. Add one to the setting, or empty it",
    )


def installed_versions(uv: str) -> list[str]:
    """The versions of the Pythons that uv finds, newest first. Blocks."""
    done = _ask(uv, "list", "--only-installed", "--output-format", "json")
    try:
        return list(dict.fromkeys(str(found["version"]) for found in json.loads(done.stdout)))
    except (ValueError, TypeError, KeyError):
        return []


def uv_environment() -> dict[str, str]:
    """The environment in which uv follows its arguments alone, and also finds the Pythons of pyenv: the scripts that pyenv puts
    into PATH for them refuse to run, except for the version that it has selected."""
    env = {name: value for name, value in child_environment().items() if name not in _MISLEADING}
    own = home()
    pyenv = os.environ.get("PYENV_ROOT") or (str(own / ".pyenv") if own else "")
    folders = sorted(map(str, Path(pyenv, "versions").glob("*/bin"))) if pyenv else []
    return env | {"PATH": os.pathsep.join([env.get("PATH", os.defpath), *folders])}


def _find(uv: str, request: str) -> Interpreter | None:
    """What uv finds for a range, a version or a path."""
    words = ("find", "--system", "--no-project", "--no-python-downloads")
    path = _ask(uv, *words, "--", request)
    version = _ask(uv, *words, "--show-version", "--", path.stdout.strip()) if path.stdout.strip() else path
    if path.returncode or version.returncode:
        return None
    return Interpreter(path.stdout.strip(), version.stdout.strip())


def _ask(uv: str, *words: str) -> "subprocess.CompletedProcess[str]":
    """Runs a quick `uv python` command and captures its output; its warnings about other Pythons are ignored."""
    try:
        return subprocess.run(
            [uv, "python", *words],
            cwd=OUTSIDE,
            env=uv_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",  # a Python may be in a folder whose name is not UTF-8
            timeout=_ASK_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return subprocess.CompletedProcess(words, 1, "", "")
