"""What lives of an instance although its keeper cannot be reached.

A keeper that is stopped, or was killed, or whose socket or files were removed, does not answer, and its programs may live
on. They are found by two things that nobody takes away by accident: the lock that a living keeper holds on
`keeper.lock`, and the variable KEEPER_TERMINAL, which every process has inherited that was started in a terminal (Linux).
Nothing that lives is called stopped because its keeper is silent.
"""

import asyncio
import contextlib
import fcntl
import os
import signal
import time
from pathlib import Path

from mailauncher import files
from mailauncher.errors import ConnectionFailed
from mailauncher.tasks import Tasks
from terminals import keeper

LOCK_BYTES = 64
KEEPER_KILLED_S = 5.0
Marked = dict[str, dict[str, list[int]]]
"""Processes by the folder of their keeper and the name of their terminal, the eldest first."""


class MarkedProcesses:
    """The processes on this machine that were started in a terminal. Shells do not count.

    Each look reads the environment of every process, so it is shared: a server that starts with 1,000 stopped instances
    asks 1,000 times at once.
    """

    def __init__(self) -> None:
        self._tasks = Tasks()
        self._looking = asyncio.Lock()
        self._next: asyncio.Task[Marked | OSError] | None = None

    async def find(self) -> Marked:
        """By a look that begins after this call: one that runs already may have missed what has just been started. Raises
        ConnectionFailed where the processes of this machine cannot be looked at."""
        if self._next is None:
            self._next = self._tasks.spawn(self._look(), "search for processes of terminals")
        found = await asyncio.shield(self._next)  # which others wait for as well
        if isinstance(found, OSError):
            raise ConnectionFailed(
                f"无法查看本机的进程：{found.strerror}",
                f"The processes of this machine cannot be looked at: {found.strerror}",
            )
        return found

    async def _look(self) -> Marked | OSError:
        async with self._looking:
            self._next = None  # before the look begins: see `find`
            try:
                return await asyncio.to_thread(_marked)
            except OSError as error:
                return error  # each who waits is told; a task that raises would be logged each time

    async def close(self) -> None:
        await self._tasks.close()


class LostPrograms:
    """Finds and ends what lives of one instance. `folder` is that of its keeper. Raises ConnectionFailed where the processes of
    this machine cannot be looked at."""

    def __init__(self, folder: Path, processes: MarkedProcesses) -> None:
        self._folder = folder
        self._processes = processes

    async def find(self) -> dict[str, int]:
        """The pid of each program that lives, by the name of its terminal."""
        return {name: pids[0] for name, pids in (await self._find()).items()}

    async def signal(self, name: str, number: int, pid: int | None, run: str) -> int:
        """Signals every process of a program, also those that have no mark of its terminal, if its pid and its run are known.
        Returns how many there were."""
        pids = set((await self._find()).get(name, ()))
        if run:
            pids |= await asyncio.to_thread(_tree, pid or -1, run)
        return sum(keeper.kill(each, number) for each in pids)

    async def _find(self) -> dict[str, list[int]]:
        return (await self._processes.find()).get(str(self._folder), {})

    async def end_keeper(self) -> bool:
        """Kills the keeper if it lives and nothing of the instance does: it does not answer, and holds the lock. Whether none lives
        now: one that the kernel holds ends later."""
        if await self.find():
            return False
        if pid := await asyncio.to_thread(keeper_pid, self._folder):
            if not files.is_folder(Path("/proc/self")) and await asyncio.to_thread(_has_children, pid):
                return False  # no process shows its mark here: any of them may be the bot
            keeper.kill(pid, signal.SIGKILL)
            until = time.monotonic() + KEEPER_KILLED_S
            while await self.keeper_lives() and time.monotonic() < until:  # noqa: ASYNC110 - nothing tells of the end of a process
                await asyncio.sleep(0.02)
        return not await self.keeper_lives()

    async def keeper_lives(self) -> bool:
        """Whether a keeper does, be it that it answers or not."""
        return await asyncio.to_thread(is_held, self._folder)


def _marked() -> Marked:
    """Raises OSError if this process has no descriptor left: nothing of any process could be read, as if none had a mark."""
    _require_descriptor()
    found = _all_marked()
    _require_descriptor()
    return found


def _require_descriptor() -> None:
    os.close(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))


def _all_marked() -> Marked:
    mark = b"KEEPER_TERMINAL="
    found: dict[str, dict[str, list[tuple[int, int]]]] = {}
    for pid, _parent, _session in keeper.running_processes():
        entries = keeper.environment(pid)
        if any(entry.startswith(b"KEEPER_RUN=shell-") for entry in entries):
            continue
        for entry in entries:
            if entry.startswith(mark):
                folder, _, name = os.fsdecode(entry[len(mark) :]).rpartition("/")
                begun = int(keeper.start_time(pid) or 0)
                found.setdefault(folder, {}).setdefault(name, []).append((begun, pid))
    return {
        folder: {name: [pid for _begun, pid in sorted(pids)] for name, pids in terminals.items()}
        for folder, terminals in found.items()
    }


def _tree(pid: int, run: str) -> set[int]:
    """What lives of a run: a program that has ended waits for its keeper to collect it."""
    living = {each for each, _parent, _session in keeper.running_processes()}
    return living.intersection(keeper.process_tree(pid, run))


def _has_children(pid: int) -> bool:
    return any(parent == pid for _pid, parent, _session in keeper.running_processes())


def is_held(folder: Path) -> bool:
    """Whether a keeper lives: it holds the lock until its process ends."""
    try:
        lock = keeper.open_regular(str(folder / "keeper.lock"), os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(lock)
    return False


def keeper_pid(folder: Path) -> int | None:
    """The pid of the keeper that holds the lock; None if there is none, or it could not write its pid down."""
    with contextlib.suppress(OSError, ValueError):
        pid = int(files.read(folder / "keeper.lock", LOCK_BYTES))
        command = Path(f"/proc/{pid}/cmdline")
        named = not files.is_folder(command.parent.parent) or os.fsencode(
            folder
        ) in command.read_bytes().split(b"\0")
        if named and is_held(folder):
            return pid
    return None
