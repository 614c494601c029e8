"""Which process listens on a port of this machine."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Collection, Iterable
from enum import Enum, auto
from pathlib import Path

import psutil

from mailauncher.errors import PortInUse, Text
from mailauncher.system_text import readable

_PLACES = (
    (socket.AF_INET, "127.0.0.1"),
    (socket.AF_INET, "0.0.0.0"),  # noqa: S104 - tried, not kept
    (socket.AF_INET6, "::1"),
    (socket.AF_INET6, "::"),
)
_CLOSING = {
    psutil.CONN_FIN_WAIT1,
    psutil.CONN_FIN_WAIT2,
    psutil.CONN_TIME_WAIT,
    psutil.CONN_CLOSING,
    psutil.CONN_CLOSE_WAIT,
    psutil.CONN_LAST_ACK,
}
LAST_PORT = 65535
_FORWARDERS = ("docker-proxy", "rootlessport", "rootlesskit", "slirp4netns", "pasta", "conmon", "gvproxy")
"""How the names of the programs begin that listen for containers (Docker, Podman)."""
UNKNOWN = Text("另一个进程", "another process")


class Use(Enum):
    """What a port is used by: nothing, connections that are being closed, or a process."""

    FREE = auto()
    CLOSING = auto()
    TAKEN = auto()


def in_use_error(port: int, owner: Text, field: str = "port") -> PortInUse:
    """The error for a port that `owner` has."""
    zh, en = f"端口 {port} 已被{owner.zh}占用", f"Port {port} is in use by {owner.en}"
    return PortInUse(zh, en, field=field, port=port)


def is_taken(port: int) -> bool:
    """Whether a process has the port. Connections that are being closed do not count. Blocks."""
    return use_of(port) is Use.TAKEN


def use_of(port: int) -> Use:
    """What keeps a program from listening on the port. Blocks.

    The connections of a program that has ended are closed by the system, which takes a minute or two if the other side
    keeps its end open. Until then nobody can listen on the port, unless all these programs set SO_REUSEADDR.
    """
    if not _is_bound(port):
        return Use.FREE
    try:
        states = {c.status for c in psutil.net_connections("tcp") if c.laddr[1:2] == (port,)}
    except psutil.Error:
        return Use.TAKEN
    if (
        not states
    ):  # the last one has gone since it was found in use, or something has the port without listening there
        return Use.TAKEN if _is_bound(port) else Use.FREE
    return Use.CLOSING if states <= _CLOSING else Use.TAKEN


def _is_bound(port: int) -> bool:
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


def describe(port: int) -> Text:
    """The process that listens on the port, as a sentence names it. Blocks."""
    found = listener(port)
    return Text(f" {found[1]}（pid {found[0]}）", f"{found[1]} (pid {found[0]})") if found else UNKNOWN


async def require_free(port: int, describe: Callable[[int], Text] = describe) -> None:
    """Before a program starts: raises PortInUse, naming the process, when something listens on the port on any address of this
    machine; `passing` when there are only connections left that are being closed. `describe` is called in a thread."""
    use = await asyncio.to_thread(use_of, port) if port else Use.FREE
    if use is Use.CLOSING:
        raise PortInUse(
            f"端口 {port} 上还有正在关闭的连接，通常不超过一分钟",
            f"Port {port} still has connections that are being closed, which usually takes a minute at most",
            field="port",
            passing=True,
        )
    if use is Use.TAKEN:
        holder = await asyncio.to_thread(describe, port)
        raise PortInUse(
            f"端口 {port} 已被{holder.zh}占用：停止它，或在配置中换一个端口",
            f"Port {port} is in use by {holder.en}: stop that, or choose another port in the configuration",
            field="port",
        )


def listener(port: int) -> tuple[int, str] | None:
    """(pid, name) of the process that listens on the port; None where the system does not say. Blocks."""
    for process in _listening(port):
        with contextlib.suppress(psutil.Error):
            return process.pid, readable(process.name())
    return None


def lineage(pid: int) -> set[int]:
    """A process and those that it descends from. Blocks."""
    with contextlib.suppress(psutil.Error):
        return {pid, *(process.pid for process in psutil.Process(pid).parents())}
    return {pid}


def runs_in(port: int, folders: Iterable[Path]) -> bool:
    """Whether the process that listens on the port was started in one of these folders, or from a file in one. False where the
    system does not say. Blocks."""
    for process in _listening(port):
        with contextlib.suppress(psutil.Error, OSError):
            paths = [Path(word) for word in (process.cwd(), *process.cmdline())]
            return any(path.is_relative_to(folder) for path in paths for folder in folders)
    return False


def is_served_by(port: int, program: Collection[int]) -> bool:
    """Whether it may be one of a program's processes that listens on the port. Blocks.

    False only where the system names other processes as all that listen. It does not name those of other users, nor any in
    another network namespace; and what forwards the port of a container listens in the place of a program that it does not
    descend from.
    """
    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        return True
    pids = {c.pid for c in connections if c.status == psutil.CONN_LISTEN and c.laddr[1:2] == (port,)}
    return not pids or any(pid is None or pid in program or _forwards(pid) for pid in pids)


def _forwards(pid: int) -> bool:
    try:
        return psutil.Process(pid).name().startswith(_FORWARDERS)
    except psutil.Error:  # it has just ended, or may not be looked at
        return True


async def ports_of(pid: int | None) -> tuple[int, ...]:
    """The ports on which a process and its descendants listen, in order; none where the system does not say."""
    return await asyncio.to_thread(_ports_of, pid) if pid is not None else ()


def _ports_of(pid: int) -> tuple[int, ...]:
    found = set()
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                found |= {
                    c.laddr.port for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN
                }
    return tuple(sorted(found))


def _listening(port: int) -> Iterable[psutil.Process]:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        return
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.pid and connection.laddr[1:2] == (port,):
            with contextlib.suppress(psutil.Error):
                yield psutil.Process(connection.pid)
