"""The clock of the machine, which people and time servers set, also back. It says when something was, for people; how long
something takes, and what came first, is told by `time.monotonic` and by numbers."""

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")

TOLERANCE_MS = 1000  # names of files that are made in the same millisecond are counted upward


def now_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def newest_first(items: Iterable[T], made_at: Callable[[T], float]) -> list[T]:
    """Items by when they were made (milliseconds). What is dated in the future was made before the clock was set back, and
    counts as the oldest: else it would outlive, in a store that deletes the oldest, all that is made from now on."""
    latest = now_ms() + TOLERANCE_MS
    return sorted(items, key=lambda item: (made_at(item) <= latest, made_at(item)), reverse=True)
