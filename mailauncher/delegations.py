"""Tokens that the server gives to commands which it runs for somebody else: each stands for what that caller may do."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from mailauncher.grants import Grant

PREFIX = "mailauncher-delegated-"
"""How these tokens begin. One that is not known any more must never count as no token at all, which may do everything where the
server has none."""


class Delegate(NamedTuple):
    """`caller` is the name that the journal shows."""

    caller: str
    grant: Grant


class Delegations:
    """Those that are valid now."""

    def __init__(self) -> None:
        self._delegates: dict[str, Delegate] = {}

    @contextmanager
    def issue(self, caller: str, grant: Grant) -> Iterator[str]:
        """A token that is valid for the block."""
        token = PREFIX + secrets.token_urlsafe(32)
        self._delegates[token] = Delegate(caller, grant)
        try:
            yield token
        finally:
            del self._delegates[token]

    def find(self, token: str) -> Delegate | None:
        return self._delegates.get(token)


def is_delegated(token: str) -> bool:
    return token.startswith(PREFIX)
