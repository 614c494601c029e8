"""Children that outstay their welcome, for launchers that must clean up after a bot."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

_LIST = Path("data/children")
_LIFETIME_S = 600  # a forgotten one ends by itself


def start_children(number: int, *, escape: bool) -> None:
    """Forks sleeping children and writes their pids to data/children, a line each.

    They stay in the process group; with `escape` each is a daemon in a session of its own, without its
    parent, deaf to INT, TERM and HUP. Call it before any thread or event loop exists.
    """
    _LIST.parent.mkdir(exist_ok=True)
    _LIST.write_text("", encoding="utf-8")
    for _ in range(number):
        if not escape:
            _fork_sleeper()
        elif child := os.fork():
            os.waitpid(child, 0)
        else:
            os.setsid()
            for deaf_to in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(deaf_to, signal.SIG_IGN)
            _fork_sleeper()
            os._exit(0)


def _fork_sleeper() -> None:
    if child := os.fork():
        with _LIST.open("a", encoding="utf-8") as file:
            file.write(f"{child}\n")
    else:
        time.sleep(_LIFETIME_S)
        os._exit(0)
