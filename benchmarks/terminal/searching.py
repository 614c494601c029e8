"""Searches in a terminal's log of 64 MiB through GraphQL's `terminalMatches`, and what they do to other requests meanwhile.

    python benchmarks/terminal/searching.py [--mib 64] [--rounds 5]

Nothing of what is searched for is in the log but its last line, so that each search reads all of it. `grep` looks for the same
in the same files, in turn. `CPU` is that of the server with its keeper, which reads the log. `p50` and `p99` are the times of
`GET /api/v1/system/health`, asked for every 10 ms during the searches and, in the last line, while nothing is searched.
"""

import argparse
import http.client
import json
import os
import shlex
import statistics
import subprocess
import threading
import time

from contestants import Launcher, command
from printer import MARK

MIB = 1 << 20
EVERY_S = 0.01
PAUSE_S = 0.5
QUIET = "nothing searched"
SEARCHES: dict[str, tuple[str, dict[str, object], list[str]]] = {
    "text": (MARK.decode(), {}, ["-aicF", MARK.decode()]),
    "text, case matters": (MARK.decode(), {"caseSensitive": True}, ["-acF", MARK.decode()]),
    "expression": (r"THE-E..=$|group \d{9}", {"regex": True}, ["-aicP", r"THE-E..=$|group \d{9}"]),
    "level, any text": (".", {"regex": True, "level": "ERROR"}, ["-acw", "ERROR"]),
}
QUERY = """subscription ($text: String!, $session: ID, $regex: Boolean! = false, $caseSensitive: Boolean! = false,
        $level: LogLevel) {
    terminalMatches(text: $text, sessionId: $session, regex: $regex, caseSensitive: $caseSensitive, level: $level) { offset } }"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--mib", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    os.environ["MAILAUNCHER_TERMINAL_LOG_SEGMENTS"] = str(options.mib // 16 + 2)
    for kind in ("ascii", "mixed"):
        with Launcher() as launcher:
            instance = launcher.add(shlex.join(command(kind)))
            launcher.start(instance)
            launcher.measure(options.mib * MIB, 1)
            print(f"{options.mib} MiB, {kind}")
            compare(launcher, f"{instance}_main", options)


def compare(launcher: Launcher, session_id: str, options: argparse.Namespace) -> None:
    """Prints one table; the first round is for warming up."""
    files = [str(path) for path in launcher.logs(session_id.removesuffix("_main"))]
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in SEARCHES}
    late: dict[str, list[float]] = {name: [] for name in (*SEARCHES, QUIET)}
    for number in range(options.rounds + 1):
        for name, (text, more, grep) in SEARCHES.items():
            begin = time.perf_counter()
            subprocess.run(["grep", *grep, *files], stdout=subprocess.DEVNULL, check=False)
            theirs = time.perf_counter() - begin
            with Asking(launcher.port) as quiet:
                time.sleep(PAUSE_S)
            before = launcher.cpu()
            with Asking(launcher.port) as asking:
                ours = search(launcher.port, {"text": text, "session": session_id, **more})
            if number:
                found[name].append((ours, launcher.cpu() - before, theirs))
                late[name] += asking.times
                late[QUIET] += quiet.times
    print(
        f"{'':20} {'MiB/s':>6} {'least':>6} {'most':>6} {'CPU ms/MiB':>11} {'grep MiB/s':>11} {'p50 ms':>7} {'p99':>7}"
    )
    for name, rounds in found.items():
        speeds = [options.mib / ours for ours, _, _ in rounds]
        cpu = statistics.median(used for _, used, _ in rounds) / options.mib * 1e3
        grepped = options.mib / statistics.median(theirs for _, _, theirs in rounds)
        figures = f"{statistics.median(speeds):6.0f} {min(speeds):6.0f} {max(speeds):6.0f} {cpu:11.1f} {grepped:11.0f}"
        print(f"{name:20} {figures} {quantiles(late[name])}")
    print(f"{QUIET:20} {'':43} {quantiles(late[QUIET])}")


def quantiles(times: list[float]) -> str:
    found = statistics.quantiles(times, n=100)
    return f"{found[49] * 1e3:7.1f} {found[98] * 1e3:7.1f}"


def search(port: int, variables: dict[str, object]) -> float:
    """Seconds until a search has come to its end."""
    begin = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    headers = {"Content-Type": "application/json", "Accept": "text/event-stream"}
    connection.request("POST", "/graphql", json.dumps({"query": QUERY, "variables": variables}), headers)
    answer = connection.getresponse().read()
    took = time.perf_counter() - begin
    connection.close()
    assert b"event: complete" in answer, answer[:500]
    assert b'"errors"' not in answer, answer[:500]
    return took


class Asking:
    """Asks for the server's health within the block, in a thread; `times` is how long each answer took, in seconds."""

    def __init__(self, port: int) -> None:
        self.times: list[float] = []
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def _ask(self) -> None:
        while not self._end.wait(EVERY_S):
            begin = time.perf_counter()
            self._connection.request("GET", "/api/v1/system/health")
            self._connection.getresponse().read()
            self.times.append(time.perf_counter() - begin)

    def __enter__(self) -> "Asking":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._connection.close()


if __name__ == "__main__":
    main()
