"""Commands wait here for others that must not come between their checks and their changes."""

import asyncio
from weakref import WeakValueDictionary


class Locks:
    """A lock for each instance, as long as somebody holds or awaits it, and one for what instances may not share.

    Where both are needed, the instance's is taken first: two commands that took them in different orders would wait for each
    other for ever.
    """

    def __init__(self) -> None:
        self.claims = asyncio.Lock()
        """Held from the check that a name, a folder or a port is free until it belongs to an instance. Without it, two
        requests at once could both find the same one free."""
        self._instances: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._changes: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, instance_id: str) -> asyncio.Lock:
        """Held while the files of an instance are worked on."""
        return self._instances.setdefault(instance_id, asyncio.Lock())

    def changes(self, instance_id: str) -> asyncio.Lock:
        """Held while a user changes one file of an instance, never for long, and while the instance gets the status `installing`,
        in which no file may be changed. So whoever copies or exchanges its folder then comes between no two steps of a change."""
        return self._changes.setdefault(instance_id, asyncio.Lock())
