"""The machine's figures: sampled in the background, never waited for."""

import asyncio
import logging
import os
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from mailauncher.errors import InvalidParameter
from mailauncher.events import Bus, MetricsSampled
from resolvers import system
from resolvers.context import Context
from resolvers.running.metrics import MachineSampler
from resolvers.views import Metrics
from tests.support.context import parts


@asynccontextmanager
async def sampling(folder: Path, interval_s: float = 0.1) -> AsyncIterator[tuple[MachineSampler, Bus]]:
    bus = Bus()
    sampler = MachineSampler(bus, folder, interval_s)
    await sampler.prime()
    task = asyncio.create_task(sampler.run())
    try:
        yield sampler, bus
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def next_sample(sampler: MachineSampler, bus: Bus) -> Metrics:
    with bus.subscribe(MetricsSampled) as samples:
        async with asyncio.timeout(10):
            await anext(samples)
    return sampler.latest


def is_plausible(found: Metrics) -> bool:
    usages = (found.cpu_usage, found.memory_usage_percent, found.disk_usage_percent)
    return (
        all(0 <= usage <= 100 for usage in usages)
        and found.cpu_cores == os.cpu_count()
        and found.memory_used + found.memory_free == found.memory_total == psutil.virtual_memory().total
        and 0 < found.disk_used + found.disk_free <= found.disk_total
        and found.network_bytes_sent >= 0
        and found.network_up >= 0
        and found.network_down >= 0
        and abs(found.at - time.time() * 1000) < 60_000
    )


async def test_there_is_a_sample_from_the_first_moment(tmp_path: Path) -> None:
    sampler = MachineSampler(Bus(), tmp_path, 60)
    await sampler.prime()
    assert is_plausible(sampler.latest)
    assert (sampler.latest.network_up, sampler.latest.network_down) == (0, 0)


@pytest.mark.slow
async def test_samples_are_taken_repeatedly(tmp_path: Path) -> None:
    async with sampling(tmp_path) as (sampler, bus):
        times = [(await next_sample(sampler, bus)).at for _ in range(3)]
        assert times == sorted(set(times))
        assert is_plausible(sampler.latest)


async def test_sizes_are_those_of_the_file_system_of_the_data_folder(tmp_path: Path) -> None:
    sampler = MachineSampler(Bus(), tmp_path, 60)
    await sampler.prime()
    assert sampler.latest.disk_total == psutil.disk_usage(str(tmp_path)).total


@pytest.mark.slow
async def test_rates_are_computed_from_the_sample_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = SimpleNamespace(bytes_sent=1000, bytes_recv=2000)
    monkeypatch.setattr(psutil, "net_io_counters", lambda: counts)
    async with sampling(tmp_path) as (sampler, bus):
        counts.bytes_sent, counts.bytes_recv = 11_000, 2000
        found = await next_sample(sampler, bus)
        assert (found.network_bytes_sent, found.network_bytes_recv) == (11_000, 2000)
        assert 0 < found.network_up <= 100_000
        assert found.network_down == 0


async def test_counters_that_start_again_at_zero_give_no_negative_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = SimpleNamespace(bytes_sent=1000, bytes_recv=2000)
    monkeypatch.setattr(psutil, "net_io_counters", lambda: counts)
    async with sampling(tmp_path) as (sampler, bus):
        counts.bytes_sent, counts.bytes_recv = 0, 0
        found = await next_sample(sampler, bus)
        assert (found.network_up, found.network_down) == (0, 0)


async def test_a_machine_without_a_network_has_sent_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """psutil gives None there, and the server did not start."""
    monkeypatch.setattr(psutil, "net_io_counters", lambda: None)
    sampler = MachineSampler(Bus(), tmp_path, 60)
    await sampler.prime()
    assert (sampler.latest.network_bytes_sent, sampler.latest.network_bytes_recv) == (0, 0)


@pytest.mark.slow
async def test_a_sample_that_fails_leaves_the_one_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def broken(_: str) -> None:
        loop.call_soon_threadsafe(failed.set)
        raise OSError("the disk is gone")

    async with sampling(tmp_path) as (sampler, bus):
        before = await next_sample(sampler, bus)
        with monkeypatch.context() as patch, caplog.at_level(logging.ERROR):
            patch.setattr(psutil, "disk_usage", broken)
            async with asyncio.timeout(10):
                await failed.wait()
            assert sampler.latest.at >= before.at
            kept = sampler.latest
        after = await next_sample(sampler, bus)
        assert after.at > kept.at
    told = [record for record in caplog.records if "sampling the machine" in record.getMessage()]
    # However many samples have failed meanwhile.
    assert [(record.levelname, record.exc_info) for record in told] == [("ERROR", None), ("WARNING", None)]


async def test_readers_do_not_wait_for_a_slow_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks gets the last one at once, however long the system takes for the next."""
    real = psutil.disk_usage
    entered = asyncio.Event()
    loop = asyncio.get_running_loop()
    released = threading.Event()

    def slow(path: str) -> object:
        loop.call_soon_threadsafe(entered.set)
        released.wait(10)
        return real(path)

    async with parts(tmp_path, metrics_interval_s=0.1) as ctx:
        monkeypatch.setattr(psutil, "disk_usage", slow)
        try:
            async with asyncio.timeout(10):
                await entered.wait()
            assert is_plausible(system.metrics(ctx))
            assert system.health(ctx).status == "healthy"
        finally:
            released.set()


async def test_the_machine_is_described(ctx: Context) -> None:
    machine = system.machine(ctx)
    assert machine.system
    assert machine.release
    assert machine.machine


# Following


@pytest.mark.slow
async def test_a_follower_gets_the_latest_sample_at_once_and_then_each_next_one(tmp_path: Path) -> None:
    async with parts(tmp_path, metrics_interval_s=0.1) as ctx:
        stream = system.metrics_stream(ctx, 100)
        async with asyncio.timeout(10):
            found = [await anext(stream) for _ in range(4)]
        await stream.aclose()
    times = [sample.at for sample in found]
    assert times == sorted(set(times))


@pytest.mark.slow
async def test_a_follower_gets_no_more_than_it_asked_for(tmp_path: Path) -> None:
    async with parts(tmp_path, metrics_interval_s=0.1) as ctx:
        stream = system.metrics_stream(ctx, 300)
        async with asyncio.timeout(10):
            first, second = [await anext(stream) for _ in range(2)]
        await stream.aclose()
    assert second.at - first.at >= 250


@pytest.mark.parametrize("interval", [99, 0, -1, 3_600_001])
async def test_an_invalid_interval_is_refused_at_once(ctx: Context, interval: int) -> None:
    with pytest.raises(InvalidParameter) as caught:
        system.metrics_stream(ctx, interval)
    assert caught.value.field == "intervalMs"


async def test_a_follower_that_leaves_is_forgotten(ctx: Context) -> None:
    before = set(ctx.bus._subscriptions)
    stream = system.metrics_stream(ctx, 1000)
    await anext(stream)
    assert ctx.bus._subscriptions > before
    await stream.aclose()
    assert ctx.bus._subscriptions == before
