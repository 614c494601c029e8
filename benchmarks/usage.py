"""What it costs to sample the usage of programs, to keep it, and to read it back.

    python benchmarks/usage.py [--programs 50] [--children 2] [--rounds 20]

`sampling` is the CPU time of one sample of all programs with their children, `keeping` that of writing it, both in percent of a
core if it happens once a second. `reading` is the time to read a full ring of one program, in milliseconds.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from mailauncher.events import Bus
from resolvers.running.usage import UsageSampler
from store.usage_history import FILE_BYTES, RINGS, UsageHistory

PROGRAM = """
import subprocess, sys
children = [subprocess.Popen(["sleep", "600"]) for _ in range(int(sys.argv[1]))]
print("ready", flush=True)
sys.stdin.read()
for child in children:
    child.kill()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--programs", type=int, default=50)
    parser.add_argument("--children", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, str(options.children)]
    programs = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(options.programs)
    ]
    try:
        for program in programs:
            assert program.stdout is not None
            program.stdout.readline()
        with tempfile.TemporaryDirectory() as folder:
            measure(
                Path(folder), {program.pid: f"{program.pid:040}_main" for program in programs}, options.rounds
            )
    finally:
        for program in programs:
            program.communicate()


def measure(folder: Path, running: dict[int, str], rounds: int) -> None:
    sampler, history = UsageSampler([], Bus(), 1), UsageHistory(folder)
    sampling, keeping, reading = [], [], []
    begin = time.time()
    sampler._sample(running)
    history.add(begin - 1, dict.fromkeys(running.values(), (0.0, 0)))  # creates the files
    for number in range(rounds):
        cost, found = spent(lambda: sampler._sample(running))
        sampling.append(cost)
        samples = {running[pid]: (usage.cpu_percent, usage.memory) for pid, usage in found.items()}
        keeping.append(spent(lambda at=begin + number, found=samples: history.add(at, found))[0])
    key = next(iter(running.values()))
    for step, size in RINGS.items():
        for number in range(size):
            history.add(begin - step * (size - number), {key: (1.0, 1 << 20)})
        reading.append(
            min(
                spent(lambda step=step, size=size: history.between(key, begin - step * size, begin, begin))[0]
                for _ in range(5)
            )
        )
    history.close()
    print(
        f"{len(running)} programs, {len(psutil.pids())} processes on the machine, {rounds} rounds; files {FILE_BYTES * len(running) / 1e6:.1f} MB"
    )
    for name, found in (("sampling", sampling), ("keeping", keeping)):
        each = sorted(100 * cost for cost in found)
        print(f"{name}: mean {statistics.mean(each):.2f} % of a core, {each[0]:.2f} to {each[-1]:.2f}")
    print("reading a full ring: " + ", ".join(f"{1000 * cost:.1f} ms" for cost in reading))


def spent(work: Callable[[], object]) -> tuple[float, object]:
    """CPU seconds of a function, and its result."""
    begin = time.process_time()
    result = work()
    return time.process_time() - begin, result


if __name__ == "__main__":
    main()
