"""From the start of `mailauncher serve` to its first answer, beside the time its libraries take to be imported.

    python benchmarks/start.py [--rounds 10] [--instances 1000]

Design targets: at most 1.5 times the import time, and under 90 MiB when idle. Both times are those of a whole process,
interpreter included; what counts as its libraries is found out by looking at what the server has imported. With
`--instances`, a few further starts have so many instances of which nothing runs, with two services each.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time

import psutil
from lists import fill
from served import ROOT, DataFolder, launcher

OWN = ("cli", "server", "schema", "rest", "resolvers", "terminals", "bots", "store", "mailauncher")
LOADED = """
import json, sys
import cli.serve, cli.program, server.foreground, uvloop, tortoise.backends.sqlite
print(json.dumps(list(sys.modules)))
"""
MIB = 1 << 20
SETTLE_S = 3
STARTS = 3


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--instances", type=int, default=0)
    options = parser.parse_args()
    code = f"import importlib\nfor name in {libraries()}: importlib.import_module(name)"
    with DataFolder() as folder:
        first, _ = started(folder)
        starts, imports, memory = [], [], (0, 0)
        for _ in range(options.rounds):
            begin = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            imports.append(time.perf_counter() - begin)
            seconds, memory = started(folder, settle=len(imports) == options.rounds)
            starts.append(seconds)
    print(f"first answer, new data folder   {1000 * first:7.0f} ms (once)")
    print(f"first answer                    {1000 * statistics.median(starts):7.0f} ms")
    print(f"import of its libraries         {1000 * statistics.median(imports):7.0f} ms")
    ratios = [start / libs for start, libs in zip(starts, imports, strict=True)]
    print(f"first answer / import: {statistics.median(ratios):.2f}")
    print(f"idle: PSS {memory[0] / MIB:.1f} MiB, RSS {memory[1] / MIB:.1f} MiB")
    if options.instances:
        with DataFolder() as folder:
            asyncio.run(fill(folder.data, options.instances))
            times = sorted(started(folder)[0] for _ in range(STARTS))
        each = ", ".join(f"{seconds:.1f}" for seconds in times)
        print(f"first answer with {options.instances} stopped instances: {each} s")


def libraries() -> list[str]:
    """The modules of other projects that the server imports, in that order. They bring what they need of Python's own."""
    found = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, check=True, capture_output=True)
    known = {*OWN, "__main__", *sys.stdlib_module_names}
    names = [name for name in json.loads(found.stdout) if name.partition(".")[0] not in known]
    return [name for name in names if not name.startswith("_")]  # those are of the installation


def started(folder: DataFolder, *, settle: bool = False) -> tuple[float, tuple[int, int]]:
    """Seconds to the first answer, and PSS and RSS, after a while if it is to settle."""
    server = launcher(folder)
    begin = time.perf_counter()
    with server:
        seconds = time.perf_counter() - begin
        time.sleep(SETTLE_S if settle else 0)
        assert server.process is not None
        memory = psutil.Process(server.process.pid).memory_full_info()
        return seconds, (memory.pss, memory.rss)


if __name__ == "__main__":
    main()
