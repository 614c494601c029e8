"""Authentication by token, for every front door."""

import hmac

from mailauncher.settings import Settings

COMMAND_LINE = "mailauncher-cli"
"""How the `User-Agent` of the command line begins, so that it is told from other clients of the same interface."""
SIGNED_IN = "mailauncher.signed_in"
"""Key in the scope of a request whose cookie counts as the token: a function that returns an asynchronous context, whose block
is cancelled when the session of the cookie ends. What has no end of its own runs in one."""


def token_matches(settings: Settings, presented: str) -> bool:
    """Whether `presented` is the token of the settings; always true if none is set. Compares in constant time."""
    if not settings.token:
        return True
    return hmac.compare_digest(presented.encode("utf-8", "surrogateescape"), settings.token.encode())


def bearer_token(authorization: str) -> str:
    """The token in an `Authorization` header of the form `Bearer <token>`; empty for any other."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
