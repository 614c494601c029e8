"""A MaiLauncher server with instances that change: `changing.py CHANGES PORT`.

So many change each second from SIGUSR1 on, and one at each `GET /change`. `/plain` is a bare WebSocket that sends each change
as the subscription of `events.py` does, encoded for each of its clients.
"""

import asyncio
import contextlib
import itertools
import os
import signal
import sys
from collections.abc import Callable

import msgspec
import uvloop
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from mailauncher.events import InstanceChanged
from mailauncher.settings import load
from resolvers.context import Context
from resolvers.lifespan import open_context
from resolvers.running.live_instances import StatusOverride
from server.app import create_app
from server.serving import Server
from terminals.states import State


async def main(changes: float, port: int) -> None:
    begin = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, begin.set)
    settings = load(os.environ, host="127.0.0.1", port=port)
    async with open_context(settings) as ctx:
        change = changer(ctx)
        app = create_app(ctx)
        app.router.routes[:0] = [
            Route("/change", respond(change)),
            WebSocketRoute("/plain", plain(ctx)),
        ]
        server = Server(app, settings)
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, server.stop)
        task = asyncio.create_task(keep_changing(change, changes, begin))
        await server.serve()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def changer(ctx: Context) -> Callable[[], None]:
    """A function that changes the status of one instance after the other."""
    ids = itertools.cycle([view.id for view in ctx.live.views])
    count = len(ctx.live.views)
    states = itertools.cycle([State.FAILED] * count + [State.STARTING] * count)

    def change() -> None:
        ctx.live.override(next(ids), StatusOverride(next(states)))

    return change


async def keep_changing(change: Callable[[], None], per_second: float, begin: asyncio.Event) -> None:
    """On a clock that does not wait for anybody."""
    await begin.wait()
    loop = asyncio.get_running_loop()
    at = loop.time()
    while True:
        at += 1 / per_second
        await asyncio.sleep(max(0.0, at - loop.time()))
        change()


def respond(change: Callable[[], None]) -> Callable[[Request], Response]:
    async def endpoint(_request: Request) -> Response:
        change()
        return Response("done")

    return endpoint  # type: ignore[return-value]  # Starlette takes both kinds


def plain(ctx: Context) -> Callable[[WebSocket], object]:
    async def endpoint(socket: WebSocket) -> None:
        await socket.accept()
        with ctx.bus.subscribe(InstanceChanged) as changes, contextlib.suppress(WebSocketDisconnect):
            await socket.send_text("ready")
            async for change in changes:
                assert isinstance(change, InstanceChanged)
                view = ctx.live.view(change.instance_id)
                services = [{"name": part.name, "status": part.status.value} for part in view.services]
                shown = {"name": view.name, "status": view.status.value, "services": services}
                data = {"instanceChanged": {"id": view.id, "instance": shown}}
                message = {"id": "1", "type": "next", "payload": {"data": data}}
                await socket.send_text(msgspec.json.encode(message).decode())

    return endpoint


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(float(sys.argv[1]), int(sys.argv[2])))
