"""A viewer of a terminal that comes back after a lost connection."""

import threading
from collections.abc import Iterator
from typing import Any

from websockets.sync.client import ClientConnection

from cli.client import ApiClient, RequestRefused
from cli.websocket import end_of, is_outage, messages, open_terminal, retry_delays
from mailauncher.errors import Code, LauncherError, Text

LOST = Text("连接已断开，正在重连……", "connection lost, reconnecting...")
FORGOTTEN = Text(
    "服务器已没有显示过的输出，重新显示最近的",
    "the server no longer has the output that was shown; the recent output again",
)


class Viewing:
    """Connects to a terminal, and again at the offset reached whenever the connection is lost, until `leave`."""

    def __init__(self, client: ApiClient, session_id: str) -> None:
        self._client = client
        self._session_id = session_id
        self._position: int | None = None  # nothing has been shown yet
        self._connection: ClientConnection | None = None
        self._left = threading.Event()

    def messages(self) -> Iterator[dict[str, Any]]:
        """The server's messages, and three more: `connected` with the `connection`, first of all and after each loss;
        `lost`; and `forgotten`, after which the recent output is shown again, because the server no longer has what was
        shown.

        Raises what the first connection fails with, and RequestRefused when the server refuses a later one.
        """
        delays: Iterator[float] | None = None  # before the first connection
        while not self._left.is_set():
            try:
                with open_terminal(self._client, self._session_id, self._position) as connection:
                    self._connection = connection
                    if self._left.is_set():
                        return
                    delays = retry_delays()
                    yield {"type": "connected", "connection": connection}
                    yield from self._received(connection)
            except LauncherError as error:
                if delays is None:
                    raise
                if self._is_ahead(error):
                    self._position = None
                    yield {"type": "forgotten"}
                    continue
                if not is_outage(error):
                    raise
            if self._connection is not None and not self._left.is_set():
                self._connection = None
                yield {"type": "lost"}
            self._left.wait(next(delays))

    def _received(self, connection: ClientConnection) -> Iterator[dict[str, Any]]:
        greeted = False
        for message in messages(self._client, connection):
            if message["type"] == "status" and not greeted:  # that it is connected
                greeted = True
                continue
            yield message
            if message["type"] == "output":
                self._position = end_of(message)

    def _is_ahead(self, error: LauncherError) -> bool:
        """Whether the output ends before the offset reached, as after a power cut."""
        refused = isinstance(error, RequestRefused) and error.code is Code.INVALID_PARAMETER
        return refused and self._position is not None

    def leave(self) -> None:
        """Ends the connection and the messages; may be called by any thread."""
        self._left.set()
        if (connection := self._connection) is not None:
            connection.close()
