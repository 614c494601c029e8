"""Prepares the start of a program: what to run, as of now, and on a port that is free."""

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from mailauncher.errors import PortInUse, Text
from mailauncher.launch import Launch
from terminals.condition import Condition
from terminals.terminal import Terminal

log = logging.getLogger(__name__)

CLOSING_PORT_S = 130.0  # the system needs up to two minutes for a connection that the other side keeps open
CLOSING_PORT_PROBE_S = 0.5


class LaunchFactory(Protocol):
    """Returns what to run, as of now. `adopting`: it runs already, so its port need not be free. Raises LauncherError."""

    def __call__(self, *, adopting: bool = False) -> Awaitable[Launch]: ...


class Preparation:
    """Of each start of one program. `on_wait` is called when it begins to wait for the port."""

    def __init__(
        self,
        make_launch: LaunchFactory,
        terminal: Terminal,
        condition: Condition,
        on_wait: Callable[[], None],
    ) -> None:
        self.port_wait: Text | None = None
        """Why the start waits for its port; None: it does not."""
        self._make_launch = make_launch
        self._terminal = terminal
        self._condition = condition
        self._on_wait = on_wait

    async def launch(self, wanted: Callable[[], bool]) -> Launch | None:
        """What to run; None once it is not `wanted` any more. Waits for a port on which connections are only being closed, such as
        those of the process before, and says so meanwhile. Raises LauncherError."""
        give_up_at = time.monotonic() + CLOSING_PORT_S
        try:
            while wanted():
                try:
                    launch = await self._make_launch()
                except PortInUse as error:
                    if not error.passing or time.monotonic() > give_up_at:
                        raise
                    if self.port_wait is None:
                        self._show_wait(error.text)
                    await self._condition.wait_for(lambda: not wanted(), CLOSING_PORT_PROBE_S)
                else:
                    return launch if wanted() else None
            return None
        finally:
            self.port_wait = None

    def _show_wait(self, reason: Text) -> None:
        log.info("%s waits: %s", self._terminal.session_id, reason.en)
        self.port_wait = reason
        self._terminal.announce(Text(f"等待启动：{reason.zh}", f"Waits for its start: {reason.en}"))
        self._on_wait()
