"""A real server in the test's own process, on a free port, with its own data folder."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mailauncher.settings import Settings
from resolvers.context import Context
from resolvers.lifespan import open_context
from server.app import create_app
from server.serving import Server
from tests.support.databases import prepare


@dataclass(frozen=True)
class Launcher:
    """A server that answers at `url` (no slash at its end)."""

    ctx: Context
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Launcher]:
    """A server for the block; afterwards no task, process or socket of it is left."""
    prepare(settings)
    async with open_context(settings) as ctx:
        server = Server(create_app(ctx), settings)
        serving = asyncio.create_task(server.serve())
        await server.ready.wait()
        try:
            yield Launcher(ctx, settings.port)
        finally:
            server.stop()
            await serving
