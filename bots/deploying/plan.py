"""The plan of a deployment: everything its worker needs to know, decided before it starts."""

from pathlib import Path
from typing import Literal

import msgspec

from bots.recipe import BilingualText, ConfigFileSpec, Install, Login
from mailauncher import files

Step = Literal[
    "check", "fetch", "environment", "dependencies", "services", "stop", "configure", "register", "start"
]
"""In this order. Only an upgrade has `stop`. The server carries out `stop` and `start`, the worker all others."""

Kind = Literal["deploy", "clone", "upgrade", "services"]
"""`services` adds services to an installed instance, whose main program stays as it is."""

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
"""Seconds that each step took when MaiBot 0.12 and 1.2 were deployed; used until a machine has its own figures."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """The source of a component, one of: repositories (`git`) with a `ref`, a folder to copy (`folder`), or the archives of
    `install`."""

    git: tuple[str, ...] = ()
    ref: str = ""
    """Tag or branch; not empty with `git`."""
    commit: str = ""
    """The commit that the tag must have in every mirror, 40 hex digits; empty if unknown (a branch)."""
    pinned: bool = False
    """Whether `commit` is one of the branch `ref` that is taken instead of its newest."""
    folder: str = ""


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """A component to install: `main`, or a service by its name, with its recipe for this version."""

    name: str
    place: str
    """Folder inside the instance's folder; empty for `main`."""
    source: Source
    install: Install
    config: tuple[ConfigFileSpec, ...] = ()
    login: Login | None = None
    keep: tuple[str, ...] = ()
    """For a service: glob patterns in its own folder for the files that an upgrade carries over (main program: `Plan.keep`)."""
    former: dict[str, str] = {}
    """For a service that an upgrade installs in another folder: its configuration files of the former version by name, as
    paths inside the instance's folder."""


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """A backup whose files a clone has in the place of those that match `patterns` in what is copied."""

    file: str
    patterns: tuple[str, ...]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`folder` is the instance's future folder, or that of the instance to which services are added; everything is built in
    `staging` beside it and renamed at the end.

    `ports` has a value for every placeholder in any component's files: `main`, `webui`, `napcat`, `napcat.ws`.
    """

    id: str
    """The instance's id, 40 hex digits."""
    kind: Kind
    folder: str
    staging: str
    """Empty when the deployment starts; a sibling of `folder`, so that a rename suffices."""
    former: str = ""
    """For an upgrade: where the replaced tree goes, also a sibling; it stays until the next upgrade has succeeded."""
    keep_former: bool = True
    """Whether what an earlier upgrade put there is kept until this one has succeeded. Not in a rollback: its tree shares the
    files of that one, and the bot writes to them."""
    components: tuple[Component, ...]
    ports: dict[str, int]
    consent: dict[str, str] = {}
    """Texts that the user has accepted, with the file of the record; empty: none."""
    keep: tuple[str, ...] = ()
    """Glob patterns of the files that an upgrade carries over from `folder`, and a clone from its source."""
    backup: Backup | None = None
    """For a clone: where its configuration and data come from; None: from what they are when it is copied."""
    tasks: tuple[BilingualText, ...] = ()
    """For an upgrade: what the user must still do."""
    uv: str
    """Path of the uv binary."""
    git_schemes: tuple[str, ...] = ("https", "http", "ssh", "git")
    """Transports that git may use."""
    index_url: str = ""
    """URL of the package index; empty: uv's own default and configuration; `project`: the one in the bot's project."""
    github_mirror: str = ""
    """Prefix of a mirror of GitHub, from which Pythons are downloaded; empty: none."""
    python: tuple[str, ...] = ()
    """The Pythons to choose from, paths or versions, in order of preference; empty: any that is installed."""
    python_downloads: bool = True
    """Whether uv may download a Python if none fits."""
    weights: dict[Step, float] = {}
    """Expected seconds of each step of this plan."""
    ranges: dict[Step, tuple[float, float]] = {}
    """The least and the most seconds that each step is likely to take; empty in the plans of earlier versions."""

    @property
    def main(self) -> Component:
        return self.components[0]

    @property
    def services(self) -> tuple[Component, ...]:
        return self.components[1:]


PLAN_FILE = "plan.json"
JOURNAL_FILE = "journal.jsonl"


def write(folder: Path, plan: Plan) -> None:
    """Writes the plan for the owner only: an index URL may hold a password. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files.write(folder / PLAN_FILE, msgspec.json.encode(plan))


def read(folder: Path) -> Plan:
    """Raises OSError, msgspec.MsgspecError."""
    return msgspec.json.decode(files.read(folder / PLAN_FILE), type=Plan)
