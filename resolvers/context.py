"""What a resolver is given: the parts of the running server, and who asks. Opened in order, closed in reverse."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mailauncher.bots.catalogue import Catalogue
from mailauncher.errors import InvalidPath
from mailauncher.events import Bus
from mailauncher.settings import Settings
from mailauncher.store.database import Database
from mailauncher.store.journal import Journal
from mailauncher.store.registry import Registry
from resolvers.fleet import Fleet
from resolvers.metrics import Sampler
from resolvers.usage import Meter
from terminals.house import House


@dataclass(frozen=True, slots=True)
class Context:
    """Made once by the app; each front door replaces `caller` with its own name (`rest`, `graphql`, `cli`...)."""

    settings: Settings
    registry: Registry
    journal: Journal
    catalogue: Catalogue
    house: House
    fleet: Fleet
    bus: Bus
    sampler: Sampler
    meter: Meter
    started_at: float
    caller: str = "server"


@asynccontextmanager
async def open_context(settings: Settings) -> AsyncIterator[Context]:
    """Everything that resolvers need, running. At the end of the block nothing of it is left behind."""
    async with AsyncExitStack() as stack:
        folder = settings.data_folder
        await asyncio.to_thread(_make, folder, "data", 0o700)
        await asyncio.to_thread(_make, settings.workspace_folder, "workspace", 0o777)
        bus = Bus()
        catalogue = await asyncio.to_thread(Catalogue.load, folder)
        database = await Database.open(folder, settings.database_url)
        stack.push_async_callback(database.close)
        registry = Registry(database)
        await registry.load()
        house = House(settings)
        await house.open()
        journal = Journal(database, bus)
        fleet = Fleet(registry, catalogue, house, bus, journal)
        stack.push_async_callback(fleet.close)
        stack.push_async_callback(house.close)
        await fleet.open()
        sampler = Sampler(bus, folder, settings.metrics_interval_s)
        await sampler.prime()
        meter = Meter(fleet, 2 * settings.metrics_interval_s)
        for work in (sampler.run(), meter.run()):
            task = asyncio.create_task(work)
            stack.callback(task.cancel)
        yield Context(
            settings=settings,
            registry=registry,
            journal=journal,
            catalogue=catalogue,
            house=house,
            fleet=fleet,
            bus=bus,
            sampler=sampler,
            meter=meter,
            started_at=time.monotonic(),
        )


def _make(folder: Path, setting: str, mode: int) -> None:
    """Makes a folder of the settings, unless it is there. Raises InvalidPath."""
    try:
        folder.mkdir(mode, parents=True, exist_ok=True)
    except OSError as error:
        raise InvalidPath(
            f"无法使用文件夹 {folder}（设置 {setting}）：{error.strerror}",
            f"The folder {folder} of the setting {setting} cannot be used: {error.strerror}",
            field=setting,
        ) from None
