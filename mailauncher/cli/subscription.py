"""A subscription of a running server, over one WebSocket that speaks `graphql-transport-ws`."""

import json
from collections.abc import Iterator
from typing import Any

from websockets.exceptions import ConnectionClosed

from mailauncher.cli.feed import Dropped, connected, messages
from mailauncher.cli.remote import Refused, Remote

PROTOCOL = "graphql-transport-ws"


def subscribed(remote: Remote, document: str, **variables: object) -> Iterator[Any]:
    """The `data` of each event, until the server says that there are no more.

    Raises Refused, Dropped when the connection is lost, ConnectionFailed when there is none to be had.
    """
    with connected(remote, remote.graphql_url, PROTOCOL) as connection:

        def send(**message: object) -> None:
            try:
                connection.send(json.dumps(message))
            except ConnectionClosed as closed:
                raise Dropped(remote) from closed

        send(type="connection_init")
        for message in messages(remote, connection):
            kind = message["type"]
            if kind == "connection_ack":
                send(type="subscribe", id="1", payload={"query": document, "variables": variables})
            elif kind == "next":
                _require_none(message["payload"].get("errors"))
                yield message["payload"]["data"]
            elif kind == "error":
                _require_none(message["payload"])
            elif kind == "ping":
                send(type="pong")
            elif kind == "complete":
                return


def _require_none(errors: list[dict[str, Any]] | None) -> None:
    for error in errors or ():
        raise Refused(str(error.get("extensions", {}).get("code")), error["message"])
