"""SIGINT, SIGTERM and SIGHUP for a program that shuts down in order, in whichever phase they arrive."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType


class Signals:
    """Handles the signals for the rest of the process. Must be created in its main thread.

    At first a signal exits with status 0, running every `finally`. SIGHUP, sent when the terminal closes, stays ignored
    if it was (`nohup`). SIGINT does not: shells ignore it for background jobs of a script, and scripts nevertheless stop
    servers with it.
    """

    def __init__(self) -> None:
        self._handler: Callable[[], object] = self._exit
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._received)

    @contextlib.contextmanager
    def held_back(self) -> Iterator[None]:
        """A signal in the block takes effect at its end. For what an exception at any moment would leave half done: an event loop
        that was made and is not yet known to who closes it."""
        former, came = self._handler, False

        def note() -> None:
            nonlocal came
            came = True

        self._handler = note
        yield
        self._handler = former
        if came:
            former()

    def set_handler(self, handler: Callable[[], object]) -> None:
        """From now on a signal calls `handler` on the running loop. Call `ignore` before that loop is closed."""
        loop = asyncio.get_running_loop()
        self._handler = lambda: loop.call_soon_threadsafe(handler)

    def ignore(self) -> None:
        """From now on a signal does nothing."""
        self._handler = lambda: None

    def _received(self, _number: int, _frame: FrameType | None) -> None:
        self._handler()

    def _exit(self) -> None:
        self.ignore()  # a second signal must not interrupt the `finally` blocks
        raise SystemExit(0)
