"""WebSocket connections to a running server, for terminals and GraphQL subscriptions, and their messages."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from cli.client import ApiClient, RequestRefused
from mailauncher.errors import ConnectionFailed

CLOSE_TIMEOUT_S = 1.0
_OWN_CLOSE_CODES = range(4400, 5000)
_TOO_BIG = 1009


class ConnectionLost(ConnectionFailed):
    """The connection ended without a refusal: the server stopped, or the network failed."""

    def __init__(self, client: ApiClient) -> None:
        super().__init__(f"与 {client.url} 的连接已断开", f"The connection to {client.url} was lost")


def open_terminal(
    client: ApiClient, session_id: str, after: int | None = None
) -> AbstractContextManager[ClientConnection]:
    """A connection to a terminal, from the offset `after` on. Raises RequestRefused, ConnectionFailed."""
    return open_websocket(client, client.terminal_url(session_id, after))


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
    """The server's messages. At the end raises RequestRefused if the server closed with a reason, else ConnectionLost."""
    last: dict[str, Any] = {}
    try:
        while True:
            last = json.loads(connection.recv())
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
    return int(output["offset"]) + len(output["data"].encode())
