"""SIGINT and SIGTERM of the worker: a deployment is cancelled."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Cancelled(BaseException):
    """Somebody asked for the end. No Exception: nothing on the way mends it."""


class Interrupt:
    """Turns the first signal into Cancelled, raised where the program stands; later ones do nothing, so that they cannot cut
    the clearing up short."""

    def __init__(self) -> None:
        self.requested = False
        self._shields = 0

    def listen(self) -> None:
        """From now on, in the main thread. Children start with both signals at their defaults, whatever we were given."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._received)

    def check(self) -> None:
        """Raises Cancelled if it was asked for: a raise out of a handler can get lost in what swallows exceptions."""
        if self.requested:
            raise Cancelled

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """A signal that comes during the block does not break into it; `check` tells of it afterwards."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1

    def _received(self, _number: int, _frame: FrameType | None) -> None:
        first = not self.requested
        self.requested = True
        if first and self._shields == 0:
            raise Cancelled
