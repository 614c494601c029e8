"""A way to a server on which connections are cut, in the middle of whatever is on its way."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

_PIECE = 4096


class CuttingProxy:
    """Passes everything on to a port of this machine until it is told to cut."""

    def __init__(self, target: int) -> None:
        self.port = 0
        self._target = target
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._path = b""
        self._left = 0
        self._cut = asyncio.Event()
        self._cut.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def cut(self, path: str, after: int) -> None:
        """Cuts a connection to a path that begins so, once as many more bytes have come over it. Returns when it has."""
        self._path, self._left = f"GET {path}".encode(), after
        self._cut.clear()
        await self._cut.wait()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with suppress(OSError):
                await self._pass_on(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.read(_PIECE)
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._target)
        to_server.write(head)
        there = asyncio.create_task(_copy(reader, to_server))
        try:
            while data := await from_server.read(_PIECE):
                if not self._cut.is_set() and head.startswith(self._path):
                    self._left -= len(data)
                    if self._left <= 0:
                        writer.write(data[: self._left or None])
                        await writer.drain()
                        self._cut.set()
                        return
                writer.write(data)
                await writer.drain()
        finally:
            there.cancel()
            await asyncio.gather(there, return_exceptions=True)
            to_server.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_PIECE):
        writer.write(data)
        await writer.drain()
    writer.write_eof()
