"""Access control: the host name, the origin of the calling page, the token, and the size of the body.

A request that a page of another site can make a browser send without a preflight must have no effect. So such pages may
reach nothing but read-only routes, whose responses the browser hides from them.
"""

from functools import partial

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailauncher.access import SIGNED_IN, bearer_token, token_matches
from mailauncher.browser_sessions import BrowserSessions, session_in
from mailauncher.delegations import Delegations, is_delegated
from mailauncher.errors import PermissionDenied
from mailauncher.settings import Settings
from rest.body import too_large
from rest.operation import HEADERS
from rest.origins import Origins
from rest.routing import Router

GRAPHQL = "/graphql"
PREFLIGHT = (
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE"),
    (b"access-control-max-age", b"600"),
    (b"vary", b"Access-Control-Request-Headers, Access-Control-Request-Private-Network"),
)


class Guard:
    """Raises PermissionDenied or FileTooLarge before the application is reached, and SessionEnded when the session of an open
    WebSocket ends; the outer middleware responds."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: Settings,
        origins: Origins,
        router: Router,
        sessions: BrowserSessions,
        delegations: Delegations,
    ) -> None:
        self._app = app
        self._sessions = sessions
        self._delegations = delegations
        self._settings = settings
        self._origins = origins
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: dict[bytes, bytes] = scope[HEADERS]
        self._check_host(scope, headers)
        # Of two origins, one reader would trust the first, another the last.
        if (self._is_foreign(headers) or _is_repeated(scope, b"origin")) and not self._is_harmless(
            scope, headers
        ):
            raise PermissionDenied(
                "不允许其他网站的页面调用（可用 allowed_origins 设置）",
                "Cross-origin request refused (see the setting allowed_origins)",
            )
        if scope["type"] == "http":
            if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
                await _send_preflight_response(headers, send)
                return
            receive = self._bounded(scope, headers, receive)
        presented = bearer_token(headers.get(b"authorization", b"").decode("latin-1"))
        if is_delegated(presented):
            self._check_delegated(presented)
        elif self._settings.token:
            self._check_token(scope, headers)
        if scope["type"] == "websocket" and SIGNED_IN in scope:
            async with scope[SIGNED_IN]():
                await self._app(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _check_host(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        """Prevents DNS rebinding: the name of a foreign page may resolve to this host, but `Host` still has the page's name."""
        host = headers.get(b"host", b"")
        if not self._origins.host_allowed(host) or _is_repeated(scope, b"host"):
            shown = host[:64].decode("latin-1")
            raise PermissionDenied(
                f"不接受主机名 '{shown}'（可用 allowed_hosts 设置）",
                f"Host name '{shown}' not allowed (see the setting allowed_hosts)",
            )

    def _is_foreign(self, headers: dict[bytes, bytes]) -> bool:
        """Whether a page of another site made the browser send this. Other clients send neither header."""
        host = headers[b"host"]
        origin = headers.get(b"origin")
        if origin is not None:
            return not self._origins.origin_allowed(origin, host)
        site = headers.get(b"sec-fetch-site", b"")
        if site == b"same-site":
            # Another port of this host if the name is loopback; for a public name, another host of the same domain.
            return not self._origins.host_loopback(host)
        return site == b"cross-site"

    def _is_harmless(self, scope: Scope, headers: dict[bytes, bytes]) -> bool:
        """Whether the request reaches only a read-only route, or the explorer's page by a link."""
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return False
        if scope["path"] == GRAPHQL:
            return _is_page(scope) and b"origin" not in headers
        found = self._router.find(scope["path"])
        return found is not None and found.item.read_only is not None

    def _bounded(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Receive:
        """A `receive` that raises FileTooLarge once the body exceeds the limit."""
        length = headers.get(b"content-length")
        if length is not None:
            limit = self._settings.max_body_bytes
            if int(length) > limit and int(length) > (limit := self._limit(scope)):
                raise too_large(limit)
            return receive
        return receive if b"transfer-encoding" not in headers else _limited(receive, self._limit(scope))

    def _limit(self, scope: Scope) -> int:
        """The maximum size of the body of a request."""
        found = self._router.find(scope["path"])
        operation = found.item.operations.get(scope["method"]) if found is not None else None
        uploads = operation is not None and operation.uploads
        return self._settings.max_upload_bytes if uploads else self._settings.max_body_bytes

    def _check_token(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        authorization = headers.get(b"authorization")
        if authorization is None:
            if session := self._session(headers):
                scope[SIGNED_IN] = partial(self._sessions.lasting, session)
                return
            if self._is_open(scope):
                return
        if not token_matches(self._settings, bearer_token((authorization or b"").decode("latin-1"))):
            raise PermissionDenied(
                "缺少令牌或令牌错误：须与服务器的设置 token 相同（命令行：--token 或 MAILAUNCHER_TOKEN）",
                "The token is missing or wrong; the right one is the server's setting token (command line: --token or MAILAUNCHER_TOKEN)",
            )

    def _check_delegated(self, token: str) -> None:
        """Also where no other token is needed: whoever had one was limited by it."""
        if self._delegations.find(token) is None:
            raise PermissionDenied("此命令已经结束", "The command that had this token has ended")

    def _session(self, headers: dict[bytes, bytes]) -> str:
        """The id of the session if a page of this server made a browser send a valid cookie, else empty. A page elsewhere on this host can do that too, since
        cookies know no ports; so what the browser says of the page counts, and without such a word the cookie does not."""
        origin = headers.get(b"origin")
        host = headers[b"host"]
        same = (
            origin.partition(b"://")[2] == host
            if origin is not None
            else headers.get(b"sec-fetch-site") == b"same-origin"
        )
        session = session_in(headers.get(b"cookie", b""), host) if same else ""
        return session if self._sessions.knows(session) else ""

    def _is_open(self, scope: Scope) -> bool:
        """Whether no token is needed here: public routes, the explorer's page, and the GraphQL socket, which checks it itself."""
        if scope["path"] == GRAPHQL:
            return scope["type"] == "websocket" or (scope["method"] == "GET" and _is_page(scope))
        if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD"):
            return False
        found = self._router.find(scope["path"])
        return found is not None and found.item.read_only is not None and found.item.read_only.public


def _is_page(scope: Scope) -> bool:
    """Whether `GET /graphql` requests the page: a query to execute would be in the query string."""
    return scope["method"] == "GET" and not scope["query_string"]


def _is_repeated(scope: Scope, name: bytes) -> bool:
    """Whether a header occurs more than once, so that two readers might see different values."""
    return len(scope["headers"]) != len(scope[HEADERS]) and sum(n == name for n, _ in scope["headers"]) > 1


async def _send_preflight_response(headers: dict[bytes, bytes], send: Send) -> None:
    """The origin is allowed already: it may send any header, and may be on a public network."""
    allowed = [*PREFLIGHT]
    if wanted := headers.get(b"access-control-request-headers"):
        allowed.append((b"access-control-allow-headers", wanted))
    if b"access-control-request-private-network" in headers:
        allowed.append((b"access-control-allow-private-network", b"true"))
    await send({"type": "http.response.start", "status": 204, "headers": allowed})
    await send({"type": "http.response.body", "body": b""})


def _limited(receive: Receive, limit: int) -> Receive:
    total = 0

    async def receive_limited() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > limit:
            raise too_large(limit)
        return message

    return receive_limited
