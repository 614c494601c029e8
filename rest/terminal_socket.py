"""`/ws/{session_id}`: a terminal's viewer on a WebSocket."""

import asyncio
import functools
import logging
import time
from typing import Any

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from mailauncher.errors import InvalidParameter, LauncherError, TerminalNotFound, Text, preferred_language
from mailauncher.frames import EXTENSION
from resolvers import logs, terminals
from resolvers.context import Context
from resolvers.terminals import (
    Attachment,
    DriverChanged,
    InputNumber,
    Notice,
    Piece,
    Resized,
    StatusMessage,
)
from rest import terminal_messages as messages
from rest.existing_client.terminals import candidate_sessions
from rest.terminal_messages import ClientMessage, Driver, Input, Ping, RequestHistory, Resize, TakeOver
from rest.terminal_output import (
    BINARY_PROTOCOL,
    binary_frames,
    binary_messages,
    json_frames,
    json_messages,
)

log = logging.getLogger(__name__)

OUTPUT_BYTES = 128 << 10  # sent in one go at most
_TYPED_AGAIN = Text(
    "此终端由较早的版本启动，重新发送的输入会再次输入",
    "This terminal was started by an earlier version: input that is sent again is typed again",
)
_LEFT = (WebSocketDisconnect, WebSocketDisconnected)
"""What sending raises, and receiving, once the client has left: the second if another task was told so before."""
REPLIES = 64  # queued for one viewer; one that wants more and reads nothing is not listened to meanwhile


def routes(ctx: Context) -> list[BaseRoute]:
    """The terminal socket under both of its paths."""
    endpoint = functools.partial(serve, ctx)
    return [
        WebSocketRoute("/ws/{session_id}", endpoint, name="terminal"),
        WebSocketRoute("/api/v1/ws/{session_id}", endpoint, name="terminal-v1"),
    ]


async def serve(ctx: Context, socket: WebSocket) -> None:
    """One viewer, from connection to end. An error that ends it is sent before the socket is closed."""
    headers = socket.headers
    ctx = ctx.called_by(headers.get("user-agent", ""), headers.get("authorization", ""))
    await socket.accept(BINARY_PROTOCOL if _wants_binary(socket) else None)
    language = preferred_language(socket.headers.get("accept-language", ""))
    try:
        try:
            await _attach(ctx, socket, language)
        except LauncherError as error:
            await _close(socket, language, error)
        except _LEFT:
            raise
        except Exception:
            log.exception("terminal socket")
            await _close(socket, language, LauncherError("内部错误", "Internal error"))
    except _LEFT:
        return


def _wants_binary(socket: WebSocket) -> bool:
    return BINARY_PROTOCOL in socket.scope["subprotocols"]


async def _close(socket: WebSocket, language: str, error: LauncherError) -> None:
    await socket.send_text(messages.encode(messages.error(error, language)))
    await socket.close(error.info.close, error.code)


async def _attach(ctx: Context, socket: WebSocket, language: str) -> None:
    """Serves the viewer until an error or WebSocketDisconnect, which it raises."""
    requested_id = socket.path_params["session_id"]
    session_id = _resolve(ctx, requested_id)
    ended: BaseException | None = None
    async with terminals.attach(ctx, session_id, _requested_offset(socket)) as (attachment, recent):
        session = ViewerSession(ctx, socket, language, requested_id, session_id, attachment)
        try:
            await session.begin(recent)
            recent.data, recent.json_frames, recent.binary_frames = (
                b"",
                None,
                None,
            )  # else held until the viewer leaves
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(session.send_output())
                tasks.create_task(session.send_replies())
                await session.receive()
        except* (LauncherError, *_LEFT) as group:
            ended = group.exceptions[0]
    if ended is not None:
        raise ended


def _resolve(ctx: Context, requested_id: str) -> str:
    """The id of the terminal that a client means. Raises as `terminals.get` does."""
    session_id, *others = candidate_sessions(requested_id)
    try:
        return terminals.get(ctx, session_id).session_id
    except TerminalNotFound:
        if not others:
            raise
        return terminals.get(ctx, others[0]).session_id


def _requested_offset(socket: WebSocket) -> int | None:
    given = socket.query_params.get("after")
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 19):
        raise InvalidParameter("after 应为非负整数", "after must be a non-negative integer", field="after")
    return int(given)


