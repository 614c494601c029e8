"""A deployment as data: all that its worker needs to know, decided before it begins."""

from pathlib import Path
from typing import Literal

import msgspec

from mailauncher.bots.recipe import ConfigFile, Install

Step = Literal[
    "check", "fetch", "environment", "dependencies", "services", "stop", "configure", "register", "start"
]
"""In this order. `stop` is an upgrade's alone; `stop` and `start` are the server's, the others the worker's."""

Kind = Literal["deploy", "clone", "upgrade"]

WEIGHTS: dict[Step, float] = {
    "check": 0.2,
    "fetch": 3,
    "environment": 0.5,
    "dependencies": 14,
    "services": 4,
    "stop": 2,
    "configure": 0.3,
    "register": 0.2,
    "start": 8,
}
"""Seconds that each step took when MaiBot 0.12 and 1.2 were deployed, until a machine has figures of its own."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a component comes from. One of them: repositories (`git`) with a `ref`, a folder to copy (`folder`), or the
    archives of `install`."""

    git: tuple[str, ...] = ()
    ref: str = ""
    """Tag or branch; never empty with `git`."""
    commit: str = ""
    """40 hex digits that the tag must lead to, whatever the mirror; empty where that is not known (a branch)."""
    folder: str = ""


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to install: `main`, or a service by its name, with its recipe's words for this version."""

    name: str
    place: str
    """Folder inside the instance's; empty for `main`."""
    source: Source
    install: Install
    config: tuple[ConfigFile, ...] = ()
    keep: tuple[str, ...] = ()
    """Of a service: glob patterns of what an upgrade carries over, in its own folder (`Plan.keep` is the main program's)."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`folder` is where the instance will stand; everything is made in `staging` beside it and renamed at the end.

    `ports` has a value for every placeholder that a file of any component may hold: `main`, `webui`, `napcat`, `napcat.ws`.
    """

    id: str
    """The instance's: 40 hex digits."""
    kind: Kind
    folder: str
    staging: str
    """Empty when the plan begins; a sibling of `folder`, so that a rename is all it takes."""
    former: str = ""
    """For an upgrade: where the tree that is replaced goes, a sibling too; it stays until the next upgrade."""
    components: tuple[Component, ...]
    ports: dict[str, int]
    consent: dict[str, str] = {}
    """Texts that the user has accepted, and the file that says so; empty: none were."""
    keep: tuple[str, ...] = ()
    """Glob patterns of what an upgrade carries over from `folder`, and a clone from its source."""
    uv: str
    """Path of the uv binary."""
    git_schemes: tuple[str, ...] = ("https", "http", "ssh", "git")
    """Transports that git may use."""
    index_url: str = ""
    """Package index; empty: uv's own default and configuration, `project`: the one pinned in the bot's project."""
    python_downloads: bool = True
    """Whether uv may download a Python where none fits."""
    weights: dict[Step, float] = {}
    """Seconds that each step of this plan is expected to take; only steps that it has."""

    @property
    def main(self) -> Component:
        return self.components[0]

    @property
    def services(self) -> tuple[Component, ...]:
        return self.components[1:]


PLAN_FILE = "plan.json"
JOURNAL_FILE = "journal.jsonl"


def write(folder: Path, plan: Plan) -> None:
    """Owner-only: an index URL may hold a password."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = folder / f".{PLAN_FILE}"
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(msgspec.json.encode(plan))
    unfinished.rename(folder / PLAN_FILE)


def read(folder: Path) -> Plan:
    """Raises OSError, msgspec.MsgspecError."""
    return msgspec.json.decode((folder / PLAN_FILE).read_bytes(), type=Plan)
