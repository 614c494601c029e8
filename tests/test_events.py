"""The event bus: publishers never wait, and newer states replace older ones."""

import asyncio
from dataclasses import dataclass

from mailauncher.events import LIMIT, Bus, BusEvent, InstanceChanged, MetricsSampled


@dataclass(frozen=True, slots=True)
class Said(BusEvent):
    """An event that only an equal one replaces."""

    number: int


async def waiting(subscription: object, count: int) -> list[BusEvent]:
    """The next `count` events, which must have arrived already."""
    async with asyncio.timeout(5):
        return [await anext(subscription) for _ in range(count)]  # type: ignore[call-overload]


async def none_waits(subscription: object) -> bool:
    task = asyncio.ensure_future(anext(subscription))  # type: ignore[call-overload]
    await asyncio.sleep(0)
    arrived = task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return not arrived


async def test_events_arrive_in_the_order_of_publication() -> None:
    bus = Bus()
    with bus.subscribe(Said) as events:
        for number in range(5):
            bus.publish(Said(number))
        assert await waiting(events, 5) == [Said(number) for number in range(5)]


async def test_a_subscriber_waits_for_the_next_event() -> None:
    bus = Bus()
    with bus.subscribe(Said) as events:
        task = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        assert not task.done()
        bus.publish(Said(1))
        async with asyncio.timeout(5):
            assert await task == Said(1)


async def test_only_the_subscribed_kinds_arrive() -> None:
    bus = Bus()
    with bus.subscribe(Said, MetricsSampled) as events:
        bus.publish(InstanceChanged("a"))
        bus.publish(MetricsSampled())
        bus.publish(Said(1))
        assert await waiting(events, 2) == [MetricsSampled(), Said(1)]
        assert await none_waits(events)


async def test_every_subscriber_gets_every_event() -> None:
    bus = Bus()
    with bus.subscribe(Said) as first, bus.subscribe(BusEvent) as second:
        bus.publish(Said(1))
        assert await waiting(first, 1) == await waiting(second, 1) == [Said(1)]


async def test_events_published_before_subscribing_do_not_arrive() -> None:
    bus = Bus()
    bus.publish(Said(1))
    with bus.subscribe(Said) as events:
        assert await none_waits(events)


async def test_events_published_after_the_block_are_not_kept() -> None:
    bus = Bus()
    with bus.subscribe(Said) as events:
        pass
    bus.publish(Said(1))
    assert await none_waits(events)


async def test_publishing_without_subscribers_is_fine() -> None:
    Bus().publish(Said(1))


async def test_a_newer_event_replaces_a_waiting_one_with_the_same_key() -> None:
    bus = Bus()
    with bus.subscribe(InstanceChanged) as events:
        bus.publish(InstanceChanged("a"))
        bus.publish(InstanceChanged("b"))
        bus.publish(InstanceChanged("a", removed=True))
        assert await waiting(events, 2) == [InstanceChanged("b"), InstanceChanged("a", removed=True)]
        assert await none_waits(events)
        assert events.missed == 0


async def test_a_consumed_event_is_not_replaced() -> None:
    bus = Bus()
    with bus.subscribe(InstanceChanged) as events:
        bus.publish(InstanceChanged("a"))
        await waiting(events, 1)
        bus.publish(InstanceChanged("a"))
        assert await waiting(events, 1) == [InstanceChanged("a")]


async def test_keys_of_different_kinds_are_distinct() -> None:
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


async def test_a_stalled_subscriber_does_not_delay_others() -> None:
    bus = Bus()
    with bus.subscribe(Said) as slow, bus.subscribe(Said) as quick:
        for number in range(LIMIT + 1):
            bus.publish(Said(number))
            assert await waiting(quick, 1) == [Said(number)]
        assert (quick.missed, slow.missed) == (0, 1)


async def test_a_cancelled_read_loses_nothing() -> None:
    bus = Bus()
    with bus.subscribe(Said) as events:
        task = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        bus.publish(Said(1))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert await waiting(events, 1) == [Said(1)]


async def test_the_end_of_the_block_unsubscribes_even_on_an_error() -> None:
    bus = Bus()
    try:
        with bus.subscribe(Said):
            raise KeyError
    except KeyError:
        pass
    assert not bus._subscriptions


async def test_a_snapshot_taken_inside_the_block_misses_nothing() -> None:
    """Events published while the snapshot is taken arrive after it."""
    bus = Bus()
    state = 1
    with bus.subscribe(Said) as events:
        snapshot = state
        state = 2
        bus.publish(Said(state))
        assert (snapshot, await waiting(events, 1)) == (1, [Said(2)])
