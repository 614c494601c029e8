"""One terminal of an instance: what runs in it, who watches, who drives, and its past."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mailauncher.errors import CommandFailed, InvalidParameter, LauncherError, Text
from mailauncher.launch import Launch
from terminals import text
from terminals.client import Exit, KeeperClient, TerminalStatus
from terminals.tail import Notice, Piece, Tail, Viewer

log = logging.getLogger(__name__)

REPLAY_BYTES = 64 << 10
SIZE_LIMIT = 1000
LEAST_COLUMNS, LEAST_ROWS = 20, 5
HISTORY_BYTES = 1 << 20
HISTORY_ENTRIES = 5000


@dataclass(frozen=True, slots=True)
class Said(Notice):
    """A sentence for the viewers: what happened to the terminal."""

    text: Text


@dataclass(frozen=True, slots=True)
class Resized(Notice):
    """The terminal has another size now, by somebody else's doing."""

    columns: int
    rows: int


@dataclass(frozen=True, slots=True)
class Entry:
    """Output of about a quarter of a second: `at` in milliseconds since 1970."""

    at: int
    data: str


class Terminal:
    """The terminal `session_id`. A program's supervisor or a shell runs in it; both are `runs` of the same output. With
    `shell` None no shell is ever opened in it."""

    def __init__(
        self,
        session_id: str,
        client: KeeperClient,
        *,
        shell: Callable[[], Launch] | None,
        shell_idle_timeout_s: float,
    ) -> None:
        self.session_id = session_id
        self.name = session_id.rpartition("_")[2]
        self.tail = Tail(client, self.name)
        self.columns, self.rows = 80, 24
        self.run = ""
        self.alive = False
        self.is_shell = False
        self.pid: int | None = None
        self.started_at: int | None = None
        self.start = 0
        self.end = 0
        self.oldest = 0
        self.last_exit: Exit | None = None
        self.reserved = False
        """Set while a program is meant to run here, so that no shell takes its place."""
        self.on_exit: Callable[[Exit], None] = lambda _exit: None
        self.client = client
        self._shell = shell
        self._shell_idle_timeout_s = shell_idle_timeout_s
        self._driver: Viewer | None = None
        self._spawning = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._closings: set[asyncio.Task[None]] = set()
        self._unclaimed: tuple[str, Exit] | None = None
        """The end of a run that is not known here yet: its news can overtake whoever waits for the start's answer."""

    # What runs

    def adopt(self, status: TerminalStatus) -> None:
        """Takes over what the keeper says."""
        self.run, self.alive, self.last_exit = status.run, status.alive, status.exit
        self.is_shell = status.run.startswith("shell-")
        self.pid = status.pid if status.alive else None
        self.started_at = status.started if status.alive else None
        self.columns, self.rows = status.columns, status.rows
        self.start, self.end, self.oldest = status.start, status.end, status.oldest
        unclaimed, self._unclaimed = self._unclaimed, None
        if unclaimed is not None:
            self.exited(*unclaimed)
        elif not self.client.connected:
            self.lost()

    async def spawn(self, launch: Launch, *, shell: bool = False) -> None:
        """Runs a command, after ending a shell that is in its way. Raises CommandFailed when it cannot be executed."""
        async with self._spawning:
            if self.alive:
                if shell or not self.is_shell:
                    raise CommandFailed("终端正被占用", "The terminal is in use")
                await self._end_shell()
            run = f"{'shell' if shell else 'run'}-{secrets.token_hex(8)}"
            status = await self.client.spawn(self.name, run, launch, self.columns, self.rows)
            self.adopt(status)

    async def signal(self, name: str, to: str) -> int:
        return await self.client.signal(self.name, name, to)  # type: ignore[arg-type]  # checked by Launch

    def exited(self, run: str, exit: Exit) -> None:
        """The keeper's news of an end. Output up to it reaches every viewer first."""
        if run != self.run:
            self._unclaimed = run, exit
            return
        if not self.alive:
            return
        self.alive, self.pid, self.started_at, self.last_exit, self.end = False, None, None, exit, exit.offset
        if self.is_shell and self.reserved:
            return  # a program takes its place
        if self.is_shell:
            self._tell(
                Said(
                    exit.offset,
                    Text("shell 已退出，按回车键重新打开", "The shell has ended; press Enter for a new one"),
                )
            )
        else:
            self.on_exit(exit)

    def lost(self) -> None:
        """The keeper is gone, and with it the terminal of whatever ran here."""
        if self.alive:
            self.exited(
                self.run, Exit(at=int(time.time() * 1000), offset=max(self.end, self.tail.end), lost=True)
            )

    async def close(self) -> None:
        """Lets go of the terminal for good: its viewers end; what runs in it goes on."""
        if self._idle is not None:
            self._idle.cancel()
        self.tail.end_viewers()
        for task in list(self._closings):
            task.cancel()

    def say(self, sentence: Text) -> None:
        """Tells every viewer, after the output so far."""
        self._tell(Said(self.end, sentence))

    def _tell(self, notice: Notice, *, but: Viewer | None = None) -> None:
        for viewer in self.tail.viewers:
            if viewer is not but:
                viewer.notify(notice)

    async def last_lines(self, count: int = 20) -> tuple[str, ...]:
        """What the last run printed last, as a person would read it."""
        status = await self.client.status(self.name)
        start = max(status.start, status.end - 8192)
        offset, data = await self.client.read(self.name, start, 8192)
        return text.last_lines(data, count) if offset >= status.start else ()

    # Shell

    async def open_shell(self) -> None:
        """Opens a shell unless something runs or is about to. Raises CommandFailed when it cannot be had."""
        if self._shell and not self.alive and not self.reserved and not self._spawning.locked():
            await self.spawn(self._shell(), shell=True)

    async def _end_shell(self) -> None:
        for name in ("SIGHUP", "SIGKILL"):
            await self.client.signal(self.name, name, "tree")
            for _ in range(20):
                if not self.alive:
                    break
                await asyncio.sleep(0.02)
        await self.client.signal(self.name, "SIGKILL", "tree")

    async def close_shell(self) -> None:
        """Ends a shell, if one runs."""
        async with self._spawning:
            if self.alive and self.is_shell:
                await self._end_shell()

    def _shell_is_idle(self) -> None:
        self._idle = None
        if self.alive and self.is_shell and not self.tail.viewers:
            task = asyncio.get_running_loop().create_task(self.close_shell())
            self._closings.add(task)
            task.add_done_callback(self._closings.discard)

    # Viewers

    @asynccontextmanager
    async def watch(self, after: int | None = None) -> AsyncIterator[tuple[Viewer, Piece]]:
        """A new viewer, and what it should be shown first: recent output, or nothing when it goes on at `after`.

        Raises InvalidParameter for an offset that no output has reached.
        """
        problem = None
        if not self.alive and not self.reserved:
            try:
                await self.open_shell()
            except LauncherError as error:
                log.warning("no shell for %s: %s", self.session_id, error)
                problem = error.text
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        viewer, first = await self._enter(after)
        if problem is not None:
            viewer.notify(Said(0, problem))
        try:
            yield viewer, first
        finally:
            self._leave(viewer)

    async def _enter(self, after: int | None) -> tuple[Viewer, Piece]:
        viewer = Viewer(self.tail, 0, 0)
        self.tail.viewers.append(viewer)
        try:
            await self.tail.open()
            end = self.tail.end
            if after is not None and not 0 <= after <= end:
                raise InvalidParameter(
                    f"after 应在 0 与 {end} 之间", f"after must be between 0 and {end}", field="after"
                )
            viewer.restart(end if after is None else after, end)
            first = await self.tail.replay(end, REPLAY_BYTES) if after is None else Piece(after, after, b"")
        except BaseException:
            self._leave(viewer)
            raise
        return viewer, first

    def _leave(self, viewer: Viewer) -> None:
        self.tail.viewers.remove(viewer)
        if self._driver is viewer:
            self._driver = None
        if not self.tail.viewers:
            self.tail.close()
            if self.alive and self.is_shell:
                self._idle = asyncio.get_running_loop().call_later(
                    self._shell_idle_timeout_s, self._shell_is_idle
                )

    async def input(self, data: str, viewer: Viewer | None = None) -> None:
        """Types into the terminal. The viewer becomes its driver; after a shell's end, Enter opens another.

        Raises CommandFailed when nothing runs here.
        """
        if viewer is not None and viewer is not self._driver:
            self._driver = viewer
            if viewer.size is not None:
                await self._apply(viewer.size, viewer)
        if not self.alive:
            if self._shell is None:
                raise CommandFailed("终端中没有运行的程序", "Nothing runs in this terminal")
            if self.reserved or not ("\r" in data or "\n" in data):
                raise CommandFailed(
                    "终端中没有运行的程序，按回车键打开 shell",
                    "Nothing runs in this terminal; press Enter for a shell",
                )
            await self.open_shell()
            return
        await self.client.input(self.name, data, answered=viewer is None)

    async def resize(self, columns: int, rows: int, viewer: Viewer | None = None) -> None:
        """A viewer's window has this size. It is applied if the viewer drives, or if nobody has typed yet."""
        if not (1 <= columns <= SIZE_LIMIT and 1 <= rows <= SIZE_LIMIT):
            raise InvalidParameter(
                f"cols 与 rows 应在 1 与 {SIZE_LIMIT} 之间",
                f"cols and rows must be between 1 and {SIZE_LIMIT}",
                field="cols",
            )
        size = max(columns, LEAST_COLUMNS), max(rows, LEAST_ROWS)
        if viewer is not None:
            viewer.size = size
        if viewer is None or self._driver is None or self._driver is viewer:
            await self._apply(size, viewer)

    async def _apply(self, size: tuple[int, int], viewer: Viewer | None) -> None:
        if size != (self.columns, self.rows):
            self.columns, self.rows = size
            await self.client.resize(self.name, *size)
            self._tell(Resized(0, *size), but=viewer)

    # The past

    async def history(self, first: int, last: int) -> list[Entry]:
        """Output from `first` to `last` milliseconds since 1970, a line each, without terminal queries.

        The newest 1 MiB and 5,000 lines of it; times are true to a quarter of a second.
        """
        times = await self.client.times(self.name, first, last)
        if not times:
            return []
        entries: list[Entry] = []
        size = 0
        following = [offset for _, offset in times[1:]]
        following.append(await self.client.seek(self.name, last + 1))
        for (at, begin), end in reversed(list(zip(times, following, strict=True))):
            if at < first:
                continue
            data = await self._read_range(begin, min(end, begin + HISTORY_BYTES))
            lines = text.decode(text.without_queries(data)).splitlines(keepends=True)
            entries += [Entry(at, line) for line in reversed(lines)]
            size += len(data)
            if size > HISTORY_BYTES or len(entries) > HISTORY_ENTRIES:
                break
        return entries[:HISTORY_ENTRIES][::-1]

    async def _read_range(self, begin: int, end: int) -> bytes:
        parts = []
        while begin < end:
            offset, data = await self.client.read(self.name, begin, end - begin)
            if not data or offset >= end:
                break
            parts.append(data[: end - offset])
            begin = offset + len(data)
        return b"".join(parts)
