"""Readiness of a running program: it accepts connections on its port, or it has printed a certain line."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Literal

import msgspec

from mailauncher import expressions, listeners
from mailauncher.errors import ConnectionFailed, Text
from mailauncher.launch import Readiness
from mailauncher.tasks import Tasks
from terminals import keeper, text
from terminals.client import KeeperClient
from terminals.observation import NOTHING, Observation
from terminals.terminal import Terminal

PROBE_INTERVAL_S = 0.25
LATE_PROBE_INTERVAL_S = 2.0
LINE_BYTES = 64 << 10  # of a line without an end, this much is searched
READ_BYTES = 64 << 10
RESTS = 3  # times as long as it has worked
_LOOPBACK = ("127.0.0.1", "::1")


class ReadinessWatch:
    """Whether the process in a terminal works, and what is known of one that does not yet. `on_change` is called when any of
    that changes by itself."""

    def __init__(self, terminal: Terminal, on_change: Callable[[], None]) -> None:
        self.ready: bool | None = None
        """None while nothing runs, and if nothing says when it is ready."""
        self.criteria: Readiness | None = None
        """What makes the process that runs ready; None: nothing says so."""
        self.awaited: Literal["line", "port"] | None = None
        """Which of the criteria is not met yet."""
        self.observed: Observation = NOTHING
        """What the last look at it has shown."""
        self._terminal = terminal
        self._on_change = on_change
        self._tasks = Tasks()
        self._probe: asyncio.Task[None] | None = None

    def begin(self, criteria: Readiness | None) -> None:
        """Watches a process that has just been started."""
        self.end()
        if criteria is not None and (criteria.line or criteria.port):
            self.criteria, self.ready = criteria, False
            self.awaited = "line" if criteria.line else "port"
            name = f"readiness of {self._terminal.session_id}"
            self._probe = self._tasks.spawn(self._become_ready(criteria), name)

    def adopt(self, criteria: Readiness | None) -> None:
        """Watches a process that runs already: without the line, if what it printed first is no longer kept."""
        if criteria is not None and self._terminal.oldest > self._terminal.start:
            criteria = msgspec.structs.replace(criteria, line="")
        self.begin(criteria)

    def end(self) -> None:
        """Nothing runs any more."""
        if self._probe is not None:
            self._probe.cancel()
        self.ready = self.criteria = self.awaited = None
        self.observed = NOTHING

    async def close(self) -> None:
        await self._tasks.close()

    def observe(self, run: str, ready: bool | None, seen: Observation) -> None:
        """Takes what a look has shown at the run with this id, which was `ready` then, unless that has ended meanwhile, or has got
        ready."""
        present = self._terminal.alive and run == self._terminal.run and ready == self.ready
        if present and seen != self.observed:
            self.observed = seen
            self._on_change()

    async def _become_ready(self, criteria: Readiness) -> None:
        """Waits for what makes it ready as long as it runs: a bot that is late is ready all the same."""
        terminal = self._terminal
        if criteria.line:
            await wait_for_line(terminal.client, terminal.name, terminal.start, criteria.line)
        if criteria.port:
            if self.awaited != "port":
                self.awaited = "port"
                self._on_change()
            await self._wait_for_port(criteria.port, criteria.within_s)
        if terminal.alive:
            self.ready, self.awaited, self.observed = True, None, NOTHING
            terminal.announce(Text("已就绪", "Ready"))
            self._on_change()

    async def _wait_for_port(self, port: int, within_s: float) -> None:
        """Probes until the program accepts a connection, more rarely after `within_s`, and closes it at once: MaiBot 1.x, restarted
        within a minute, takes a port with an open connection for one that is in use."""
        loop = asyncio.get_running_loop()
        late_at = loop.time() + within_s
        while not (await _accepts(port) and await asyncio.to_thread(self._may_listen, port)):  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(PROBE_INTERVAL_S if loop.time() < late_at else LATE_PROBE_INTERVAL_S)

    def _may_listen(self, port: int) -> bool:
        """Whether what has accepted a connection may be the program: another one can have taken the port while it listens on
        another, or does not listen yet. It may have put its listener into the background, or into a child. Blocks."""
        pid = self._terminal.pid
        return pid is not None and listeners.is_served_by(port, keeper.process_tree(pid, self._terminal.run))


async def wait_for_line(client: KeeperClient, terminal: str, after: int, pattern: str) -> None:
    """Reads the output from offset `after` on until a line matches.

    It does not follow the output, whose program would have to wait for it, and it rests after its work: a program that prints
    all the time, and never gets ready, may not take a processor of the server's.
    """
    matches, rest = expressions.in_lines(pattern).search, b""
    while True:
        try:
            offset, data = await client.read(terminal, after, READ_BYTES)
        except ConnectionFailed:  # it hangs, and may answer again
            await asyncio.sleep(LATE_PROBE_INTERVAL_S)
            continue
        if not data:
            await asyncio.sleep(PROBE_INTERVAL_S)
            continue
        rest = b"" if offset > after else rest  # what came between is not kept any more
        after = offset + len(data)
        begun = time.monotonic()
        found, rest = await asyncio.to_thread(_search, matches, rest + data)
        if found:
            return
        await asyncio.sleep(RESTS * (time.monotonic() - begun))


def _search(matches: Callable[[str], object], data: bytes) -> tuple[bool, bytes]:
    """Whether a whole line matches, and the line without an end that follows."""
    whole, _, rest = data.rpartition(b"\n")
    lines = text.last_lines(whole, whole.count(b"\n") + 1)
    return matches("\n".join(lines)) is not None, rest[-LINE_BYTES:]


async def _accepts(port: int) -> bool:
    for host in _LOOPBACK:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            return True
    return False
