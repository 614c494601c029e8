"""A server that reports each piece of its event loop's work: `python probed.py REPORT PORT`.

REPORT gets one JSON object a line for each callback, or step of a task, that took longer than `LIMIT_S`: its CPU time and
its duration in milliseconds, its name, and where it was. Everything else waits meanwhile. The CPU time is the loop's own; a
duration beyond it is time in which another thread held the interpreter, or other processes had the machine.
"""

import asyncio
import asyncio.base_events
import asyncio.events
import json
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from mailauncher.settings import from_environment
from mailauncher.signals import Signals
from server import foreground

LIMIT_S = 0.005
SAMPLE_S = 0.003
FRAMES = 6
NAME_CHARACTERS = 160


class Probe:
    """Measures the pieces of one loop. A thread looks where a long one is."""

    def __init__(self, report: Path) -> None:
        self._report = report.open("w", buffering=1)
        self._began: float | None = None
        self._where: dict[str, int] = {}
        self._loop_thread = threading.get_ident()

    def install(self) -> None:
        run = asyncio.events.Handle._run

        def measured(handle: asyncio.Handle) -> None:
            self._where = {}
            self._began, cpu_s = time.perf_counter(), time.thread_time()
            try:
                run(handle)
            finally:
                cpu_s = time.thread_time() - cpu_s
                took_s = time.perf_counter() - self._began
                self._began = None
                if took_s > LIMIT_S:
                    self._write(cpu_s, took_s, asyncio.base_events._format_handle(handle))

        asyncio.events.Handle._run = measured  # type: ignore[method-assign]  # the one place where every callback passes
        threading.Thread(target=self._sample, daemon=True).start()

    def _write(self, cpu_s: float, took_s: float, name: str) -> None:
        piece = {
            "cpu_ms": round(1000 * cpu_s, 1),
            "ms": round(1000 * took_s, 1),
            "name": name[:NAME_CHARACTERS],
            "where": max(self._where, key=self._where.get, default="").split("\n"),
        }
        self._report.write(json.dumps(piece) + "\n")

    def _sample(self) -> None:
        while True:
            time.sleep(SAMPLE_S)
            began = self._began
            if began is not None and time.perf_counter() - began > LIMIT_S:
                frame = sys._current_frames().get(self._loop_thread)
                where = "\n".join(
                    f"{Path(entry.filename).name}:{entry.lineno} {entry.name}"
                    for entry in traceback.extract_stack(frame)[-FRAMES:]
                )
                if self._began == began:
                    self._where[where] = self._where.get(where, 0) + 1


def main() -> None:
    # uvloop's callbacks cannot be measured.
    foreground._loop_factory = lambda: asyncio.new_event_loop  # type: ignore[assignment]
    Probe(Path(sys.argv[1])).install()

    async def ready(_ctx: Any) -> None: ...

    foreground.run(from_environment(port=int(sys.argv[2])), Signals(), ready)


if __name__ == "__main__":
    main()
