"""A thousand connections to one server: memory, and how long pollers of REST wait.

    python benchmarks/overload.py [--connections 1000] [--seconds 150] [--lines 20]

Two bots print so many lines a second each. Of the connections 40 % are viewers of their terminals over WebSocket, 30 %
GraphQL subscriptions of `terminalOutput`, 20 % the same as server-sent events, and 10 % ask for `GET /api/v1/instances`
once a second. Besides, ten connections ask a bare Starlette server (`bare.py`), which does nothing else, for the same once a
second: what they wait for is the machine. Design targets: p99 of REST 0.5 s, and no growth of memory after the first minute.
"""

import argparse
import contextlib
import json
import selectors
import socket
import statistics
import time
from collections import Counter
from pathlib import Path

import psutil
from bare import ROUTES
from events import frame, handshake
from lists import cpu
from served import DataFolder, Served, body, launcher, request

BOT = "import itertools, time\nfor n in itertools.count():\n    print('line', n, 'x' * 60, flush=True)\n    time.sleep(1 / {lines})\n"
OUTPUT = "subscription ($id: ID!) { terminalOutput(sessionId: $id) { data offset end missed } }"
LIST = request("GET", "/api/v1/instances")
REPORT_S = 15.0
CONTROLS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=150)
    parser.add_argument("--lines", type=int, default=20)
    options = parser.parse_args()
    with DataFolder() as folder:
        folder.environment["MAILAUNCHER_STOP_BOTS_AT_EXIT"] = "true"
        with launcher(folder) as server:
            sessions = [start_bot(server, folder, number, options.lines) for number in range(2)]
            for path in ROUTES:
                (folder.path / path.rpartition("/")[2]).write_bytes(body(server.port, request("GET", path)))
            with (
                Served("bare", str(Path(__file__).with_name("bare.py")), str(folder.path)) as bare,
                contextlib.closing(Crowd(server, bare, sessions, options.connections)) as crowd,
            ):
                crowd.watch(options.seconds)


def start_bot(server: Served, folder: DataFolder, number: int, lines: int) -> str:
    """The session id of the terminal of a new bot that runs."""
    home = folder.path / f"bot{number}"
    home.mkdir()
    (home / "bot.py").write_text(BOT.format(lines=lines))
    new = {"name": home.name, "path": str(home), "port": server.port + 1 + number}
    added = json.loads(body(server.port, request("POST", "/api/v1/instances/add", new)))
    started = json.loads(body(server.port, request("GET", f"/api/v1/instance/{added['instance_id']}/start")))
    assert started["success"], started
    return f"{added['instance_id']}_main"


