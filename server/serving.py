"""Runs the application with uvicorn: sockets for IPv4 and IPv6 loopback, our own shutdown, prepared WebSocket frames."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import uvicorn

from mailauncher import frames
from mailauncher import listeners as ports
from mailauncher.errors import InvalidParameter, LauncherError, PermissionDenied, PortInUse
from mailauncher.settings import Settings
from rest import http_protocol

SHUTDOWN_TIMEOUT_S = 3
TICK_S = 1.0
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class _Uvicorn(uvicorn.Server):
    """uvicorn without its signal handlers, which would end the process with the signal as its status."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.stopping = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        """Wakes up at once for a stop, and each second for the `Date` header; uvicorn's own loop wakes up ten times as often."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self.stopping.wait()


class Server:
    """Serves an application on `listeners`, by default those of the settings.

    `ready` is set once connections are accepted, and when `serve` ends for whatever reason.
    """

    def __init__(
        self,
        app: Callable[..., Awaitable[None]],
        settings: Settings,
        listeners: Sequence[socket.socket] | None = None,
    ) -> None:
        self._settings = settings
        self._listeners = listeners
        self._uvicorn = _Uvicorn(
            uvicorn.Config(
                app,
                lifespan="off",
                loop="none",
                http=http_protocol.HttpProtocol,
                ws=frames.WebSocketProtocol,
                ws_per_message_deflate=False,
                ws_max_size=1 << 20,
                access_log=False,
                log_config=None,
                server_header=False,
                timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
            )
        )
        self.ready = self._uvicorn.ready

    async def serve(self) -> None:
        """Serves until `stop`, then closes the listeners. Raises what `listeners` raises."""
        try:
            with contextlib.ExitStack() as stack:
                given = listeners(self._settings) if self._listeners is None else self._listeners
                sockets: list[Any] = [stack.enter_context(listener) for listener in given]
                await self._uvicorn.serve(sockets)
        finally:
            self.ready.set()

    def stop(self, *, now: bool = False) -> None:
        """Makes `serve` end. Open connections get a few seconds to finish, or none with `now`."""
        self._uvicorn.should_exit = True
        self._uvicorn.stopping.set()
        self._uvicorn.force_exit = self._uvicorn.force_exit or now


def listeners(settings: Settings) -> list[socket.socket]:
    """A listening socket for each address of the settings; for `localhost` without IPv6 if this machine has none.

    Raises PortInUse with the name of the process, PermissionDenied, or InvalidParameter for a foreign address.
    """
    return _listeners(settings.addresses, settings.port, "port", "--port")


def ssh_listeners(settings: Settings) -> list[socket.socket]:
    """The same for the SSH gateway; none unless it is on."""
    if not settings.ssh:
        return []
    return _listeners(settings.ssh_addresses, settings.ssh_port, "ssh_port", "MAILAUNCHER_SSH_PORT")


def _listeners(addresses: list[str], port: int, field: str, way: str) -> list[socket.socket]:
    """`way`: how another port is chosen."""
    found: list[socket.socket] = []
    try:
        for address in addresses:
            try:
                found.append(_listen(address, port))
            except OSError as error:
                if not (error.errno in _ABSENT and found):
                    raise _listen_error(address, port, error, field, way) from None
    except LauncherError:
        for listener in found:
            listener.close()
        raise
    return found


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio sets TCP_NODELAY only if the protocol is given explicitly; without it each response waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((address, port))
        listener.listen(2048)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def _listen_error(address: str, port: int, error: OSError, field: str, way: str) -> LauncherError:
    place = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    if error.errno == errno.EADDRINUSE:
        who = ports.listener(port)
        zh = f"，占用者为 {who[1]}（pid {who[0]}）" if who else ""
        en = f" by {who[1]} (pid {who[0]})" if who else ""
        return PortInUse(
            f"{place} 已被占用{zh}，请用 {way} 换一个端口",
            f"{place} is in use{en}; choose another port with {way}",
            field=field,
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return PermissionDenied(
            f"无权监听 {place}：1024 以下的端口需要管理员权限",
            f"Not allowed to listen on {place}: ports below 1024 require administrator rights",
            field=field,
        )
    return InvalidParameter(
        f"无法监听 {place}：{error.strerror}",
        f"Cannot listen on {place}: {error.strerror}",
        field="host" if field == "port" else "ssh_host",
    )
