"""SIGINT and SIGTERM cancel the worker's deployment."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Cancelled(BaseException):
    """Cancellation was requested. Not an Exception, so that no `except Exception` on the way handles it."""


class Interrupt:
    """Raises Cancelled on the first signal, wherever the program is; later signals do nothing, so that they cannot interrupt
    the cleanup."""

    def __init__(self) -> None:
        self.requested = False
        self._shields = 0

    def listen(self) -> None:
        """Installs the handlers; call it in the main thread. Children start with the default handlers, even if this process
        inherited ignored signals."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._received)

    def check(self) -> None:
        """Raises Cancelled if it was requested: code that swallows exceptions may have lost the one raised by the handler."""
        if self.requested:
            raise Cancelled

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """A signal does not interrupt the block; `check` raises Cancelled afterwards."""
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
