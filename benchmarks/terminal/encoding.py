"""CPU of encoding a terminal's output for its viewers, in JSON and in binary messages, in turn, in one process.

    python benchmarks/terminal/encoding.py [--rounds 7]

A piece is encoded once for all viewers that get it; see `throughput.py` for the whole way.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from printer import ASCII, MIXED

from rest.terminal_output import binary_frames, json_frames
from terminals.tail import PIECE_BYTES, Piece

SIZES = (PIECE_BYTES, 4096, 128)
BYTES = 16 << 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print(f"{'text':8} {'piece':>8} {'JSON us':>9} {'binary us':>10} {'JSON ms/MiB':>12} {'binary':>8}")
    for name, line in (("ascii", ASCII), ("mixed", MIXED.encode())):
        for size in SIZES:
            whole = line * (size // len(line) + 1)
            data = whole[:size].decode(errors="ignore").encode()
            times: dict[str, list[float]] = {"json": [], "binary": []}
            for _ in range(options.rounds):
                times["json"].append(measure(json_frames, data))
                times["binary"].append(measure(binary_frames, data))
            found = [min(times[form]) for form in ("json", "binary")]
            share = [each * (1 << 20) / len(data) * 1e3 for each in found]
            print(
                f"{name:8} {len(data):8} {found[0] * 1e6:9.1f} {found[1] * 1e6:10.1f} {share[0]:12.2f} {share[1]:8.2f}"
                f"   (medians {statistics.median(times['json']) * 1e6:.1f}, {statistics.median(times['binary']) * 1e6:.1f})"
            )


def measure(encode: Callable[[Piece], bytes], data: bytes) -> float:
    """CPU seconds for each piece."""
    count = max(200, BYTES // 16 // len(data))
    begin = time.process_time()
    for _ in range(count):
        encode(Piece(0, len(data), data))
    return (time.process_time() - begin) / count


if __name__ == "__main__":
    main()
