"""Typed events, and the bus that delivers them to subscribers with bounded queues.

A slow subscriber never delays a publisher: an event replaces a waiting one with the same `key`, since only the newest
state counts, and beyond `LIMIT` different keys the oldest event is dropped and counted in `missed`.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mailauncher.turns import Turns

LIMIT = 4096


@dataclass(frozen=True, slots=True)
class BusEvent:
    """Something that happened. An event replaces a waiting one with an equal `key`."""

    @property
    def key(self) -> object:
        return self


@dataclass(frozen=True, slots=True)
class InstanceChanged(BusEvent):
    """An instance was added, changed in any visible way (status and services included), or removed."""

    instance_id: str
    removed: bool = False

    @property
    def key(self) -> object:
        return (InstanceChanged, self.instance_id)


@dataclass(frozen=True, slots=True)
class DeploymentChanged(BusEvent):
    """A deployment started, progressed, or ended."""

    instance_id: str

    @property
    def key(self) -> object:
        return (DeploymentChanged, self.instance_id)


@dataclass(frozen=True, slots=True)
class MetricsSampled(BusEvent):
    """The background sampler has new metrics."""

    @property
    def key(self) -> object:
        return MetricsSampled


@dataclass(frozen=True, slots=True)
class UsageSampled(BusEvent):
    """The background sampler has the usage of all running programs anew."""

    @property
    def key(self) -> object:
        return UsageSampled


@dataclass(frozen=True, slots=True)
class JournalWritten(BusEvent):
    """The journal has a new entry."""

    @property
    def key(self) -> object:
        return JournalWritten


@dataclass(frozen=True, slots=True)
class SshKeysChanged(BusEvent):
    """A key that may log in over SSH was added or removed, or may do something else than before."""

    @property
    def key(self) -> object:
        return SshKeysChanged


class BusSubscription(AsyncIterator[BusEvent]):
    """The waiting events of one subscriber, oldest first. `missed` counts the dropped ones."""

    def __init__(self, kinds: tuple[type[BusEvent], ...]) -> None:
        self.missed = 0
        self._kinds = kinds
        self._waiting: dict[object, BusEvent] = {}
        self._arrived = asyncio.Event()

    def put(self, key: object, event: BusEvent) -> bool:
        """Whether the event is of these kinds, so that the subscriber is to be woken."""
        if not isinstance(event, self._kinds):
            return False
        self._waiting.pop(key, None)
        self._waiting[key] = event
        if len(self._waiting) > LIMIT:
            del self._waiting[next(iter(self._waiting))]
            self.missed += 1
        return True

    def wake(self) -> None:
        self._arrived.set()

    async def __anext__(self) -> BusEvent:
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.pop(next(iter(self._waiting)))


class Bus:
    """Delivers published events to all subscribers, who are woken in turns. Publishing never waits and never fails."""

    def __init__(self) -> None:
        self._turns = Turns()
        self._subscriptions: set[BusSubscription] = set()

    def publish(self, event: BusEvent) -> None:
        key = event.key
        self._turns.call(
            [subscription.wake for subscription in self._subscriptions if subscription.put(key, event)]
        )

    @contextmanager
    def subscribe(self, *kinds: type[BusEvent]) -> Iterator[BusSubscription]:
        """Events of these kinds from now on. A snapshot taken inside the block misses nothing: every later change is an event."""
        subscription = BusSubscription(kinds)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
