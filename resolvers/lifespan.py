"""Opens the parts of a server in order, and closes them in reverse: the one place that makes engines and wires them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from bots.catalogue import Catalogue
from bots.offers import BotSources
from mailauncher import files, log, open_files
from mailauncher.browser_sessions import BrowserSessions
from mailauncher.errors import InsufficientSpace, InvalidPath
from mailauncher.events import Bus
from mailauncher.settings import Settings
from mailauncher.tasks import Tasks
from resolvers.archiving.backup_files import BackupFiles
from resolvers.archiving.recovery import complete_interrupted
from resolvers.browsing.bot_folders import BotFolders
from resolvers.configuring.files import Configs
from resolvers.context import Context, Samplers, Store
from resolvers.deploying import folders
from resolvers.deploying.deployer import Deployer
from resolvers.running.first_starts import FirstStarts
from resolvers.running.live_instances import LiveInstances
from resolvers.running.locks import Locks
from resolvers.running.metrics import MachineSampler
from resolvers.running.ports import PortRegistry
from resolvers.running.recorder import Recorder
from resolvers.running.usage import UsageSampler
from resolvers.syncing.bot_database import SyncStores
from resolvers.syncing.deletions import Deletions
from resolvers.syncing.synchronizer import Synchronizer
from store.database import Database
from store.deployments import Deployments
from store.emojis import Emojis
from store.images import Images
from store.journal import Journal
from store.persons import Persons
from store.registry import Registry
from store.removal import remove_orphans
from store.revisions import Revisions
from store.snapshots import Snapshots
from store.ssh_keys import SshKeys
from store.usage_history import UsageHistory
from terminals.supervisors import Supervisors

SAVE_PAUSE_S = 2.0


@asynccontextmanager
async def open_context(settings: Settings) -> AsyncIterator[Context]:
    """Everything that resolvers need, running until the end of the block."""
    async with AsyncExitStack() as stack:
        files_limit = stack.enter_context(open_files.raised_limit())
        folder = settings.data_folder
        await asyncio.to_thread(_make_folders, settings)
        bus = Bus()
        catalogue = await asyncio.to_thread(Catalogue.load, folder)
        database = await Database.open(folder, settings.database_url)
        stack.push_async_callback(database.close)
        registry = Registry(database)
        await registry.load()
        stack.enter_context(log.naming(lambda known: found.name if (found := registry.get(known)) else None))
        deployments = Deployments(database)
        gone = await deployments.load({record.id for record in registry})
        emojis = Emojis(database)
        images = Images(folder, emojis)
        await images.sweep()
        stack.push_async_callback(images.close)
        persons = Persons(database)
        bots = BotSources.of(settings, catalogue)
        stack.push_async_callback(bots.close)
        supervisors = Supervisors(settings, files_limit)
        await supervisors.open()
        journal = Journal(database, bus)
        ssh_keys = await SshKeys.read(database, bus)
        stack.push_async_callback(_save_unsaved, registry, deployments, ssh_keys, journal)
        first_starts = FirstStarts(folders.records(settings))
        live = LiveInstances(registry, catalogue, supervisors, first_starts, bus, journal)
        stack.push_async_callback(live.close)
        stack.push_async_callback(supervisors.close)
        stores = SyncStores(emojis, persons, images, Snapshots(database))
        synchronizer = Synchronizer(stores, live, bus, journal, folder)
        stack.push_async_callback(synchronizer.close)
        deletions = Deletions(stores, live, synchronizer)
        locks = Locks()
        backups = BackupFiles(settings, catalogue)
        stack.push_async_callback(backups.close)
        configs = Configs(registry, catalogue, Revisions(database), live)
        stack.push_async_callback(configs.close)
        deployer = Deployer(
            settings,
            registry,
            deployments,
            catalogue,
            live,
            first_starts,
            backups,
            locks,
            configs,
            bus,
            journal,
        )
        stack.push_async_callback(deployer.close)
        await complete_interrupted(registry, journal, configs.complete_writes)
        await deployer.restore_overrides()
        await live.open()
        live.spawn(remove_orphans(registry, emojis, images, persons), "removal of orphaned resources")
        samplers = await _sampling(stack, settings, bus, live)
        _keep_running(
            stack,
            (
                lambda: _save_for_ever(registry, deployments, ssh_keys, journal),
                "records that could not be stored",
            ),
            (images.sweep_forever, "removal of unused images"),
            (synchronizer.run, "synchronisation with bots"),
            (deletions.run, "deletions that could be undone"),
        )
        await deployer.open(gone)
        yield Context(
            settings=settings,
            bus=bus,
            store=Store(database, registry, deployments, journal, emojis, persons, images, ssh_keys),
            bots=bots,
            locks=locks,
            ports=PortRegistry(registry, live, deployments, catalogue, folders.records(settings)),
            live=live,
            deployer=deployer,
            synchronizer=synchronizer,
            deletions=deletions,
            configs=configs,
            backups=backups,
            folders=_browsing(stack, BotFolders(registry, live, locks)),
            samplers=samplers,
            sessions=await asyncio.to_thread(BrowserSessions.read, settings),
            started_at=time.monotonic(),
        )


def _keep_running(stack: AsyncExitStack, *works: tuple[Callable[[], Coroutine[Any, Any, None]], str]) -> None:
    """Runs them, each with its name, until the stack is closed."""
    loops = Tasks()
    stack.push_async_callback(loops.close)
    for work, name in works:
        loops.keep_running(work, name)


async def _sampling(stack: AsyncExitStack, settings: Settings, bus: Bus, live: LiveInstances) -> Samplers:
    """Samples the machine and the programs, and keeps the history of both, until the stack is closed."""
    history = UsageHistory(settings.data_folder / "usage")
    stack.push_async_callback(asyncio.to_thread, history.close)
    await asyncio.to_thread(history.keep_only, {view.id for view in live.views})
    machine = MachineSampler(bus, settings.data_folder, settings.metrics_interval_s)
    usage = UsageSampler(live, bus, settings.metrics_interval_s)
    await machine.prime()
    loops = Tasks()
    stack.push_async_callback(loops.close)
    loops.keep_running(Recorder(bus, machine, usage, history).run, "history of usage")
    loops.keep_running(machine.run, "metrics of the machine")
    loops.keep_running(usage.run, "usage of programs")
    return Samplers(machine, usage, history)


def _browsing(stack: AsyncExitStack, bot_folders: BotFolders) -> BotFolders:
    stack.push_async_callback(bot_folders.close)
    bot_folders.begin_sweep()
    return bot_folders


async def _save_unsaved(
    registry: Registry, deployments: Deployments, ssh_keys: SshKeys, journal: Journal
) -> None:
    await registry.save_unsaved()
    await deployments.save_unsaved()
    await ssh_keys.save_unsaved()
    await journal.save_unsaved()


async def _save_for_ever(
    registry: Registry, deployments: Deployments, ssh_keys: SshKeys, journal: Journal
) -> None:
    """Stores what could not be stored on a full disk, once there is room."""
    while True:
        await asyncio.sleep(SAVE_PAUSE_S)
        await _save_unsaved(registry, deployments, ssh_keys, journal)


def _make_folders(settings: Settings) -> None:
    _make(settings.data_folder, "data", 0o700)
    _make(settings.workspace_folder, "workspace", 0o777)


def _make(folder: Path, setting: str, mode: int) -> None:
    """Creates a folder of the settings if it is missing. Raises InvalidPath or InsufficientSpace."""
    try:
        folder.mkdir(mode, parents=True, exist_ok=True)
    except OSError as error:
        raise (InsufficientSpace if files.is_full(error) else InvalidPath)(
            f"无法使用文件夹 {folder}（设置 {setting}）：{error.strerror}。用 --{setting} 可换一个",
            f"The folder {folder} of the setting {setting} cannot be used: {error.strerror}. --{setting} names another one",
            field=setting,
        ) from None
