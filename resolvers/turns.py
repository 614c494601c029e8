"""Work on an instance's files that must wait for other such work."""

import asyncio
from weakref import WeakValueDictionary


class Turns:
    """One lock for each instance, as long as somebody has or wants it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, instance_id: str) -> asyncio.Lock:
        lock = self._locks.get(instance_id)
        if lock is None:
            lock = self._locks[instance_id] = asyncio.Lock()
        return lock
