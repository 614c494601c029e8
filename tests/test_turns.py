"""Many calls at once leave turns of the event loop to others."""

import asyncio
import functools
import itertools
from typing import Any, cast

import pytest

from mailauncher.events import Bus, MetricsSampled
from mailauncher.turns import CALLS_IN_A_TURN, Turns
from terminals.tail import Tail, Viewer

MANY = 5 * CALLS_IN_A_TURN


async def test_calls_are_made_once_and_in_order_with_turns_for_others_in_between() -> None:
    turns, made = Turns(), list[int]()
    calls = [functools.partial(made.append, number) for number in range(MANY)]
    turns.call(calls)
    assert len(made) == CALLS_IN_A_TURN
    turns.call(calls[-3:])
    turns.call(calls[:1])
    for _ in range(5):
        await asyncio.sleep(0)
    assert made == [*range(MANY), 0]


async def woken_by_bus() -> list[asyncio.Task[Any]]:
    bus = Bus()

    async def follow() -> None:
        with bus.subscribe(MetricsSampled) as events:
            await anext(events)

    tasks = [asyncio.create_task(follow()) for _ in range(MANY)]
    await asyncio.sleep(0)
    bus.publish(MetricsSampled())
    return tasks


async def woken_by_output() -> list[asyncio.Task[Any]]:
    tail = Tail(cast(Any, None), "main")
    tail.viewers = [Viewer(tail) for _ in range(MANY)]
    tasks = [asyncio.create_task(anext(viewer)) for viewer in tail.viewers]
    await asyncio.sleep(0)
    tail._on_data(0, b"x")
    return tasks


@pytest.mark.parametrize("wake", [woken_by_bus, woken_by_output])
async def test_a_request_does_not_wait_until_all_who_follow_have_been_served(wake: Any) -> None:
    """Of a thousand connections all were served in one turn of the loop, in which nothing else was looked at."""
    tasks: list[asyncio.Task[Any]] = await wake()
    served = [0]
    while served[-1] < MANY:
        await asyncio.sleep(0)
        served.append(sum(task.done() for task in tasks))
    assert max(after - before for before, after in itertools.pairwise(served)) <= CALLS_IN_A_TURN
