"""What resolvers answer with: plain values with plain attributes, so that every front door encodes them cheaply."""

from dataclasses import dataclass

from mailauncher.errors import Code, Text
from mailauncher.store.records import DeploymentKind, DeploymentStatus
from terminals.states import Failure, State


@dataclass(frozen=True, slots=True)
class ServiceView:
    """A companion of an instance. `name` is unique in the instance; `failure` says why it is not running though it should."""

    instance_id: str
    name: str
    path: str
    status: State
    port: int
    pid: int | None
    started_at: int | None
    ready: bool | None
    restarts: int
    failure: Failure | None


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
    services: tuple[ServiceView, ...]

    def service(self, name: str) -> ServiceView | None:
        return next((service for service in self.services if service.name == name), None)


@dataclass(frozen=True, slots=True)
class InstanceChange:
    """An instance changed. `instance` is None once it is removed."""

    id: str
    instance: InstanceView | None


@dataclass(frozen=True, slots=True)
class Stats:
    """Instances by status. `running + stopped == total`: whatever does not run counts as stopped."""

    total: int
    running: int
    stopped: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did: the instance afterwards and a sentence for people. `complete` is False when it goes on."""

    instance: InstanceView
    message: Text
    complete: bool = True


@dataclass(frozen=True, slots=True)
class TerminalView:
    """One terminal of an instance. `end` is the offset after the last byte it printed, `oldest` of the first one kept."""

    session_id: str
    instance_id: str
    name: str
    status: State
    shell: bool
    pid: int | None
    columns: int
    rows: int
    viewers: int
    oldest: int
    end: int


@dataclass(frozen=True, slots=True)
class OutputView:
    """A piece of a terminal's output: `data` is text, `offset` and `end` count bytes of everything it ever printed.

    `missed` counts bytes before `offset` that are no longer kept.
    """

    data: str
    offset: int
    end: int
    missed: int = 0


@dataclass(frozen=True, slots=True)
class EventView:
    """One line of the launcher's life. `cursor` orders them; `at` is milliseconds since 1970."""

    cursor: int
    at: int
    instance_id: str | None
    kind: str
    caller: str
    text: Text


@dataclass(frozen=True, slots=True)
class ComponentProgress:
    """How far one service of a deployment is. `progress` is 0-100; the words of `status` are a deployment's."""

    name: str
    status: DeploymentStatus
    progress: int
    message: Text


@dataclass(frozen=True, slots=True)
class DeploymentFailure:
    """Why a deployment failed. `step` None: before its first step. `last_lines` is what the command that failed printed."""

    step: str | None
    code: Code
    text: Text
    last_lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """The newest deployment, clone or upgrade of one instance at one moment.

    `progress` is 0-100, never falls, and is 100 only when `completed`. `step` is one of `mailauncher.bots.deploying.plan.Step`,
    None before the first one and after the end of a completed one. `message` is what it does now, or how it ended. `version`
    is the tag or branch, `commit` empty until it was checked out. `logs` are its sentences so far, of which the last 1000 are
    kept; they only grow at their end. `todo` is what is left for the user. `cursor` counts the lines of its journal so far.
    Times are milliseconds since 1970.
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


@dataclass(frozen=True, slots=True)
class DeploymentUpdate:
    """A deployment has come further. `log` is what is new in `logs` since the update before; of the first one, everything
    after the cursor that was asked for."""

    cursor: int
    deployment: DeploymentView
    log: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class EmojiView:
    """An emoji. `cursor` orders them, the newest has the greatest; times are milliseconds since 1970."""

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


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person. `cursor` orders them, the newest has the greatest; `profile` is JSON; times are milliseconds since 1970."""

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
