"""How long a key takes to be echoed, and how long Ctrl-C takes to end a flood: MaiLauncher and terminado, in turn.

    python benchmarks/terminal/latency.py [--keys 300] [--rounds 5] [--interrupts 5] [--rate 5]

Design targets: an idle server echoes in under 1 ms (median); while another of its terminals floods, in no more than
terminado's median and under 10 ms for 99 of 100; Ctrl-C ends a flood in under 0.3 s while its viewer reads 5 MB/s.
"""

import argparse
import multiprocessing
import os
import random
import select
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from socket import socket

from contestants import Launcher, Server, Terminado, connect, frame

SINK, FLOOD = 0, 1  # terminals of each contestant
WARM_S = 1.5  # of flood before what is measured
PAUSE_S = (0.005, 0.015)  # between two keys
INTERRUPT = "\x03"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--keys", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--interrupts", type=int, default=5)
    parser.add_argument(
        "--rate", type=float, default=5, help="MB/s that the viewer of the interrupted flood reads"
    )
    options = parser.parse_args()
    with ExitStack() as stack:
        servers: list[Server] = [stack.enter_context(kind("sink", "flood")) for kind in (Launcher, Terminado)]
        idle = collect(servers, options.rounds, lambda server: echoes(server, options.keys))
        report("key echo, idle", idle)
        busy = collect(servers, options.rounds, lambda server: echoes_in_flood(server, options.keys))
        report("key echo while another terminal floods", busy)
        ends = collect(servers, options.interrupts, lambda server: [interrupt(server, options.rate * 1e6)])
        report(f"Ctrl-C to a flood with a viewer at {options.rate:g} MB/s", ends)


def collect(
    servers: list[Server], rounds: int, measure: Callable[[Server], list[float]]
) -> dict[str, list[list[float]]]:
    found: dict[str, list[list[float]]] = {server.name: [] for server in servers}
    for _ in range(rounds):
        for server in servers:
            found[server.name].append(measure(server))
    return found


def report(title: str, found: dict[str, list[list[float]]]) -> None:
    """Times in milliseconds; the ratio is the median over rounds of the rounds' medians."""
    print(
        f"\n{title}: {sum(map(len, found[Launcher.name]))} each\n{'':12} {'p50 ms':>9} {'p99 ms':>9} {'most':>9}"
    )
    for name, rounds in found.items():
        times = sorted(1000 * seconds for times in rounds for seconds in times)
        p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
        print(f"{name:12} {statistics.median(times):9.2f} {p99:9.2f} {times[-1]:9.2f}")
    pairs = zip(found[Launcher.name], found[Terminado.name], strict=True)
    ratio = statistics.median(statistics.median(mine) / statistics.median(its) for mine, its in pairs)
    print(f"mailauncher / terminado: {ratio:.2f}")


def echoes(server: Server, keys: int) -> list[float]:
    """Seconds from a key to its echo, as its own viewer sees it."""
    times = []
    with connect(server.port, server.paths[SINK]) as connection:
        until_quiet(connection)
        key = frame(server.typed("q"))
        for _ in range(keys):
            time.sleep(random.uniform(*PAUSE_S))
            begin = time.perf_counter()
            connection.sendall(key)
            while b'"q"' not in connection.recv(65536):
                pass
            times.append(time.perf_counter() - begin)
        connection.sendall(frame(server.typed("\n")))
        until_quiet(connection)
    return times


def until_quiet(connection: socket) -> None:
    while select.select([connection], [], [], 0.3)[0]:
        connection.recv(1 << 16)


def echoes_in_flood(server: Server, keys: int) -> list[float]:
    with flood(server):
        return echoes(server, keys)


@contextmanager
def flood(server: Server) -> Iterator[None]:
    """The other terminal floods, and a viewer in a process of its own takes what it can."""
    with connect(server.port, server.paths[FLOOD]) as connection:
        viewer = multiprocessing.Process(target=take, args=(connection,))
        viewer.start()
        connection.sendall(frame(server.typed("go\n")))
        child = server.flooding(FLOOD)
        try:
            time.sleep(WARM_S)
            yield
        finally:
            connection.sendall(frame(server.typed(INTERRUPT)))
            child.wait(60)
            viewer.terminate()
            viewer.join()


def take(connection: socket) -> None:
    buffer = bytearray(1 << 18)
    while connection.recv_into(buffer):
        pass


def interrupt(server: Server, rate: float) -> float:
    """Seconds from a viewer's Ctrl-C to the end of the flooding child. The viewer reads `rate` bytes per second."""
    with connect(server.port, server.paths[FLOOD]) as connection:
        connection.sendall(frame(server.typed("go\n")))
        child = os.pidfd_open(server.flooding(FLOOD).pid)
        try:
            read_slowly(connection, rate, child, time.perf_counter() + WARM_S)
            begin = time.perf_counter()
            connection.sendall(frame(server.typed(INTERRUPT)))
            read_slowly(connection, rate, child, begin + 60)
            return time.perf_counter() - begin
        finally:
            os.close(child)


def read_slowly(connection: socket, rate: float, child: int, until: float) -> None:
    """Until that time or the child's end."""
    begin, taken = time.perf_counter(), 0
    while (now := time.perf_counter()) < until:
        if select.select([child], [], [], max(0, min(until - now, taken / rate - (now - begin))))[0]:
            return
        if select.select([connection], [], [], 0.001)[0]:
            taken += len(connection.recv(16384))


if __name__ == "__main__":
    main()
