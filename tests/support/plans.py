"""Plans to carry out, and the worker as a process."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import uv

from mailauncher.bots.deploying import journal, plan
from mailauncher.bots.deploying.journal import Entry
from mailauncher.bots.deploying.plan import Component, Plan, Source
from mailauncher.bots.recipe import ConfigFile, Install

ROOT = Path(__file__).resolve().parents[2]
ID = "0123456789abcdef0123456789abcdef01234567"
CONSENT = {"EULA.md": "eula.confirmed", "PRIVACY.md": "privacy.confirmed"}
DEADLINE_S = 90
ENV_FILE = ConfigFile(
    name="env", path=".env", template="template/template.env", set={"PORT": "{main}", "WEBUI_PORT": "{webui}"}
)
BOT_FILE = ConfigFile(name="bot", path="config/bot_config.toml", template="template/bot_config_template.toml")
ADAPTER_FILE = ConfigFile(
    name="adapter",
    path="config.toml",
    set={"maibot_server.port": "{main}", "napcat_server.port": "{nonebot-ada}"},
)
PORTS = {"main": 18100, "webui": 18101, "nonebot-ada": 18102}


def component(
    source: Source = Source(),  # noqa: B008 - frozen
    *,
    name: str = "main",
    place: str = "",
    config: tuple[ConfigFile, ...] = (),
    **install: Any,
) -> Component:
    """A component that takes no room."""
    return Component(
        name=name, place=place, source=source, install=Install(**{"space_mb": 0} | install), config=config
    )


class Deployment:
    """A plan in a folder of its own, and its worker. `target` is where the instance will stand."""

    def __init__(self, tmp_path: Path, *components: Component, **more: Any) -> None:
        self.folder = tmp_path / "deployments" / ID
        self.target = tmp_path / "bots" / "mai"
        self.staging = self.target.with_name(f".mai.mailauncher-{ID[:8]}")
        given: dict[str, Any] = {
            "id": ID,
            "kind": "deploy",
            "folder": str(self.target),
            "staging": str(self.staging),
            "components": components,
            "ports": PORTS,
            "uv": uv.find_uv_bin(),
            "git_schemes": ("https", "http", "file"),
            "python_downloads": False,
        }
        self.plan = Plan(**given | more)
        plan.write(self.folder, self.plan)

    def change(self, **changes: Any) -> None:
        """Another plan in its place, and a new journal: another deployment of the same instance."""
        self.plan = msgspec.structs.replace(self.plan, **changes)
        plan.write(self.folder, self.plan)
        (self.folder / plan.JOURNAL_FILE).unlink(missing_ok=True)

    def start(self, *words: str, **env: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self.command(*words),
            cwd=ROOT,
            env=os.environ | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "mailauncher.bots.deploying", str(self.folder), *words]

    def run(self, *words: str, **env: str) -> tuple[int, str]:
        """Exit status and what was printed."""
        with self.start(*words, **env) as process:
            try:
                printed, _ = process.communicate(timeout=DEADLINE_S)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
        return process.returncode, printed.decode()

    @property
    def entries(self) -> list[Entry]:
        return [entry for _, entry in journal.read(self.folder)]

    @property
    def kinds(self) -> list[str]:
        """What became of each step, without progress and sentences."""
        return [
            f"{entry.step} {entry.kind}"
            for entry in self.entries
            if entry.kind not in ("progress", "log") and not entry.component
        ]

    @property
    def end(self) -> Entry:
        return self.entries[-1]

    @property
    def left(self) -> list[str]:
        """What stands beside the target."""
        there = self.target.parent
        return (
            sorted(entry.name for entry in there.iterdir() if entry != self.target) if there.exists() else []
        )
