"""The context of GraphQL resolvers: `info.context`."""

from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import strawberry

from mailauncher.errors import InvalidParameter
from mailauncher.grants import EVERYTHING, Grant
from mailauncher.tasks import Tasks
from resolvers.context import Context
from schema.loaders import Loaders

T = TypeVar("T")
POSITION_DIGITS = 17


class Reader(NamedTuple):
    """Who reads: what an answer depends on besides operation and data. Answers are shared by equal readers only, so whatever
    else is to make a difference, such as rights, belongs here."""

    language: str = "zh"
    grant: Grant = EVERYTHING


@dataclass(slots=True)
class RequestContext:
    """The context of one HTTP request or one socket: the running server, who reads, and DataLoaders.

    `authorization` is the header of that name; `signed_in`: it had a cookie that counts as the token; `connection_params` is the payload of a socket's `connection_init`.
    """

    ctx: Context
    loaders: Loaders
    reader: Reader = field(default_factory=Reader)
    authorization: str = ""
    signed_in: bool = False
    connection_params: dict[str, Any] = field(default_factory=dict)
    commands: Tasks = field(default_factory=Tasks)
    """Commands that are running, some of them for operations that have been cancelled."""

    last_event_id: str = ""
    """The position of the last event that a reader of a stream has seen, who comes back."""
    version: int | None = None
    """The version of the live instances of which alone the answer is a function. None: it depends on more, or has errors."""

    @property
    def language(self) -> str:
        return self.reader.language

    def resumed(self, after: int | None) -> int | None:
        """Where a subscription begins that has positions: where its reader was, or else at `after`. Raises InvalidParameter."""
        given = self.last_event_id
        if not given:
            return after
        if not (given.isascii() and given.isdigit() and len(given) < POSITION_DIGITS):
            raise InvalidParameter(
                "Last-Event-ID 不是本服务器给出的 id",
                "Last-Event-ID is not an id that this server has sent",
                field="Last-Event-ID",
            )
        return int(given)

    async def complete(self, command: Coroutine[Any, Any, T]) -> T:
        """Runs a command to its end and returns its result, or raises what it raises.

        A socket that closes cancels its operations. Between the cancellation and the end of the command nobody waits for
        it, but it goes on: otherwise an instance would be left half added.
        """
        return await self.commands.complete(command, "graphql command")


Info = strawberry.Info[RequestContext, None]
