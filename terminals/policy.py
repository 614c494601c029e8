"""When a program that ended by itself is started again, and when it is given up."""

import random
import time
from collections import deque
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from terminals.client import Exit

RESTART_WISHED = 42
"""Exit code by which MaiBot (0.11.6 on) asks to be started again, as its own runner would do."""


class Supervision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one instance's programs are looked after. None: the server's own setting."""

    restart: Literal["no", "on-failure", "always"] = "on-failure"
    """`on-failure`: after every end but code 0. A restart wished for by exit code 42 is granted always."""
    restart_delay_s: Annotated[float, Meta(ge=0, le=3600)] = 1.0
    """Before the first restart; it doubles with each further one."""
    restart_delay_max_s: Annotated[float, Meta(ge=0, le=86400)] = 60.0
    crash_limit: Annotated[int, Meta(ge=1, le=100)] = 5
    """So many deaths within `crash_window_s` and the program is given up as failed."""
    crash_window_s: Annotated[float, Meta(gt=0, le=86400)] = 120.0
    stop_timeout_s: Annotated[float, Meta(gt=0, le=600)] | None = None
    """Instead of every wait that the recipe's stop names."""
    autostart: bool = True
    """Whether what was meant to run is started with the server, after a reboot of the machine."""


class Deaths:
    """The recent ends of one program."""

    def __init__(self) -> None:
        self._times: deque[float] = deque(maxlen=100)

    def next_delay(self, how: Supervision, ended: Exit) -> float | None:
        """Seconds to wait before the next start; None when it should stay ended.

        Jitter of a fifth keeps programs that died together from coming back together.
        """
        wished = ended.code == RESTART_WISHED
        if not wished and (how.restart == "no" or (how.restart == "on-failure" and ended.code == 0)):
            return None
        now = time.monotonic()
        self._times.append(now)
        recent = sum(now - at <= how.crash_window_s for at in self._times)
        if recent >= how.crash_limit:
            return None
        if wished:
            return 0.0
        doubled = how.restart_delay_s * 2 ** (recent - 1)
        return float(min(doubled, how.restart_delay_max_s) * random.uniform(0.8, 1.2))  # noqa: S311 - no secret

    def forget(self) -> None:
        """A person started it: what was before no longer counts."""
        self._times.clear()
