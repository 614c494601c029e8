"""The keepers on this machine: where their files are, how one is started, how to connect to one."""

import asyncio
import contextlib
import errno
import hashlib
import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from mailauncher import files, system_text
from mailauncher.errors import ConnectionFailed, InsufficientSpace, InvalidPath, LauncherError
from terminals import keeper
from terminals.client import NoAnswer
from terminals.last_words import with_last_words
from terminals.lost import LostPrograms, MarkedProcesses, is_held, keeper_pid

IDLE_S = 60.0
START_TIMEOUT_S = 15.0
START_ATTEMPTS = 3
ASKED_TIMEOUT_S = 2.0  # within which a keeper that was asked for its socket makes it anew
UNASKED_TIMEOUT_S = keeper.WATCH_S + 1  # within which it does so by itself


class LocalKeepers:
    """The files of the keepers: logs in `<data>/terminals/<instance id>/`, sockets in `<data>/run/`. `files_limit`: how many open
    files what runs in a terminal is allowed, unless it raises that itself.

    Without a `/proc` (macOS), sockets whose path would be too long for an address are in an owner-only folder in the
    system's temporary folder.
    """

    def __init__(
        self,
        data: Path,
        segment_bytes: int,
        segments: int,
        idle_s: float = IDLE_S,
        files_limit: int = keeper.OWN_LIMIT,
    ) -> None:
        # Processes are found by it, however the settings spell it next time.
        given, data = data, Path(os.path.realpath(data))
        self.logs = data / "terminals"
        self._options = [str(segment_bytes), str(segments), str(idle_s), str(files_limit)]
        self._run = data / "run"
        self._processes = MarkedProcesses()
        self._former: Path | None = None
        """Where the sockets of keepers are that an earlier version started, which may still run."""
        if len(os.fsencode(self._run)) + 1 + 40 > keeper.SOCKET_PATH_BYTES:
            digest = hashlib.sha256(os.fsencode(given)).hexdigest()[:16]
            name = f"{keeper.SOCKET_FOLDER_PREFIX}{os.getuid()}-{digest}"
            if not files.is_folder(Path("/proc/self/fd")):
                self._run = Path(tempfile.gettempdir()) / name
            else:
                with contextlib.suppress(FileNotFoundError):  # there is no room in any temporary folder
                    self._former = Path(tempfile.gettempdir()) / name

    def create_folders(self) -> None:
        """Creates the folders, owner-only. Raises InvalidPath if something else is there, InsufficientSpace, and
        ConnectionFailed if the folder of sockets belongs to another user."""
        for folder in (self.logs, self._run):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise _unusable(folder, error) from None
        if not _is_own(self._run):
            raise ConnectionFailed(f"{self._run} 属于其他用户", f"{self._run} belongs to another user")
        self._run.chmod(0o700)

    async def close(self) -> None:
        await self._processes.close()
        await asyncio.to_thread(self._remove_empty_folder)

    def _remove_empty_folder(self) -> None:
        """Removes the folder of sockets if it is in the temporary folder and empty."""
        if self._run.parent != self.logs.parent:
            with contextlib.suppress(OSError):
                self._run.rmdir()

    def folder(self, instance_id: str) -> Path:
        return self.logs / instance_id

    def log(self, instance_id: str) -> Path:
        return self.folder(instance_id) / "keeper.log"

    def socket(self, instance_id: str) -> Path:
        return self._run / instance_id

    def lost(self, instance_id: str) -> LostPrograms:
        return LostPrograms(self.folder(instance_id), self._processes)

    async def dial(self, instance_id: str, factory: Callable[[], asyncio.BaseProtocol], start: bool) -> bool:
        """Connects to an instance's keeper. If there is none, starts it if `start`, else returns False. Raises
        NoAnswer if one lives and cannot be reached, InsufficientSpace if one cannot be started for lack of space.

        A keeper that ends for want of work removes its socket first and releases its lock last. One that is started in
        between waits for the lock; but one that found the socket there ends at once, satisfied that a keeper listens,
        and the socket may be gone when this connects. So starting and connecting are tried again.
        """
        for attempt in range(START_ATTEMPTS + 1):
            if await self._connect(instance_id, factory) or await self._find(instance_id, factory):
                return True
            if not start:
                return False
            if attempt < START_ATTEMPTS:
                await self._start(instance_id, last=attempt == START_ATTEMPTS - 1)
        raise ConnectionFailed("无法连接 keeper", "Cannot connect to the keeper")

    async def _connect(self, instance_id: str, factory: Callable[[], asyncio.BaseProtocol]) -> bool:
        if await _connect_to(self.socket(instance_id), factory):
            return True
        former = self._former
        return former is not None and _is_own(former) and await _connect_to(former / instance_id, factory)

    async def _find(self, instance_id: str, factory: Callable[[], asyncio.BaseProtocol]) -> bool:
        """Connects to a keeper that lives, although its socket was not found: it is about to end or to listen, or the socket
        was removed. Of the latter it takes notice by itself, and at once if it gets SIGHUP. False if none lives (any more).

        Raises NoAnswer.
        """
        folder = self.folder(instance_id)
        if not await asyncio.to_thread(is_held, folder):
            return False
        pid = await asyncio.to_thread(keeper_pid, folder)
        if pid is not None:
            keeper.kill(pid, signal.SIGHUP)
        clock = asyncio.get_running_loop().time
        until = clock() + (UNASKED_TIMEOUT_S if pid is None else ASKED_TIMEOUT_S)
        while clock() < until:
            if await self._connect(instance_id, factory):
                return True
            if not await asyncio.to_thread(is_held, folder):
                return False
            await asyncio.sleep(0.02)
        raise NoAnswer(pid)

    async def _start(self, instance_id: str, *, last: bool) -> None:
        command = keeper.command_line(
            "--detach", str(self.folder(instance_id)), str(self.socket(instance_id))
        )
        await asyncio.to_thread(self.create_folders)  # somebody may have removed them
        # Without its marks: a server started in the shell of another keeper would pass them on, and the end of that
        # shell would kill these keepers, as processes of its run.
        marks = ("KEEPER_RUN", "KEEPER_TERMINAL")
        environment = {name: value for name, value in os.environ.items() if name not in marks}
        # Not a pipe of asyncio's, whose end would be waited for: a keeper that listens has nothing to say.
        said, said_in = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                *self._options,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=said_in,
            )
            try:
                async with asyncio.timeout(START_TIMEOUT_S):
                    status = await process.wait()
            except TimeoutError:
                process.kill()
                status = await process.wait()
                last = True
            if status and last:
                os.write(said_in, b"\n")  # so that there is something to read
                raise _not_started(self.folder(instance_id), os.read(said, 4096))
        finally:
            os.close(said)
            os.close(said_in)

    def delete_files(self, instance_id: str) -> None:
        """Deletes an instance's logs and socket. Its keeper must have ended."""
        shutil.rmtree(self.folder(instance_id), ignore_errors=True)
        with contextlib.suppress(OSError):
            self.socket(instance_id).unlink()


