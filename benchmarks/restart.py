"""A restart under a crowd: how long until everybody who was connected is served again.

    python benchmarks/restart.py [--subscribers 200] [--pollers 1000] [--rounds 3] [--retry 0.25]

The subscribers follow GraphQL's `events` from a cursor, over WebSockets; the pollers ask for `GET /api/v1/instances` once a
second each, on a connection that they keep. The server is killed (SIGKILL) or stopped (SIGTERM) in turn, and started at once.
All clients notice that at the same moment, and try again after `--retry` seconds each, without any jitter. A subscriber is
back when it has an event, a poller when it has an answer. Before each such restart there is one under a single poller. Design
target: all are back within 5 s.
"""

import argparse
import contextlib
import errno
import json
import os
import selectors
import signal
import socket
import time

from events import frame
from lists import cpu
from overload import Pings
from served import DataFolder, Served, body, free_port, launcher, request

INSTANCES = 50
POLL_S = 1.0
SETTLE_S = 3.0
PATIENCE_S = 120.0
COLUMNS = ("port open", "first", "99 %", "all", "all - first", "server CPU", "attempts")
LIST = request("GET", "/api/v1/instances")
EVENTS = "subscription ($after: ID) { events(after: $after) { id kind message } }"
HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--subscribers", type=int, default=200)
    parser.add_argument("--pollers", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--retry", type=float, default=0.25)
    options = parser.parse_args()
    with DataFolder() as folder, launcher(folder) as server:
        for number in range(INSTANCES):
            home = folder.path / f"bot{number}"
            home.mkdir()
            (home / "bot.py").touch()
            new = {"name": home.name, "path": str(home), "port": free_port()}
            body(server.port, request("POST", "/api/v1/instances/add", new))
        asked = request("POST", "/graphql", {"query": "{ events(last: 2) { edges { cursor } } }"})
        before = json.loads(body(server.port, asked))["data"]["events"]["edges"][0]["cursor"]
        crowd = Crowd(server.port, before, options.subscribers, options.pollers, options.retry)
        alone = Crowd(server.port, before, 0, 1, options.retry)
        print(f"{'':8} {'clients':>8}" + "".join(f"{head:>12}" for head in COLUMNS))
        for number in range(2 * options.rounds):
            for clients in (alone, crowd):
                restart(server, clients, (signal.SIGKILL, signal.SIGTERM)[number % 2])
                clients.close()
    print(f"load {os.getloadavg()[0]:.1f}")


def restart(server: Served, crowd: "Crowd", number: signal.Signals) -> None:
    """Prints how long after the signal the port is open and so many are back, and the new server's CPU until then, in
    seconds."""
    assert server.process is not None
    crowd.open()
    crowd.turn_until_back()
    end = time.monotonic() + SETTLE_S
    while time.monotonic() < end:
        crowd.turn()
    signalled = time.monotonic()
    server.process.send_signal(number)
    while server.process.poll() is None:
        crowd.turn()
    crowd.forget()
    server.begin()
    crowd.turn_until_back()
    assert crowd.opened_at is not None
    back = sorted(client.back_at - signalled for client in crowd.clients)
    times = (crowd.opened_at - signalled, back[0], back[int(len(back) * 0.99)], back[-1], back[-1] - back[0])
    figures = "".join(f"{each:12.2f}" for each in (*times, cpu(server)))
    print(f"{number.name:8} {len(back):8}{figures}{crowd.attempts:12}", flush=True)


class Client:
    """A subscriber or a poller, and what it waits for. `back_at` is 0 as long as it has not been served again."""

    def __init__(self, crowd: "Crowd", *, subscribes: bool) -> None:
        self.subscribes = subscribes
        self.back_at = 0.0
        self.due = float("inf")
        """When it connects, or asks again."""
        self._crowd = crowd
        self._socket: socket.socket | None = None
        self._connected = False
        self._upgraded = False
        self._asked = False
        self._pings: Pings | None = None

    def wake(self) -> None:
        """It is due."""
        self.due = float("inf")
        if self._socket is None:
            self._socket = socket.socket()
            self._socket.setblocking(False)
            self._connected = self._upgraded = self._asked = False
            self._crowd.attempts += 1
            self._crowd.selector.register(self._socket, selectors.EVENT_WRITE, self)
            self._socket.connect_ex(("127.0.0.1", self._crowd.port))
        else:
            self._send(LIST)

    def ready(self) -> None:
        """Its socket is."""
        assert self._socket is not None
        try:
            if not self._connected:
                self._connect()
            elif data := self._socket.recv(1 << 18):
                self._take(data)
            else:
                raise ConnectionResetError
        except OSError:
            self.close()
            self.due = time.monotonic() + self._crowd.retry

    def _connect(self) -> None:
        assert self._socket is not None
        failure = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if failure:
            raise OSError(failure, errno.errorcode[failure])
        self._connected = True
        self._crowd.opened_at = self._crowd.opened_at or time.monotonic()
        self._crowd.selector.modify(self._socket, selectors.EVENT_READ, self)
        self._pings = Pings(self._socket)
        self._send(HANDSHAKE if self.subscribes else LIST)

    def _send(self, data: bytes) -> None:
        assert self._socket is not None
        with contextlib.suppress(OSError):  # reading tells of it
            self._socket.sendall(data)

    def _take(self, data: bytes) -> None:
        assert self._socket is not None
        assert self._pings is not None
        if not self.subscribes:
            if not data.startswith(b"HTTP/1.1 200") and b"HTTP/1.1" in data:
                raise AssertionError(data[:200])
            self._served()
            self.due = time.monotonic() + POLL_S
            return
        if not self._upgraded:
            self._upgraded = True
            assert data.startswith(b"HTTP/1.1 101"), data
            self._send(frame({"type": "connection_init"}))
            payload = {"query": EVENTS, "variables": {"after": self._crowd.after}}
            self._send(frame({"type": "subscribe", "id": "1", "payload": payload}))
            return
        self._pings.take(data)
        if b'"next"' in data:
            self._served()

    def _served(self) -> None:
        self.back_at = self.back_at or time.monotonic()

    def close(self) -> None:
        if self._socket is not None:
            self._crowd.selector.unregister(self._socket)
            self._socket.close()
            self._socket = None


class Crowd:
    """All clients, in one loop. `attempts` counts their connections, `opened_at` is when the first of them succeeded.
    Subscribers begin `after` the last event but one, so that one is there at once whenever they come."""

    def __init__(self, port: int, after: str, subscribers: int, pollers: int, retry: float) -> None:
        self.port, self.after, self.retry = port, after, retry
        self.selector = selectors.DefaultSelector()
        self.attempts = 0
        self.opened_at: float | None = None
        self.clients = [Client(self, subscribes=True) for _ in range(subscribers)]
        self.clients += [Client(self, subscribes=False) for _ in range(pollers)]

    def open(self) -> None:
        for client in self.clients:
            client.due = 0.0

    def forget(self) -> None:
        """Nobody is back."""
        self.attempts, self.opened_at = 0, None
        for client in self.clients:
            client.back_at = 0.0

    def turn(self) -> None:
        now = time.monotonic()
        for client in self.clients:
            if client.due <= now:
                client.wake()
        for key, _ in self.selector.select(0.01):
            key.data.ready()

    def turn_until_back(self) -> None:
        end = time.monotonic() + PATIENCE_S
        while not all(client.back_at for client in self.clients):
            if time.monotonic() > end:
                raise TimeoutError(f"{sum(not client.back_at for client in self.clients)} are not back")
            self.turn()

    def close(self) -> None:
        for client in self.clients:
            client.close()
            client.due = float("inf")


if __name__ == "__main__":
    main()
