"""Events of equal subscriptions: each is executed and encoded once, for all who follow them.

Each subscriber has a cursor of its own (its place on the bus, in the journal or in a terminal's output), so that one that is
slow delays nobody. What is shared is the answer to an event. Subscriptions are equal if document, operation, variables and
reader are.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import GraphQLError
from strawberry.types import ExecutionResult

from mailauncher.system_text import to_json
from mailauncher.tasks import Tasks
from schema.context import Reader

SHARED_FOR_S = 1.0
"""An answer is given to others for this long: a field may read what changes without an event."""
ANSWERS_KEPT = 256
"""Of each subscription: a burst of so many events is answered once, though one subscriber after the other gets all of it."""
KEPT_BYTES = 4 << 20
"""Maximum size of the answers kept of each subscription."""


@dataclass
class EventAnswer(ExecutionResult):
    """The answer to an event, and as it is sent. `position` is where a later subscription continues; None: nowhere."""

    encoded: bytes = b""
    position: int | None = None
    event: bytes | None = None
    """The same as a server-sent event, once somebody has asked for it."""


class SubscriptionKey(NamedTuple):
    """Equal keys, equal subscriptions. `variables` are encoded."""

    document: str
    operation: str | None
    variables: bytes
    reader: Reader


class _Made(NamedTuple):
    """`number` counts the answers of a subscription, in the order in which their execution began."""

    number: int
    at: float
    answer: "EventAnswer | asyncio.Task[EventAnswer]"


Execute = Callable[[Any], EventAnswer | Awaitable[EventAnswer]]


class SharedEvents:
    """The answers of all subscriptions that somebody follows."""

    def __init__(self) -> None:
        self._followed: dict[SubscriptionKey, SharedAnswers] = {}

    def __len__(self) -> int:
        """The number of different subscriptions."""
        return len(self._followed)

    @asynccontextmanager
    async def follow(self, key: SubscriptionKey) -> AsyncIterator["Subscriber"]:
        answers = self._followed.setdefault(key, SharedAnswers())
        answers.subscribers += 1
        try:
            yield Subscriber(answers)
        finally:
            answers.subscribers -= 1
            if not answers.subscribers:
                del self._followed[key]
                await answers.tasks.close()


class SharedAnswers:
    """The answers to the latest events of one subscription."""

    def __init__(self) -> None:
        self.subscribers = 0
        self.tasks = Tasks()
        self.made = 0
        self._kept: OrderedDict[Hashable, _Made] = OrderedDict()
        self._bytes = 0

    def find(self, event: Hashable) -> _Made | None:
        return self._kept.get(event)

    def keep(self, event: Hashable, made: _Made) -> None:
        """Keeps an answer, or the task that makes it. With one subscriber nothing is kept: nobody else would ask for it."""
        self._forget(event)
        if self.subscribers < 2:
            return
        self._kept[event] = made
        self._bytes += _size(made)
        while len(self._kept) > ANSWERS_KEPT or self._bytes > KEPT_BYTES:
            self._forget(next(iter(self._kept)))

    def _forget(self, event: Hashable) -> None:
        if (former := self._kept.pop(event, None)) is not None:
            self._bytes -= _size(former)


def _size(made: _Made) -> int:
    """Twice the answer's, which may also be there as a server-sent event."""
    return 2 * len(made.answer.encoded) if isinstance(made.answer, EventAnswer) else 0


class Subscriber:
    """One of those who follow a subscription."""

    def __init__(self, shared: SharedAnswers) -> None:
        self._shared = shared
        self._seen = 0

    async def answer(self, event: Hashable, execute: Execute) -> EventAnswer:
        """The answer to an event. Equal events have one answer, with one exception.

        An instance that changes and changes back has two equal events. The answer to the first may be older than one that
        this subscriber has seen since, and what it says beside the instance untrue: only answers whose execution began
        later than that of the last one are taken.
        """
        shared = self._shared
        now = asyncio.get_running_loop().time()
        made = shared.find(event)
        if made is None or made.number <= self._seen or now - made.at > SHARED_FOR_S:
            shared.made += 1
            answer = execute(event)
            if not isinstance(answer, EventAnswer):
                answer = shared.tasks.spawn(_awaited(answer), "event of a subscription")
            made = _Made(shared.made, now, answer)
            shared.keep(event, made)
        self._seen = made.number
        if isinstance(made.answer, EventAnswer):
            return made.answer
        # The task goes on for the others if this subscriber leaves.
        answer = await asyncio.shield(made.answer)
        if shared.find(event) is made:
            shared.keep(event, made._replace(answer=answer))
        return answer


async def _awaited(answer: Awaitable[EventAnswer]) -> EventAnswer:
    return await answer


def encoded(data: object, errors: list[GraphQLError] | None, position: int | None = None) -> EventAnswer:
    payload: dict[str, Any] = {"data": data}
    if errors:
        payload["errors"] = [error.formatted for error in errors]
    return EventAnswer(None, errors, encoded=to_json(payload), position=position)
