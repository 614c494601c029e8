"""What a command wants of a program."""

import asyncio
import time
from dataclasses import dataclass, field

from mailauncher.errors import LauncherError


@dataclass(eq=False, slots=True)
class Goal:
    """What a command wants. A newer goal replaces it; `done` is its result."""

    running: bool
    set_at: float = field(default_factory=time.monotonic)
    replace: bool = False
    """Whether a process that runs already must be replaced (a restart)."""
    kill: bool = False
    """Whether a process that runs must be ended at once, by SIGKILL to all of its tree."""
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def resolve(self, error: LauncherError | None = None) -> None:
        """Sets the result, unless it has one."""
        if self.done.done():
            return
        if error is None:
            self.done.set_result(None)
        else:
            self.done.set_exception(error)
            self.done.exception()  # retrieved here: the caller may have stopped waiting
