"""What a resolver of the schema finds in `info.context`."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import strawberry

from resolvers.context import Context
from schema.loaders import Loaders

T = TypeVar("T")


@dataclass(slots=True)
class Call:
    """One HTTP request or one socket: the running server, the language of the caller, and the loaders of its fields.

    `authorization` is the header of that name; `connection_params` is what a socket sends in `connection_init`.
    """

    ctx: Context
    loaders: Loaders
    language: str = "zh"
    authorization: str = ""
    connection_params: dict[str, Any] = field(default_factory=dict)
    _commands: set[asyncio.Task[Any]] = field(default_factory=set)

    async def carry_out(self, command: Coroutine[Any, Any, T]) -> T:
        """A command's result. A socket that closes cancels its operations: the command itself goes on to its end, or an
        instance would be left half added."""
        task = asyncio.get_running_loop().create_task(command)
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)
        return await asyncio.shield(task)

    @property
    def commands(self) -> int:
        """How many commands are being carried out."""
        return len(self._commands)

    async def finish(self) -> None:
        """Waits for the commands that are still being carried out."""
        await asyncio.gather(*self._commands, return_exceptions=True)


Info = strawberry.Info[Call, None]
