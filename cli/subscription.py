"""GraphQL subscriptions of a running server, over a WebSocket with the protocol `graphql-transport-ws`."""

import json
from collections.abc import Iterator
from typing import Any

from websockets.exceptions import ConnectionClosed

from cli.client import ApiClient, RequestRefused
from cli.websocket import ConnectionLost, messages, open_websocket

PROTOCOL = "graphql-transport-ws"


def subscribe(client: ApiClient, document: str, **variables: object) -> Iterator[Any]:
    """The `data` of each event, until the server completes the subscription.

    Raises RequestRefused, ConnectionLost, and ConnectionFailed when no connection can be made.
    """
    with open_websocket(client, client.graphql_url, PROTOCOL) as connection:

        def send(**message: object) -> None:
            try:
                connection.send(json.dumps(message))
            except ConnectionClosed as closed:
                raise ConnectionLost(client) from closed

        send(type="connection_init")
        for message in messages(client, connection):
            kind = message["type"]
            if kind == "connection_ack":
                send(type="subscribe", id="1", payload={"query": document, "variables": variables})
            elif kind == "next":
                _raise_first(message["payload"].get("errors"))
                yield message["payload"]["data"]
            elif kind == "error":
                _raise_first(message["payload"])
            elif kind == "ping":
                send(type="pong")
            elif kind == "complete":
                return


def _raise_first(errors: list[dict[str, Any]] | None) -> None:
    for error in errors or ():
        raise RequestRefused(str(error.get("extensions", {}).get("code")), error["message"])
