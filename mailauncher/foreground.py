"""A server in the foreground of its process, from taking its data folder to leaving nothing behind."""

import asyncio
import contextlib
import importlib.util
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence

from mailauncher import lock, serving
from mailauncher import log as logs
from mailauncher.app import create_app
from mailauncher.errors import LauncherError
from mailauncher.settings import Settings
from mailauncher.signals import Signals
from resolvers.context import Context
from resolvers.opening import open_context

log = logging.getLogger(__name__)

KILL_INTERVAL_S = 0.1

Ready = Callable[[Context], Awaitable[None]]


def run(settings: Settings, signals: Signals, ready: Ready) -> None:
    """Serves until SIGINT or SIGTERM, then stops everything in order; a second signal kills what still runs.

    `ready` is awaited once connections are accepted; what it raises ends the server and is raised here. Raises
    DataFolderInUse and what `serving.listeners` does before anything else has happened.
    """
    logs.configure(settings.log_level, settings.log_format, secrets=[settings.token])
    with lock.held(settings.data_folder, settings.url), contextlib.ExitStack() as sockets:
        listeners = [sockets.enter_context(listener) for listener in serving.listeners(settings)]
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            try:
                runner.run(_serve(settings, listeners, signals, ready))
            except asyncio.CancelledError:
                log.info("ended before it was ready")
            finally:
                signals.ignore()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop, but for Windows and interpreters other than CPython."""
    if importlib.util.find_spec("uvloop") is None:
        return asyncio.new_event_loop
    return importlib.import_module("uvloop").new_event_loop  # type: ignore[no-any-return]  # not there everywhere


async def _serve(
    settings: Settings, listeners: Sequence[socket.socket], signals: Signals, ready: Ready
) -> None:
    task = asyncio.current_task()
    assert task is not None
    signals.then(task.cancel)
    async with contextlib.AsyncExitStack() as outer, open_context(settings) as ctx:
        server = serving.Server(create_app(ctx), settings, listeners)
        running = asyncio.create_task(server.serve(), name="server")
        try:
            await _live(ctx, server, running, signals, ready)
        finally:
            again = asyncio.Event()
            signals.then(again.set)
            log.info("stopping")
            outer.push_async_callback(_end, asyncio.create_task(_hurry(again, ctx, server)))
            server.stop()
            await running


async def _live(
    ctx: Context, server: serving.Server, running: asyncio.Task[None], signals: Signals, ready: Ready
) -> None:
    """Until a signal, the server's end or a failure of `ready`, which it raises."""
    asked = asyncio.Event()
    signals.then(asked.set)

    async def greet() -> None:
        await server.ready.wait()
        if not running.done():
            await ready(ctx)
            await asyncio.Event().wait()

    greeting = asyncio.create_task(greet(), name="ready")
    waiting = asyncio.create_task(asked.wait(), name="signal")
    try:
        await asyncio.wait((running, greeting, waiting), return_when=asyncio.FIRST_COMPLETED)
        if greeting.done():
            greeting.result()
    finally:
        await _end(greeting)
        await _end(waiting)


async def _hurry(again: asyncio.Event, ctx: Context, server: serving.Server) -> None:
    """After a second signal nothing is given any more time: kills whatever is being stopped, and what is about to run."""
    await again.wait()
    log.warning("killing what still runs")
    server.stop(now=True)
    while ctx.settings.stop_bots_at_exit:
        for crew in list(ctx.house):
            for terminal in crew.terminals.values():
                if terminal.alive:
                    with contextlib.suppress(LauncherError):  # its keeper has ended, and it with its keeper
                        await terminal.signal("SIGKILL", "tree")
        await asyncio.sleep(KILL_INTERVAL_S)


async def _end(task: asyncio.Task[None] | asyncio.Task[bool]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
