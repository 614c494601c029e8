"""Whether a program that lives also works: a port of it accepts, or it printed a line."""

import asyncio
import contextlib
import re

from mailauncher.errors import LauncherError
from mailauncher.launch import Readiness
from terminals import text
from terminals.client import KeeperClient

PROBE_EVERY_S = 0.25
_LOOPBACK = ("127.0.0.1", "::1")


async def reached(client: KeeperClient, terminal: str, after: int, wanted: Readiness) -> bool:
    """Whether the program got ready in time; output is looked at from offset `after` on."""
    with contextlib.suppress(TimeoutError, LauncherError):
        async with asyncio.timeout(wanted.within_s):
            if wanted.line:
                await _line(client, terminal, after, re.compile(wanted.line))
            if wanted.port:
                await _port(wanted.port)
            return True
    return False


async def _line(client: KeeperClient, terminal: str, after: int, pattern: re.Pattern[str]) -> None:
    """Follows the output from `after` until a line matches. Of an endless line the last 64 KiB are looked at."""
    found = asyncio.Event()
    pending = bytearray()

    def look(_offset: int, data: bytes) -> None:
        pending.extend(data)
        *lines, rest = bytes(pending).split(b"\n")
        pending[:] = rest[-65536:]
        if any(pattern.search(line) for line in text.last_lines(b"\n".join(lines), len(lines))):
            found.set()

    follow = await client.follow(terminal, after, look, lambda: None)
    try:
        await found.wait()
    finally:
        follow.close()


async def _port(port: int) -> None:
    """Tries until a connection is accepted. Each is closed at once: a bot that finds one open at its next start may take
    the port for taken (MaiBot 1.x does, for a minute)."""
    while True:
        for host in _LOOPBACK:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(host, port)
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
                return
        await asyncio.sleep(PROBE_EVERY_S)
