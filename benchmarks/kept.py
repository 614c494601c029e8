"""Requests per second: the GraphQL list of instances and the REST list, in turn, while nothing changes and while it does.

    python benchmarks/kept.py [--instances 1000] [--changes 50] [--seconds 2] [--rounds 5] [--connections 8]

Design targets: 0.8 of REST while nothing changes, 0.3 while 50 instances change each second. Both are sent as they were
encoded until an instance changes.
"""

import argparse
import asyncio
import signal
import statistics
from pathlib import Path

from lists import QUERY, cpu, fill
from served import DataFolder, Served, request, speed

ASKED = {
    "REST": request("GET", "/api/v1/instances"),
    "GraphQL": request("POST", "/graphql", {"query": QUERY}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--changes", type=float, default=50)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=8)
    options = parser.parse_args()
    with DataFolder() as folder:
        asyncio.run(fill(folder.data, options.instances))
        script = str(Path(__file__).with_name("changing.py"))
        with Served("server", script, str(options.changes), environment=folder.environment) as server:
            compare(server, "nothing changes", options)
            assert server.process is not None
            server.process.send_signal(signal.SIGUSR1)
            compare(server, f"{options.changes:g} changes each second", options)


def compare(server: Served, what: str, options: argparse.Namespace) -> None:
    """Prints one table; the first round is for warming up."""
    found: dict[str, list[float]] = {name: [] for name in ASKED}
    used = dict.fromkeys(found, 0.0)
    for number in range(options.rounds + 1):
        for name, asked in ASKED.items():
            before = cpu(server)
            answers, _ = speed(server.port, asked, options.seconds, options.connections)
            if number:
                found[name].append(answers)
                used[name] += (cpu(server) - before) / (answers * options.seconds)
    print(f"\n{what}\n{'':10} {'per s':>9} {'least':>9} {'most':>9} {'CPU us each':>12}")
    for name, speeds in found.items():
        cost = used[name] * 1e6 / options.rounds
        print(
            f"{name:10} {statistics.median(speeds):9.1f} {min(speeds):9.1f} {max(speeds):9.1f} {cost:12.1f}"
        )
    ratios = [mine / its for mine, its in zip(found["GraphQL"], found["REST"], strict=True)]
    print(f"GraphQL / REST: {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


if __name__ == "__main__":
    main()
