"""The version of the bot that is installed in a folder."""

import os
import subprocess
from pathlib import Path

from bots.documents import file, toml
from mailauncher.errors import LauncherError
from mailauncher.open_files import with_former_limit

UNKNOWN = "unknown"
LENGTH = 128
GIT_TIMEOUT_S = 5

# The folder is untrusted, its `.git/config` too. These settings override that file; the environment below keeps git off the
# network: otherwise a repository whose commit is missing could name a program that fetches it.
_SETTINGS = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.sshCommand=false",
    "core.gitProxy=",
    "core.pager=cat",
    "credential.helper=",
    "protocol.allow=never",
)


def read(folder: Path) -> str:
    """The checked-out git tag, else the version in `pyproject.toml`, else `unknown`. Blocks; never raises.

    The tag comes first because MaiBot's own constants lag behind it (tag 0.12.3 has 0.11.6 in its pyproject.toml). At most
    128 characters, all printable. Runs nothing from the folder and reads no other folder.
    """
    found = _git_tag(folder) or _project_version(folder)
    return found[:LENGTH] if found and found.isprintable() else UNKNOWN


def _git_tag(folder: Path) -> str:
    if not os.path.lexists(folder / ".git"):
        return ""
    settings = [word for setting in _SETTINGS for word in ("-c", setting)]
    command = ["git", *settings, "-C", str(folder), "describe", "--tags", "--exact-match", "HEAD"]
    try:
        done = subprocess.run(
            with_former_limit(*command),
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=GIT_TIMEOUT_S,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):  # a name that is not UTF-8 raises ValueError
        return ""
    return done.stdout.strip()


def _environment(folder: Path) -> dict[str, str]:
    """Without this process's `GIT_*`, which may name another repository, and without the user's configuration, so that git
    refuses a repository of another owner even if the user has marked it as safe."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
    }


def _project_version(folder: Path) -> str:
    try:
        project = toml.read(file.read(folder, "pyproject.toml").text).get("project")
    except LauncherError:
        return ""
    version = project.get("version") if isinstance(project, dict) else None
    return version.strip() if isinstance(version, str) else ""
