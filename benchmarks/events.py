"""Changes of an instance to many subscribers: GraphQL's `instanceChanged` and a bare WebSocket, in turn.

    python benchmarks/events.py [--subscribers 200] [--seconds 3] [--rounds 5]

A change is made once all subscribers have got the one before. The bare socket encodes for each of its clients, as a
WebSocket route does. `CPU p50` and `CPU p99` are of the processor time of the server's thread from a change until a
subscriber's frame is written; the other times are those that subscribers see, in which other processes have their turns.
Design targets: 0.8 of the bare socket's events per second; p99 of the time until a subscriber has an event under 20 ms.
"""

import argparse
import asyncio
import json
import selectors
import socket
import statistics
import struct
import time
from pathlib import Path

import psutil
from lists import cpu, fill
from served import DataFolder, Served, body, request

INSTANCES = 20
QUERY = "subscription { instanceChanged { id instance { name status services { name status } } } }"
PATHS = {"bare": "/plain", "GraphQL": "/graphql"}
EVENT = b'"instanceChanged"'
TIMES = request("GET", "/deliveries")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--subscribers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with DataFolder() as folder:
        asyncio.run(fill(folder.data, INSTANCES))
        script = str(Path(__file__).with_name("changing.py"))
        with Served("server", script, "1", environment=folder.environment) as server:
            compare(server, options)


def compare(server: Served, options: argparse.Namespace) -> None:
    """Prints one table; the first round is for warming up."""
    speeds: dict[str, list[float]] = {name: [] for name in PATHS}
    used: dict[str, list[float]] = {name: [] for name in PATHS}
    late: dict[str, list[list[float]]] = {name: [] for name in PATHS}
    own: dict[str, list[list[float]]] = {name: [] for name in PATHS}
    assert server.process is not None
    process, resident, sent = psutil.Process(server.process.pid), 0, 0
    for number in range(options.rounds + 1):
        for name, path in PATHS.items():
            with Followers(server.port, path, options.subscribers) as followers:
                body(server.port, TIMES)
                before = cpu(server)
                events, times = followers.measure(options.seconds)
                if number:
                    resident = resident or process.memory_info().rss
                    sent += events * options.subscribers
                    speeds[name].append(events / options.seconds)
                    used[name].append((cpu(server) - before) / (events * options.subscribers))
                    late[name].append(statistics.quantiles(times, n=100))
                    own[name].append(json.loads(body(server.port, TIMES)))
    print(
        f"{'':10} {'events/s':>9} {'least':>8} {'most':>8} {'CPU us each':>12} {'p50 ms':>8} {'p99 ms':>8}"
        f" {'CPU p50':>8} {'CPU p99':>8}"
    )
    for name, found in speeds.items():
        cost = statistics.median(used[name]) * 1e6
        figures = [
            statistics.median(quantiles[at] for quantiles in times[name]) * 1e3
            for times in (late, own)
            for at in (49, 98)
        ]
        print(
            f"{name:10} {statistics.median(found):9.1f} {min(found):8.1f} {max(found):8.1f} {cost:12.1f}"
            + "".join(f" {figure:8.2f}" for figure in figures)
        )
    for what, one, other in (
        ("events/s", speeds["GraphQL"], speeds["bare"]),
        ("CPU", used["GraphQL"], used["bare"]),
        ("p99", [found[98] for found in late["GraphQL"]], [found[98] for found in late["bare"]]),
        ("CPU p99", [found[98] for found in own["GraphQL"]], [found[98] for found in own["bare"]]),
    ):
        ratios = [mine / its for mine, its in zip(one, other, strict=True)]
        print(
            f"GraphQL / bare, {what}: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )
    grown = (process.memory_info().rss - resident) / (1 << 20)
    print(f"memory of the server: grew by {grown:.1f} MiB after the first round, with {sent} events sent")


class Followers:
    """So many WebSockets, each of which has got the event that was published last."""

    def __init__(self, port: int, path: str, count: int) -> None:
        self._control = socket.create_connection(("127.0.0.1", port))
        self._selector = selectors.DefaultSelector()
        self._sockets = [opened(port, path) for _ in range(count)]
        for each in self._sockets:
            self._selector.register(each, selectors.EVENT_READ)
        time.sleep(0.5)  # until all subscriptions have begun

    def __enter__(self) -> "Followers":
        return self

    def __exit__(self, *_: object) -> None:
        self._selector.close()
        for each in (self._control, *self._sockets):
            each.close()

    def measure(self, seconds: float) -> tuple[int, list[float]]:
        """The number of events, and for each event and subscriber the time from its publication."""
        events, times = 0, []
        end = time.perf_counter() + seconds
        while (begun := time.perf_counter()) < end:
            self._control.sendall(request("GET", "/change"))
            self._control.recv(1 << 16)
            waiting = set(self._sockets)
            while waiting:
                for key, _ in self._selector.select():
                    if EVENT in key.fileobj.recv(1 << 16):  # type: ignore[union-attr]
                        waiting.discard(key.fileobj)  # type: ignore[arg-type]
                        times.append(time.perf_counter() - begun)
            events += 1
        return events, times


def opened(port: int, path: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    handshake(connection, path)
    received = b""
    if path == PATHS["GraphQL"]:
        connection.sendall(frame({"type": "connection_init"}))
        while b"connection_ack" not in received:
            received += connection.recv(1 << 16)
        connection.sendall(frame({"type": "subscribe", "id": "1", "payload": {"query": QUERY}}))
    return connection


def handshake(connection: socket.socket, path: str) -> None:
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
    )
    received = b""
    while not received.endswith(b"\r\n\r\n"):  # byte by byte: what follows are frames
        received += connection.recv(1)
    assert b" 101 " in received, received


def frame(message: object) -> bytes:
    """A masked text frame, as clients send it; the mask is zero."""
    data = json.dumps(message).encode()
    return struct.pack("!BBH", 0x81, 0x80 | 126, len(data)) + bytes(4) + data


if __name__ == "__main__":
    main()