class ViewerSession:
    """A viewer's WebSocket. Its messages are handled while sending waits for a slow reader.

    The client is told the session id that it asked for, which may be an alias of the terminal's own.
    """

    def __init__(
        self,
        ctx: Context,
        socket: WebSocket,
        language: str,
        requested_id: str,
        session_id: str,
        attachment: Attachment,
    ) -> None:
        self._ctx = ctx
        self._socket = socket
        self._language = language
        self._requested_id = requested_id
        self._session_id = session_id
        self._attachment = attachment
        self._binary = _wants_binary(socket)
        self._takes_frames = EXTENSION in (socket.scope.get("extensions") or {})
        self._warned = False
        self._follows_driver = False
        self._replies: asyncio.Queue[dict[str, Any] | RequestHistory] = asyncio.Queue(REPLIES)

    async def begin(self, recent: Piece) -> None:
        """Says which terminal this is, and shows its recent output."""
        name = self._requested_id.rpartition("_")[2]
        await self._send_status(Text(f"已连接到 {name} 终端", f"Connected to the {name} terminal"))
        if recent.data:
            await self._send_piece(recent)

    # Out

    async def send_output(self) -> None:
        """Sends output and notices while the terminal exists, then raises TerminalNotFound."""
        async for item in self._attachment:
            if isinstance(item, Piece):
                if item.missed:
                    await self._send_status(_missed_notice(item))
                await self._send_piece(item, *self._attachment.following(OUTPUT_BYTES))
            else:
                await self._send_notice(item)
        raise TerminalNotFound("终端已不存在", "The terminal no longer exists")

    async def send_replies(self) -> None:
        """Sends replies in order. A history is read when its turn comes, so that many requests cost no memory."""
        while True:
            reply = await self._replies.get()
            await self._send(await self._history(reply) if isinstance(reply, RequestHistory) else reply)

    async def _history(self, request: RequestHistory) -> dict[str, Any]:
        try:
            lines = await logs.history(self._ctx, self._session_id, *request.span)
        except LauncherError as error:
            return messages.error(error, self._language)
        entries = [{"timestamp": line.at, "data": line.data} for line in lines]
        return {"type": "history_logs", "logs": entries, "session_id": self._requested_id}

    async def _send_notice(self, notice: Notice) -> None:
        if isinstance(notice, StatusMessage):
            await self._send_status(notice.text)
        elif isinstance(notice, Resized):
            await self._send(messages.resize(notice.columns, notice.rows))
        elif isinstance(notice, DriverChanged) and self._follows_driver:
            await self._send(messages.driver(self._attachment.connection, self._attachment.driver))

    async def _send_status(self, sentence: Text) -> None:
        await self._send(messages.status(sentence, self._language))

    async def _send_piece(self, *pieces: Piece) -> None:
        """Sends pieces, in one go where the server takes prepared frames."""
        if self._takes_frames:
            frames = b"".join(map(binary_frames if self._binary else json_frames, pieces))
            await self._socket.send({"type": "websocket.send", EXTENSION: frames})
            return
        for piece in pieces:
            if self._binary:
                for parts in binary_messages(piece):
                    await self._socket.send_bytes(b"".join(parts))
            else:
                for parts in json_messages(piece):
                    await self._socket.send_text(b"".join(parts).decode())

    async def _send(self, message: dict[str, Any]) -> None:
        await self._socket.send_text(messages.encode(message))

    # In

    async def receive(self) -> None:
        """Handles the viewer's messages, in order, until WebSocketDisconnect, which it raises."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"], message.get("reason"))
            try:
                await self._handle(messages.decode(message.get("text")))
            except LauncherError as error:
                await self._replies.put(messages.error(error, self._language))

    async def _handle(self, message: ClientMessage) -> None:
        match message:
            case Input(data=data):
                number = terminals.input_number(message.viewer, message.seq)
                if number is None:
                    await self._attachment.input(data)
                else:
                    await self._replies.put(await self._type_once(data, number))
            case Resize(cols=columns, rows=rows):
                size = await self._attachment.resize(columns, rows)
                if size != (columns, rows):
                    await self._replies.put(messages.resize(*size))
            case TakeOver():
                await self._attachment.take_over()
            case Driver():
                self._follows_driver = True
                found = messages.driver(self._attachment.connection, self._attachment.driver)
                await self._replies.put(found)
            case Ping(timestamp=timestamp):
                now = int(time.time() * 1000)
                await self._replies.put({"type": "pong", "timestamp": timestamp, "server_time": now})
            case RequestHistory():
                await self._replies.put(message)

    async def _type_once(self, data: str, number: InputNumber) -> dict[str, Any]:
        """The reply to input that may be sent again."""
        try:
            held = await self._attachment.input_once(data, number)
        except LauncherError as error:
            return {**messages.error(error, self._language), "seq": number.seq}
        if held is None and not self._warned:
            self._warned = True
            await self._replies.put(messages.status(_TYPED_AGAIN, self._language))
        return {"type": "input_ack", "seq": number.seq, "held": held}


def _missed_notice(piece: Piece) -> Text:
    start = piece.offset - piece.missed
    return Text(
        f"偏移 {start} 起至多 {piece.missed} 字节输出已不再保留",
        f"Up to {piece.missed} bytes of output from offset {start} on are no longer kept",
    )
