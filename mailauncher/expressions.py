"""Regular expressions by RE2: whatever somebody has written and a bot prints, a search takes time in proportion to the text. Python's
own `re` may take hours for one line."""

from typing import Any, Protocol

import re2

EXPRESSION_BYTES = 512 << 10
"""Of what RE2 makes of an expression. It keeps the whole process while it does that, for some 10 ms with this limit; with its own one of
8 MiB, ten characters such as `\\pL{446}` took a third of a second."""


class Match(Protocol):
    """What an expression has found, and its groups, by number."""

    def __getitem__(self, group: int, /) -> str | None: ...


class Expression(Protocol):
    """A compiled expression."""

    groups: int

    def search(self, text: str) -> Match | None: ...


def escaped(text: str) -> str:
    """The expression for just that text."""
    return str(re2.escape(text))


def options() -> Any:
    """Those that every expression has."""
    found = re2.Options()
    found.max_mem = EXPRESSION_BYTES
    found.log_errors = False
    return found


def compiled(pattern: str, given: Any = None) -> Expression:
    """Raises ValueError, which says what is wrong with the expression. `given`: `options`, with changes."""
    try:
        found: Expression = re2.compile(pattern, given or options())
    except re2.error as error:
        reason = error.args[0]
        raise ValueError(reason.decode() if isinstance(reason, bytes) else str(error)) from None
    finally:
        re2.purge()  # it would keep 128 of them
    return found


def in_lines(pattern: str) -> Expression:
    """Finds it within a line of a text of many, in one go: a call for each line would cost more than the search. Raises
    ValueError."""
    given = options()
    given.never_nl = True
    return compiled(f"(?m:{pattern})", given)


def require_valid(pattern: str, what: str) -> None:
    """Raises ValueError, which says what the expression is for."""
    try:
        compiled(pattern)
    except ValueError as error:
        raise ValueError(f"{what}: {pattern!r}: {error}") from None


def require_group(pattern: str, what: str) -> None:
    """The same for one that has to find something out."""
    require_valid(pattern, what)
    if compiled(pattern).groups != 1:
        raise ValueError(f"{what}: {pattern!r} must have exactly one group")
