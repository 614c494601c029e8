"""Many calls at once, a few in each turn of the event loop.

Whoever wakes a thousand tasks at once makes all of them run in one turn, and a request that arrives meanwhile waits for the
last of them. Between turns the loop looks for what has arrived.
"""

import asyncio
from collections.abc import Callable, Iterable

CALLS_IN_A_TURN = 32
"""Deliveries to so many viewers take about a millisecond."""


class Turns:
    """Makes each call once, in the order in which they were asked for, the first few of them at once."""

    def __init__(self) -> None:
        self._waiting: dict[Callable[[], object], None] = {}

    def call(self, calls: Iterable[Callable[[], object]]) -> None:
        """A call that waits already keeps its place and is not made twice. None of them may raise."""
        idle = not self._waiting
        self._waiting.update(dict.fromkeys(calls))
        if idle:
            self._take_turn()

    def _take_turn(self) -> None:
        for _ in range(min(CALLS_IN_A_TURN, len(self._waiting))):
            call = next(iter(self._waiting))
            del self._waiting[call]
            call()
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._take_turn)
