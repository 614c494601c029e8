"""`/ws/{session_id}`: one viewer of a terminal, over a WebSocket."""

import asyncio
import functools
import logging
import time
from typing import Any

from starlette.routing import BaseRoute, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from mailauncher.errors import InvalidParameter, LauncherError, TerminalNotFound, Text, preferred_language
from mailauncher.frames import EXTENSION
from resolvers import terminals
from resolvers.context import Context
from rest import existing_client
from rest import terminal_messages as messages
from rest.terminal_messages import Asked, Input, Ping, RequestHistory, Resize
from terminals.tail import Notice, Piece, Viewer
from terminals.terminal import Resized, Said, Terminal

log = logging.getLogger(__name__)

ANSWERS = 64  # waiting for one viewer; one that wants more and reads nothing is not listened to meanwhile


def routes(ctx: Context) -> list[BaseRoute]:
    """The terminal socket at both of its addresses."""
    endpoint = functools.partial(serve, ctx)
    return [
        WebSocketRoute("/ws/{session_id}", endpoint, name="terminal"),
        WebSocketRoute("/api/v1/ws/{session_id}", endpoint, name="terminal-v1"),
    ]


async def serve(ctx: Context, socket: WebSocket) -> None:
    """One viewer, from connection to end. What ends it is said in an `error` before the socket is closed."""
    await socket.accept()
    language = preferred_language(socket.headers.get("accept-language", ""))
    try:
        try:
            await _watch(ctx, socket, language)
        except LauncherError as error:
            await _refuse(socket, language, error)
        except WebSocketDisconnect:
            raise
        except Exception:
            log.exception("terminal socket")
            await _refuse(socket, language, LauncherError("内部错误", "Internal error"))
    except WebSocketDisconnect:
        return


async def _refuse(socket: WebSocket, language: str, error: LauncherError) -> None:
    await socket.send_text(messages.encode(messages.error(error, language)))
    await socket.close(error.verdict.close, error.code)


async def _watch(ctx: Context, socket: WebSocket, language: str) -> None:
    """Raises what keeps the viewer from its terminal or takes that away, or WebSocketDisconnect."""
    session_id = socket.path_params["session_id"]
    terminal = find(ctx, session_id)
    ended: BaseException | None = None
    async with terminal.watch(_after(socket)) as (viewer, first):
        seat = Seat(socket, language, session_id, terminal, viewer)
        try:
            await seat.greet(first)
            first.data, first.wire = b"", None  # 150 KiB that would be held for as long as the viewer stays
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(seat.show())
                tasks.create_task(seat.answer())
                await seat.listen()
        except* (LauncherError, WebSocketDisconnect) as group:
            ended = group.exceptions[0]
    if ended is not None:
        raise ended


def find(ctx: Context, session_id: str) -> Terminal:
    """The terminal that a client means by a session id. Raises what `resolvers.terminals.find` does."""
    session_id, *others = existing_client.sessions(session_id)
    try:
        return terminals.find(ctx, session_id)
    except TerminalNotFound:
        if not others:
            raise
        return terminals.find(ctx, others[0])


def _after(socket: WebSocket) -> int | None:
    given = socket.query_params.get("after")
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 19):
        raise InvalidParameter(
            "after 应为非负整数", "after must be a whole number, not negative", field="after"
        )
    return int(given)


class Seat:
    """A viewer's place at a terminal. Only sending waits for a slow viewer; listening to it goes on."""

    def __init__(
        self, socket: WebSocket, language: str, session_id: str, terminal: Terminal, viewer: Viewer
    ) -> None:
        self._socket = socket
        self._language = language
        self._session_id = session_id
        self._terminal = terminal
        self._viewer = viewer
        self._takes_frames = EXTENSION in (socket.scope.get("extensions") or {})
        self._answers: asyncio.Queue[dict[str, Any] | RequestHistory] = asyncio.Queue(ANSWERS)

    async def greet(self, first: Piece) -> None:
        """Says where the viewer is and shows it what the terminal showed lately."""
        name = self._session_id.rpartition("_")[2]
        await self._say(Text(f"已连接到 {name} 终端", f"Connected to the {name} terminal"))
        if first.data:
            await self._output(first)

    # Out

    async def show(self) -> None:
        """Sends output and notices for as long as the terminal exists, then raises TerminalNotFound."""
        async for item in self._viewer:
            if isinstance(item, Piece):
                if item.missed:
                    await self._say(_missed(item))
                await self._output(item)
            else:
                await self._notice(item)
        raise TerminalNotFound("终端已不存在", "The terminal is gone")

    async def answer(self) -> None:
        """Sends answers one after the other; a history is looked up when its turn comes."""
        while True:
            answer = await self._answers.get()
            await self._send(await self._history(answer) if isinstance(answer, RequestHistory) else answer)

    async def _history(self, request: RequestHistory) -> dict[str, Any]:
        try:
            entries = await self._terminal.history(*request.span)
        except LauncherError as error:
            return messages.error(error, self._language)
        logs = [{"timestamp": entry.at, "data": entry.data} for entry in entries]
        return {"type": "history_logs", "logs": logs, "session_id": self._session_id}

    async def _notice(self, notice: Notice) -> None:
        if isinstance(notice, Said):
            await self._say(notice.text)
        elif isinstance(notice, Resized):
            await self._send(_size(notice.columns, notice.rows))

    async def _say(self, sentence: Text) -> None:
        await self._send({"type": "status", "message": sentence.in_language(self._language)})

    async def _output(self, piece: Piece) -> None:
        if self._takes_frames:
            await self._socket.send({"type": "websocket.send", EXTENSION: messages.output_frames(piece)})
        else:
            for message in messages.output(piece):
                await self._socket.send_text(message)

    async def _send(self, message: dict[str, Any]) -> None:
        await self._socket.send_text(messages.encode(message))

    # In

    async def listen(self) -> None:
        """Does what the viewer asks, in the order it asks. Raises WebSocketDisconnect at the end."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message["code"], message.get("reason"))
            try:
                await self._obey(messages.decode(message.get("text")))
            except LauncherError as error:
                await self._answers.put(messages.error(error, self._language))

    async def _obey(self, message: Asked) -> None:
        match message:
            case Input(data=data):
                await self._terminal.input(data, self._viewer)
            case Resize(cols=columns, rows=rows):
                await self._terminal.resize(columns, rows, self._viewer)
                if (columns, rows) != (self._terminal.columns, self._terminal.rows):
                    await self._answers.put(_size(self._terminal.columns, self._terminal.rows))
            case Ping(timestamp=timestamp):
                now = int(time.time() * 1000)
                await self._answers.put({"type": "pong", "timestamp": timestamp, "server_time": now})
            case RequestHistory():
                await self._answers.put(message)


def _size(columns: int, rows: int) -> dict[str, Any]:
    return {"type": "resize", "cols": columns, "rows": rows}


def _missed(piece: Piece) -> Text:
    start = piece.offset - piece.missed
    return Text(
        f"偏移 {start} 起的 {piece.missed} 字节输出已不再保留",
        f"{piece.missed} bytes of output from offset {start} on are no longer kept",
    )
