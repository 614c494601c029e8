"""What the bot and its services listen with."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
from collections.abc import Awaitable, Callable

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
# The client is gone, sent a line or a head over 64 KiB or half a head; or the bot ends: Python 3.11 logs a
# handler that was cancelled as an error.
_NO_MATTER = (
    OSError,
    ValueError,
    asyncio.LimitOverrunError,
    asyncio.IncompleteReadError,
    asyncio.CancelledError,
)


class CannotListen(Exception):
    """Its text says which address and why."""


async def listen(handler: Handler, host: str, port: int) -> asyncio.Server:
    """A server that hands each connection to `handler` and closes it afterwards; raises CannotListen."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(*_NO_MATTER):
            await handler(reader, writer)
        writer.close()

    try:
        return await asyncio.start_server(serve, host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotListen(f"端口 {port} 已被占用 ({host}:{port})") from None
        raise CannotListen(f"无法监听 {host}:{port}: {error.strerror or error}") from None


def port_of(server: asyncio.Server) -> int:
    """The port that it got, also when it was asked to listen on port 0."""
    port: int = server.sockets[0].getsockname()[1]
    return port


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends every line back."""
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()


async def webui(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers one HTTP request: health as JSON, any other path with the page, as a single-page app does."""
    request = await reader.readuntil(b"\r\n\r\n")
    if request.split(b" ")[1:2] == [b"/api/webui/health"]:
        kind, body = "application/json", json.dumps({"status": "healthy"})
    else:
        kind, body = "text/html; charset=utf-8", "<!doctype html><title>麦麦</title><p>示例机器人的 WebUI"
    content = body.encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n"
    writer.write(f"{head}Connection: close\r\n\r\n".encode() + content)
    await writer.drain()
