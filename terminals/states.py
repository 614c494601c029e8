"""What a supervised program can be doing, and which changes are possible."""

from enum import StrEnum

import msgspec

from mailauncher.errors import Text


class State(StrEnum):
    """The API's words. `INSTALLING` is an instance's alone, while a deployment works on it."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    FAILED = "failed"
    INSTALLING = "installing"


TRANSITIONS: dict[State, frozenset[State]] = {
    State.STOPPED: frozenset({State.STARTING, State.RUNNING, State.FAILED}),
    State.STARTING: frozenset({State.RUNNING, State.STOPPING, State.STOPPED, State.FAILED}),
    State.RUNNING: frozenset({State.STOPPING, State.STOPPED, State.FAILED, State.STARTING}),
    State.STOPPING: frozenset({State.STOPPED, State.RUNNING, State.STARTING, State.FAILED}),
    State.FAILED: frozenset({State.STARTING, State.STOPPED, State.STOPPING}),
    State.INSTALLING: frozenset(),
}
"""STOPPED -> RUNNING is adoption of what already runs; STOPPING -> RUNNING a stop called off before its first signal."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a program is not running though it was meant to.

    `exit_code` is None when a signal ended it (`signal` has its name) or when it never ran. `last_lines` is what it
    printed last, without terminal sequences. `at` is in milliseconds since 1970.
    """

    reason: Text
    at: int
    exit_code: int | None = None
    signal: str | None = None
    last_lines: tuple[str, ...] = ()
    hint: Text | None = None
    """What probably caused it and what to do, where that is known."""
    restart_at: int | None = None
    """When it is started again by itself; None when it is not."""
