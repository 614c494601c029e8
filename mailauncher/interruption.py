"""What work that takes long calls to be told that nobody wants it any more."""

from collections.abc import Callable

Check = Callable[[], None]
"""What interruptible work calls often: it raises `Interrupted` once nobody wants the work any more."""


def proceed() -> None:
    """The Check of work that nobody interrupts."""


class Interrupted(BaseException):
    """Nobody wants the work any more. Not an Exception, so that no `except Exception` on the way handles it."""
