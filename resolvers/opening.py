"""Opens the parts of a server in order, and closes them in reverse."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from mailauncher.bots.catalogue import Catalogue
from mailauncher.bots.terms import Terms
from mailauncher.bots.versions import Versions
from mailauncher.errors import InvalidPath
from mailauncher.events import Bus
from mailauncher.settings import Settings
from mailauncher.store.database import Database
from mailauncher.store.deployments import Deployments
from mailauncher.store.emojis import Emojis
from mailauncher.store.images import Images
from mailauncher.store.journal import Journal
from mailauncher.store.ledger import Ledger
from mailauncher.store.persons import Persons
from mailauncher.store.registry import Registry
from mailauncher.store.revisions import Revisions
from resolvers import backups, resources
from resolvers.config_files import Configs
from resolvers.context import Context
from resolvers.deploying import Deployer
from resolvers.fleet import Fleet
from resolvers.learned import Stores
from resolvers.metrics import Sampler
from resolvers.stepping import Steps
from resolvers.unfinished import settle_restores
from resolvers.usage import Meter
from terminals.house import House


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
        deployments = Deployments(database)
        gone = await deployments.load({record.id for record in registry})
        emojis = Emojis(database)
        images = Images(folder, emojis)
        await images.sweep()
        stack.push_async_callback(images.close)
        persons = Persons(database)
        versions = Versions(settings, catalogue)
        stack.push_async_callback(versions.close)
        house = House(settings)
        await house.open()
        journal = Journal(database, bus)
        fleet = Fleet(registry, catalogue, house, bus, journal)
        stack.push_async_callback(fleet.close)
        stack.push_async_callback(house.close)
        steps = Steps(Stores(emojis, persons, images, Ledger(database)), fleet, bus, journal, folder)
        fleet.before_start = steps.before_start
        stack.push_async_callback(steps.close)
        deployer = Deployer(settings, registry, deployments, catalogue, fleet, bus, journal)
        stack.push_async_callback(deployer.close)
        await settle_restores(registry, journal)
        await deployer.recall()
        await fleet.open()
        fleet.chore(resources.forget_strays(registry, emojis, images, persons))
        sampler = Sampler(bus, folder, settings.metrics_interval_s)
        await sampler.prime()
        meter = Meter(fleet, 2 * settings.metrics_interval_s)
        for work in (sampler.run(), meter.run(), images.sweep_forever(), steps.run()):
            task = asyncio.create_task(work)
            stack.callback(task.cancel)
        ctx = Context(
            settings=settings,
            registry=registry,
            deployments=deployments,
            journal=journal,
            emojis=emojis,
            persons=persons,
            images=images,
            configs=Configs(Revisions(database)),
            steps=steps,
            catalogue=catalogue,
            versions=versions,
            terms=Terms(folder),
            house=house,
            fleet=fleet,
            deployer=deployer,
            bus=bus,
            sampler=sampler,
            meter=meter,
            started_at=time.monotonic(),
        )
        await deployer.open(gone, lambda instance_id: _backup(ctx, instance_id))
        yield ctx


async def _backup(ctx: Context, instance_id: str) -> str:
    """Of an instance that is about to be upgraded. Returns the backup's id."""
    return (await backups.create(ctx, instance_id, backups.Reason.UPGRADE)).id


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
