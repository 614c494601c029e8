"""One row of the table of routes, and the request that its handler is given."""

from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qs

import msgspec
from starlette.types import Scope

from mailauncher.errors import Code, InvalidParameter, Text, preferred_language
from resolvers.context import Context
from rest.answers import Answer, Stream

Method = Literal["GET", "POST", "PUT", "DELETE"]
PARAMETERS = 64
"""More than these after a question mark are nobody's honest question."""
HEADERS = "mailauncher.headers"
"""Key in the scope of a request's headers as a dictionary, made once for everyone by `rest.envelope`."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request. `path` has the parameters of the route, `body` what the row's `request` makes of the body,
    or with `receives` its pieces."""

    scope: Scope
    path: Mapping[str, str]
    body: Any = None

    @property
    def language(self) -> str:
        return spoken(self.scope)

    def query(self, name: str) -> list[str]:
        """The values given for a name after the question mark; invalid UTF-8 becomes U+FFFD. Raises InvalidParameter."""
        text = self.scope["query_string"].decode("latin-1")
        try:
            values = parse_qs(text, keep_blank_values=True, max_num_fields=PARAMETERS)
        except ValueError:
            raise InvalidParameter("查询参数过多", "There are too many query parameters") from None
        return values.get(name, [])


def spoken(scope: Scope) -> str:
    """The caller's language: `en` or `zh`."""
    headers: dict[bytes, bytes] = scope[HEADERS]
    return preferred_language(headers.get(b"accept-language", b"").decode("latin-1"))


Handler = Callable[[Context, Call], Awaitable[msgspec.Struct | Answer | Stream]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of the path, or of the query with the values that it may have."""

    name: str
    text: Text
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A documented route.

    `changes`: it changes something, so a page of another origin may not call it, whatever the method, and HEAD does
    not reach it. `public`: it answers without the token. `codes`: errors beside those that every route has.
    `request`: the bodies it takes, any one of them. `receives`: the type of a body that is no JSON, which its handler is
    given piece by piece. `media`: the type of an answer that is no JSON, whose handler
    makes an `Answer` itself. `kept`: for what is asked for all the time, the encoded answer is kept as long as this
    key stays equal, and has an ETag.
    """

    method: Method
    path: str
    group: str
    text: Text
    handler: Handler
    response: type[msgspec.Struct] | None = None
    request: tuple[type[msgspec.Struct], ...] = ()
    receives: str = ""
    query: tuple[Parameter, ...] = ()
    codes: tuple[Code, ...] = ()
    media: str = "application/json"
    changes: bool = False
    public: bool = False
    kept: Callable[[Context], Hashable] | None = None
    details: Text | None = None

    @property
    def name(self) -> str:
        """The handler's name with its group's, unique in the table: what an OpenAPI client calls the operation."""
        return f"{self.group}_{self.handler.__name__.strip('_')}"
