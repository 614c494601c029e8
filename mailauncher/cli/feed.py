"""WebSockets of a running server: one connection to a terminal or to GraphQL, and the messages that come over it."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from mailauncher.cli.remote import Refused, Remote
from mailauncher.errors import ConnectionFailed

CLOSE_TIMEOUT_S = 1.0
_OWN_CLOSE_CODES = range(4400, 5000)
_TOO_BIG = 1009


class Dropped(ConnectionFailed):
    """The connection ended though nobody refused anything: the server stopped, or the network did."""

    def __init__(self, remote: Remote) -> None:
        super().__init__(f"与 {remote.url} 的连接已断开", f"The connection to {remote.url} was lost")


def opened(
    remote: Remote, session_id: str, after: int | None = None
) -> AbstractContextManager[ClientConnection]:
    """A connection to a terminal, going on at the offset `after`. Raises Refused, ConnectionFailed."""
    return connected(remote, remote.terminal_url(session_id, after))


@contextmanager
def connected(remote: Remote, url: str, *subprotocols: str) -> Iterator[ClientConnection]:
    """A WebSocket of the server for the block. Raises Refused, ConnectionFailed."""
    try:
        connection = connect(
            url,
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            additional_headers=remote.headers,
            compression=None,
            proxy=None,
            close_timeout=CLOSE_TIMEOUT_S,
            legacy=True,
        )
    except InvalidStatus as error:
        raise _refusal(remote, error.response.body) from error
    except (OSError, InvalidHandshake) as error:
        raise remote.unreachable(error) from error
    try:
        yield connection
    except KeyboardInterrupt:
        # It may have come while a lock of the connection was taken: an orderly close could wait for ever.
        connection.socket.close()
        raise
    except BaseException:
        connection.close()
        raise
    connection.close()


def _refusal(remote: Remote, body: bytes | bytearray | None) -> ConnectionFailed | Refused:
    try:
        error = json.loads(body or b"")["error"]
        return Refused(error["code"], error["message"])
    except (ValueError, TypeError, KeyError):
        return remote.stranger()


def messages(remote: Remote, connection: ClientConnection) -> Iterator[dict[str, Any]]:
    """What the server sends. Raises Refused when it closes for a reason it gave, else Dropped at the end."""
    last: dict[str, Any] = {}
    try:
        while True:
            last = json.loads(connection.recv())
            yield last
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else None
        if code == _TOO_BIG or code in _OWN_CLOSE_CODES:
            reason = closed.rcvd.reason if closed.rcvd else ""
            raise Refused(str(last.get("code", reason)), str(last.get("message", reason))) from closed
        raise Dropped(remote) from closed


def send(connection: ClientConnection, kind: str, **fields: object) -> None:
    """Sends a message; a connection that has ended says so where it is read."""
    with suppress(ConnectionClosed):
        connection.send(json.dumps({"type": kind, **fields}))


def end_of(output: dict[str, Any]) -> int:
    """The offset after an `output` message; give it as `after` to go on there."""
    return int(output["offset"]) + len(output["data"].encode())
