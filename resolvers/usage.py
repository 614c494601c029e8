"""What each running program costs: CPU, memory and processes of its whole tree, sampled off the loop."""

import asyncio
import contextlib
from dataclasses import dataclass

import psutil

from resolvers.fleet import Fleet


@dataclass(frozen=True, slots=True)
class Usage:
    """`cpu_percent` of one core (two busy cores are 200) since the sample before; `memory` resident bytes."""

    cpu_percent: float
    memory: int
    processes: int


class Meter:
    """The last sample of each running program's tree, by the pid at its root; a new one every `interval_s` seconds."""

    def __init__(self, fleet: Fleet, interval_s: float) -> None:
        self._fleet = fleet
        self._interval_s = interval_s
        self._latest: dict[int, Usage] = {}
        self._measured: set[psutil.Process] = set()

    def latest(self, pid: int | None) -> Usage | None:
        """None until a tree has been sampled twice: a percentage needs a stretch of time."""
        return self._latest.get(pid) if pid is not None else None

    async def run(self) -> None:
        """Samples for ever; nothing is looked at while nothing runs."""
        while True:
            await asyncio.sleep(self._interval_s)
            views = self._fleet.views
            pids = {view.pid for view in views} | {service.pid for view in views for service in view.services}
            roots = {pid for pid in pids if pid is not None}
            self._latest = await asyncio.to_thread(self._sample, roots) if roots else {}

    def _sample(self, roots: set[int]) -> dict[int, Usage]:
        # psutil keeps the Process objects of its last iteration, and with them what cpu_percent compares with.
        processes = {process.pid: process for process in psutil.process_iter(["ppid"])}
        children: dict[int, list[psutil.Process]] = {}
        for process in processes.values():
            children.setdefault(process.info["ppid"], []).append(process)
        measured: set[psutil.Process] = set()
        found = {}
        for root in roots & processes.keys():
            tree = [processes[root]]
            for process in tree:
                tree += children.get(process.pid, ())
            compared = processes[root] in self._measured
            usage = self._tree(tree, measured)
            if compared:
                found[root] = usage
        self._measured = measured
        return found

    def _tree(self, tree: list[psutil.Process], measured: set[psutil.Process]) -> Usage:
        cpu, memory, count = 0.0, 0, 0
        for process in tree:
            with contextlib.suppress(psutil.Error), process.oneshot():
                cpu += process.cpu_percent()
                memory += process.memory_info().rss
                count += 1
                measured.add(process)
        return Usage(round(cpu, 1), memory, count)
