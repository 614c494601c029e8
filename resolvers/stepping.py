"""Keeping every instance in step with its bot: what is pending reaches it when that is safe, by itself and when asked."""

import asyncio
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailauncher.bots.learned.layout import Layout
from mailauncher.bots.learned.undo import Undo
from mailauncher.errors import Code, LauncherError, Text
from mailauncher.events import Bus, InstanceChanged
from mailauncher.store.journal import Journal
from mailauncher.store.ledger import Kind, LastSync
from mailauncher.store.resources import now_ms
from resolvers.fleet import Fleet
from resolvers.importing import Import
from resolvers.learned import Access, Problems, Stores, SyncProblem
from resolvers.telling import Telling
from terminals.states import State

log = logging.getLogger(__name__)

BEFORE_START_S = 3.0
"""How long a start waits at most for changes that are pending; a command is answered within 8 s."""
AT_REST = (State.STOPPED, State.FAILED)
CONFLICTS_NOTED = 10
ITSELF = "supervisor"
"""Who asked, where nobody did."""
_UNDO = "undo"


@dataclass(frozen=True, slots=True)
class Stepped:
    """What one sync did: rows of ours that are new, have the bot's new words, or are no more in the bot; changes of ours
    that reached it; what went wrong with single ones."""

    added: int
    changed: int
    gone: int
    applied: int
    problems: tuple[SyncProblem, ...]
    problem_count: int


class _Bot:
    """One instance: who may touch its database, and what is being done."""

    def __init__(self, folder: Path, undo: Path) -> None:
        self.access = Access(folder, Undo(undo))
        self.turn = asyncio.Lock()
        """Held for a whole sync, between whose steps others may read."""
        self.syncing: asyncio.Task[Stepped] | None = None
        self.telling: asyncio.Task[None] | None = None
        self.told_again = False
        self.status: State | None = None
        self.problems: tuple[SyncProblem, ...] = ()
        """Those of the last sync of this server's life."""


