"""A MaiLauncher server with instances that change: `changing.py CHANGES PORT`.

So many change each second from SIGUSR1 on, and one at each `GET /change`. `/plain` is a bare WebSocket that sends each change
as the subscription of `events.py` does, encoded for each of its clients. `/deliveries` tells, and forgets, how long each took.
"""

import asyncio
import contextlib
import itertools
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable

import msgspec
import uvloop
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from mailauncher.events import InstanceChanged
from mailauncher.frames import WebSocketProtocol
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
        deliveries = Deliveries()
        change = changer(ctx)
        app = create_app(ctx)
        app.router.routes[:0] = [
            Route("/change", respond(lambda: (deliveries.begin(), change()))),
            Route("/deliveries", deliveries.tell),
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


class Deliveries:
    """Processor time of the server's thread from a change until each subscriber's frame is written: what the server itself
    adds to the time that clients see, without the turns of other processes."""

    def __init__(self) -> None:
        self._begun = 0.0
        self._times: list[float] = []
        send = WebSocketProtocol.send

        async def timed(protocol: WebSocketProtocol, message: dict[str, object]) -> None:
            await send(protocol, message)
            self._times.append(time.thread_time() - self._begun)

        WebSocketProtocol.send = timed  # type: ignore[method-assign]  # the one place where all messages pass

    def begin(self) -> None:
        self._begun = time.thread_time()

    async def tell(self, _request: Request) -> Response:
        times, self._times = self._times, []
        return JSONResponse(statistics.quantiles(times, n=100))


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


def respond(change: Callable[[], object]) -> Callable[[Request], Response]:
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
