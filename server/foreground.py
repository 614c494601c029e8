"""Runs a server in the foreground, from locking its data folder to a complete shutdown."""

import asyncio
import contextlib
import gc
import importlib.util
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence

from mailauncher import home, lock
from mailauncher import log as logs
from mailauncher.settings import Settings
from mailauncher.signals import Signals
from mailauncher.tasks import Tasks
from resolvers.context import Context
from resolvers.lifespan import open_context
from server import serving
from server.app import create_app
from server.ssh_door import ssh_door

log = logging.getLogger(__name__)

KILL_INTERVAL_S = 0.1
COLLECTION_THRESHOLDS = (5_000, 5, 10)
"""When garbage is collected: after so many new objects, so many of such collections, and so many of those. A thousand
connections are a quarter of a million objects, and looking at all of them keeps the event loop for 0.2 s of processor time;
by Python's thresholds that came nine times while they connected, with these once."""

Ready = Callable[[Context], Awaitable[None]]


def run(settings: Settings, signals: Signals, ready: Ready) -> None:
    """Serves until SIGINT or SIGTERM, then shuts down in order; a second signal kills what still runs.

    `ready` is awaited once connections are accepted; if it raises, the server ends and this raises the same. Raises
    DataFolderInUse, and what `serving.listeners` raises, before anything has started.
    """
    logs.configure(settings.log_level, settings.log_format, secrets=[settings.token])
    with lock.hold(settings.data_folder, settings.url), contextlib.ExitStack() as opened:
        home.provide(settings.data_folder)
        listeners = [opened.enter_context(listener) for listener in serving.listeners(settings)]
        ssh = [opened.enter_context(listener) for listener in serving.ssh_listeners(settings)]
        with signals.held_back():
            runner = opened.enter_context(asyncio.Runner(loop_factory=_loop_factory()))
        try:
            runner.run(_serve(settings, listeners, ssh, signals, ready))
        except asyncio.CancelledError:
            log.info("ended before it was ready")
        finally:
            signals.ignore()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop if it is installed: not on Windows, and on CPython only."""
    if importlib.util.find_spec("uvloop") is None:
        return asyncio.new_event_loop
    return importlib.import_module("uvloop").new_event_loop  # type: ignore[no-any-return]  # not installed everywhere


async def _serve(
    settings: Settings,
    listeners: Sequence[socket.socket],
    ssh: Sequence[socket.socket],
    signals: Signals,
    ready: Ready,
) -> None:
    """Opens the context and serves. Stopping happens in this order, each step while everything below it still works:
    the server ends, the context closes (which may stop bots), the watch for a second signal ends.

    The handler of signals changes with each phase, always before the phase that it belongs to: a signal in between is
    handled by the former one. Until the context is open a signal cancels this task; while it serves, a signal starts the
    shutdown; during the shutdown, it kills.
    """
    task = asyncio.current_task()
    assert task is not None
    signals.set_handler(task.cancel)
    tasks = Tasks()
    async with contextlib.AsyncExitStack() as outer, open_context(settings) as ctx, ssh_door(ctx, ssh):
        outer.push_async_callback(tasks.close)
        server = serving.Server(create_app(ctx), settings, listeners)
        _collect_less()
        running = asyncio.create_task(server.serve(), name="server")
        try:
            await _wait_for_end(ctx, server, running, signals, ready)
        finally:
            second = asyncio.Event()
            signals.set_handler(second.set)
            log.info("stopping")
            tasks.spawn(_kill_after(second, ctx, server), "second signal")
            server.stop()
            await running


def _collect_less() -> None:
    """Makes collections of garbage rarer, and exempts what lives as long as the server: a collection looks at every object
    there is, 100,000 of modules and schema among them, and kept the event loop for 60 to 80 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTION_THRESHOLDS)


async def _wait_for_end(
    ctx: Context, server: serving.Server, running: asyncio.Task[None], signals: Signals, ready: Ready
) -> None:
    """Returns after a signal or the end of the server. Raises what `ready` raises."""
    signal = asyncio.Event()
    signals.set_handler(signal.set)

    async def call_ready() -> None:
        await server.ready.wait()
        if not running.done():
            await ready(ctx)
            await asyncio.Event().wait()

    calling = asyncio.create_task(call_ready(), name="ready")
    waiting = asyncio.create_task(signal.wait(), name="signal")
    try:
        await asyncio.wait((running, calling, waiting), return_when=asyncio.FIRST_COMPLETED)
        if calling.done():
            calling.result()
    finally:
        calling.cancel()
        waiting.cancel()
        await asyncio.gather(calling, waiting, return_exceptions=True)


async def _kill_after(second: asyncio.Event, ctx: Context, server: serving.Server) -> None:
    """After a second signal, closes connections immediately and kills every program that is being stopped.

    Kills again and again until it is cancelled: a program whose start was under way may appear after a round.
    """
    await second.wait()
    log.warning("killing all programs")
    server.stop(now=True)
    while ctx.settings.stop_bots_at_exit:
        await ctx.live.kill()
        await asyncio.sleep(KILL_INTERVAL_S)
