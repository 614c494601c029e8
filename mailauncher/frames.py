"""Ready WebSocket frames: one bytes object, made once, written to every viewer's socket as it is.

ASGI carries text as `str`, so each connection encodes and frames the same output again; for a chunk of
terminal output that costs more than all the rest. `Protocol` takes a frame that the application made itself.
"""

import asyncio
import contextlib
import socket
import struct
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

EXTENSION = "mailauncher.frame"
"""In `scope["extensions"]` where frames are taken; in a `websocket.send` message the key of the frame."""
UNSENT_BYTES = 64 << 10
ABORT_AFTER_S = 1.0

_NOTSENT_LOWAT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", None)


def text_frame(*payload: bytes) -> bytes:
    """A whole text message as a server sends it: final, unmasked, uncompressed. The parts are UTF-8."""
    length = sum(map(len, payload))
    if length < 126:
        head = struct.pack("!BB", 0x81, length)
    elif length < 1 << 16:
        head = struct.pack("!BBH", 0x81, 126, length)
    else:
        head = struct.pack("!BBQ", 0x81, 127, length)
    return b"".join((head, *payload))


class Protocol(WebSocketsSansIOProtocol):
    """uvicorn's own protocol, which also takes ready frames, and lets go of a peer that reads nothing.

    The extension is not offered where permessage-deflate was negotiated. `send` waits while the transport is
    full, as for any message, so one connection holds at most 64 KiB and the frame that went over it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._drained = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        # What the kernel holds unsent can be neither recalled nor overtaken by the answer to a Ctrl-C.
        if _NOTSENT_LOWAT is not None:
            with contextlib.suppress(OSError):  # not TCP
                transport.get_extra_info("socket").setsockopt(
                    socket.IPPROTO_TCP, _NOTSENT_LOWAT, UNSENT_BYTES
                )

    async def run_asgi(self) -> None:
        if not self.conn.extensions:
            self.scope["extensions"] = {**(self.scope["extensions"] or {}), EXTENSION: {}}
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        """As ASGI says. A message for a socket that is being closed by anyone raises ClientDisconnected."""
        if message["type"] == "websocket.send" and self.handshake_complete:
            await self.writable.wait()
            if self.disconnected or self.conn.state is not State.OPEN:
                raise ClientDisconnected
            if frame := message.get(EXTENSION):
                self.transport.write(frame)
                return
        await super().send(message)

    def resume_writing(self) -> None:
        self._drained = True
        super().resume_writing()

    def send_keepalive_ping(self) -> None:
        self._drained = False
        super().send_keepalive_ping()

    def keepalive_timeout(self) -> None:
        """No pong in time. A peer that has read since the ping is only slow: the ping waits behind output."""
        if self._drained and self.ping_timeout is not None:
            self._drained = False
            self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)
            return
        super().keepalive_timeout()
        self._abort_soon()

    def shutdown(self) -> None:
        super().shutdown()
        self._abort_soon()

    def _abort_soon(self) -> None:
        """A transport that was closed waits for its buffer to empty: for ever, if the peer never reads."""
        if not self.disconnected and self.close_timer is None:
            self.close_timer = self.loop.call_later(ABORT_AFTER_S, self.transport.abort)
