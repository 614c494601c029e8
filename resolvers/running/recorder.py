"""Adds what is sampled to the history."""

import asyncio
import time

from mailauncher.events import Bus, MetricsSampled, UsageSampled
from resolvers.running.metrics import MachineSampler
from resolvers.running.usage import UsageSampler
from store.usage_history import MACHINE, UsageHistory


class Recorder:
    """Adds each sample of the machine and of all programs to the history, until it is cancelled."""

    def __init__(self, bus: Bus, machine: MachineSampler, usage: UsageSampler, history: UsageHistory) -> None:
        self._bus = bus
        self._machine = machine
        self._usage = usage
        self._history = history

    async def run(self) -> None:
        with self._bus.subscribe(MetricsSampled, UsageSampled) as samples:
            async for event in samples:
                if isinstance(event, MetricsSampled):
                    latest = self._machine.latest
                    found = {MACHINE: (latest.cpu_usage, latest.memory_used)}
                else:
                    programs = self._usage.programs()
                    found = {one.session_id: (one.usage.cpu_percent, one.usage.memory) for one in programs}
                await asyncio.to_thread(self._history.add, time.time(), found)
