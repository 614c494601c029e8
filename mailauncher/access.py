"""Whether a caller knows the token. Every front door asks here."""

import hmac

from mailauncher.settings import Settings


def token_matches(settings: Settings, presented: str) -> bool:
    """Whether `presented` is the token of the settings; anything is when none is set. Takes the same time however
    much of it is right."""
    if not settings.token:
        return True
    return hmac.compare_digest(presented.encode("utf-8", "surrogateescape"), settings.token.encode())


def bearer(authorization: str) -> str:
    """The token in `Bearer <token>`, the form of an `Authorization` header; empty for anything else."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
