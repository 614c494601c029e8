"""Reaches the keepers of this machine: where their files are, how one is started, how it is dialled."""

import asyncio
import contextlib
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from mailauncher.errors import ConnectionFailed
from terminals import keeper

SOCKET_PATH_LIMIT = 100  # bytes; the system's own limit is 104 to 108
IDLE_S = 60.0
START_TIMEOUT_S = 15.0


class LocalKeepers:
    """The folder of keepers: `<data>/terminals/<instance id>/` holds logs, `<data>/run/` sockets.

    Where the path of a socket would be too long, sockets stand in an owner-only folder of the temporary folder.
    """

    def __init__(self, data: Path, segment_bytes: int, segments: int, idle_s: float = IDLE_S) -> None:
        self.logs = data / "terminals"
        self._options = [str(segment_bytes), str(segments), str(idle_s)]
        self._run = data / "run"
        if len(os.fsencode(self._run)) + 1 + 40 > SOCKET_PATH_LIMIT:
            digest = hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
            self._run = Path(tempfile.gettempdir()) / f"{keeper.TEMPORARY}{os.getuid()}-{digest}"

    def prepare(self) -> None:
        """Makes the folders, owner-only. Raises ConnectionFailed where somebody else's folder stands in the way."""
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._run.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = self._run.lstat()
        if found.st_uid != os.getuid() or not self._run.is_dir() or self._run.is_symlink():
            raise ConnectionFailed(f"{self._run} 属于其他用户", f"{self._run} belongs to another user")
        self._run.chmod(0o700)

    def tidy(self) -> None:
        """Removes a folder of sockets in the temporary folder once it is empty."""
        if self._run.parent != self.logs.parent:
            with contextlib.suppress(OSError):
                self._run.rmdir()

    def folder(self, instance_id: str) -> Path:
        return self.logs / instance_id

    async def dial(self, instance_id: str, factory: Callable[[], asyncio.BaseProtocol], start: bool) -> bool:
        """Connects to an instance's keeper, starting it if there is none and `start` says so."""
        path = self._run / instance_id
        loop = asyncio.get_running_loop()
        for attempt in range(3):
            try:
                await loop.create_unix_connection(factory, str(path))
                return True
            except (FileNotFoundError, ConnectionRefusedError):
                if not start:
                    return False
            # A keeper about to end for want of work may have closed its socket just now: the second try starts anew.
            await self._start(instance_id, path, last=attempt == 2)
        raise ConnectionFailed("无法连接 keeper", "Cannot reach the keeper")

    async def _start(self, instance_id: str, path: Path, *, last: bool) -> None:
        command = [
            sys.executable,
            "-I",
            "-S",
            keeper.__file__,
            "--detach",
            str(self.folder(instance_id)),
            str(path),
        ]
        await asyncio.to_thread(
            self.prepare
        )  # the last keeper that ended may have removed the folder of sockets
        # Of a server that runs in another keeper's shell, the keepers are not that shell's to end.
        environment = {name: value for name, value in os.environ.items() if name != "KEEPER_RUN"}
        process = await asyncio.create_subprocess_exec(
            *command,
            *self._options,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
        )
        status = await asyncio.wait_for(process.wait(), START_TIMEOUT_S)
        if status and last:
            raise ConnectionFailed(
                f"无法启动 keeper，见 {self.folder(instance_id) / 'keeper.log'}",
                f"The keeper does not start; see {self.folder(instance_id) / 'keeper.log'}",
            )

    def discard(self, instance_id: str) -> None:
        """Removes an instance's logs and socket; its keeper has ended."""
        shutil.rmtree(self.folder(instance_id), ignore_errors=True)
        (self._run / instance_id).unlink(missing_ok=True)
