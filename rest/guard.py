"""Who may call: the name that was called, the page that calls, the token it has, the size of what it sends.

A request that a web page of another site can make a browser send, without asking first, must not do anything. So
everything is refused to such pages but the routes that only read (whose answers the browser keeps from them).
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailauncher.access import bearer, token_matches
from mailauncher.errors import PermissionDenied
from mailauncher.settings import Settings
from rest.body import too_large
from rest.operation import HEADERS
from rest.origins import Origins
from rest.table import Paths

GRAPHQL = "/graphql"
PREFLIGHT = (
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE"),
    (b"access-control-max-age", b"600"),
    (b"vary", b"Access-Control-Request-Headers, Access-Control-Request-Private-Network"),
)


class Guard:
    """Raises PermissionDenied or FileTooLarge, which `Envelope` around it answers, before the application is reached."""

    def __init__(self, app: ASGIApp, *, settings: Settings, origins: Origins, paths: Paths) -> None:
        self._app = app
        self._settings = settings
        self._origins = origins
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = scope[HEADERS]
        self._check_host(scope, headers)
        # Two origins: one reader would believe the first, another the last.
        if (self._is_foreign(headers) or _repeated(scope, b"origin")) and not self._may_be_read(
            scope, headers
        ):
            raise PermissionDenied(
                "不允许其他网站的页面调用（可用 allowed_origins 设置）",
                "Pages of other sites may not call this (the setting allowed_origins lets one in)",
            )
        if scope["type"] == "http":
            if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
                await _answer_preflight(headers, send)
                return
            receive = self._bounded(headers, receive)
        if self._settings.token:
            self._check_token(scope, headers)
        await self._app(scope, receive, send)

    def _check_host(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        """Against DNS rebinding: a page's own name may lead to this machine's address, but it stays the page's name."""
        host = headers.get(b"host", b"")
        if not self._origins.host_allowed(host) or _repeated(scope, b"host"):
            shown = host[:64].decode("latin-1")
            raise PermissionDenied(
                f"不接受主机名 '{shown}'（可用 allowed_hosts 设置）",
                f"The host name '{shown}' is not accepted (the setting allowed_hosts lets one in)",
            )

    def _is_foreign(self, headers: dict[bytes, bytes]) -> bool:
        """Whether a page of another site makes the browser send this. A caller that is no browser says nothing."""
        host = headers[b"host"]
        origin = headers.get(b"origin")
        if origin is not None:
            return not self._origins.origin_allowed(origin, host)
        site = headers.get(b"sec-fetch-site", b"")
        if site == b"same-site":
            # Another port of this machine, but another machine of the same domain where the name is a public one.
            return not self._origins.host_loopback(host)
        return site == b"cross-site"

    def _may_be_read(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        """Whether the request reaches nothing but a route that only reads, or a page that somebody follows a link to."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return False
        if scope["path"] == GRAPHQL:
            return _is_page(scope) and b"origin" not in headers
        found = self._paths.find(scope["path"])
        return found is not None and found.place.readable is not None

    def _bounded(self, headers: dict[bytes, bytes], receive: Receive) -> Receive:
        """`receive` that raises FileTooLarge once a body is larger than it may be."""
        limit = self._settings.max_body_bytes
        length = headers.get(b"content-length")
        if length is not None:
            if int(length) > limit:
                raise too_large(limit)
            return receive
        return receive if b"transfer-encoding" not in headers else _counting(receive, limit)

    def _check_token(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        authorization = headers.get(b"authorization")
        if authorization is None and self._is_open(scope):
            return
        if not token_matches(self._settings, bearer((authorization or b"").decode("latin-1"))):
            raise PermissionDenied("缺少口令或口令错误", "The token is missing or wrong")

    def _is_open(self, scope: Scope) -> bool:
        """What needs no token: public routes, the explorer's page, and GraphQL's socket, which asks for it itself."""
        if scope["path"] == GRAPHQL:
            return scope["type"] == "websocket" or (scope["method"] == "GET" and _is_page(scope))
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return False
        found = self._paths.find(scope["path"])
        return found is not None and found.place.readable is not None and found.place.readable.public


def _is_page(scope: Scope) -> bool:
    """Whether `GET /graphql` asks for the page: a query to be executed would stand after the question mark."""
    return scope["method"] == "GET" and not scope["query_string"]


def _repeated(scope: Scope, name: bytes) -> bool:
    """Whether a header came more than once, so that two readers might see two values."""
    return len(scope["headers"]) != len(scope[HEADERS]) and sum(n == name for n, _ in scope["headers"]) > 1


async def _answer_preflight(headers: dict[bytes, bytes], send: Send) -> None:
    """The page is allowed already: it may send any header, and come from a public network to this one."""
    answer = [*PREFLIGHT]
    if wanted := headers.get(b"access-control-request-headers"):
        answer.append((b"access-control-allow-headers", wanted))
    if b"access-control-request-private-network" in headers:
        answer.append((b"access-control-allow-private-network", b"true"))
    await send({"type": "http.response.start", "status": 204, "headers": answer})
    await send({"type": "http.response.body", "body": b""})


def _counting(receive: Receive, limit: int) -> Receive:
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > limit:
            raise too_large(limit)
        return message

    return counted