class Pings:
    """Answers the pings in what a WebSocket receives; a client that does not is disconnected after a minute."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._buffer = b""
        self._skip = 0

    def take(self, data: bytes) -> None:
        at = min(self._skip, len(data)) if not self._buffer else 0
        self._skip -= at
        data = self._buffer + data[at:]
        at = 0
        while not self._skip and len(data) - at >= 2:
            length = data[at + 1]
            ping = data[at] == 0x89
            head = {126: 4, 127: 10}.get(length, 2)
            if len(data) - at < head + (length if ping else 0):
                break  # until the rest is there
            if length >= 126:
                length = int.from_bytes(data[at + 2 : at + head], "big")
            if ping:
                payload = data[at + head : at + head + length]
                self._connection.sendall(bytes([0x8A, 0x80 | length]) + bytes(4) + payload)
            self._skip = max(0, at + head + length - len(data))
            at = min(len(data), at + head + length)
        self._buffer = data[at:]


class Crowd:
    """All connections, read by one loop."""

    def __init__(self, server: Served, bare: Served, sessions: list[str], count: int) -> None:
        self._server = server
        self._selector = selectors.DefaultSelector()
        self._pings: dict[socket.socket, Pings] = {}
        self._due: dict[socket.socket, float] = {}
        self._asked: dict[socket.socket, float] = {}
        self._waits: dict[str, list[tuple[float, float]]] = {"poller": [], "control": []}
        self._received: Counter[str] = Counter()
        self._begun = time.monotonic()
        kinds = ["viewer"] * 4 + ["subscription"] * 3 + ["stream"] * 2 + ["poller"]
        # Pollers come last: a connection that asks nothing for five seconds is closed.
        for number in sorted(range(count), key=lambda number: kinds[number % len(kinds)] == "poller"):
            kind = kinds[number % len(kinds)]
            self._add(kind, connect(server.port, kind, sessions[number // len(kinds) % 2]))
        for _ in range(CONTROLS):
            self._add("control", connect(bare.port, "control", ""))

    def _add(self, kind: str, connection: socket.socket) -> None:
        connection.setblocking(False)
        if kind in ("viewer", "subscription"):
            self._pings[connection] = Pings(connection)
        self._selector.register(connection, selectors.EVENT_READ, kind)
        if kind in self._waits:
            self._due[connection] = time.monotonic()
        self._turn(0)

    def close(self) -> None:
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def watch(self, seconds: float) -> None:
        assert self._server.process is not None
        process = psutil.Process(self._server.process.pid)
        print(f"connected after {time.monotonic() - self._begun:.1f} s", flush=True)
        print(
            f"{'after s':>8} {'RSS MiB':>9} {'CPU %':>7} {'REST p50 s':>11} {'p99':>8} {'most':>8} {'bare p50 s':>11} {'p99':>8}"
            f" {'KiB/s read':>11}"
        )
        for waits in self._waits.values():
            waits.clear()
        begin = report_at = time.monotonic()
        used = cpu(self._server)
        while time.monotonic() < begin + seconds:
            self._turn(0.02)
            now = time.monotonic()
            if now >= report_at + REPORT_S:
                load = (cpu(self._server) - used) / (now - report_at) * 100
                rate = sum(self._received.values()) / 1024 / (now - report_at)
                middle, slow, most = self._waited("poller", report_at)
                its_middle, its_slow, _ = self._waited("control", report_at)
                print(
                    f"{now - begin:8.0f} {process.memory_info().rss / (1 << 20):9.1f} {load:7.0f} {middle:11.3f} {slow:8.3f}"
                    f" {most:8.3f} {its_middle:11.3f} {its_slow:8.3f} {rate:11.0f}",
                    flush=True,
                )
                report_at, used = now, cpu(self._server)
                self._received.clear()
        for kind, waits in self._waits.items():
            middle, slow, most = self._waited(kind, begin)
            print(
                f"all of {kind}: {len(waits)} requests, p50 {middle:.3f} s, p99 {slow:.3f} s, most {most:.3f} s"
            )

    def _waited(self, kind: str, since: float) -> tuple[float, float, float]:
        """How long requests took that were answered since then or wait still: the median, p99 and the longest."""
        waits = [wait for at, wait in self._waits[kind] if at > since]
        keys = self._selector.get_map()
        waits += [time.monotonic() - at for asked, at in self._asked.items() if keys[asked].data == kind]
        quantiles = statistics.quantiles(waits, n=100) if len(waits) > 1 else [0.0] * 99
        return quantiles[49], quantiles[98], max(waits, default=0.0)

    def _turn(self, wait_s: float) -> None:
        now = time.monotonic()
        for connection, at in list(self._due.items()):
            if at <= now:
                del self._due[connection]
                self._asked[connection] = now
                connection.sendall(LIST)
        for key, _ in self._selector.select(wait_s):
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            data = connection.recv(1 << 18)
            if not data:
                raise ConnectionError(f"a {key.data} was disconnected")
            self._received[key.data] += len(data)
            if connection in self._pings:
                self._pings[connection].take(data)
            if key.data in self._waits and data.endswith(b"}"):
                asked = self._asked.pop(connection)
                self._waits[key.data].append((time.monotonic(), time.monotonic() - asked))
                self._due[connection] = asked + max(1.0, time.monotonic() - asked)


def connect(port: int, kind: str, session: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    operation = {"query": OUTPUT, "variables": {"id": session}}
    if kind == "viewer":
        handshake(connection, f"/ws/{session}")
    elif kind == "subscription":
        handshake(connection, "/graphql")
        connection.sendall(frame({"type": "connection_init"}))
        connection.sendall(frame({"type": "subscribe", "id": "1", "payload": operation}))
    elif kind == "stream":
        asked = request("POST", "/graphql", operation)
        connection.sendall(asked.replace(b"\r\n", b"\r\nAccept: text/event-stream\r\n", 1))
    return connection


if __name__ == "__main__":
    main()
