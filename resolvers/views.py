"""What resolvers answer with: plain values with plain attributes, so that every front door encodes them cheaply."""

from dataclasses import dataclass

from mailauncher.errors import Text
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
