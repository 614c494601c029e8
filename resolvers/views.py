"""What resolvers return: plain values with plain attributes, which every front door encodes cheaply."""

import hashlib
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

import msgspec

from bots.recipe import WebPage
from mailauncher.errors import Code, LauncherError, PortInUse, Text
from store.records import DeploymentKind, DeploymentStatus
from terminals.states import Failure, State


class WaitingFor(StrEnum):
    """What a program that does not work yet waits for."""

    TERMS = "terms"
    INPUT = "input"
    LOGIN = "login"
    PORT = "port"
    OUTPUT = "output"
    BACKOFF = "backoff"
    PROGRAM = "program"


@dataclass(frozen=True, slots=True)
class Details:
    """What a status does not tell. `waiting_for` None: nothing that is known. `question` is the line with which it asks in its
    terminal. `reason` says in sentences why it does not work, or not yet; None if it does, or was stopped."""

    waiting_for: WaitingFor | None = None
    question: str | None = None
    reason: Text | None = None


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A service of an instance. `name` is unique in the instance; `failure` says why it does not run although it should.
    `ready` None: it does not run, or nothing says when it is. `restarts` counts automatic ones since the last manual start.
    `began` is when it was started, by the monotonic clock; None where that is not known. `alias` is what the existing web
    client calls it, where that is another name."""

    instance_id: str
    name: str
    alias: str | None
    path: str
    status: State
    port: int
    pid: int | None
    started_at: int | None
    ready: bool | None
    restarts: int
    failure: Failure | None
    details: Details
    began: float | None = None

    @property
    def uptime_s(self) -> int | None:
        return _uptime_s(self.started_at, self.began)


@dataclass(frozen=True, slots=True)
class InstanceView:
    """One managed bot at one moment. `installed_at` is milliseconds since 1970 as text, as in the API reference."""

    id: str
    name: str
    status: State
    installed_at: str
    path: str
    port: int
    version: str
    recipe: str
    pid: int | None
    started_at: int | None
    ready: bool | None
    restarts: int
    failure: Failure | None
    details: Details
    services: tuple[ServiceView, ...]
    began: float | None = None
    notes: str = ""
    tags: tuple[str, ...] = ()

    @property
    def uptime_s(self) -> int | None:
        return _uptime_s(self.started_at, self.began)

    def service(self, name: str) -> ServiceView | None:
        return next((service for service in self.services if service.name == name), None)


def _uptime_s(started_at: int | None, began: float | None) -> int | None:
    """Whole seconds since a start; None: there was none. By the monotonic clock, or by the other one where a keeper of an
    earlier version says no more; 0 then for a start that is still to come, as after a change of the clock."""
    if began is not None:
        return int(time.monotonic() - began)
    return None if started_at is None else max(0, int(time.time() - started_at / 1000))


@dataclass(frozen=True, slots=True)
class WebPageView:
    """A web page as its program's files describe it. `program` is `main` or a service; `url` is for this machine."""

    program: str
    port: int
    url: str
    health_url: str | None
    folder: Path
    page: WebPage


@dataclass(frozen=True, slots=True)
class InstanceChange:
    """A change of an instance. `instance` is None after its removal."""

    id: str
    instance: InstanceView | None

    def __hash__(self) -> int:  # a view has 70 values
        return hash(self.id)


@dataclass(frozen=True, slots=True)
class Stats:
    """Instances by status. `running + stopped == total`: everything that does not run counts as stopped."""

    total: int
    running: int
    stopped: int


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """The result of a command: the instance afterwards and a sentence for people. `complete` is False if it goes on in the
    background."""

    instance: InstanceView
    message: Text
    complete: bool = True


@dataclass(frozen=True, slots=True)
class DriverView:
    """The connection of a viewer, and the size of its window; None: it has not told that."""

    connection: str
    columns: int | None
    rows: int | None


