"""What MaiLauncher's processes weigh: the idle server, a keeper with three terminals, and each viewer that only waits.

    python benchmarks/terminal/memory.py [--viewers 200] [--terminals 50]

Viewers of terminals of their own each open a shell in a keeper of its own; only the server's share is counted for them.
PSS counts a page that is shared by n processes as the n-th part of one.
"""

import argparse
import select
import shlex
import time
from socket import socket

import psutil
from contestants import Launcher, command, connect, frame

KIB, MIB = 1 << 10, 1 << 20
OUTPUT = 1 << 20
SETTLE_S = 2


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--terminals", type=int, default=50)
    options = parser.parse_args()
    with Launcher() as launcher:
        server = psutil.Process(launcher.process.pid)
        time.sleep(SETTLE_S)
        show("idle server", server)
        run = shlex.join(command("ascii"))
        instance = launcher.add(run, {"napcat": run, "nonebot-ada": run})
        launcher.start(instance)
        (keeper,) = launcher.helpers
        show("keeper, three quiet terminals", keeper)
        paths = [f"/ws/{instance}_{name}" for name in ("main", "napcat", "nonebot-ada")]
        for path in paths:
            with connect(launcher.port, path) as viewer:
                viewer.sendall(frame(launcher.typed(f"{OUTPUT}\n")))
                read(viewer, OUTPUT)
        time.sleep(SETTLE_S)
        show("keeper, three terminals that printed 1 MiB", keeper)
        each("one terminal", server, launcher.port, paths[:1] * options.viewers)
        for _ in range(options.terminals):
            launcher.add()
        each("terminals of their own", server, launcher.port, launcher.paths[1:])


def show(what: str, process: psutil.Process) -> None:
    memory = process.memory_full_info()
    print(f"{what}: PSS {memory.pss / MIB:.1f} MiB, RSS {memory.rss / MIB:.1f} MiB")


def each(what: str, server: psutil.Process, port: int, paths: list[str]) -> None:
    """A first viewer comes and goes, so that what is made once is not counted."""
    with connect(port, paths[0]) as first:
        until_quiet([first])
    time.sleep(SETTLE_S)
    before = server.memory_info().rss
    viewers = []
    for path in paths:
        viewers.append(connect(port, path))
        until_quiet(viewers, 0)
    until_quiet(viewers)
    grown = server.memory_info().rss - before
    print(f"{len(viewers)} idle viewers of {what}: {grown / KIB / len(viewers):.1f} KiB of the server each")
    for viewer in viewers:
        viewer.close()


def read(viewer: socket, size: int) -> None:
    while size > 0:
        size -= len(viewer.recv(65536))


def until_quiet(viewers: list[socket], seconds: float = SETTLE_S) -> None:
    """Takes what comes until nothing has come for so long: what a viewer leaves lying waits in the server."""
    while ready := select.select(viewers, [], [], seconds)[0]:
        for viewer in ready:
            viewer.recv(65536)


if __name__ == "__main__":
    main()
