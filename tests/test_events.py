"""The bus: nobody waits for anybody, and the newest state is what counts."""

import asyncio
from dataclasses import dataclass

from mailauncher.events import LIMIT, Bus, Event, InstanceChanged, MetricsSampled


@dataclass(frozen=True, slots=True)
class Said(Event):
    """An event that nothing replaces but its equal."""

    number: int


async def waiting(subscription: object, count: int) -> list[Event]:
    """The next `count` events, which must be there already."""
    async with asyncio.timeout(5):
        return [await anext(subscription) for _ in range(count)]  # type: ignore[call-overload]


async def none_waits(subscription: object) -> bool:
    task = asyncio.ensure_future(anext(subscription))  # type: ignore[call-overload]
    await asyncio.sleep(0)
    arrived = task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return not arrived


async def test_events_arrive_in_the_order_they_were_published() -> None:
    bus = Bus()
    with bus.subscribe(Said) as events:
        for number in range(5):
            bus.publish(Said(number))
        assert await waiting(events, 5) == [Said(number) for number in range(5)]


async def test_a_subscriber_waits_for_what_comes() -> None:
    bus = Bus()
    with bus.subscribe(Said) as events:
        task = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        assert not task.done()
        bus.publish(Said(1))
        async with asyncio.timeout(5):
            assert await task == Said(1)


async def test_only_the_kinds_asked_for_arrive() -> None:
    bus = Bus()
    with bus.subscribe(Said, MetricsSampled) as events:
        bus.publish(InstanceChanged("a"))
        bus.publish(MetricsSampled())
        bus.publish(Said(1))
        assert await waiting(events, 2) == [MetricsSampled(), Said(1)]
        assert await none_waits(events)


async def test_every_subscriber_gets_every_event() -> None:
    bus = Bus()
    with bus.subscribe(Said) as first, bus.subscribe(Event) as second:
        bus.publish(Said(1))
        assert await waiting(first, 1) == await waiting(second, 1) == [Said(1)]


async def test_what_was_published_before_does_not_arrive() -> None:
    bus = Bus()
    bus.publish(Said(1))
    with bus.subscribe(Said) as events:
        assert await none_waits(events)


async def test_what_is_published_after_the_block_is_not_kept() -> None:
    bus = Bus()
    with bus.subscribe(Said) as events:
        pass
    bus.publish(Said(1))
    assert await none_waits(events)


async def test_publishing_without_subscribers_is_fine() -> None:
    Bus().publish(Said(1))


async def test_a_newer_event_takes_the_place_of_a_waiting_one_with_its_key() -> None:
    bus = Bus()
    with bus.subscribe(InstanceChanged) as events:
        bus.publish(InstanceChanged("a"))
        bus.publish(InstanceChanged("b"))
        bus.publish(InstanceChanged("a", removed=True))
        assert await waiting(events, 2) == [InstanceChanged("b"), InstanceChanged("a", removed=True)]
        assert await none_waits(events)
        assert events.missed == 0


async def test_an_event_that_was_taken_is_not_replaced() -> None:
    bus = Bus()
    with bus.subscribe(InstanceChanged) as events:
        bus.publish(InstanceChanged("a"))
        await waiting(events, 1)
        bus.publish(InstanceChanged("a"))
        assert await waiting(events, 1) == [InstanceChanged("a")]


async def test_keys_of_different_kinds_do_not_meet() -> None:
    keys = {
        InstanceChanged("a").key,
        InstanceChanged("b").key,
        MetricsSampled().key,
        Said(1).key,
        Said(2).key,
    }
    assert len(keys) == 5


async def test_a_flood_with_one_key_waits_as_one_event() -> None:
    bus = Bus()
    with bus.subscribe(MetricsSampled) as events:
        for _ in range(10 * LIMIT):
            bus.publish(MetricsSampled())
        assert (events.missed, len(events._waiting)) == (0, 1)


async def test_beyond_the_limit_the_oldest_is_dropped_and_counted() -> None:
    bus = Bus()
    with bus.subscribe(Said) as events:
        for number in range(LIMIT + 3):
            bus.publish(Said(number))
        assert events.missed == 3
        assert len(events._waiting) == LIMIT
        assert await waiting(events, 1) == [Said(3)]


async def test_a_subscriber_that_reads_nothing_costs_the_others_nothing() -> None:
    bus = Bus()
    with bus.subscribe(Said) as slow, bus.subscribe(Said) as quick:
        for number in range(LIMIT + 1):
            bus.publish(Said(number))
            assert await waiting(quick, 1) == [Said(number)]
        assert (quick.missed, slow.missed) == (0, 1)


async def test_a_reader_that_is_cancelled_loses_nothing() -> None:
    bus = Bus()
    with bus.subscribe(Said) as events:
        task = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        bus.publish(Said(1))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await waiting(events, 1) == [Said(1)]


async def test_the_end_of_the_block_forgets_the_subscriber_even_on_an_error() -> None:
    bus = Bus()
    try:
        with bus.subscribe(Said):
            raise KeyError
    except KeyError:
        pass
    assert not bus._subscriptions


async def test_a_snapshot_taken_inside_the_block_misses_nothing() -> None:
    """Whatever happens while the snapshot is made arrives after it."""
    bus = Bus()
    state = 1
    with bus.subscribe(Said) as events:
        snapshot = state
        state = 2
        bus.publish(Said(state))
        assert (snapshot, await waiting(events, 1)) == (1, [Said(2)])
