"""Coroutines of fields that can be cancelled at any moment."""

from collections.abc import Coroutine
from inspect import CORO_CREATED, getcoroutinestate
from types import CoroutineType
from typing import Any


class Cancellable(Coroutine[Any, Any, Any]):
    """A coroutine that may be cancelled before its first step.

    Python then raises in a coroutine that has not run, and warns of the coroutines among its arguments, such as what a
    resolver returned: nobody ever awaits them. They are closed here, not begun: that would be work for nobody.
    """

    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: "CoroutineType[Any, Any, Any]") -> None:
        self._coroutine = coroutine

    def send(self, value: Any) -> Any:
        return self._coroutine.send(value)

    def __await__(self) -> Any:
        return self._coroutine.__await__()

    def throw(self, *error: Any) -> Any:
        _close_what_it_holds(self._coroutine)
        return self._coroutine.throw(*error)

    def close(self) -> None:
        _close_what_it_holds(self._coroutine)
        self._coroutine.close()


def _close_what_it_holds(coroutine: "CoroutineType[Any, Any, Any]") -> None:
    """Closes the coroutines among the arguments of one that was not begun, and in lists and dictionaries among them."""
    frame = coroutine.cr_frame
    if frame is None or getcoroutinestate(coroutine) != CORO_CREATED:
        return
    pending = list(frame.f_locals.values())
    while pending:
        held = pending.pop()
        if isinstance(held, CoroutineType):
            _close_what_it_holds(held)
            held.close()
        elif isinstance(held, list):
            pending.extend(held)
        elif isinstance(held, dict):
            pending.extend(held.values())