async def _connect_to(path: Path, factory: Callable[[], asyncio.BaseProtocol]) -> bool:
    """False if nobody listens there. Raises NoAnswer if whoever listens takes no more connections."""
    folder = -1
    try:
        short, folder = keeper.address(str(path))
        await asyncio.get_running_loop().create_unix_connection(factory, short)
    except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
        return False
    except BlockingIOError:  # by uvloop; asyncio loses such a connection at its first use
        raise NoAnswer from None
    finally:
        if folder >= 0:
            os.close(folder)
    return True


def _is_own(folder: Path) -> bool:
    """Whether a folder in the temporary folder is this user's."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def _unusable(folder: Path, error: OSError) -> LauncherError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return InsufficientSpace(f"磁盘空间不足：{folder}", f"Not enough disk space: {folder}")
    if isinstance(error, FileExistsError):
        return InvalidPath(f"{folder} 不是文件夹", f"{folder} is not a folder")
    return InvalidPath(
        f"无法使用文件夹 {folder}：{error.strerror}", f"Cannot use the folder {folder}: {error.strerror}"
    )


def _not_started(folder: Path, said: bytes) -> LauncherError:
    """`said`: an error's number and text, by a keeper that could not begin."""
    number, _, reason = system_text.decode(said).strip().partition(" ")
    if number in (str(errno.ENOSPC), str(errno.EDQUOT)):
        return InsufficientSpace(
            f"磁盘空间不足，无法启动 keeper：{reason}", f"Not enough disk space to start the keeper: {reason}"
        )
    if number.isdigit():
        return ConnectionFailed(f"无法启动 keeper：{reason}", f"The keeper cannot be started: {reason}")
    log = folder / "keeper.log"
    error = ConnectionFailed(f"无法启动 keeper，见 {log}", f"The keeper cannot be started; see {log}")
    return with_last_words(error, log)
