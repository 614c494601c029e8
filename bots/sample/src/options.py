"""The switches of bot.py: how fast it starts and stops, and how it misbehaves."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from pathlib import Path

_FILE = Path("sample.args")
_LINES = "lines a second, 0: as fast as possible"


def read_options(arguments: Sequence[str]) -> argparse.Namespace:
    """`arguments`, or if there are none the line in sample.args of the current folder, or the defaults."""
    if not arguments and _FILE.is_file():
        arguments = shlex.split(_FILE.read_text(encoding="utf-8-sig"), comments=True)
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.fork and not hasattr(os, "fork"):
        parser.error("--fork needs a POSIX system")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bot.py",
        description="MaiLauncher's sample bot. Switches may also stand in a file sample.args beside bot.py.",
        epilog="S are seconds.",
    )
    switch = parser.add_argument
    switch("--setup", action="store_true", help="write the missing .env and config/*.toml, then exit 0")
    switch("--no-consent", action="store_true", help="do not ask for consent to EULA.md and PRIVACY.md")
    switch("--quiet", action="store_true", help="print errors and answers only: no banner, log or chatter")
    switch("--slow-start", type=_amount, default=0.4, metavar="S", help="time until ready (%(default)s)")
    switch("--slow-stop", type=_amount, default=0.4, metavar="S", help="time a SIGINT takes (%(default)s)")
    switch("--chatter", type=_amount, default=5, metavar="S", help="time between signs of life, 0: none (5)")
    switch("--crash-at-start", action="store_true", help="raise before anything is done")
    switch("--crash-after", type=_amount, metavar="S", help="raise this long after being ready")
    switch("--exit", type=int, metavar="CODE", help="exit with this code as soon as ready")
    switch("--ignore-sigint", action="store_true", help="runner and worker; so for SIGTERM")
    switch("--ignore-sigterm", action="store_true")
    switch("--flood", type=_amount, metavar="RATE", help=f"print coloured log lines; {_LINES}")
    switch("--count", type=_amount, metavar="RATE", help=f"print 1, 2, 3 ... a line each; {_LINES}")
    switch("--fork", type=int, default=0, metavar="N", help="start N children, their pids in data/children")
    switch("--fork-escape", action="store_true", help="children leave the session, ignore INT, TERM and HUP")
    return parser


def _amount(text: str) -> float:
    amount = float(text)
    if not 0 <= amount < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number from 0 up")
    return amount