@dataclass(frozen=True, slots=True)
class TerminalView:
    """One terminal of an instance. `end` is the offset after the last printed byte, `oldest` that of the first one kept."""

    session_id: str
    instance_id: str
    name: str
    status: State
    shell: bool
    pid: int | None
    columns: int
    rows: int
    viewers: int
    driver: DriverView | None
    oldest: int
    end: int


@dataclass(frozen=True, slots=True)
class OutputView:
    """A piece of a terminal's output: `data` is text, `offset` and `end` count bytes from the terminal's first output.

    `missed` counts bytes before `offset` that are no longer kept, or, after a power cut, is at least as many.
    """

    data: str
    offset: int
    end: int
    missed: int = 0

    def __hash__(self) -> int:  # the text may be long
        return hash((self.offset, self.end))

    @property
    def position(self) -> int:
        """Where a stream of output continues after this piece."""
        return self.end


@dataclass(frozen=True, slots=True)
class EventView:
    """One entry of the launcher's journal. `cursor` orders entries; `at` is milliseconds since 1970."""

    cursor: int
    at: int
    instance_id: str | None
    kind: str
    caller: str
    text: Text
    session_id: str | None
    offset: int | None
    """For the death of a program: its terminal, and the end of what it had printed there."""

    @property
    def position(self) -> int:
        """Where a stream of events continues after this one."""
        return self.cursor


@dataclass(frozen=True, slots=True)
class ComponentProgress:
    """The progress of one service of a deployment. `progress` is 0-100; `status` has the values of a deployment's."""

    name: str
    status: DeploymentStatus
    progress: int
    message: Text


@dataclass(frozen=True, slots=True)
class StepProgress:
    """One step of a deployment. `progress` is 0-100; `seconds` is how long it took, None before its end."""

    step: str
    progress: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class DeploymentFailure:
    """Why a deployment failed. `step` None: before its first step. `last_lines` are the last ones of the failed command."""

    step: str | None
    code: Code
    text: Text
    last_lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a command would be refused: what its error would be. `field` is the one of its input that causes it, if a single one
    does; `port` the port that is taken, if that is why."""

    code: Code
    text: Text
    field: str | None
    port: int | None = None

    @classmethod
    def of(cls, error: LauncherError) -> "Problem":
        return cls(error.code, error.text, error.field, error.port if isinstance(error, PortInUse) else None)


@dataclass(frozen=True, slots=True)
class Estimate:
    """Between how many seconds something is likely to take."""

    least_s: int
    most_s: int


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """The newest deployment, clone or upgrade of one instance at one moment.

    `progress` is 0-100, never falls, and is 100 only when `completed`. `step` is one of `bots.deploying.plan.Step`,
    None before the first one and after a completed deployment. `message` says what it does now, or how it ended. `version`
    is the tag or branch, `commit` is empty until it was checked out. `logs` are its sentences so far, at most the last 1000;
    they only grow at their end. `todo` is left for the user to do. `cursor` counts the lines of its journal so far.
    `remaining` is how long it still took at `active_at`, when it last got on; both None while that is not known, and `remaining`
    also once it has ended. `steps` are all that there are, in their order; empty if its plan cannot be read. Times are milliseconds since 1970.
    """

    instance_id: str
    name: str
    kind: DeploymentKind
    status: DeploymentStatus
    progress: int
    step: str | None
    message: Text
    version: str
    commit: str
    logs: tuple[Text, ...]
    services: tuple[ComponentProgress, ...]
    created_at: int
    ended_at: int | None
    failure: DeploymentFailure | None
    todo: tuple[Text, ...]
    cursor: int
    active_at: int | None = None
    remaining: Estimate | None = None
    steps: tuple[StepProgress, ...] = ()


@dataclass(frozen=True, slots=True)
class DeploymentUpdate:
    """A deployment after a change. `log` has what is new in `logs` since the update before; in the first update, everything
    after the requested cursor. `at` is the server's time then, in milliseconds since 1970."""

    cursor: int
    at: int
    deployment: DeploymentView
    log: tuple[Text, ...]

    def __hash__(self) -> int:  # a deployment has hundreds of lines
        return hash(self.cursor)

    @property
    def position(self) -> int:
        """Where a stream of updates continues after this one."""
        return self.cursor


