"""Which version of a bot stands in a folder."""

import os
import stat
import subprocess
import tomllib
from pathlib import Path

UNKNOWN = "unknown"
LENGTH = 128
PROJECT_BYTES = 1 << 20
GIT_TIMEOUT_S = 5

# The folder may be a stranger's, its `.git/config` too. These beat what stands there; the environment below lets git
# reach nobody: a repository whose commit is missing could otherwise name a program that is to fetch it.
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
    """The git tag that is checked out, else the version in `pyproject.toml`, else `unknown`. Blocks; never raises.

    The tag first: MaiBot's own constants lag behind it (tag 0.12.3 says 0.11.6 in its pyproject.toml). At most 128
    characters, all printable. Nothing in the folder is run, and no other folder is looked at.
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
            command,
            env=_environment(folder),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=GIT_TIMEOUT_S,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):  # a name that is no UTF-8 is a ValueError
        return ""
    return done.stdout.strip()


def _environment(folder: Path) -> dict[str, str]:
    """None of our own `GIT_*`, which may mean another repository; no configuration but the repository's, so that git
    refuses one that belongs to somebody else whatever the user has allowed it elsewhere."""
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
        project = tomllib.loads(_text(folder / "pyproject.toml")).get("project")
    except (OSError, ValueError, RecursionError):
        return ""
    version = project.get("version") if isinstance(project, dict) else None
    return version.strip() if isinstance(version, str) else ""


def _text(file: Path) -> str:
    """The first mebibyte of a regular file; opening anything else might wait for ever. Raises OSError, ValueError."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a regular file")
        return opened.read(PROJECT_BYTES).decode()
