"""The states of a supervised program, and the transitions between them."""

from enum import StrEnum

import msgspec

from mailauncher.errors import Text

TOLD_LINES = 5


class State(StrEnum):
    """As the API names them. Only an instance can be `INSTALLING`: while a deployment works on it."""

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
    State.FAILED: frozenset({State.STARTING, State.RUNNING, State.STOPPED, State.STOPPING}),
    State.INSTALLING: frozenset(),
}
"""STOPPED -> RUNNING adopts a process that a former server started, FAILED -> RUNNING one that was lost.
STOPPING -> RUNNING is a stop that was cancelled before
its first signal."""


MESSAGES = {
    State.STOPPED: Text("已停止", "Stopped"),
    State.STARTING: Text("正在启动", "Starting"),
    State.RUNNING: Text("已启动", "Running"),
    State.STOPPING: Text("正在停止", "Stopping"),
    State.FAILED: Text("未能运行", "Failed"),
}
"""What a terminal says when its program gets there."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why a program does not run although it should.

    `exit_code` is None if a signal ended it (`signal` has its name) or if it never ran. `last_lines` are the last that it
    printed, without terminal sequences. `at` is in milliseconds since 1970.
    """

    reason: Text
    at: int
    exit_code: int | None = None
    signal: str | None = None
    last_lines: tuple[str, ...] = ()
    hint: Text | None = None
    """The probable cause and what to do, where known."""
    restart_at: int | None = None
    """When it is restarted automatically, in milliseconds since 1970; None if it is not."""
    offset: int | None = None
    """The end of what the program had printed; None if it never ran, or if that is not known."""
    sentence: bool = False
    """Whether `reason` is a sentence of its own; otherwise it follows the program's name, like "exited with code 1"."""

    @property
    def told(self) -> Text:
        """All that a person needs to know of it: the reason, the hint, and the last lines, one below the other."""
        hint = (self.hint,) if self.hint else ()
        lines = [Text(line, line) for line in self.last_lines[-TOLD_LINES:]]
        parts = (self.reason, *hint, *lines)
        return Text("\n".join(part.zh for part in parts), "\n".join(part.en for part in parts))
