"""Who listens on a port of this machine."""

import asyncio
import contextlib
import errno
import socket

import psutil

from mailauncher.errors import PortInUse

_PLACES = (
    (socket.AF_INET, "127.0.0.1"),
    (socket.AF_INET, "0.0.0.0"),  # noqa: S104 - tried, not kept
    (socket.AF_INET6, "::1"),
    (socket.AF_INET6, "::"),
)


async def require_free(port: int) -> None:
    """Raises PortInUse, naming the process, when something listens on the port on any address of this machine."""
    if port and await asyncio.to_thread(taken, port):
        who = await owner(port)
        zh = f"，占用者为 {who[1]}（pid {who[0]}）" if who else ""
        en = f" by {who[1]} (pid {who[0]})" if who else ""
        raise PortInUse(f"端口 {port} 已被占用{zh}", f"Port {port} is in use{en}", field="port")


async def owner(port: int) -> tuple[int, str] | None:
    """(pid, name) of the process that listens on the port; None when none does or the system does not say."""
    return await asyncio.to_thread(listener, port) if port else None


def taken(port: int) -> bool:
    """Whether somebody listens on the port. Sockets that are only waiting for their end do not count."""
    for family, host in _PLACES:
        with contextlib.suppress(OSError), socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    return True
    return False


def listener(port: int) -> tuple[int, str] | None:
    """(pid, name) of the process that listens on the port; None where the system does not say."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        return None
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.pid and connection.laddr[1:2] == (port,):
            with contextlib.suppress(psutil.Error):
                return connection.pid, psutil.Process(connection.pid).name()
    return None
