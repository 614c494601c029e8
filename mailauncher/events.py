"""Typed events and the bus that carries them to bounded subscribers.

A subscriber that does not keep up never holds up a publisher: events with the same `key` replace each other (the
newest state is what counts), and beyond `LIMIT` different keys the oldest is dropped and counted in `missed`.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `key` says which waiting event a newer one makes out of date."""

    @property
    def key(self) -> object:
        return self


@dataclass(frozen=True, slots=True)
class InstanceChanged(Event):
    """An instance was added, changed in any visible way (status and services included), or removed."""

    instance_id: str
    removed: bool = False

    @property
    def key(self) -> object:
        return (InstanceChanged, self.instance_id)


@dataclass(frozen=True, slots=True)
class DeploymentChanged(Event):
    """A deployment has begun, come further, or ended."""

    instance_id: str

    @property
    def key(self) -> object:
        return (DeploymentChanged, self.instance_id)


@dataclass(frozen=True, slots=True)
class MetricsSampled(Event):
    """The background sampler has new figures."""

    @property
    def key(self) -> object:
        return MetricsSampled


@dataclass(frozen=True, slots=True)
class Noted(Event):
    """The journal has a new line."""

    @property
    def key(self) -> object:
        return Noted


class Subscription(AsyncIterator[Event]):
    """Waiting events of one subscriber, oldest first. `missed` counts what was dropped for being too many."""

    def __init__(self, kinds: tuple[type[Event], ...]) -> None:
        self.missed = 0
        self._kinds = kinds
        self._waiting: dict[object, Event] = {}
        self._arrived = asyncio.Event()

    def offer(self, event: Event) -> None:
        if not isinstance(event, self._kinds):
            return
        self._waiting.pop(event.key, None)
        self._waiting[event.key] = event
        if len(self._waiting) > LIMIT:
            del self._waiting[next(iter(self._waiting))]
            self.missed += 1
        self._arrived.set()

    async def __anext__(self) -> Event:
        while not self._waiting:
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.pop(next(iter(self._waiting)))


class Bus:
    """Carries events from whoever knows to whoever asked. Publishing never waits and never fails."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()

    def publish(self, event: Event) -> None:
        for subscription in self._subscriptions:
            subscription.offer(event)

    @contextmanager
    def subscribe(self, *kinds: type[Event]) -> Iterator[Subscription]:
        """Events of these kinds from this moment on; take a snapshot inside the block and nothing falls between."""
        subscription = Subscription(kinds)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
