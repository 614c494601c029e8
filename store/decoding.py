"""Decodes pictures in processes of their own, a few at a time. See `store.picture_worker`."""

import asyncio
import json
import logging
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from pathlib import Path

import mailauncher
from mailauncher.errors import Code, FileTooLarge, InvalidImageFormat, LauncherError, ServiceUnavailable
from mailauncher.open_files import with_former_limit
from store import pictures
from store.picture_worker import ANSWER, REQUEST
from store.pictures import Picture

log = logging.getLogger(__name__)

DECODED_AT_ONCE = 2
"""Decoding one picture may take hundreds of megabytes."""
IDLE_S = 30.0
"""A process without work ends after this time: it holds some 40 MB."""
ENDING_S = 5.0
_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_ROOT = Path(mailauncher.__file__).resolve().parent.parent
# Found from here, as deployments are, whatever the working folder.
_CODE = "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); import mailauncher; runpy.run_module('store.picture_worker', run_name='__main__')"


class Decoder:
    """A pool of processes. They start when there is work, and end when there is none, or with `close`."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(DECODED_AT_ONCE)
        self._idle: list[tuple[Process, asyncio.TimerHandle]] = []
        self._running: set[Process] = set()
        self._closed = False

    async def examine(self, data: bytes) -> Picture:
        """Validates a picture. Raises what `pictures.examine` raises, InvalidImageFormat if that takes too long, and
        ServiceUnavailable. A caller that is cancelled ends the work."""
        return Picture((await self._ask(data)).decode(), data)

    async def thumbnail(self, data: bytes, size: int, *, still: bool = False) -> bytes:
        """As `thumbnails.make`. Raises InvalidImageFormat, FileTooLarge, ServiceUnavailable."""
        return await self._ask(data, size, still)

    async def close(self) -> None:
        """Ends all processes, also those at work, and starts no more."""
        self._closed = True
        for process in list(self._running):
            await self._end(process)

    async def _ask(self, data: bytes, size: int = 0, still: bool = False) -> bytes:
        request = REQUEST.pack(size, still, len(data)) + data
        async with self._places:
            process = await self._take()
            try:
                try:
                    status, content = await self._exchange(process or await self._start(), request)
                except _Ended as error:
                    # A process that was idle may have been ended before it read the picture, which is not at fault then.
                    if process is None or error.status == -signal.SIGXCPU:
                        raise
                    status, content = await self._exchange(await self._start(), request)
            except _Ended as error:
                raise error.as_launcher_error() from None
        if status:
            raise _error(content)
        return content

    async def _exchange(self, process: Process, request: bytes) -> tuple[int, bytes]:
        """The answer of a process, which is idle then. Raises _Ended."""
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(request)
            await process.stdin.drain()
            status, length = ANSWER.unpack(await process.stdout.readexactly(ANSWER.size))
            content = await process.stdout.readexactly(length)
        except (OSError, asyncio.IncompleteReadError):
            raise _Ended(await self._ended(process)) from None
        except BaseException:
            await self._end(process)
            raise
        timer = asyncio.get_running_loop().call_later(IDLE_S, _ask_to_end, process)
        self._idle.append((process, timer))
        return status, content

    async def _take(self) -> Process | None:
        """A process that is idle."""
        while self._idle:
            process, timer = self._idle.pop()
            timer.cancel()
            if process.returncode is None and process.stdin is not None and not process.stdin.is_closing():
                return process
            await self._end(process)
        return None

    async def _start(self) -> Process:
        if self._closed:
            raise ServiceUnavailable("启动器正在退出", "The launcher is shutting down")
        try:
            process = await asyncio.create_subprocess_exec(
                *with_former_limit(sys.executable, "-P", "-c", _CODE, str(_ROOT)),
                stdin=PIPE,
                stdout=PIPE,
                stderr=DEVNULL,
                start_new_session=True,  # Ctrl-C is for the server
                env={name: value for name, value in os.environ.items() if name != "KEEPER_RUN"},
            )
        except OSError as error:
            raise ServiceUnavailable(
                f"无法启动解码图片的进程：{error.strerror}",
                f"The process that decodes images cannot be started: {error.strerror}",
            ) from error
        self._running.add(process)
        return process

    async def _ended(self, process: Process) -> int:
        """The exit status of a process that has closed its output. It is not killed unless it hangs: `kill` looks first whether
        the process has ended, and would take the exit status from asyncio, which then reports 255."""
        try:
            async with asyncio.timeout(ENDING_S):
                await process.wait()
        except TimeoutError:
            process.kill()
        await self._end(process)
        return process.returncode or 0

    async def _end(self, process: Process) -> None:
        if process.returncode is None:
            process.kill()
        await process.wait()
        self._running.discard(process)


def _ask_to_end(process: Process) -> None:
    if process.stdin is not None:
        process.stdin.close()


class _Ended(Exception):
    """A process ended without an answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status

    def as_launcher_error(self) -> LauncherError:
        """The picture is at fault if it has taken too long or has made a decoder crash, but not if somebody has killed the
        process."""
        if self.status < 0 and -self.status not in _FROM_OUTSIDE:
            return pictures.too_costly()
        log.error("the process that decodes images ended with status %d", self.status)
        return ServiceUnavailable(
            "解码图片的进程意外结束", "The process that decodes images ended unexpectedly"
        )


def _error(content: bytes) -> LauncherError:
    code, zh, en = json.loads(content)
    kind = FileTooLarge if code == Code.FILE_TOO_LARGE else InvalidImageFormat
    return kind(zh, en, field="image_data")
