"""Keeps every instance and its bot in step, automatically and on request: pulls what the bot has learned, and pushes pending
changes to the bot's database whenever that is safe."""

import asyncio
import logging
import time
from dataclasses import dataclass
from pathlib import Path

from bots.database import connect
from bots.database.layout import Layout
from bots.database.undo import Undo
from mailauncher.errors import LauncherError, Text
from mailauncher.events import Bus, InstanceChanged
from mailauncher.tasks import Tasks
from resolvers.running.live_instances import LiveInstances
from resolvers.syncing.bot_database import BotDatabase, SyncProblems, SyncStores
from resolvers.syncing.pull import Pull
from resolvers.syncing.push import Push
from resolvers.views import SyncProblem
from store.journal import Journal
from store.resources import ResourceKind, now_ms
from store.snapshots import LastSync
from terminals.states import State

log = logging.getLogger(__name__)

BEFORE_START_S = 3.0
"""How long a start waits at most for the push; a command is answered within 8 s."""
SYNC_EVERY_S = 600.0
"""How often what running bots have learned is pulled. Reading is safe at any time."""
AT_REST = (State.STOPPED, State.FAILED)
CONFLICTS_IN_JOURNAL = 10
AUTOMATIC = "supervisor"
"""The journal's caller of a sync that nobody requested."""
_UNDO = "undo"


@dataclass(frozen=True, slots=True)
class SyncResult:
    """What one sync did. `added`, `changed`, `gone`: rows of ours that are new, have new values of the bot, or are gone
    from the bot. `applied`: rows that were pushed. `problem_count` counts more than `problems` lists."""

    added: int
    changed: int
    gone: int
    applied: int
    problems: tuple[SyncProblem, ...]
    problem_count: int


class _BotState:
    """What is known of one instance's bot, and its running tasks."""

    def __init__(self, folder: Path, undo: Path) -> None:
        self.database = BotDatabase(folder, Undo(undo))
        self.lock = asyncio.Lock()
        """Held for a whole push or sync. Between its steps others may read the database, but no other push may write."""
        self.sync: asyncio.Task[SyncResult] | None = None
        self.push: asyncio.Task[None] | None = None
        self.push_requested = False
        self.status: State | None = None
        self.ready = False
        self.problems: tuple[SyncProblem, ...] = ()
        """Of the last sync or push since this server started."""


