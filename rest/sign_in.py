"""`/session`: a browser exchanges the token for a cookie, and gives it back."""

from mailauncher.browser_sessions import DAYS, cookie_name, session_in
from mailauncher.errors import Code, InsufficientSpace, PermissionDenied, Text
from mailauncher.grants import Scope
from resolvers.context import Context
from resolvers.rights import require, require_unlimited
from rest.operation import HEADERS, Call, Operation
from rest.responses import NO_STORE, Response

_ATTRIBUTES = "Path=/; HttpOnly; SameSite=Strict"


async def _begin(ctx: Context, call: Call) -> Response:
    """For callers that the guard has admitted, so with the token; not for a command that runs for somebody else, since whoever
    has a session may do everything."""
    require(ctx.grant, Scope.ADMIN)
    require_unlimited(ctx.grant)
    try:
        session = await ctx.sessions.begin()
    except OSError as error:
        raise InsufficientSpace(
            f"无法保存登录：{error.strerror}", f"The sign-in cannot be stored: {error.strerror}"
        ) from error
    lasting = call.query("remember") == ["true"]
    return _answer(call, session, f"; Max-Age={DAYS * 86_400}" if lasting else "")


async def _end(ctx: Context, call: Call) -> Response:
    headers = call.scope[HEADERS]
    try:
        await ctx.sessions.end(session_in(headers.get(b"cookie", b""), headers[b"host"]))
    except OSError as error:
        raise PermissionDenied(
            f"无法保存退出：{error.strerror}", f"The sign-out cannot be stored: {error.strerror}"
        ) from error
    return _answer(call, "", "; Max-Age=0")


def _answer(call: Call, session: str, lasting: str) -> Response:
    headers = call.scope[HEADERS]
    # A browser says in `Origin` whether its page came over TLS, which a proxy has taken off.
    secure = "; Secure" if headers.get(b"origin", b"").startswith(b"https://") else ""
    cookie = f"{cookie_name(headers[b'host'])}={session}; {_ATTRIBUTES}{secure}{lasting}"
    return Response(b"", ((b"set-cookie", cookie.encode()), NO_STORE), 204)


OPERATIONS = (
    Operation(
        method="POST",
        path="/session",
        group="pages",
        text=Text("登录", "Sign in"),
        handler=_begin,
        changes=True,
        codes=(Code.INSUFFICIENT_SPACE,),
    ),
    Operation(
        method="DELETE",
        path="/session",
        group="pages",
        text=Text("退出登录", "Sign out"),
        handler=_end,
        changes=True,
        codes=(Code.PERMISSION_DENIED,),
    ),
)
"""Not part of the API: programs send the token itself."""
