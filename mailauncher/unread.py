"""Ends connections whose peers take nothing of what is sent to them.

Closing such a connection does not end it: a transport keeps its descriptor until the peer has read what lies in its buffer.
"""

import asyncio
import socket
import struct

UNREAD_S = 300.0
"""After this time, twice as long at most, in which its peer has taken nothing of what waits to be sent, a connection is ended. A
peer that reads from a full buffer may say so only once it has read a sixteenth of it, 400 KB of the largest that Linux gives."""
_TCP_INFO: int | None = getattr(socket, "TCP_INFO", None)
_INFO_BYTES = 256
_ACKNOWLEDGED = struct.Struct("=Q")
_ACKNOWLEDGED_AT = 120
"""Where the `tcp_info` of Linux has the number of bytes that the peer has acknowledged since the connection was made."""


class UnreadWatch:
    """Watches a connection until `cancel`."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._taken: int | None = None
        self._look_later()

    def cancel(self) -> None:
        self._timer.cancel()

    def _look_later(self) -> None:
        self._timer = self._loop.call_later(UNREAD_S, self._look)

    def _look(self) -> None:
        waiting = self._transport.get_write_buffer_size()
        before, self._taken = self._taken, _taken(self._transport, waiting) if waiting else None
        if before is not None and self._taken is not None and self._taken <= before:
            self._transport.abort()
            return
        self._look_later()


def _taken(transport: asyncio.Transport, waiting: int) -> int:
    """A number that grows with what the peer takes."""
    if _TCP_INFO is not None:
        try:
            info = transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _INFO_BYTES)
        except (OSError, ValueError):  # not TCP, or closed
            info = b""
        if len(info) >= _ACKNOWLEDGED_AT + _ACKNOWLEDGED.size:
            return int(_ACKNOWLEDGED.unpack_from(info, _ACKNOWLEDGED_AT)[0])
    return -waiting
