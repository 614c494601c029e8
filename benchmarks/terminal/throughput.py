"""Bulk output of one terminal: a bare read loop, MaiLauncher's WebSocket in JSON and in binary messages, its GraphQL
subscription and terminado, in turn.

    python benchmarks/terminal/throughput.py [--mebibytes 128] [--rounds 5] [--viewers 1,10,50] [--text ascii|mixed] [--decode]

`terminado` must be installed beside the product; it is no dependency. Design targets: one viewer gets at least 0.6 of
the read loop and 1.8 times terminado, a GraphQL subscription 0.9 of the WebSocket; 10 and 50 viewers get 5 and 8 times terminado's bytes in all.
"""

import argparse
import statistics
from contextlib import ExitStack

from contestants import Binary, GraphQL, Launcher, Loop, Terminado

Contestant = Loop | Launcher | Binary | GraphQL | Terminado


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--mebibytes", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--viewers", default="1,10,50")
    parser.add_argument("--text", choices=("ascii", "mixed"), default="ascii")
    parser.add_argument("--decode", action="store_true", help="viewers decode each message, as a page must")
    options = parser.parse_args()
    with ExitStack() as stack:
        loop, launcher, terminado = (
            stack.enter_context(kind(options.text)) for kind in (Loop, Launcher, Terminado)
        )
        contestants: list[Contestant] = [loop, launcher, Binary(launcher), GraphQL(launcher), terminado]
        for viewers in map(int, options.viewers.split(",")):
            mebibytes = max(4, options.mebibytes // viewers)
            compare(contestants, mebibytes, viewers, options)


def compare(
    contestants: list[Contestant],
    mebibytes: int,
    viewers: int,
    options: argparse.Namespace,
) -> None:
    """Prints one table. Speeds are MiB of output per second, summed over the viewers."""
    speeds: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    used = dict.fromkeys(speeds, 0.0)
    own: dict[str, list[float]] = {Launcher.name: [], Binary.name: []}
    for number in range(options.rounds + 1):
        for contestant in contestants:
            before = contestant.cpu()
            own_before = contestant.own_cpu() if isinstance(contestant, Launcher | Binary) else 0.0
            seconds = contestant.measure(mebibytes << 20, viewers, decode=options.decode)
            if number:  # the first is for warming up
                readers = 1 if isinstance(contestant, Loop) else viewers
                speeds[contestant.name].append(mebibytes * readers / seconds)
                used[contestant.name] += contestant.cpu() - before
                if isinstance(contestant, Launcher | Binary):
                    own[contestant.name].append(contestant.own_cpu() - own_before)
    print(f"\n{viewers} viewer(s), {mebibytes} MiB, {options.rounds} rounds")
    print(f"{'':12} {'MiB/s':>8} {'least':>8} {'most':>8} {'CPU ms/MiB':>11}")
    for name, found in speeds.items():
        cost = used[name] * 1000 / (options.rounds * mebibytes)
        print(f"{name:12} {statistics.median(found):8.1f} {min(found):8.1f} {max(found):8.1f} {cost:11.2f}")
    pairs = ((Launcher, Loop), (Launcher, Terminado), (GraphQL, Launcher))
    for one, other in pairs:
        ratios = [mine / its for mine, its in zip(speeds[one.name], speeds[other.name], strict=True)]
        print(f"{one.name} / {other.name}: {statistics.median(ratios):.2f}")
    saved = sorted(1 - less / more for less, more in zip(own[Binary.name], own[Launcher.name], strict=True))
    print(
        f"the server's own CPU that binary messages save: {statistics.median(saved):.0%} ({saved[0]:.0%} to {saved[-1]:.0%})"
    )


if __name__ == "__main__":
    main()
