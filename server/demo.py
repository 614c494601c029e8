"""The demonstration: three sample bots in a server, one that works and two that need somebody.

All that is shown of them has happened: the one that does not start has run before its configuration was broken.
"""

import asyncio
import logging
from pathlib import Path

from mailauncher import listeners
from mailauncher.errors import LauncherError
from resolvers import backups, instances
from resolvers.context import Context
from resolvers.instances import NewInstance, NewService
from resolvers.views import InstanceView
from server import demo_folder
from server.demo_folder import ASKING, BOTS, BROKEN, WORKING

log = logging.getLogger(__name__)


async def start_working(ctx: Context, folder: Path) -> InstanceView:
    """Adds the bot that works, unless an earlier run did, and starts it with its services.

    Raises what adding and starting raise.
    """
    view = await _added(ctx, folder, WORKING)
    return (await instances.start(ctx, view.id)).instance


async def start_others(ctx: Context, folder: Path, new: frozenset[str]) -> None:
    """Starts the bots that need somebody. `new`: the names of those that are here for the first time. Never raises."""
    for name in (ASKING, BROKEN):
        try:
            view = await _added(ctx, folder, name)
            if name == BROKEN and name in new:
                await instances.start(ctx, view.id)
                await instances.stop(ctx, view.id)
                await asyncio.to_thread(demo_folder.break_configuration, folder / BOTS / name)
            await instances.start(ctx, view.id)
        except LauncherError as error:
            # That the broken one does not start is meant, and told by its state; so are faults of the others.
            log.debug("%s was not started: %s", name, error.text.en)
    if WORKING in new:
        await _back_up(ctx)


async def _back_up(ctx: Context) -> None:
    view = next((view for view in ctx.live.views if view.name == WORKING), None)
    if view is not None:
        try:
            await backups.create(ctx, view.id)
        except LauncherError as error:
            log.warning("no backup of %s: %s", WORKING, error.text.en)


async def _added(ctx: Context, folder: Path, name: str) -> InstanceView:
    bot = folder / BOTS / name
    view = next((view for view in ctx.live.views if view.name == name), None)
    if view is not None and await _has_port_in_use(view):
        await instances.delete(ctx, view.id)
        view = None
    if view is None:
        chosen = await asyncio.to_thread(demo_folder.choose_ports)
        await asyncio.to_thread(demo_folder.write_ports, bot, chosen)
        services = (
            NewService("napcat", port=chosen.napcat),
            NewService("nonebot-ada", port=chosen.adapter),
        )
        wanted = services if name == WORKING else ()
        view = await instances.add(ctx, NewInstance(name, str(bot), chosen.bot, services=wanted))
        # Otherwise the server of the next run would start it before its ports are checked.
        await instances.supervise(ctx, view.id, autostart=False)
        if name == BROKEN:  # its fault does not pass by itself
            await instances.supervise(ctx, view.id, restart="no")
    return view


async def _has_port_in_use(view: InstanceView) -> bool:
    wanted = [view.port, *(service.port for service in view.services)]
    return any([await asyncio.to_thread(listeners.is_taken, port) for port in wanted])
