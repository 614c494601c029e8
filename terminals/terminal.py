"""One terminal of an instance: what runs in it, who watches it, and whose window gives it its size."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass

import msgspec

from mailauncher.errors import CommandFailed, Conflict, InvalidParameter, LauncherError, Text
from mailauncher.launch import Launch
from mailauncher.tasks import Tasks
from terminals import executable, text
from terminals.client import Exit, InputNumber, KeeperClient, Refused, TerminalStatus
from terminals.redirection import output_file
from terminals.tail import Notice, Piece, Tail, Viewer

log = logging.getLogger(__name__)

REPLAY_BYTES = 64 << 10
LAST_LINES = 20
INPUT_BYTES = 1 << 20
SIZE_LIMIT = 1000
MIN_COLUMNS, MIN_ROWS = 20, 5


@dataclass(frozen=True, slots=True)
class StatusMessage(Notice):
    """A sentence for the viewers: what happened to the terminal."""

    text: Text


@dataclass(frozen=True, slots=True)
class Resized(Notice):
    """Somebody else has changed the terminal's size."""

    columns: int
    rows: int


@dataclass(frozen=True, slots=True)
class DriverChanged(Notice):
    """Another viewer gives the terminal its size from now on, or none does."""


class Terminal:
    """The terminal `session_id`. A program or a shell runs in it; the output of both is one stream of bytes, counted by
    offsets. With `shell` None, no shell is ever opened in it."""

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
        self.began: float | None = None
        """When the last run was started, by the monotonic clock, which nobody sets; None where its keeper does not say."""
        self.start = 0
        self.end = 0
        self.oldest = 0
        self.last_exit: Exit | None = None
        self.reserved = False
        """Set while a program should run here, so that no shell takes its place."""
        self.on_exit: Callable[[Exit], None] = lambda _exit: None
        self.keeper_for_start: Callable[[], AbstractAsyncContextManager[None]] = nullcontext
        """What holds a keeper ready in which something is started. Raises LauncherError."""
        self.on_disconnected: Callable[[], None] = lambda: None
        """Called when the connection has ended before the answer that it brought was taken over."""
        self.client = client
        self._shell = shell
        self._shell_idle_timeout_s = shell_idle_timeout_s
        self._driver: Viewer | None = None
        """The viewer that typed last, or took over since. The terminal has the size of its window."""
        self._spawning = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._tasks = Tasks()
        self._unclaimed: tuple[str, Exit] | None = None
        """The id and the exit of a run that is not known here yet; see `adopt`."""

    # What runs

    def adopt(self, status: TerminalStatus) -> None:
        """Takes over the keeper's status of this terminal, which answered a request.

        The answer and this call are separate steps of the event loop: the answer wakes the task that waits for it, and
        the task calls this. In between, two things can happen. The keeper's next frame can be the exit of the run that
        the answer is about (both arrive in one read): of a run that is known here since an earlier answer, `exited` notes
        the exit, and the status is out of date; of another, it puts the exit aside as `_unclaimed`. Or the connection can
        end; `resume` may find nothing alive here. So all three are looked at. Otherwise the run would count as alive for
        ever, since nothing tells of its end again.

        The answer may also be the first that tells of an end: its event went to a connection that had ended. Then whoever
        waits for the end of that run is told, as if the event had come.

        One place for an unclaimed exit is enough. Starts are serial, and one that comes from an earlier run is put
        aside again, and ignored, because its id differs.
        """
        self.resume(status)
        known = self.last_exit if status.run == self.run else None
        if known is not None and not known.lost:
            end = max(status.end, known.offset)
            status = msgspec.structs.replace(status, alive=False, exit=known, end=end, age=None)
        self.run, self.alive, self.last_exit = status.run, status.alive, status.exit
        self.is_shell = status.run.startswith("shell-")
        self.pid = status.pid if status.alive else None
        self.started_at = status.started if status.alive else None
        self.began = None if status.age is None else time.monotonic() - status.age
        self.columns, self.rows = status.columns, status.rows
        self.start, self.end, self.oldest = status.start, status.end, status.oldest
        unclaimed, self._unclaimed = self._unclaimed, None
        if unclaimed is not None:
            self.exited(*unclaimed)
        elif not self.client.connected:
            self.on_disconnected()
        self._begin_idling()

    def resume(self, status: TerminalStatus | None) -> None:
        """Takes over what a keeper says after the connection had ended; None: it knows nothing, or none lives."""
        if not self.alive:
            return
        if status is None or status.run != self.run:
            lost = Exit(at=int(time.time() * 1000), offset=max(self.end, self.tail.end), lost=True)
            self.exited(self.run, lost)
        elif status.exit is not None:
            self.exited(self.run, status.exit)

    @property
    def runs_program(self) -> bool:
        """Whether something runs that is no shell."""
        return self.alive and not self.is_shell

    @property
    def age_s(self) -> float | None:
        """How long ago the last run was started; None where the keeper does not say."""
        return None if self.began is None else time.monotonic() - self.began

    async def spawn(self, launch: Launch, *, shell: bool = False) -> None:
        """Runs a command, after ending a shell that is in its way. Raises CommandFailed if it cannot be executed.

        A refusal is no proof that nothing runs: the answer to a spawn that succeeded may be an error all the same, and
        the keeper may run something that this server does not know of. So it is asked what it runs, and believed.
        """
        async with self._spawning, self.keeper_for_start():
            for first in (True, False):
                if self.alive:
                    if shell or not self.is_shell:
                        raise CommandFailed("终端正被占用", "The terminal is in use")
                    await self._end_shell()
                run = f"{'shell' if shell else 'run'}-{secrets.token_hex(8)}"
                try:
                    status = await self.client.spawn(self.name, run, launch, self.columns, self.rows)
                except LauncherError as error:
                    status = await self.client.status(self.name)
                    self.adopt(status)
                    if status.run != run and not (first and self.alive and self.is_shell and not shell):
                        raise await _explained(error, launch) from None
                else:
                    self.adopt(status)
                if status.run == run:
                    return

    async def signal(self, name: str, to: str) -> int:
        return await self.client.signal(self.name, name, to)  # type: ignore[arg-type]  # checked by Launch

    def exited(self, run: str, exit: Exit) -> None:
        """The keeper reports the exit of a run. `exit.offset` is the end of its output, which may still be on its way here
        on another connection; notices wait until a viewer has seen the output before them."""
        if run != self.run:
            self._unclaimed = run, exit
            return
        if not self.alive:
            return
        self.alive, self.pid, self.started_at, self.last_exit, self.end = False, None, None, exit, exit.offset
        if not self.is_shell:
            self.on_exit(exit)
        elif not self.reserved:  # else a program takes its place
            self._notify(
                StatusMessage(
                    exit.offset,
                    Text("shell 已退出，按回车键重新打开", "The shell has exited; press Enter for a new one"),
                )
            )

    async def close(self) -> None:
        """Ends the viewers, for good. What runs in the terminal goes on."""
        if self._idle is not None:
            self._idle.cancel()
        self.tail.end_viewers()
        await self._tasks.close()

    def announce(self, sentence: Text) -> None:
        """Tells every viewer, after the output so far."""
        self._notify(StatusMessage(self.end, sentence))

    def _notify(self, notice: Notice, *, but: Viewer | None = None) -> None:
        for viewer in self.tail.viewers:
            if viewer is not but:
                viewer.notify(notice)

    async def last_lines(self, count: int = LAST_LINES) -> tuple[str, ...]:
        """The last lines that the last run printed, as a person would read them."""
        status = await self.client.status(self.name)
        start = max(status.start, status.end - 8192)
        offset, data = await self.client.read(self.name, start, 8192)
        return text.last_lines(data, count) if offset >= status.start else ()

    # Shell

    async def open_shell(self) -> None:
        """Opens a shell unless something runs or is about to. Raises CommandFailed if it cannot be executed.

        Nothing is awaited between the checks and the lock in `spawn`, so no start can come in between. A start that
        comes while the shell is being spawned waits for the lock, and then ends the shell.
        """
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
        """Ends the shell, if one runs."""
        async with self._spawning:
            if self.alive and self.is_shell:
                await self._end_shell()

    def _begin_idling(self) -> None:
        """Gives a shell that nobody watches its time: one whose last viewer has left, that was opened without a viewer, or that
        an earlier server has opened."""
        if self.alive and self.is_shell and not self.tail.viewers and not self.tail.ended:
            if self._idle is not None:
                self._idle.cancel()
            loop = asyncio.get_running_loop()
            self._idle = loop.call_later(self._shell_idle_timeout_s, self._end_idle_shell)

    def _end_idle_shell(self) -> None:
        self._idle = None
        if self.alive and self.is_shell and not self.tail.viewers:
            self._tasks.spawn(self.close_shell(), f"end of the idle shell of {self.session_id}")

    # Viewers

    @asynccontextmanager
    async def watch(
        self, after: int | None = None, *, shell: bool = True
    ) -> AsyncIterator[tuple[Viewer, Piece]]:
        """A new viewer, and what to show first: recent output, or nothing if it continues from offset `after`. With `shell`, one
        is opened for it where nothing runs.

        Raises InvalidParameter for an offset that the output has not reached.
        """
        problem = None
        if shell and not self.alive and not self.reserved:
            try:
                # One who leaves meanwhile does not stop the keeper: what it opens would run here, unknown.
                await self._tasks.complete(self.open_shell(), f"shell of {self.session_id}")
            except LauncherError as error:
                log.warning("no shell for %s: %s", self.session_id, error)
                problem = error.text
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        word = problem or await self._elsewhere()
        viewer, first = await self._add_viewer(after)
        if word is not None:
            viewer.notify(StatusMessage(0, word))
        try:
            yield viewer, first
        finally:
            self._remove_viewer(viewer)

    async def _elsewhere(self) -> Text | None:
        """Where the program's output goes, if not here."""
        if self.pid is None or self.is_shell:
            return None
        if (file := await asyncio.to_thread(output_file, self.pid)) is None:
            return None
        return Text(
            f"程序的输出写入 {file}，不在此终端显示",
            f"The program's output goes to {file}, not to this terminal",
        )

    async def _add_viewer(self, after: int | None) -> tuple[Viewer, Piece]:
        """The viewer is listed before the first `await`: the last other viewer may leave meanwhile, and would close the
        tail that this one waits for.

        From reading `tail.end` to setting the cursor nothing is awaited: what arrives later comes after the cursor, and
        what arrived before is in the replay. The viewer gets each byte once, although the replay takes time to read.
        """
        viewer = Viewer(self.tail)
        self.tail.viewers.append(viewer)
        try:
            await self.tail.open()
            end = self.tail.end
            if after is not None and not 0 <= after <= end:
                raise InvalidParameter(
                    f"after 应在 0 与 {end} 之间", f"after must be between 0 and {end}", field="after"
                )
            viewer.seek(end if after is None else after, end)
            first = await self.tail.replay(end, REPLAY_BYTES) if after is None else Piece(after, after, b"")
        except BaseException:
            self._remove_viewer(viewer)
            raise
        return viewer, first

    def _remove_viewer(self, viewer: Viewer) -> None:
        self.tail.viewers.remove(viewer)
        if self._driver is viewer:
            self._set_driver(None)
        if not self.tail.viewers:
            self.tail.close()
            self._begin_idling()

    async def input(self, data: str, viewer: Viewer | None = None) -> None:
        """Types into the terminal. The viewer becomes its driver. If nothing runs here, Enter opens a shell.

        Raises InvalidParameter for more than `INPUT_BYTES` of UTF-8, CommandFailed if nothing runs here.
        """
        _require_length(data)
        await self._drive(viewer)
        if not self.alive:
            await self._open_by(data)
            return
        await self.client.input(self.name, data, answered=viewer is None)

    async def input_once(self, data: str, number: InputNumber, viewer: Viewer | None = None) -> int | None:
        """The same for input that may be sent again. Returns the number of the last input of its viewer that has been typed;
        None: the keeper is of an earlier version, and would type it again.

        Also raises Conflict if the number is not the next one: nothing is typed.
        """
        _require_length(data)
        if number.seq:
            await self._drive(viewer)
            if not self.alive:
                held = await self.client.input_once(self.name, "", InputNumber(number.viewer, 0))
                if held is None or held + 1 == number.seq:
                    await self._open_by(data)
                    data = ""  # it has opened a shell; the keeper counts it all the same
        held = await self.client.input_once(self.name, data, number)
        if held is not None and held < number.seq:
            raise Conflict(
                f"未输入：{held} 之后应为 {held + 1}，而不是 {number.seq}",
                f"Not typed: after {held} comes {held + 1}, not {number.seq}",
                field="seq",
            )
        return held

    async def _drive(self, viewer: Viewer | None) -> None:
        """Makes a viewer the driver: the terminal takes on the size of its window."""
        if viewer is not None and viewer is not self._driver:
            self._set_driver(viewer)
            if viewer.size is not None:
                await self._apply_size(viewer.size, viewer)

    async def _open_by(self, data: str) -> None:
        """Opens a shell if the input has a line break; raises CommandFailed otherwise."""
        if self._shell is None:
            raise CommandFailed("终端中没有运行的程序", "Nothing runs in this terminal")
        if self.reserved or not ("\r" in data or "\n" in data):
            raise CommandFailed(
                "终端中没有运行的程序，按回车键打开 shell",
                "Nothing runs in this terminal; press Enter for a shell",
            )
        await self.open_shell()

    async def resize(self, columns: int, rows: int, viewer: Viewer | None = None) -> None:
        """Sets the size, or notes that of a viewer's window: it is applied if the viewer is the driver or there is none.

        At least 20 x 5 is applied. Raises InvalidParameter outside 1-1000.
        """
        if not (1 <= columns <= SIZE_LIMIT and 1 <= rows <= SIZE_LIMIT):
            raise InvalidParameter(
                f"cols 与 rows 应在 1 与 {SIZE_LIMIT} 之间",
                f"cols and rows must be between 1 and {SIZE_LIMIT}",
                field="cols",
            )
        size = max(columns, MIN_COLUMNS), max(rows, MIN_ROWS)
        if viewer is not None:
            viewer.size = size
        if viewer is None or self._driver is None or self._driver is viewer:
            await self._apply_size(size, viewer)

    async def _apply_size(self, size: tuple[int, int], viewer: Viewer | None) -> None:
        if size != (self.columns, self.rows):
            self.columns, self.rows = size
            await self.client.resize(self.name, *size)
            self._notify(Resized(0, *size), but=viewer)

    @property
    def driver(self) -> Viewer | None:
        return self._driver

    async def take_over(self, viewer: Viewer) -> None:
        """Makes a viewer the driver, as typing does. It is told the size as well, since it may not be it who asked."""
        self._set_driver(viewer)
        if viewer.size is not None:
            await self._apply_size(viewer.size, None)

    def _set_driver(self, viewer: Viewer | None) -> None:
        self._driver = viewer
        self._notify(DriverChanged(0))


def _require_length(data: str) -> None:
    if len(data.encode("utf-8", "replace")) > INPUT_BYTES:
        limit = f"{INPUT_BYTES >> 20} MiB"
        raise InvalidParameter(f"输入超过 {limit}", f"The input exceeds {limit}", field="data")


async def _explained(error: LauncherError, launch: Launch) -> LauncherError:
    """The error of a spawn, in words that name what the user gave, where the system's do not say enough."""
    if not isinstance(error, Refused) or error.number is None:
        return error
    why = await asyncio.to_thread(executable.explain, launch, error.number)
    return CommandFailed(f"命令失败：{why.zh}", f"Command failed: {why.en}") if why else error
