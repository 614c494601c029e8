"""What to run in a terminal and how to end it: plain values that recipes fill in and keepers carry out."""

import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Target = Literal["process", "group", "tree"]
"""Whom a signal goes to: the started process, its process group, or everything that descends from it."""


class StopStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One step of a stop: send `signal` to `to`, then wait up to `wait_s` seconds (None: the setting's) for the end."""

    signal: Literal["SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGKILL"]
    to: Target = "group"
    wait_s: float | None = None


DEFAULT_STOP = (StopStep("SIGINT"), StopStep("SIGTERM"), StopStep("SIGKILL", "tree"))


class Readiness(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What tells that a program works: `port` accepts connections (0: none), a line of output matches `line` (empty:
    none); both where both are given. `within_s`: after that long without it the program counts as not ready."""

    port: int = 0
    line: str = ""
    within_s: Annotated[float, Meta(gt=0, le=3600)] = 120.0


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """A command ready to run. `env` is the whole environment."""

    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str]
    stop: tuple[StopStep, ...] = DEFAULT_STOP
    ready: Readiness | None = None


def child_environment() -> dict[str, str]:
    """This process's environment as a child may see it: a terminal and UTF-8, and none of the server's own settings."""
    kept = {
        k: v for k, v in os.environ.items() if k not in ("HOST", "PORT") and not k.startswith("MAILAUNCHER_")
    }
    locale = kept.get("LC_ALL") or kept.get("LC_CTYPE") or kept.get("LANG") or ""
    utf8 = {} if "utf" in locale.lower() else {"LC_ALL": "C.UTF-8"}
    terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    return kept | utf8 | terminal | {"PYTHONIOENCODING": "utf-8", "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"}


def shell_launch(configured: str, cwd: Path) -> Launch:
    """The shell of the settings, else the user's own, else /bin/sh, in `cwd`."""
    shell = configured or os.environ.get("SHELL") or "/bin/sh"
    return Launch(argv=(shell,), cwd=str(cwd), env=child_environment())
