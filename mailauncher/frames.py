"""Prepared WebSocket frames: one bytes object, made once and written unchanged to the socket of every viewer.

ASGI transports text as `str`, so that each connection encodes and frames the same output again; for terminal output this
costs more than everything else. `WebSocketProtocol` also accepts a frame that the application has prepared.
"""

import asyncio
import contextlib
import socket
import struct
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

from mailauncher.unread import UnreadWatch

EXTENSION = "mailauncher.frame"
"""A key of `scope["extensions"]` if frames are accepted; in a `websocket.send` message, the key of the frame."""
UNSENT_BYTES = 64 << 10
ABORT_AFTER_S = 1.0

_NOTSENT_LOWAT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", None)


def text_frame(*payload: bytes) -> bytes:
    """A text message in one frame: final, unmasked, uncompressed. `payload` are parts in UTF-8."""
    return _frame(0x81, payload)


def binary_frame(*payload: bytes) -> bytes:
    """The same for a binary message."""
    return _frame(0x82, payload)


def _frame(kind: int, payload: tuple[bytes, ...]) -> bytes:
    length = sum(map(len, payload))
    if length < 126:
        head = struct.pack("!BB", kind, length)
    elif length < 1 << 16:
        head = struct.pack("!BBH", kind, 126, length)
    else:
        head = struct.pack("!BBQ", kind, 127, length)
    return b"".join((head, *payload))


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """The protocol of uvicorn, which also accepts prepared frames and disconnects a peer that never reads.

    The extension is not offered if permessage-deflate was negotiated. As for any message, `send` waits while the
    transport is full, so that a connection holds at most 64 KiB and the frame that exceeded them.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._drained = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._unread = UnreadWatch(self.transport, self.loop)
        # Output buffered unsent in the kernel cannot be taken back, and the response to a Ctrl-C waits behind it.
        if _NOTSENT_LOWAT is not None:
            with contextlib.suppress(OSError):  # not TCP
                transport.get_extra_info("socket").setsockopt(
                    socket.IPPROTO_TCP, _NOTSENT_LOWAT, UNSENT_BYTES
                )

    def connection_lost(self, exc: Exception | None) -> None:
        self._unread.cancel()
        super().connection_lost(exc)

    async def run_asgi(self) -> None:
        if not self.conn.extensions:
            self.scope["extensions"] = {**(self.scope["extensions"] or {}), EXTENSION: {}}
        await super().run_asgi()

    async def send(self, message: Any) -> None:
        """Sends an ASGI message. Raises ClientDisconnected if either side is closing the connection."""
        if message["type"] == "websocket.send" and self.handshake_complete:
            await self.writable.wait()
            # A transport that has failed tells so only in the next turn of the event loop, and what lies ready until then
            # would be written in this one: asyncio logs such writes as warnings.
            if self.disconnected or self.transport.is_closing() or self.conn.state is not State.OPEN:
                raise ClientDisconnected
            if frame := message.get(EXTENSION):
                self.transport.write(frame)
                return
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True  # else uvicorn logs each refusal as an error of the application

    def send_receive_event_to_app(self) -> None:
        """Closes with 1007 for text that is not UTF-8: uvicorn would also log a traceback for this mistake of a client."""
        if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
            self.conn.fail(1007)
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    def resume_writing(self) -> None:
        self._drained = True
        super().resume_writing()

    def send_keepalive_ping(self) -> None:
        self._drained = False
        super().send_keepalive_ping()

    def keepalive_timeout(self) -> None:
        """Called when no pong came in time. A peer that has read since the ping is only slow: the ping waits behind output."""
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
        """Aborts a closed transport after a second: it would wait for ever for a peer that never reads its buffer."""
        if not self.disconnected and self.close_timer is None:
            self.close_timer = self.loop.call_later(ABORT_AFTER_S, self.transport.abort)
