"""The SSH gateway beside the application, if it is on."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from socket import socket

from resolvers.context import Context


@asynccontextmanager
async def ssh_door(ctx: Context, listeners: Sequence[socket]) -> AsyncIterator[None]:
    """Serves SSH on these sockets for the block; does nothing without any. Raises what `ssh.gateway` raises."""
    if not listeners:
        yield
        return
    from ssh.gateway import gateway  # noqa: PLC0415 - 130 ms and 15 MiB, which servers without a gateway spare

    async with gateway(replace(ctx, caller="ssh"), listeners):
        yield
