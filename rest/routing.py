"""Routes requests to operations: one dictionary lookup for a path without parameters, however many routes there are."""

import logging
from collections.abc import Hashable, Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from mailauncher.departures import ClientLeft, unless_left
from mailauncher.errors import LauncherError
from mailauncher.grants import EVERYTHING
from resolvers.context import Context
from rest import body, errors
from rest.operation import HEADERS, Call, Operation, language_of
from rest.responses import NO_STORE, Response, StreamedResponse, json_response, json_with_etag

log = logging.getLogger(__name__)


class PathItem:
    """One path and its operations by method, as in OpenAPI."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.names = tuple(part[1:-1] for part in path.split("/") if part.startswith("{"))
        self.operations: dict[str, Operation] = {}

    @property
    def read_only(self) -> Operation | None:
        """The operation that GET and HEAD reach, if it changes nothing."""
        operation = self.operations.get("GET")
        return None if operation is None or operation.changes else operation

    @property
    def methods(self) -> tuple[str, ...]:
        """The value of `Allow`."""
        head = ("HEAD",) if self.read_only else ()
        return (*self.operations, *head, "OPTIONS")


class RouteMatch(NamedTuple):
    item: PathItem
    parameters: dict[str, str]


class Router:
    """The paths of all operations. `items` has a path's parameters replaced with `*`."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.items: dict[str, PathItem] = {}
        for operation in operations:
            item = self.items.setdefault(_with_wildcards(operation.path), PathItem(operation.path))
            if item.path != operation.path or operation.method in item.operations:
                raise ValueError(f"{operation.method} {operation.path} is in the table already")
            item.operations[operation.method] = operation
        # Fewer parameters first: `emoji/search` is not an emoji's id.
        shapes = {shape for shape in map(_shape, self.items) if shape[1]}
        self._shapes = sorted(shapes, key=lambda shape: len(shape[1]))

    def find(self, path: str) -> RouteMatch | None:
        """The path item of a request's path, and the values of its parameters."""
        item = self.items.get(path)
        if item is not None and not item.names:
            return RouteMatch(item, {})
        parts = path.split("/")
        for length, parameters in self._shapes:
            if length == len(parts) and all(parts[index] for index in parameters):
                wildcard_path = "/".join(
                    "*" if index in parameters else part for index, part in enumerate(parts)
                )
                if (item := self.items.get(wildcard_path)) is not None:
                    return RouteMatch(
                        item, dict(zip(item.names, (parts[i] for i in parameters), strict=True))
                    )
        return None


def _with_wildcards(path: str) -> str:
    return "/".join("*" if part.startswith("{") else part for part in path.split("/"))


def _shape(wildcard_path: str) -> tuple[int, tuple[int, ...]]:
    """How many parts a path has, and which of them are parameters."""
    parts = wildcard_path.split("/")
    return len(parts), tuple(index for index, part in enumerate(parts) if part == "*")


class OperationsRoute(BaseRoute):
    """All operations as one route of Starlette."""

    def __init__(self, ctx: Context, router: Router) -> None:
        self._router = router
        self._endpoints = {item: PathEndpoint(ctx, item) for item in router.items.values()}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        found = self._router.find(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            return Match.NONE, {}
        return Match.FULL, {"endpoint": self._endpoints[found.item], "path_params": found.parameters}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["endpoint"](scope, receive, send)


class PathEndpoint:
    """Handles the requests of one path: parse, call the handler once, encode."""

    def __init__(self, ctx: Context, item: PathItem) -> None:
        self.group = next(iter(item.operations.values())).group
        self._ctx = ctx
        self._item = item
        self._allow = ", ".join(item.methods).encode()
        self._cached: tuple[Hashable, Response] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method: str = scope["method"]
        operation = self._item.read_only if method == "HEAD" else self._item.operations.get(method)
        if operation is None:
            await self._without_operation(scope, method).send(send)
            return
        response: Response | StreamedResponse
        try:
            response = await self._respond(operation, scope, receive)
        except LauncherError as error:
            if error.info.http >= 500:
                log.error("%s: %s", error.code, error.text.en)
            response = errors.response(error, language_of(scope))
        except (ClientDisconnect, ClientLeft):
            return
        if_none_match = scope[HEADERS].get(b"if-none-match", b"") if operation.method == "GET" else b""
        sending = response.send_conditionally(send, if_none_match, with_body=method != "HEAD")
        # To a client that has left it would be sent in no time, and made to its end for that.
        if isinstance(response, StreamedResponse):
            sending = unless_left(sending, receive)
        with suppress(ClientLeft):
            await sending

    def _without_operation(self, scope: Scope, method: str) -> Response:
        if method == "OPTIONS":
            return Response(b"", (NO_STORE, (b"allow", self._allow)), 204)
        return errors.method_not_allowed(method, self._allow, language_of(scope))

    async def _respond(
        self, operation: Operation, scope: Scope, receive: Receive
    ) -> Response | StreamedResponse:
        key: Any = None
        call = Call(scope, scope["path_params"])
        headers = scope[HEADERS]
        ctx = self._ctx.called_by(
            headers.get(b"user-agent", b"").decode("latin-1"),
            headers.get(b"authorization", b"").decode("latin-1"),
        )
        # What one caller may see is not what another may.
        cached = (
            operation.cache_key is not None
            and ctx.grant is EVERYTHING
            and not (operation.query and scope["query_string"])
        )
        if cached and operation.cache_key is not None:
            key = operation.cache_key(self._ctx, call)
            if self._cached is not None and self._cached[0] == key:
                return self._cached[1]
        if operation.receives:
            call = replace(call, body=body.pieces(receive))
        if operation.request:
            sent = await body.read(receive) or (b"{}" if operation.body_optional else b"")
            call = replace(call, body=await body.parse(sent, operation.request))
        elif operation.ends_with_caller:
            await body.read(receive)  # behind it comes the end of the connection
        work = operation.handler(ctx, call)
        result = await (unless_left(work, receive) if operation.ends_with_caller else work)
        if isinstance(result, (Response, StreamedResponse)):
            return result
        if not cached:
            return json_response(result)
        response = json_with_etag(result)
        self._cached = key, response
        return response