class BackupReason(StrEnum):
    """Who wanted a backup: a user, or the safety of an upgrade or of a restore that replaces what is there."""

    MANUAL = "manual"
    UPGRADE = "upgrade"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class BackupView:
    """One backup. `at` is milliseconds since 1970, `size` bytes; `version` is the bot's at that time. `skipped` has the
    first names of what a backup cannot hold: links and the like."""

    id: str
    instance_id: str
    at: int
    size: int
    reason: BackupReason
    version: str
    skipped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Metrics:
    """One sample of the machine. Sizes in bytes, usages 0-100 percent, network counts since boot and rates in bytes per
    second; `at` is milliseconds since 1970."""

    at: int
    cpu_usage: float
    cpu_cores: int
    memory_total: int
    memory_used: int
    memory_free: int
    memory_usage_percent: float
    disk_total: int
    disk_used: int
    disk_free: int
    disk_usage_percent: float
    network_bytes_sent: int
    network_bytes_recv: int
    network_up: float
    network_down: float


@dataclass(frozen=True, slots=True)
class Machine:
    """What kind of machine this is. A text is empty where the system does not say; `processor` never is."""

    system: str
    release: str
    machine: str
    processor: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What a program costs, its children included. `cpu_percent` of one core (two busy cores are 200) since the sample
    before; `memory` is resident bytes."""

    cpu_percent: float
    memory: int
    processes: int


@dataclass(frozen=True, slots=True)
class ProgramUsage:
    """The last sample of the program whose terminal this is."""

    session_id: str
    instance_id: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class UsageColumns:
    """The least, mean and most of each bucket."""

    least: list[float]
    mean: list[float]
    most: list[float]


@dataclass(frozen=True, slots=True)
class UsagePeriod:
    """What was used in buckets of `step_s` seconds, oldest first; what was not measured is left out. `at` is when each bucket
    begins, in milliseconds since 1970; memory in bytes. All lists have the same length."""

    step_s: int
    at: list[int]
    cpu: UsageColumns
    memory: UsageColumns


@dataclass(frozen=True, slots=True)
class SyncProblem:
    """One emoji or person that could not be synchronised, or that both sides had changed. `name` is what people know it by;
    `code` says why, None for a conflict that was settled as `text` tells."""

    kind: Literal["emoji", "person"]
    name: str
    code: Code | None
    text: Text


def _etag(*values: object) -> str:
    return hashlib.sha1(msgspec.json.encode(values), usedforsecurity=False).hexdigest()


@dataclass(frozen=True, slots=True)
class EmojiView:
    """An emoji. `cursor` orders emojis, the newest has the greatest; times are milliseconds since 1970. `bot_key` is what the
    bot's own database knows it by; None: the bot does not have it."""

    cursor: int
    id: str
    instance_id: str
    name: str
    description: str
    image_url: str
    tags: list[str]
    category: str
    created_at: int
    updated_at: int
    origin: str
    pending: str
    bot_key: str | None

    @property
    def etag(self) -> str:
        """Identifies what a user can change of it."""
        return _etag(self.name, self.description, self.tags, self.category)


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person. `cursor` orders persons, the newest has the greatest; `profile` is JSON; times are milliseconds since 1970.
    `bot_key` is what the bot's own database knows them by; None: the bot does not know them."""

    cursor: int
    id: str
    instance_id: str
    user_id: str
    username: str
    nickname: str
    avatar_url: str
    profile: str
    created_at: int
    updated_at: int
    origin: str
    pending: str
    bot_key: str | None

    @property
    def etag(self) -> str:
        """Identifies what a user can change of it."""
        return _etag(self.user_id, self.username, self.nickname, self.avatar_url, self.profile)
