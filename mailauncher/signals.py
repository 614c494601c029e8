"""SIGINT, SIGTERM and SIGHUP of a program that must end in order, whichever phase they reach it in."""

import asyncio
import signal
from collections.abc import Callable
from types import FrameType


class Signals:
    """Takes the signals over for the rest of the process, which must be in its main thread.

    At first a signal leaves the program with status 0: there is nothing to put away yet that a `finally` would not.
    SIGHUP, the closing of the terminal, stays ignored where it was (`nohup`). SIGINT does not: shells ignore it for
    what a script starts in the background, and scripts end a server with it all the same.
    """

    def __init__(self) -> None:
        self._act: Callable[[], object] = self._leave
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._received)

    def then(self, act: Callable[[], object]) -> None:
        """From now on a signal calls `act` on the running loop. `ignore` must follow before that loop is closed."""
        loop = asyncio.get_running_loop()
        self._act = lambda: loop.call_soon_threadsafe(act)

    def ignore(self) -> None:
        """From now on a signal does nothing."""
        self._act = lambda: None

    def _received(self, _number: int, _frame: FrameType | None) -> None:
        self._act()

    def _leave(self) -> None:
        self.ignore()  # a second one must not cut the way out short
        raise SystemExit(0)
