"""Input of a terminal that is typed once, although the connection may be lost at any moment."""

import secrets
import threading
from collections import deque
from typing import Any

from websockets.sync.client import ClientConnection

from cli.websocket import send
from mailauncher.errors import Code, Text

AHEAD_CHARACTERS = 64 << 10
"""May wait for the server."""
_LOST = Text(
    "服务器上的终端是新开的：刚才输入的内容可能没有送达",
    "The terminal is a new one: what was typed last may not have arrived",
)
_UNSURE = Text(
    "此终端由较早的版本启动：断开前输入的内容可能没有送达",
    "This terminal was started by an earlier version: what was typed before the loss may not have arrived",
)


class ExactlyOnceInput:
    """Numbers what is typed, keeps it until the terminal has it, and sends it again after a loss.

    The first input that waits has the number after `_held`, the last one that the terminal has; so what waits is numbered anew
    when the terminal counts otherwise. All but `wait` returns at once; any thread may call.
    """

    def __init__(self) -> None:
        self._viewer = secrets.token_hex(16)
        self._changed = threading.Condition()
        self._connection: ClientConnection | None = None
        self._waiting: deque[str] = deque()
        self._sent = 0  # so many of them, the first ones, are on their way or may have got lost
        self._held = 0
        self._agreed = False  # on the number of the first that waits; nothing is sent until then
        self.stalled = False
        """The server does not reach the terminal: `ask` again in a while."""

    def type(self, text: str) -> bool:
        """Sends it, now or later. False if so much waits that it is dropped."""
        with self._changed:
            if sum(map(len, self._waiting)) + len(text) > AHEAD_CHARACTERS:
                return False
            self._waiting.append(text)
            self._send()
            return True

    def connected(self, connection: ClientConnection) -> None:
        with self._changed:
            self._connection = connection
        self.ask_for_last_number()

    def lost(self) -> None:
        with self._changed:
            self._connection = None
            self._agreed = self.stalled = False
            self._changed.notify_all()

    def ask_for_last_number(self) -> None:
        """Asks for the number of the last input that the terminal has: input 0, which types nothing."""
        with self._changed:
            self._agreed = False
            if self._connection is not None:
                send(self._connection, "input", data="", viewer=self._viewer, seq=0)

    def acknowledged(self, message: dict[str, Any]) -> Text | None:
        """Takes an `input_ack`. Returns what the user should know."""
        seq, held = message["seq"], message["held"]
        with self._changed:
            news = None
            if held is None:  # the terminal does not count: each input is acknowledged by itself
                news = self._drop(_UNSURE) if seq == 0 else None
                held = max(seq, self._held)
            if held < self._held:
                news = self._drop(_LOST)
                self._held = held
            for _ in range(min(held - self._held, len(self._waiting))):
                self._waiting.popleft()
                self._sent = max(0, self._sent - 1)
            self._held = held
            if seq == 0:
                self._agreed, self.stalled, self._sent = True, False, 0
                self._send()
            self._changed.notify_all()
            return news

    def refused(self, message: dict[str, Any]) -> bool:
        """Takes an `error` with a `seq`. Returns whether it is news to the user.

        Nothing behind a refused input has been typed: its number is not the next one. It was meant to follow what is missing
        now, so it is dropped as well. A conflict alone tells that the terminal counts otherwise: everything is sent again.
        """
        with self._changed:
            if message["code"] == Code.CONNECTION_FAILED:  # it may have been typed
                news = not self.stalled
                self.stalled, self._agreed = True, False
                return news
            self._sent = 0
            if news := message["code"] != Code.CONFLICT:
                self._waiting.clear()
                self._changed.notify_all()
        self.ask_for_last_number()
        return news

    def wait(self, timeout_s: float) -> bool:
        """Waits until the terminal has all that was typed. False if that cannot be known."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting or self._connection is None, timeout_s)
            return not self._waiting

    def _drop(self, news: Text) -> Text | None:
        """Drops what may have been typed and may have got lost. Returns `news` if there was any."""
        dropped = self._sent
        for _ in range(dropped):
            self._waiting.popleft()
        self._sent = 0
        return news if dropped else None

    def _send(self) -> None:
        """Sends what waits and has not been sent."""
        if not self._agreed or self._connection is None:
            return
        for text in list(self._waiting)[self._sent :]:
            self._sent += 1
            seq = self._held + self._sent
            send(self._connection, "input", data=text, viewer=self._viewer, seq=seq)