class Steps:
    """Owns the tasks that do it. `run` listens for bots that stop; `close` waits for what is half done."""

    def __init__(self, stores: Stores, fleet: Fleet, bus: Bus, journal: Journal, data: Path) -> None:
        self.stores = stores
        self._fleet = fleet
        self._bus = bus
        self._journal = journal
        self._data = data
        self._bots: dict[str, _Bot] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = False

    def access(self, instance_id: str) -> Access:
        """Raises InstanceNotFound."""
        return self._bot(instance_id).access

    def problems(self, instance_id: str) -> tuple[SyncProblem, ...]:
        """What the last sync since the server started could not do. Raises InstanceNotFound."""
        return self._bot(instance_id).problems

    def safe(self, instance_id: str, kind: Kind, layout: Layout, *, starting: bool = False) -> bool:
        """Whether the bot may be told of such a row now. A running one takes emojis from 1.0 on, and persons never: whether
        it reads them again is not known, and it may write over them."""
        if self._closing or instance_id not in self._fleet:
            return False
        if kind == "emoji" and layout.live:
            return True
        main = self._fleet.crew(instance_id).main
        busy = self._fleet.view(instance_id).status is State.INSTALLING
        return not main.alive and not busy and (starting or not main.wanted)

    # By itself

    async def run(self) -> None:
        """Tells each bot, as it stops, what is pending. What was left undone by an earlier server is done at once."""
        with self._bus.subscribe(InstanceChanged) as changes:
            for view in self._fleet.views:
                self._bot(view.id).status = view.status
                self.nudge(view.id)
            async for change in changes:
                assert isinstance(change, InstanceChanged)
                if change.removed:
                    self._bots.pop(change.instance_id, None)
                elif change.instance_id in self._fleet:
                    self._notice(change.instance_id)

    def _notice(self, instance_id: str) -> None:
        bot, status = self._bot(instance_id), self._fleet.view(instance_id).status
        before, bot.status = bot.status, status
        if status in AT_REST and before not in (None, *AT_REST):
            self._begin(self._after_stop(instance_id))

    def nudge(self, instance_id: str) -> None:
        """Something may have become pending: tells the bot soon, as far as that is safe."""
        if self._closing or instance_id not in self._fleet:
            return
        bot = self._bot(instance_id)
        bot.told_again = True
        if bot.telling is None or bot.telling.done():
            bot.telling = self._begin(self._tell_soon(bot, instance_id))

    async def _tell_soon(self, bot: _Bot, instance_id: str) -> None:
        while bot.told_again and not self._closing:
            bot.told_again = False
            if await self.stores.ledger.waiting(instance_id):
                async with bot.turn:
                    await self._tell(bot, instance_id)

    async def _tell(self, bot: _Bot, instance_id: str, *, until: float | None = None) -> None:
        """`until`, a moment of the monotonic clock, means that the bot is about to be started. Raises LauncherError."""

        def safe(kind: Kind, layout: Layout) -> bool:
            if until is not None and time.monotonic() > until:
                return False
            return self.safe(instance_id, kind, layout, starting=until is not None)

        problems = Problems()
        telling = Telling(self.stores, instance_id, bot.access, problems, safe)
        try:
            await telling.run()
        finally:
            if telling.applied or problems.count:
                bot.problems = tuple(problems.found)
            if telling.applied or problems.count:
                await self._note(instance_id, ITSELF, problems, telling.applied)

    async def _after_stop(self, instance_id: str) -> None:
        """A bot that was synced before is synced again: what it learned in the end is shown, and what is pending is told."""
        if await self.stores.ledger.last(instance_id):
            await self.sync(instance_id, ITSELF)
        else:
            self.nudge(instance_id)

    async def before_start(self, instance_id: str) -> None:
        """The last moment before a bot runs again: tells it what is pending, for BEFORE_START_S at most. Never fails."""
        if self._closing or instance_id not in self._fleet:
            return
        bot = self._bot(instance_id)
        until = time.monotonic() + BEFORE_START_S
        try:
            if not await self.stores.ledger.waiting(instance_id):
                return
            async with asyncio.timeout(BEFORE_START_S):
                await bot.turn.acquire()
            try:
                await self._tell(bot, instance_id, until=until)
            finally:
                bot.turn.release()
        except TimeoutError:
            log.info("%s is started while a sync goes on", instance_id)
        except LauncherError as error:
            log.warning("%s was not told what is pending: %s", instance_id, error)

    # When asked

    async def sync(self, instance_id: str, caller: str) -> Stepped:
        """Brings both sides in step as far as that is safe now. One that is under way already is waited for. Raises
        InstanceNotFound, and LauncherError for what concerns all rows: no access, damage, an unknown shape."""
        bot = self._bot(instance_id)
        if bot.syncing is None or bot.syncing.done():
            bot.syncing = self._begin(self._sync(bot, instance_id, caller))
        return await asyncio.shield(bot.syncing)

    async def _sync(self, bot: _Bot, instance_id: str, caller: str) -> Stepped:
        problems = Problems()
        learned = Import(self.stores, instance_id, bot.access, problems)
        telling = Telling(
            self.stores,
            instance_id,
            bot.access,
            problems,
            lambda kind, layout: self.safe(instance_id, kind, layout),
        )
        try:
            async with bot.turn:
                await learned.run()
                await telling.run()
        except LauncherError as error:
            await self._ended(instance_id, error.text)
            raise
        else:
            await self._ended(instance_id, None)
        finally:
            bot.problems = tuple(problems.found)
            counts = (telling.applied, learned.added, learned.changed, learned.gone)
            if any(counts):
                await self._note(instance_id, caller, problems, *counts)
        return Stepped(
            learned.added, learned.changed, learned.gone, telling.applied, bot.problems, problems.count
        )

    async def _ended(self, instance_id: str, failure: Text | None) -> None:
        try:
            await self.stores.ledger.ended(instance_id, LastSync(now_ms(), failure))
        except LauncherError:
            log.warning("the sync of %s could not be noted", instance_id)

    async def _note(
        self,
        instance_id: str,
        caller: str,
        problems: Problems,
        applied: int,
        added: int = 0,
        changed: int = 0,
        gone: int = 0,
    ) -> None:
        """In the journal: how much, and the first conflicts by name."""
        if instance_id not in self._fleet:
            return
        name = self._fleet.view(instance_id).name
        words = Text(
            f"{name}：同步，新增 {added}，更新 {changed}，Bot 已删除 {gone}，写入 Bot {applied}",
            f"{name}: sync, {added} added, {changed} changed, {gone} gone from the bot, {applied} told to it",
        )
        await self._journal.note("sync", caller, words, instance_id)
        conflicts = [problem for problem in problems.found if problem.code is None]
        for conflict in conflicts[:CONFLICTS_NOTED]:
            words = Text(
                f"{name}：{conflict.name}：{conflict.text.zh}", f"{name}: {conflict.name}: {conflict.text.en}"
            )
            await self._journal.note("conflict", caller, words, instance_id)

    # Ownership

    def _bot(self, instance_id: str) -> _Bot:
        """Raises InstanceNotFound."""
        view = self._fleet.view(instance_id)
        if instance_id not in self._bots:
            self._bots[instance_id] = _Bot(Path(view.path), self._data / _UNDO / instance_id)
        return self._bots[instance_id]

    def _begin(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended_task)
        return task

    def _ended_task(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, LauncherError) and error.code is not Code.INTERNAL_ERROR:
            log.info("sync: %s", error)
        elif error is not None:
            log.error("a sync failed", exc_info=error)

    async def close(self) -> None:
        """Nothing more is begun; what is being done comes to the end of its row."""
        self._closing = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for bot in list(self._bots.values()):
            await bot.access.close()
