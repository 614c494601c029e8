"""Deployment plans, and the worker as a process."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import uv

from bots.deploying import journal, plan
from bots.deploying.journal import Entry
from bots.deploying.plan import Component, Plan, Source
from bots.recipe import ConfigFileSpec, Install
from tests.support.preloaded import LOCALE, ROOT, WORKER, Command

ID = "0123456789abcdef0123456789abcdef01234567"
CONSENT = {"EULA.md": "eula.confirmed", "PRIVACY.md": "privacy.confirmed"}
DEADLINE_S = 90
ENV_FILE = ConfigFileSpec(
    name="env", path=".env", template="template/template.env", set={"PORT": "{main}", "WEBUI_PORT": "{webui}"}
)
BOT_FILE = ConfigFileSpec(
    name="bot", path="config/bot_config.toml", template="template/bot_config_template.toml"
)
ADAPTER_FILE = ConfigFileSpec(
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
    config: tuple[ConfigFileSpec, ...] = (),
    **install: Any,
) -> Component:
    """A component that needs no disk space."""
    return Component(
        name=name, place=place, source=source, install=Install(**{"space_mb": 0} | install), config=config
    )


class Deployment:
    """A plan in a folder of its own, and its worker. `target` is the instance's future folder."""

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
        """Replaces the plan and removes the journal: another deployment of the same instance."""
        self.plan = msgspec.structs.replace(self.plan, **changes)
        plan.write(self.folder, self.plan)
        (self.folder / plan.JOURNAL_FILE).unlink(missing_ok=True)

    def start(self, *words: str, **env: str) -> Command:
        return Command(
            self.command(*words),
            cwd=ROOT,
            env=os.environ | LOCALE | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def command(self, *words: str) -> list[str]:
        return [*WORKER, str(self.folder), *words]

    def run(self, *words: str, **env: str) -> tuple[int, str]:
        """Runs the worker. Returns exit status and output."""
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
        """The kinds of entries of each step, without progress and sentences."""
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
        """The names beside the target."""
        there = self.target.parent
        return (
            sorted(entry.name for entry in there.iterdir() if entry != self.target) if there.exists() else []
        )
