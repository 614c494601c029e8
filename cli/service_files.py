"""The files that make the server a service of this user: a unit of systemd, a property list of launchd."""

import os
import plistlib
import sys
from collections.abc import Mapping
from pathlib import Path

UNIT = "mailauncher.service"
LABEL = "mailauncher"
IDENTIFIER = "mailauncher"
"""The name of the server in systemd's journal."""
RESTART_DELAY_S = 5
"""How long systemd waits after a failure of the server before it starts it again."""
_ALSO = ("PATH", "LANG", "LC_ALL", "LC_MESSAGES")
"""Besides our own variables: where git and uv are found, and the language of the server's messages."""
_UNIT = """# Written by `mailauncher service install`, which also overwrites it.
[Unit]
Description=MaiLauncher
After=network-online.target

[Service]
# The start is complete, and what waits for it goes on, once connections are accepted.
Type=notify
TimeoutStartSec=infinity
SyslogIdentifier={identifier}
{environment}# `env`, since systemd accepts no quotes in the path of the program itself.
ExecStart=/usr/bin/env {command}
# Stopping the unit stops the server only: bots keep running in their own processes.
KillMode=process
Restart=on-failure
RestartSec={restart_delay_s}

[Install]
WantedBy=default.target
"""


def command() -> list[str]:
    """How to start the server by a path that an upgrade of the program keeps: links are not resolved."""
    program = Path(sys.argv[0]).absolute()
    start = [sys.executable, "-m", "mailauncher"] if program.name == "__main__.py" else [str(program)]
    return [*start, "serve"]


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What of a shell's environment the server gets as a service."""
    wanted = {name: value for name, value in environ.items() if name.startswith("MAILAUNCHER_")}
    return wanted | {name: environ[name] for name in _ALSO if environ.get(name)}


def unit(words: list[str], variables: Mapping[str, str]) -> str:
    """The unit of systemd."""
    lines = "".join(
        f"Environment={_quoted(f'{name}={value}')}\n" for name, value in sorted(variables.items())
    )
    # In a command, $ begins a variable.
    command = " ".join(_quoted(word).replace("$", "$$") for word in words)
    return _UNIT.format(
        environment=lines, command=command, identifier=IDENTIFIER, restart_delay_s=RESTART_DELAY_S
    )


def _quoted(word: str) -> str:
    """One word of a unit, in which % begins a specifier."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("%", "%%")
    return f'"{escaped}"'


def property_list(words: list[str], variables: Mapping[str, str], log: Path) -> bytes:
    """The agent of launchd. It has no journal: the log goes to a file."""
    return plistlib.dumps(
        {
            "Label": LABEL,
            "ProgramArguments": words,
            "EnvironmentVariables": dict(variables),
            "RunAtLoad": True,
            "KeepAlive": {"SuccessfulExit": False},
            "AbandonProcessGroup": True,  # bots keep running when the server stops
            "StandardOutPath": str(log),
            "StandardErrorPath": str(log),
        }
    )


def place() -> Path:
    """Where this system looks for it."""
    if sys.platform == "darwin":
        return Path.home() / "Library/LaunchAgents" / f"{LABEL}.plist"
    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(config) / "systemd/user" / UNIT
