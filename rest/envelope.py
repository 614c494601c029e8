"""Around everything: the request's id, the page's permission to read the answer, and one shape for every failure.

Whatever the application, Starlette or Strawberry does, a failure leaves here as `rest.errors.ErrorBody`: errors that are
raised, and answers of 400 and above that are no JSON. GraphQL's own errors are JSON and pass.
"""

import asyncio
import logging
import re
import secrets
import time
from collections import Counter

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect
from uvicorn.protocols.utils import ClientDisconnected

from mailauncher.errors import LauncherError, ServiceUnavailable
from mailauncher.log import request_id
from rest import errors
from rest.exchange import Exchange, Handshake, Reply
from rest.operation import HEADERS, spoken
from rest.origins import Origins

log = logging.getLogger(__name__)

COUNTS = "mailauncher.counts"
"""Key in the scope of the answers so far: a Counter of (group, status)."""
_GONE = (ClientDisconnect, ClientDisconnected, WebSocketDisconnect)
_ENDING = ServiceUnavailable("服务器正在关闭", "The server is shutting down")
_ID = re.compile(rb"[0-9A-Za-z._:-]{1,64}")
_ALWAYS = ((b"vary", b"Origin"), (b"x-content-type-options", b"nosniff"))
_EXPOSED = (b"access-control-expose-headers", b"ETag, X-Request-ID")


class Envelope:
    """The outermost layer. Its counts of answers are those of its own server."""

    def __init__(self, app: ASGIApp, *, origins: Origins) -> None:
        self._app = app
        self._origins = origins
        self._counts: Counter[tuple[str, int]] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope[HEADERS] = headers = dict(scope["headers"])
        scope[COUNTS] = self._counts
        name = _name(headers.get(b"x-request-id", b""))
        request_id.set(name.decode())
        added = [*_ALWAYS, (b"x-request-id", name)]
        origin = headers.get(b"origin")
        if origin is not None and self._origins.origin_allowed(origin, headers.get(b"host", b"")):
            added += [(b"access-control-allow-origin", origin), _EXPOSED]
        exchange = Reply(scope, send, added) if scope["type"] == "http" else Handshake(scope, send, added)
        begun = time.perf_counter()
        await self._run(scope, receive, exchange)
        self._note(scope, exchange.status, time.perf_counter() - begun)

    async def _run(self, scope: Scope, receive: Receive, exchange: Exchange) -> None:
        try:
            await self._app(scope, receive, exchange.send)
        except LauncherError as error:
            await exchange.fail(errors.answer(error, spoken(scope)))
        except _GONE:
            log.debug("the client of %r went away", scope["path"])
        except asyncio.CancelledError:
            # The server is ending, and this task with it: there is nobody left to hear of the cancellation.
            await exchange.leave(errors.answer(_ENDING, spoken(scope)))
        except Exception:
            log.exception("%r failed", scope["path"])
            await exchange.fail(errors.internal(spoken(scope)))

    def _note(self, scope: Scope, status: int, took_s: float) -> None:
        self._counts[_group(scope), status] += 1
        if status >= 500 or log.isEnabledFor(logging.DEBUG):
            level = logging.ERROR if status >= 500 else logging.DEBUG
            method = scope.get("method", "WebSocket")
            log.log(level, "%s %r: %d in %.1f ms", method, scope["path"], status, took_s * 1000)


def _name(given: bytes) -> bytes:
    """The caller's own id for the request, if it is one, else a new one."""
    return given if _ID.fullmatch(given) else secrets.token_hex(8).encode()


def _group(scope: Scope) -> str:
    """What part of the product was asked: the table's groups, and the two that have no row in it."""
    group: str | None = getattr(scope.get("endpoint"), "group", None)
    if group is not None:
        return group
    if scope["path"] == "/graphql":
        return "graphql"
    return "terminals" if scope["type"] == "websocket" and "endpoint" in scope else "other"
