"""What to run in a terminal and how to stop it: values that recipes define and keepers execute."""

import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Target = Literal["process", "group", "tree"]
"""The target of a signal: the started process, its process group, or all its descendants."""


class StopStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A step of stopping a program: sends `signal` to `to`, then waits up to `wait_s` seconds (None: stop_timeout_s)."""

    signal: Literal["SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP", "SIGKILL"]
    to: Target = "group"
    wait_s: Annotated[float, Meta(ge=0, le=3600)] | None = None


DEFAULT_STOP = (StopStep("SIGINT"), StopStep("SIGTERM"), StopStep("SIGKILL", "tree"))


class Readiness(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a program is ready: it accepts connections on `port` (0: not checked) and a line of output matches `line` (empty: not
    checked). A start that waits for it gives up after `within_s` seconds."""

    port: int = 0
    line: str = ""
    within_s: Annotated[float, Meta(gt=0, le=3600)] = 120.0


class LoginSigns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the output of a program tells that a person has to log it in: a line that matches `asks`, which none that matches
    `done` has followed."""

    asks: str
    done: str


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """A command to run. `env` is its complete environment."""

    argv: tuple[str, ...]
    cwd: str
    env: dict[str, str]
    stop: tuple[StopStep, ...] = DEFAULT_STOP
    ready: Readiness | None = None
    login: LoginSigns | None = None


def child_environment() -> dict[str, str]:
    """The environment for child processes: that of the server without its settings, with a terminal and UTF-8."""
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
