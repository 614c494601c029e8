"""The outermost middleware: request ids, CORS response headers, and one body for every failure.

Whether the application, Starlette or Strawberry fails, the client gets a `rest.errors.ErrorBody`: for exceptions, and
instead of any response of 400 and above that is not JSON. GraphQL's own errors are JSON and pass unchanged.
"""

import asyncio
import logging
import math
import re
import secrets
import time
from collections import Counter

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect
from uvicorn.protocols.utils import ClientDisconnected

from mailauncher.browser_sessions import SessionEnded
from mailauncher.departures import ClientLeft
from mailauncher.errors import LauncherError, ServiceUnavailable, as_known
from mailauncher.log import request_id
from rest import errors
from rest.operation import HEADERS, language_of
from rest.origins import Origins
from rest.response_wrapper import HttpResponseWrapper, ResponseWrapper, WebSocketWrapper

log = logging.getLogger(__name__)

RESPONSE_COUNTS = "mailauncher.counts"
"""Key in the scope of the responses so far: a Counter of (group, status)."""
REPORT_EVERY_S = 60
_DISCONNECTED = (ClientLeft, ClientDisconnect, ClientDisconnected, WebSocketDisconnect)
SERVICE_RESTART = 1012
"""The code that closes a WebSocket when the server stops."""
_SHUTTING_DOWN = ServiceUnavailable("服务器正在关闭", "The server is shutting down")
_ID = re.compile(rb"[0-9A-Za-z._:-]{1,64}")
_ALWAYS = ((b"vary", b"Origin"), (b"x-content-type-options", b"nosniff"))
_EXPOSED = (b"access-control-expose-headers", b"ETag, Retry-After, X-Request-ID")


class OuterMiddleware:
    """Wraps the whole application. Its response counts belong to its own server."""

    def __init__(self, app: ASGIApp, *, origins: Origins) -> None:
        self._app = app
        self._origins = origins
        self._counts: Counter[tuple[str, int]] = Counter()
        self._refusals = Refusals()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope[HEADERS] = headers = dict(scope["headers"])
        scope[RESPONSE_COUNTS] = self._counts
        identifier = _request_id(headers.get(b"x-request-id", b""))
        request_id.set(identifier.decode())
        added = [*_ALWAYS, (b"x-request-id", identifier)]
        origin = headers.get(b"origin")
        if origin is not None and self._origins.origin_allowed(origin, headers.get(b"host", b"")):
            added += [(b"access-control-allow-origin", origin), _EXPOSED]
        kind = HttpResponseWrapper if scope["type"] == "http" else WebSocketWrapper
        wrapper = kind(scope, send, added)
        begun = time.perf_counter()
        await self._run(scope, receive, wrapper)
        self._record(scope, wrapper.status, time.perf_counter() - begun)

    async def _run(self, scope: Scope, receive: Receive, wrapper: ResponseWrapper) -> None:
        try:
            await self._app(scope, receive, wrapper.send)
        except SessionEnded as error:
            language = language_of(scope)
            await wrapper.end(
                errors.response(error, language), error.info.close, error.text.in_language(language)
            )
        except LauncherError as error:
            self._refusals.report(scope, error)
            await wrapper.fail(errors.response(error, language_of(scope)))
        except _DISCONNECTED:
            log.debug("the client of %r disconnected", scope["path"])
        except asyncio.CancelledError:
            # The server is shutting down and has cancelled this task: nobody is left to receive the cancellation.
            await wrapper.end(errors.response(_SHUTTING_DOWN, language_of(scope)), SERVICE_RESTART)
        except Exception as error:
            if (known := as_known(error)) is not None:
                await wrapper.fail(errors.response(known, language_of(scope)))
                return
            log.exception("%r failed", scope["path"])
            await wrapper.fail(errors.internal(language_of(scope)))

    def _record(self, scope: Scope, status: int, took_s: float) -> None:
        self._counts[_group(scope), status] += 1
        if status >= 500 or log.isEnabledFor(logging.DEBUG):
            level = logging.ERROR if status >= 500 else logging.DEBUG
            method = scope.get("method", "WebSocket")
            log.log(level, "%s %r: %d in %.1f ms", method, scope["path"], status, took_s * 1000)


class Refusals:
    """Logs callers that were refused before any route was reached, at most once in REPORT_EVERY_S: any web page may call."""

    def __init__(self) -> None:
        self._unreported = 0
        self._next_at = -math.inf

    def report(self, scope: Scope, error: LauncherError) -> None:
        now = time.monotonic()
        if now < self._next_at:
            self._unreported += 1
            return
        method = scope.get("method", "WebSocket")
        others = f" ({self._unreported} more since the last report)" if self._unreported else ""
        log.info("refused %s %r: %s%s", method, scope["path"], error.text.en, others)
        self._unreported, self._next_at = 0, now + REPORT_EVERY_S


def _request_id(given: bytes) -> bytes:
    """The caller's own id for the request if it is valid, else a new one."""
    return given if _ID.fullmatch(given) else secrets.token_hex(8).encode()


def _group(scope: Scope) -> str:
    """The part of the product that served the request: a group of operations, `graphql`, `terminals` or `other`."""
    group: str | None = getattr(scope.get("endpoint"), "group", None)
    if group is not None:
        return group
    if scope["path"] == "/graphql":
        return "graphql"
    return "terminals" if scope["type"] == "websocket" and "endpoint" in scope else "other"
