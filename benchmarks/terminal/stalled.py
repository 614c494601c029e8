"""A viewer that never reads, during a flood: what it costs the server in memory and the program in speed.

    python benchmarks/terminal/stalled.py [--seconds 5] [--rounds 3]

MaiLauncher (server and keeper together) and terminado, in turn. Design targets: memory grows by at most 16 MiB, and the
program prints at 0.8 or more of its speed while nobody watches.
"""

import argparse
import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass
from socket import socket

import psutil
from contestants import Launcher, Server, Terminado, connect, frame

MIB = 1 << 20
SETTLE_S = 0.5
LOOK_S = 0.02


@dataclass
class Spell:
    """Bytes per second that the program printed, and bytes of memory."""

    speed: float
    before: int
    peak: int
    after: int


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with ExitStack() as stack:
        servers: list[Server] = [stack.enter_context(kind("flood")) for kind in (Launcher, Terminado)]
        found: dict[str, list[tuple[Spell, Spell]]] = {server.name: [] for server in servers}
        for _ in range(options.rounds):
            for server in servers:
                unwatched = spell(server, options.seconds, stays=False)
                found[server.name].append((unwatched, spell(server, options.seconds, stays=True)))
    report(found)


def spell(server: Server, seconds: float, *, stays: bool) -> Spell:
    """One flood. The viewer that began it stays and reads nothing, or goes."""
    before = server.resident()
    viewer = connect(server.port, server.paths[0])
    viewer.sendall(frame(server.typed("go\n")))
    child = server.flooding(0)
    if not stays:
        viewer.close()
    try:
        speed, peak = watch(server, child, seconds)
    finally:
        if not stays:
            viewer = connect(server.port, server.paths[0])
        end(server, viewer, child)
    time.sleep(SETTLE_S)
    return Spell(speed, before, peak, server.resident())


def watch(server: Server, child: psutil.Process, seconds: float) -> tuple[float, int]:
    """Bytes per second that the child prints, and the most memory seen meanwhile."""
    peak = 0
    time.sleep(SETTLE_S)
    begin, printed = time.perf_counter(), child.io_counters().write_chars
    while time.perf_counter() < begin + seconds:
        peak = max(peak, server.resident())
        time.sleep(LOOK_S)
    return (child.io_counters().write_chars - printed) / (time.perf_counter() - begin), peak


def end(server: Server, viewer: socket, child: psutil.Process) -> None:
    with viewer:
        viewer.sendall(frame(server.typed("\x03")))
        child.wait(60)


def report(found: dict[str, list[tuple[Spell, Spell]]]) -> None:
    heads = ("unwatched MiB/s", "stalled MiB/s", "ratio", "memory before MiB", "peak +MiB", "after +MiB")
    print(f"{'':12} " + " ".join(f"{head:>17}" for head in heads))
    for name, rounds in found.items():
        figures = (
            statistics.median(free.speed for free, _ in rounds) / MIB,
            statistics.median(stalled.speed for _, stalled in rounds) / MIB,
            statistics.median(stalled.speed / free.speed for free, stalled in rounds),
            statistics.median(stalled.before for _, stalled in rounds) / MIB,
            max(stalled.peak - stalled.before for _, stalled in rounds) / MIB,
            max(stalled.after - stalled.before for _, stalled in rounds) / MIB,
        )
        print(f"{name:12} " + " ".join(f"{figure:17.2f}" for figure in figures))


if __name__ == "__main__":
    main()
