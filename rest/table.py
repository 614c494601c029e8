"""Finds the row of the table for a path and answers with it: one dictionary look-up, however many routes there are."""

import logging
from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple

from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from mailauncher.errors import LauncherError
from resolvers.context import Context
from rest import body, errors
from rest.answers import NO_STORE, Answer, Stream, encoded, kept
from rest.operation import HEADERS, Call, Operation, spoken

log = logging.getLogger(__name__)


class Place:
    """One path of the table, with an operation for each of its methods."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.names = tuple(part[1:-1] for part in path.split("/") if part.startswith("{"))
        self.operations: dict[str, Operation] = {}

    @property
    def readable(self) -> Operation | None:
        """The operation that GET and HEAD reach without changing anything."""
        operation = self.operations.get("GET")
        return None if operation is None or operation.changes else operation

    @property
    def methods(self) -> tuple[str, ...]:
        """What `Allow` says."""
        head = ("HEAD",) if self.readable else ()
        return (*self.operations, *head, "OPTIONS")


class Found(NamedTuple):
    place: Place
    parameters: dict[str, str]


class Paths:
    """All paths of a table. Those with parameters are looked up with `*` in the places of these."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self.places: dict[str, Place] = {}
        for operation in operations:
            place = self.places.setdefault(_starred(operation.path), Place(operation.path))
            if place.path != operation.path or operation.method in place.operations:
                raise ValueError(f"{operation.method} {operation.path} is in the table already")
            place.operations[operation.method] = operation
        # Fewer parameters first: `emoji/search` is no emoji of that id.
        shapes = {shape for shape in map(_stars, self.places) if shape[1]}
        self._shapes = sorted(shapes, key=lambda shape: len(shape[1]))

    def find(self, path: str) -> Found | None:
        """The place of a path, with the path's parameters."""
        place = self.places.get(path)
        if place is not None and not place.names:
            return Found(place, {})
        parts = path.split("/")
        for length, stars in self._shapes:
            if length == len(parts) and all(parts[index] for index in stars):
                starred = "/".join("*" if index in stars else part for index, part in enumerate(parts))
                if (place := self.places.get(starred)) is not None:
                    return Found(place, dict(zip(place.names, (parts[i] for i in stars), strict=True)))
        return None


def _starred(path: str) -> str:
    return "/".join("*" if part.startswith("{") else part for part in path.split("/"))


def _stars(starred: str) -> tuple[int, tuple[int, ...]]:
    parts = starred.split("/")
    return len(parts), tuple(index for index, part in enumerate(parts) if part == "*")


class Table(BaseRoute):
    """The whole table as one route of Starlette."""

    def __init__(self, ctx: Context, paths: Paths) -> None:
        self._paths = paths
        self._endpoints = {place: Endpoint(ctx, place) for place in paths.places.values()}

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        found = self._paths.find(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            return Match.NONE, {}
        return Match.FULL, {"endpoint": self._endpoints[found.place], "path_params": found.parameters}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope["endpoint"](scope, receive, send)


class Endpoint:
    """Answers at one place: parse, one call of the handler, encode."""

    def __init__(self, ctx: Context, place: Place) -> None:
        self.group = next(iter(place.operations.values())).group
        self._ctx = ctx
        self._place = place
        self._allow = ", ".join(place.methods).encode()
        self._kept: tuple[Hashable, Answer] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        method: str = scope["method"]
        operation = self._place.readable if method == "HEAD" else self._place.operations.get(method)
        if operation is None:
            await self._without_operation(scope, method).send(send)
            return
        answer: Answer | Stream
        try:
            answer = await self._answer(operation, scope, receive)
        except LauncherError as error:
            if error.verdict.http >= 500:
                log.error("%s: %s", error.code, error.text.en)
            answer = errors.answer(error, spoken(scope))
        except ClientDisconnect:
            return
        if_none_match = scope[HEADERS].get(b"if-none-match", b"") if operation.method == "GET" else b""
        await answer.send_unless_known(send, if_none_match, with_body=method != "HEAD")

    def _without_operation(self, scope: Scope, method: str) -> Answer:
        if method == "OPTIONS":
            return Answer(b"", (NO_STORE, (b"allow", self._allow)), 204)
        return errors.not_allowed(method, self._allow, spoken(scope))

    async def _answer(self, operation: Operation, scope: Scope, receive: Receive) -> Answer | Stream:
        key: Any = None
        if operation.kept is not None:
            key = operation.kept(self._ctx)
            if self._kept is not None and self._kept[0] == key:
                return self._kept[1]
        content: Any = body.pieces(receive) if operation.receives else None
        if operation.request:
            content = await body.parse(await body.read(receive), operation.request)
        result = await operation.handler(self._ctx, Call(scope, scope["path_params"], content))
        if isinstance(result, (Answer, Stream)):
            return result
        if operation.kept is None:
            return encoded(result)
        answer = kept(result)
        self._kept = key, answer
        return answer
