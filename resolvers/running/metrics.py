"""Metrics of the machine, sampled in the background. Readers get the last sample without waiting."""

import asyncio
import logging
import platform
import time
from pathlib import Path
from typing import Any

import psutil

from mailauncher.events import Bus, MetricsSampled
from mailauncher.outage import Outage
from resolvers.views import Machine, Metrics

log = logging.getLogger(__name__)


class MachineSampler:
    """Takes a sample every `interval_s` seconds in a thread. `disk` is a path on the file system to measure."""

    def __init__(self, bus: Bus, disk: Path, interval_s: float) -> None:
        self._bus = bus
        self._disk = disk
        self._interval_s = interval_s
        self._outage = Outage(log, "sampling the machine")
        self._network: tuple[float, int, int] | None = None
        # Linux and containers name no processor; the type of the machine is the nearest that is known.
        processor = platform.processor() or platform.machine() or "unknown"
        self.machine = Machine(platform.system(), platform.release(), platform.machine(), processor)
        self.latest: Metrics

    async def prime(self) -> None:
        """Takes the first sample, so that there is always a latest one."""
        await asyncio.to_thread(psutil.cpu_percent)  # the first call has nothing to compare with
        self.latest = await asyncio.to_thread(self._sample)

    async def run(self) -> None:
        """Samples for ever. While that fails, which is logged once, the last sample stays."""
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                self.latest = await asyncio.to_thread(self._sample)
            except (OSError, psutil.Error) as error:
                self._outage.failed(error)
            else:
                self._outage.worked()
                self._bus.publish(MetricsSampled())

    def _sample(self) -> Metrics:
        memory = psutil.virtual_memory()
        disk = psutil.disk_usage(str(self._disk))
        network: Any = (
            psutil.net_io_counters()
        )  # None where there is no network at all, whatever its types say
        sent, received = (network.bytes_sent, network.bytes_recv) if network else (0, 0)
        now = time.monotonic()
        then, sent_then, received_then = self._network or (now, sent, received)
        elapsed = max(now - then, 0.001)
        self._network = now, sent, received
        return Metrics(
            at=int(time.time() * 1000),
            cpu_usage=psutil.cpu_percent(),
            cpu_cores=psutil.cpu_count() or 1,
            memory_total=memory.total,
            memory_used=memory.total - memory.available,
            memory_free=memory.available,
            memory_usage_percent=memory.percent,
            disk_total=disk.total,
            disk_used=disk.used,
            disk_free=disk.free,
            disk_usage_percent=disk.percent,
            network_bytes_sent=sent,
            network_bytes_recv=received,
            network_up=max(0.0, (sent - sent_then) / elapsed),
            network_down=max(0.0, (received - received_then) / elapsed),
        )
