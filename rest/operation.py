"""The definition of a route, and the request that its handler gets."""

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs

import msgspec
from starlette.types import Scope

from mailauncher.errors import Code, InvalidParameter, Text, preferred_language
from resolvers.context import Context
from rest.responses import Response, StreamedResponse

Method = Literal["GET", "POST", "PUT", "DELETE"]
QUERY_PARAMETERS_MAX = 64
"""Maximum number of query parameters."""
HEADERS = "mailauncher.headers"
"""Key in the scope of a request's headers as a dictionary, made once by `rest.outer_middleware`."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request. `path` has the route's parameters; `body` is the body as one of the operation's `request` types, or with
    `receives` its pieces."""

    scope: Scope
    path: Mapping[str, str]
    body: Any = None

    @property
    def language(self) -> str:
        return language_of(self.scope)

    def query(self, name: str) -> list[str]:
        """The values of a query parameter; invalid UTF-8 becomes U+FFFD. Raises InvalidParameter."""
        text = self.scope["query_string"].decode("latin-1")
        try:
            values = parse_qs(text, keep_blank_values=True, max_num_fields=QUERY_PARAMETERS_MAX)
        except ValueError:
            raise InvalidParameter(
                f"查询参数超过 {QUERY_PARAMETERS_MAX} 个",
                f"More than {QUERY_PARAMETERS_MAX} query parameters",
            ) from None
        return values.get(name, [])


def language_of(scope: Scope) -> str:
    """The language of the response: `en` or `zh`."""
    headers: dict[bytes, bytes] = scope[HEADERS]
    return preferred_language(headers.get(b"accept-language", b"").decode("latin-1"))


Handler = Callable[[Context, Call], Awaitable[msgspec.Struct | Response | StreamedResponse]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter; `values` are the allowed ones."""

    name: str
    text: Text
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A documented route.

    `changes`: it has side effects, so pages of other origins may not call it, whatever the method, and HEAD does not
    reach it. `public`: it needs no token. `codes`: its errors, beside those that every route has. `request`: the
    accepted types of the body. `receives`: the media type of a body that is not JSON, which the handler gets piece by
    piece. `media`: the media types of responses that are not JSON, which the handler makes as a `Response` itself.
    `cache_key`: for operations that are polled, the encoded response is reused while this key stays equal, and has an
    ETag, unless the request has query parameters. `body_optional`: an empty body is an empty object. `uploads`:
    its body is a file, which may have `max_upload_bytes`. `ends_with_caller`: its work is costly, and is cancelled when the client leaves before the response.
    """

    method: Method
    path: str
    group: str
    text: Text
    handler: Handler
    response: type[msgspec.Struct] | None = None
    request: tuple[type[msgspec.Struct], ...] = ()
    receives: str = ""
    uploads: bool = False
    query: tuple[Parameter, ...] = ()
    codes: tuple[Code, ...] = ()
    media: tuple[str, ...] = ("application/json",)
    changes: bool = False
    public: bool = False
    cache_key: Callable[[Context, Call], Hashable] | None = None
    details: Text | None = None
    ends_with_caller: bool = False
    body_optional: bool = False

    @property
    def name(self) -> str:
        """The OpenAPI `operationId`: the group's and the handler's name, unique in the table."""
        return f"{self.group}_{self.handler.__name__.strip('_')}"
