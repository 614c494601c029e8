"""Running git: with limits on time and output, and no process left behind."""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path

from bots.fetching.git_environment import git_environment, git_options
from bots.fetching.repository_url import printable
from mailauncher.errors import DownloadFailed
from mailauncher.open_files import with_former_limit

_ERRORS_BYTES = 8 << 10
_REASON_LENGTH = 300


async def run_git(
    *arguments: str,
    schemes: Sequence[str],
    timeout_s: float,
    limit_bytes: int,
    cwd: Path | None = None,
    login: str = "",
) -> bytes:
    """Runs git and returns its standard output. Its process group has ended when this returns or raises. `login` as in
    `git_environment`.

    Raises DownloadFailed: git is missing, failed, took longer than `timeout_s`, or printed more than `limit_bytes`. The
    message quotes git and may hold a URL with its password: `sources.source_failure` masks it.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *with_former_limit("git", *git_options(), *arguments),
            cwd=cwd or Path.cwd().anchor,  # never a folder with a configuration of its own
            env=git_environment(schemes, login),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # without a terminal to ask at, and with a process group to kill
        )
    except OSError as error:
        raise DownloadFailed(
            f"无法运行 git（{error.strerror}）：请先安装 git",
            f"Cannot run git ({error.strerror}): install it first",
        ) from None
    try:
        async with asyncio.timeout(timeout_s):
            printed, errors = await asyncio.gather(
                _read_output(process, limit_bytes), _read_last_bytes(process.stderr, _ERRORS_BYTES)
            )
            status = await process.wait()
    except TimeoutError:
        raise DownloadFailed(f"{timeout_s:g} 秒内没有完成", f"not done within {timeout_s:g} s") from None
    finally:
        _kill(process)
        await process.wait()
    if len(printed) > limit_bytes:
        raise DownloadFailed(f"回答超过 {limit_bytes} 字节", f"the answer exceeds {limit_bytes} bytes")
    if status != 0:
        reason = _reason(errors) or f"git: {status}"
        raise DownloadFailed(reason, reason)
    return printed


async def _read_output(process: asyncio.subprocess.Process, limit: int) -> bytes:
    """Standard output. Beyond the limit the process is killed, and one byte more than the limit is returned."""
    assert process.stdout is not None
    found = bytearray()
    while data := await process.stdout.read(65536):
        found += data
        if len(found) > limit:
            _kill(process)
            return bytes(found[: limit + 1])
    return bytes(found)


async def _read_last_bytes(stream: asyncio.StreamReader | None, limit: int) -> bytes:
    assert stream is not None
    found = b""
    while data := await stream.read(limit):
        found = (found + data)[-limit:]
    return found


def _kill(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _reason(errors: bytes) -> str:
    """The last lines up to git's `fatal:` line: ssh and the server print the reason before it."""
    lines = [line.strip() for line in re.split(r"[\r\n]+", errors.decode(errors="replace")) if line.strip()]
    end = next((n for n, line in enumerate(lines, 1) if line.startswith("fatal:")), len(lines))
    return printable(" ".join(lines[max(0, end - 3) : end]))[:_REASON_LENGTH]
