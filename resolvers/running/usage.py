"""CPU, memory and processes of each running program, its children included, sampled in a thread."""

import asyncio
import contextlib
import logging
from collections.abc import Collection, Mapping

import psutil

from mailauncher.events import Bus, UsageSampled
from mailauncher.outage import Outage
from resolvers.running.live_instances import LiveInstances
from resolvers.views import ProgramUsage, Usage
from terminals.supervisor import MAIN

log = logging.getLogger(__name__)

_SAMPLES_OF_A_TREE = 10
"""All processes of the machine are looked through for children of programs only every so often: that costs more than the
samples themselves. A child that lives shorter may not be counted."""


class UsageSampler:
    """Samples the process tree of each running program every `interval_s` seconds, and keeps the last sample by the pid at its
    root."""

    def __init__(self, live: LiveInstances, bus: Bus, interval_s: float) -> None:
        self._live = live
        self._bus = bus
        self._interval_s = interval_s
        self._outage = Outage(log, "sampling the usage of programs")
        self._latest: dict[int, Usage] = {}
        self._trees: dict[int, list[psutil.Process]] = {}
        self._samples = 0
        self._measured: set[psutil.Process] = set()

    def latest(self, pid: int | None) -> Usage | None:
        """None until the tree has been sampled twice: a percentage needs a period of time."""
        return self._latest.get(pid) if pid is not None else None

    def programs(self) -> list[ProgramUsage]:
        """The last sample of each program that runs."""
        found = ((key, self._latest.get(pid)) for pid, key in self._running().items())
        return [ProgramUsage(key, key.rpartition("_")[0], usage) for key, usage in found if usage is not None]

    async def run(self) -> None:
        """Samples for ever, as long as anything runs. While that fails, which is logged once, nothing is known."""
        while True:
            await asyncio.sleep(self._interval_s)
            running = self._running()
            try:
                self._latest = await asyncio.to_thread(self._sample, running) if running else {}
            except (OSError, psutil.Error) as error:
                self._outage.failed(error)
                self._latest = {}
            else:
                self._outage.worked()
            if running:
                self._bus.publish(UsageSampled())

    def _running(self) -> dict[int, str]:
        """The ids of the sessions of programs that run, by pid."""
        found = {}
        for view in self._live.views:
            for name, pid in ((MAIN, view.pid), *((service.name, service.pid) for service in view.services)):
                if pid is not None:
                    found[pid] = f"{view.id}_{name}"
        return found

    def _sample(self, running: Mapping[int, str]) -> dict[int, Usage]:
        if self._samples % _SAMPLES_OF_A_TREE == 0 or running.keys() - self._trees.keys():
            self._trees = _trees(running.keys())
        self._samples += 1
        measured: set[psutil.Process] = set()
        found = {}
        for root in running.keys() & self._trees.keys():
            tree = self._trees[root]
            compared = tree[0] in self._measured
            usage = self._tree(tree, measured)
            if compared:
                found[root] = usage
        self._measured = measured
        return found

    def _tree(self, tree: list[psutil.Process], measured: set[psutil.Process]) -> Usage:
        cpu, memory, count = 0.0, 0, 0
        for process in tree:
            with contextlib.suppress(psutil.Error):  # of two values, `oneshot` costs more than it saves
                cpu += process.cpu_percent()
                memory += process.memory_info().rss
                count += 1
                measured.add(process)
        return Usage(round(cpu, 1), memory, count)


def _trees(roots: Collection[int]) -> dict[int, list[psutil.Process]]:
    """Each root with all its descendants, the root first."""
    # psutil keeps the Process objects of its last iteration, and with them what cpu_percent compares with.
    processes = {process.pid: process for process in psutil.process_iter()}
    children: dict[int, list[psutil.Process]] = {}
    for process in processes.values():
        with contextlib.suppress(psutil.Error):
            children.setdefault(process.ppid(), []).append(process)
    found = {}
    for root in roots & processes.keys():
        tree = [processes[root]]
        for process in tree:
            tree += children.get(process.pid, ())
        found[root] = tree
    return found