class Synchronizer:
    """Owns the tasks of all pushes and syncs. `run` pushes when bots stop; `close` ends the tasks."""

    def __init__(
        self, stores: SyncStores, live: LiveInstances, bus: Bus, journal: Journal, data: Path
    ) -> None:
        self.stores = stores
        self._live = live
        self._bus = bus
        self._journal = journal
        self._data = data
        self._bots: dict[str, _BotState] = {}
        self._tasks = Tasks()
        self._closing = False
        live.call_before_start(self.before_start)

    def database(self, instance_id: str) -> BotDatabase:
        """Raises InstanceNotFound."""
        return self._bot(instance_id).database

    def problems(self, instance_id: str) -> tuple[SyncProblem, ...]:
        """The problems of the last sync since the server started. Raises InstanceNotFound."""
        return self._bot(instance_id).problems

    def is_safe(
        self, instance_id: str, kind: ResourceKind, layout: Layout, *, starting: bool = False
    ) -> bool:
        """Whether a row may be written to the bot's database now. `starting`: the caller is about to start the bot, and
        holds it back until then.

        A running bot takes new emojis from 1.0 on; an older one deletes files that it has not loaded itself. No bot takes
        persons: it is not known to read them again, and may write over them. A program that is wanted may be started by
        the supervisor at any moment after this check, so it counts as running.
        """
        if self._closing or instance_id not in self._live:
            return False
        if kind == "emoji" and layout.emojis_writable_while_running:
            return True
        main = self._live.supervisor(instance_id).main_program
        busy = self._live.view(instance_id).status is State.INSTALLING
        return not main.lives and not busy and (starting or not main.wanted)

    # Automatic pushes

    async def run(self) -> None:
        """Syncs with each bot once it is ready, when it stops, and from time to time while it runs; and with all of them now,
        since they may have run without a server."""
        with self._bus.subscribe(InstanceChanged) as changes:
            for view in self._live.views:
                bot = self._bot(view.id)
                bot.status, bot.ready = view.status, view.ready is True
                self.schedule_push(view.id)
            async with asyncio.TaskGroup() as group:
                regular = group.create_task(self._sync_regularly())
                async for change in changes:
                    assert isinstance(change, InstanceChanged)
                    if change.removed:
                        self._bots.pop(change.instance_id, None)
                    elif change.instance_id in self._live:
                        self._check_changed(change.instance_id)
                regular.cancel()

    async def _sync_regularly(self) -> None:
        """One after the other: a first sync may read a thousand pictures."""
        views = list(self._live.views)
        while not self._closing:
            for view in views:
                await self._sync_automatically(view.id)
            await asyncio.sleep(SYNC_EVERY_S)
            views = [view for view in self._live.views if view.status is State.RUNNING]

    def _check_changed(self, instance_id: str) -> None:
        bot, view = self._bot(instance_id), self._live.view(instance_id)
        status_before, bot.status = bot.status, view.status
        ready_before, bot.ready = bot.ready, view.ready is True
        stopped = view.status in AT_REST and status_before not in (None, *AT_REST)
        if stopped or (bot.ready and not ready_before):
            self._tasks.spawn(self._sync_automatically(instance_id), f"sync of {instance_id}")

    def schedule_push(self, instance_id: str) -> None:
        """Pushes pending changes soon, as far as that is safe. Does nothing for an instance that is gone.

        The flag is set before the task is looked at, and the task clears it before it reads what is pending. So a change
        that comes while the task is at its end is pushed by one more round, and never left by both.
        """
        if self._closing or instance_id not in self._live:
            return
        bot = self._bot(instance_id)
        bot.push_requested = True
        if bot.push is None or bot.push.done():
            bot.push = self._tasks.spawn(
                self._push_while_requested(bot, instance_id), f"push to {instance_id}"
            )

    async def _push_while_requested(self, bot: _BotState, instance_id: str) -> None:
        while bot.push_requested and not self._closing:
            bot.push_requested = False
            if await self.stores.snapshots.count_pending(instance_id):
                async with bot.lock:
                    await self._push(bot, instance_id)

    async def _push(self, bot: _BotState, instance_id: str, *, start_at: float | None = None) -> None:
        """`start_at`: the moment of the monotonic clock when the bot is started at the latest. Raises LauncherError."""

        def is_safe(kind: ResourceKind, layout: Layout) -> bool:
            if start_at is not None and time.monotonic() > start_at:
                return False
            return self.is_safe(instance_id, kind, layout, starting=start_at is not None)

        problems = SyncProblems()
        push = Push(self.stores, instance_id, bot.database, problems, is_safe)
        try:
            await push.run()
        finally:
            if push.applied or problems.count:
                bot.problems = tuple(problems.first)
                await self._record_result(instance_id, AUTOMATIC, problems, push.applied)

    async def _sync_automatically(self, instance_id: str) -> None:
        """Never raises LauncherError: what is wrong is told by the status of the sync."""
        if self._closing or instance_id not in self._live:
            return
        if await asyncio.to_thread(connect.size, self._bot(instance_id).database.folder) is None:
            return  # it has never run
        try:
            await self.sync(instance_id, AUTOMATIC)
        except LauncherError as error:
            log.info("no sync with the bot's database of %s: %s", instance_id, error)

    async def before_start(self, instance_id: str) -> None:
        """Pushes what is pending before the bot is started, for BEFORE_START_S at most. Never raises.

        What a running bot does not take (see `is_safe`) and what misses this moment waits until the bot stops again.
        """
        if self._closing or instance_id not in self._live:
            return
        bot = self._bot(instance_id)
        start_at = time.monotonic() + BEFORE_START_S
        try:
            if not await self.stores.snapshots.count_pending(instance_id):
                return
            async with asyncio.timeout(BEFORE_START_S):
                await bot.lock.acquire()
            try:
                await self._push(bot, instance_id, start_at=start_at)
            finally:
                bot.lock.release()
        except TimeoutError:
            log.info("%s is started during a sync", instance_id)
        except LauncherError as error:
            log.warning("pending changes were not pushed before the start of %s: %s", instance_id, error)

    # On request

    async def sync(self, instance_id: str, caller: str) -> SyncResult:
        """Pulls, and pushes as far as that is safe now; joins a sync that is already running. A caller that is cancelled
        does not cancel the sync. Raises InstanceNotFound, and LauncherError for what concerns all rows: no access, a
        damaged database, an unknown layout."""
        bot = self._bot(instance_id)
        if bot.sync is None or bot.sync.done():
            bot.sync = self._tasks.spawn(self._sync(bot, instance_id, caller), f"sync of {instance_id}")
        return await asyncio.shield(bot.sync)

    async def _sync(self, bot: _BotState, instance_id: str, caller: str) -> SyncResult:
        problems = SyncProblems()
        pull = Pull(self.stores, instance_id, bot.database, problems)
        push = Push(
            self.stores,
            instance_id,
            bot.database,
            problems,
            lambda kind, layout: self.is_safe(instance_id, kind, layout),
        )
        try:
            async with bot.lock:
                await pull.run()
                await push.run()
        except LauncherError as error:
            await self._save_end(instance_id, error.text)
            raise
        else:
            await self._save_end(instance_id, None)
        finally:
            bot.problems = tuple(problems.first)
            counts = (push.applied, pull.added, pull.changed, pull.gone)
            if any(counts):
                await self._record_result(instance_id, caller, problems, *counts)
        return SyncResult(pull.added, pull.changed, pull.gone, push.applied, bot.problems, problems.count)

    async def _save_end(self, instance_id: str, failure: Text | None) -> None:
        try:
            await self.stores.snapshots.save_last_sync(instance_id, LastSync(now_ms(), failure))
        except LauncherError:
            log.warning("the end of the sync of %s was not recorded", instance_id)

    async def _record_result(
        self,
        instance_id: str,
        caller: str,
        problems: SyncProblems,
        applied: int,
        added: int = 0,
        changed: int = 0,
        gone: int = 0,
    ) -> None:
        """Writes the counts and the first conflicts to the journal."""
        if instance_id not in self._live:
            return
        name = self._live.view(instance_id).name
        text = Text(
            f"{name}：同步，新增 {added}，更新 {changed}，Bot 已删除 {gone}，写入 Bot {applied}",
            f"{name}: sync, {added} added, {changed} changed, {gone} gone from the bot, {applied} pushed",
        )
        await self._journal.note("sync", caller, text, instance_id)
        conflicts = [problem for problem in problems.first if problem.code is None]
        for conflict in conflicts[:CONFLICTS_IN_JOURNAL]:
            text = Text(
                f"{name}：{conflict.name}：{conflict.text.zh}", f"{name}: {conflict.name}: {conflict.text.en}"
            )
            await self._journal.note("conflict", caller, text, instance_id)

    def _bot(self, instance_id: str) -> _BotState:
        """Raises InstanceNotFound."""
        view = self._live.view(instance_id)
        if instance_id not in self._bots:
            self._bots[instance_id] = _BotState(Path(view.path), self._data / _UNDO / instance_id)
        return self._bots[instance_id]

    async def close(self) -> None:
        """Ends all pushes and syncs, and starts no more. A row that is just being changed in a bot's database is committed there,
        and completed by the next server, which finds it still pending."""
        self._closing = True
        await self._tasks.close()
        for bot in list(self._bots.values()):
            await bot.database.close()
