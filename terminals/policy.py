"""Restart policy: when a program that exited is started again, and when it is given up as failed."""

import random
import time
from collections import deque
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from terminals.client import Exit

RESTART_EXIT_CODE = 42
"""With it MaiBot (0.11.6 and later) asks to be restarted; its own runner does so too."""


class Supervision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one instance's programs are supervised, as its user wants it."""

    restart: Literal["no", "on-failure", "always"] = "on-failure"
    """`on-failure`: after every exit but code 0. Exit code 42 always asks for a restart, and gets it."""
    restart_delay_s: Annotated[float, Meta(ge=0, le=3600)] = 1.0
    """Delay before the first restart; it doubles with each further one."""
    restart_delay_max_s: Annotated[float, Meta(ge=0, le=86400)] = 60.0
    crash_limit: Annotated[int, Meta(ge=1, le=100)] = 5
    """After this many exits within `crash_window_s` the program is given up as failed."""
    crash_window_s: Annotated[float, Meta(gt=0, le=86400)] = 120.0
    stop_timeout_s: Annotated[float, Meta(gt=0, le=600)] | None = None
    """Replaces every wait of the recipe's stop steps. None: the recipe's waits, else the server's setting."""
    autostart: bool = True
    """Whether what should be running is started together with the server, as after a reboot of the machine."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How a program is supervised: the server's settings, and those of its instance.

    A program that has lived for `start_grace_s` seconds counts as started. A stop waits `stop_timeout_s` seconds after
    each signal for which neither the instance nor the recipe says how long.
    """

    start_grace_s: float
    stop_timeout_s: float
    supervision: Supervision


class RecentExits:
    """When one program exited lately, since a user last started it."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=100)

    def next_delay(self, supervision: Supervision, exit: Exit) -> float | None:
        """Counts an exit. Returns the seconds to wait before the next start, None if there should be none.

        A jitter of 20 % keeps programs that exited together from starting together.
        """
        requested = exit.code == RESTART_EXIT_CODE
        restart = supervision.restart
        if not requested and (restart == "no" or (restart == "on-failure" and exit.code == 0)):
            return None
        now = time.monotonic()
        self._times.append(now)
        recent = sum(now - at <= supervision.crash_window_s for at in self._times)
        if recent >= supervision.crash_limit:
            return None
        if requested:
            return 0.0
        doubled = supervision.restart_delay_s * 2 ** (recent - 1)
        return float(min(doubled, supervision.restart_delay_max_s) * random.uniform(0.8, 1.2))  # noqa: S311 - no secret

    def clear(self) -> None:
        """Forgets all exits: a user started the program."""
        self._times.clear()
