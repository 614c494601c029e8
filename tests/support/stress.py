"""What is the surer the more often it is tried: a short form always, the long one with `pytest --stress`."""

from typing import TypeVar

T = TypeVar("T")
_wanted = False


def ask_for(long: bool) -> None:
    """By `tests/conftest.py`, before any test is imported."""
    global _wanted  # noqa: PLW0603 - numbers of modules depend on it, and are made before there are fixtures
    _wanted = long


def sized(short: T, long: T) -> T:
    """`short`, or `long` where that is asked for. Tests whose size depends on it are marked `stress`."""
    return long if _wanted else short
