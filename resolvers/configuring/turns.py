"""Turns for the work on configuration texts: one at a time for each instance, and a limit on how many wait."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from weakref import WeakValueDictionary

from mailauncher.errors import ServiceUnavailable


class Waiting(Enum):
    """How many of one kind may have or wait for the turn of an instance. A change keeps the body of its request meanwhile, of up
    to `max_body_bytes`; one GraphQL query may ask for the differences of hundreds of revisions."""

    CHANGES = 128
    READS = 1000


class _Turn:
    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.waiting: Counter[Waiting] = Counter()


class ConfigTurns:
    """An instance has a turn for as long as somebody has it or waits for it."""

    def __init__(self) -> None:
        self._turns: WeakValueDictionary[str, _Turn] = WeakValueDictionary()
        self._closed = False

    async def close(self) -> None:
        """Waits until nobody has a turn any more. Whoever waits for one gets none."""
        self._closed = True
        for turn in list(self._turns.values()):
            async with turn.lock:
                pass

    def count_waiting(self, instance_id: str, kind: Waiting) -> int:
        """How many of that kind have or wait for the turn of an instance."""
        turn = self._turns.get(instance_id)
        return turn.waiting[kind] if turn else 0

    @asynccontextmanager
    async def of(self, instance_id: str, kind: Waiting) -> AsyncIterator[None]:
        """Raises ServiceUnavailable if too many of that kind wait already, and once this is closed."""
        turn = self._turns.setdefault(instance_id, _Turn())
        if self.count_waiting(instance_id, kind) >= kind.value:
            raise ServiceUnavailable(
                f"该实例已有 {kind.value} 个配置操作在排队，请稍后再试",
                f"{kind.value} operations on the configuration of this instance are waiting already: try again later",
            )
        turn.waiting[kind] += 1
        try:
            async with turn.lock:
                if self._closed:
                    raise ServiceUnavailable("启动器正在退出", "The launcher is shutting down")
                yield
        finally:
            turn.waiting[kind] -= 1
