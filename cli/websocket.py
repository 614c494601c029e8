"""WebSocket connections to a running server, for terminals and GraphQL subscriptions, and their messages."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from cli.client import ApiClient, RequestRefused
from mailauncher.errors import Code, ConnectionFailed, LauncherError

TERMINAL_PROTOCOL = "mailauncher.terminal.v1"
"""Output comes as it was printed: in binary messages, after its offset in 8 bytes."""
CLOSE_TIMEOUT_S = 1.0
RETRY_S = 0.2
MAX_RETRY_S = 2.0
_OFFSET_BYTES = 8
_OWN_CLOSE_CODES = range(4400, 5000)
_TOO_BIG = 1009


class ConnectionLost(ConnectionFailed):
    """The connection ended without a refusal: the server stopped, or the network failed."""

    def __init__(self, client: ApiClient) -> None:
        super().__init__(f"与 {client.url} 的连接已断开", f"The connection to {client.url} was lost")


@contextmanager
def open_terminal(client: ApiClient, session_id: str, after: int | None = None) -> Iterator[ClientConnection]:
    """A connection to a terminal for the block, from the offset `after` on. Raises RequestRefused, ConnectionFailed."""
    with open_websocket(client, client.terminal_url(session_id, after), TERMINAL_PROTOCOL) as connection:
        if connection.subprotocol != TERMINAL_PROTOCOL:
            raise ConnectionFailed(
                f"{client.url} 不支持 {TERMINAL_PROTOCOL}：那里的 MaiLauncher 版本较早，或中间的代理去掉了它",
                f"{client.url} does not speak {TERMINAL_PROTOCOL}: the MaiLauncher there is an earlier one, or a proxy removes it",
            )
        yield connection


@contextmanager
def open_websocket(client: ApiClient, url: str, *subprotocols: str) -> Iterator[ClientConnection]:
    """A WebSocket to the server for the block. Raises RequestRefused, ConnectionFailed."""
    try:
        connection = connect(
            url,
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            additional_headers=client.headers,
            compression=None,
            proxy=None,
            close_timeout=CLOSE_TIMEOUT_S,
            legacy=True,
        )
    except InvalidStatus as error:
        raise _refusal(client, error.response.body) from error
    except (OSError, InvalidHandshake) as error:
        raise client.unreachable(error) from error
    try:
        yield connection
    except KeyboardInterrupt:
        # It may have come while this thread held a lock of the connection: an orderly close could then wait for ever.
        connection.socket.close()
        raise
    except BaseException:
        connection.close()
        raise
    connection.close()


def _refusal(client: ApiClient, body: bytes | bytearray | None) -> ConnectionFailed | RequestRefused:
    try:
        error = json.loads(body or b"")["error"]
        return RequestRefused(error["code"], error["message"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return client.not_mailauncher()


def messages(client: ApiClient, connection: ClientConnection) -> Iterator[dict[str, Any]]:
    """The server's messages; output is an `output` of bytes. At the end raises RequestRefused if the server closed with a
    reason, else ConnectionLost."""
    last: dict[str, Any] = {}
    try:
        while True:
            received = connection.recv()
            last = json.loads(received) if isinstance(received, str) else _output(received)
            yield last
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else None
        if code == _TOO_BIG or code in _OWN_CLOSE_CODES:
            reason = closed.rcvd.reason if closed.rcvd else ""
            raise RequestRefused(str(last.get("code", reason)), str(last.get("message", reason))) from closed
        raise ConnectionLost(client) from closed


def send(connection: ClientConnection, kind: str, **fields: object) -> None:
    """Sends a message. A closed connection is no error here: reading reports it."""
    with suppress(ConnectionClosed):
        connection.send(json.dumps({"type": kind, **fields}))


def end_of(output: dict[str, Any]) -> int:
    """The offset after an `output` message; pass it as `after` to continue there."""
    return int(output["offset"]) + len(output["data"])


def _output(message: bytes) -> dict[str, Any]:
    offset = int.from_bytes(message[:_OFFSET_BYTES])
    return {"type": "output", "offset": offset, "data": message[_OFFSET_BYTES:]}


def is_outage(error: LauncherError) -> bool:
    """Whether what failed may succeed later, without anybody doing anything about it here."""
    return isinstance(error, ConnectionFailed) or error.code in (
        Code.SERVICE_UNAVAILABLE,
        Code.CONNECTION_FAILED,
    )


def retry_delays() -> Iterator[float]:
    """How long to wait before each attempt to connect again, in seconds, without end; at random, so that not all clients of a
    server that was restarted come back at once."""
    delay = RETRY_S
    while True:
        yield delay * random.uniform(0.5, 1)  # noqa: S311 - no secret
        delay = min(delay * 2, MAX_RETRY_S)
