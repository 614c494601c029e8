"""Requests per second: MaiLauncher and a bare Starlette server that encodes the same structs with msgspec, in turn.

    python benchmarks/lists.py [--instances 1000] [--seconds 2] [--rounds 5] [--connections 8]

Design targets: at least 0.8 of the bare route for the list of 1,000 instances, 0.7 for health and metrics. MaiLauncher
keeps the encoded list while no instance changes. The GraphQL list is reported only.
"""

import argparse
import asyncio
import statistics
from pathlib import Path

import psutil
from bare import ROUTES
from served import DataFolder, Served, body, launcher, request, speed

from store.database import Database
from store.records import InstanceRecord, ServiceRecord
from store.registry import Registry

QUERY = """{ instances {
  id name status installedAt path port version services { name path status port } } }"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--instances", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=8)
    options = parser.parse_args()
    with DataFolder() as folder:
        asyncio.run(fill(folder.data, options.instances))
        with launcher(folder) as ours:
            for path in ROUTES:
                (folder.path / path.rpartition("/")[2]).write_bytes(body(ours.port, request("GET", path)))
            bare = Served("bare", str(Path(__file__).with_name("bare.py")), str(folder.path))
            with bare:
                for path in ROUTES:
                    compare([ours, bare], f"GET {path}", request("GET", path), options)
            options.connections = 1  # several would wait for one another
            compare([ours], "GraphQL list", request("POST", "/graphql", {"query": QUERY}), options)


async def fill(data: Path, count: int, home: Path = Path("/srv/bots")) -> None:
    """Instances with two services each, straight into the database. Their folders are in `home`."""
    data.mkdir(mode=0o700)
    database = await Database.open(data)
    registry = Registry(database)
    for number in range(count):
        path = f"{home}/bot-{number}"
        services = tuple(
            ServiceRecord(name=name, path=f"{path}/{name}", port=20000 + 3 * number + at)
            for at, name in enumerate(("napcat", "nonebot-ada"), 1)
        )
        await registry.add(
            InstanceRecord(
                id=f"{number:040x}",
                name=f"bot-{number}",
                path=path,
                port=20000 + 3 * number,
                version="0.7.0",
                installed_at=1_700_000_000_000 + number,
                recipe="maibot",
                services=services,
            )
        )
    await database.close()


def compare(servers: list[Served], what: str, asked: bytes, options: argparse.Namespace) -> None:
    """Prints one table; the first round is for warming up."""
    found: dict[str, list[float]] = {server.name: [] for server in servers}
    used = dict.fromkeys(found, 0.0)
    sizes = dict.fromkeys(found, 0)
    for number in range(options.rounds + 1):
        for server in servers:
            before = cpu(server)
            answers, sizes[server.name] = speed(server.port, asked, options.seconds, options.connections)
            if number:
                found[server.name].append(answers)
                used[server.name] += (cpu(server) - before) / (answers * options.seconds)
    print(f"\n{what}\n{'':12} {'per s':>9} {'least':>9} {'most':>9} {'CPU us each':>12} {'bytes':>9}")
    for name, speeds in found.items():
        cost = used[name] * 1e6 / options.rounds
        middle = statistics.median(speeds)
        print(f"{name:12} {middle:9.1f} {min(speeds):9.1f} {max(speeds):9.1f} {cost:12.1f} {sizes[name]:9}")
    if len(servers) > 1:
        pairs = zip(*found.values(), strict=True)
        print(f"{' / '.join(found)}: {statistics.median(mine / its for mine, its in pairs):.2f}")


def cpu(server: Served) -> float:
    assert server.process is not None
    times = psutil.Process(server.process.pid).cpu_times()
    return float(times.user + times.system)


if __name__ == "__main__":
    main()
