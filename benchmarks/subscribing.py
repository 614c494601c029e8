"""What a subscriber of GraphQL's `instanceChanged` costs when it comes, with few instances and with many.

    python benchmarks/subscribing.py [--instances 1000] [--subscribers 200] [--rounds 5]

Each subscriber connects, subscribes, and then reads the list of instances over the same socket, as the pages do. `begin` is the
server's CPU per subscriber until its subscription has begun, `list` that for its list; medians, the counts of instances in
turn. Design target for `begin`: it does not grow with the instances. The list does.
"""

import argparse
import asyncio
import socket
import statistics
from contextlib import ExitStack

from events import QUERY, frame, handshake
from lists import cpu, fill
from served import DataFolder, Served, launcher

FEW = 10
LIST = """{ instances { id name status installedAt path port version services { name path status port } } }"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--subscribers", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    counts = (FEW, options.instances)
    used: dict[int, list[tuple[float, float]]] = {count: [] for count in counts}
    with ExitStack() as stack:
        servers: dict[int, Served] = {}
        for count in counts:
            folder = stack.enter_context(DataFolder())
            asyncio.run(fill(folder.data, count))
            servers[count] = stack.enter_context(launcher(folder))
        for number in range(options.rounds + 1):
            for count, server in servers.items():
                found = come(server, options.subscribers)
                if number:  # the first round is for warming up
                    used[count].append(found)
    print(
        f"{'instances':>10} {'begin us':>10} {'least':>8} {'most':>8} {'list us':>10} {'least':>8} {'most':>8}"
    )
    for count, rounds in used.items():
        columns = [[each[at] * 1e6 for each in rounds] for at in (0, 1)]
        print(
            f"{count:10}"
            + "".join(
                f" {statistics.median(each):10.0f} {min(each):8.0f} {max(each):8.0f}" for each in columns
            )
        )
    ratios = [many[0] / few[0] for few, many in zip(*used.values(), strict=True)]
    print(f"begin, many / few: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def come(server: Served, count: int) -> tuple[float, float]:
    """The server's CPU per subscriber, in seconds: until subscriptions have begun, and for their lists."""
    sockets = []
    before = cpu(server)
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", server.port))
        sockets.append(connection)
        handshake(connection, "/graphql")
        connection.sendall(frame({"type": "connection_init"}))
        receive(connection, b"connection_ack")
        connection.sendall(frame({"type": "subscribe", "id": "1", "payload": {"query": QUERY}}))
    for connection in sockets:  # what is answered after the subscription was taken
        connection.sendall(frame({"type": "ping"}))
    for connection in sockets:
        receive(connection, b'"pong"')
    begun = cpu(server)
    for connection in sockets:
        connection.sendall(frame({"type": "subscribe", "id": "2", "payload": {"query": LIST}}))
    for connection in sockets:
        receive(connection, b'"complete"')
    listed = cpu(server)
    for connection in sockets:
        connection.close()
    return (begun - before) / count, (listed - begun) / count


def receive(connection: socket.socket, words: bytes) -> None:
    """Reads until these words come."""
    tail = b""
    while words not in tail:
        received = connection.recv(1 << 18)
        assert received, tail
        tail = tail[-len(words) :] + received


if __name__ == "__main__":
    main()
