"""Deletes emojis and persons: at once, or in a while, so that it can be undone until then. The bot is told after that."""

import asyncio
import logging
from collections.abc import Sequence

from mailauncher.errors import LauncherError
from resolvers.running.live_instances import LiveInstances
from resolvers.syncing.bot_database import SyncStores
from resolvers.syncing.synchronizer import Synchronizer
from store.resources import ResourceKind, Row, now_ms

log = logging.getLogger(__name__)

UNDO_S = 60
AGAIN_S = 60.0
"""After a failure."""
KINDS: tuple[ResourceKind, ...] = ("emoji", "person")
Place = tuple[ResourceKind, str]
"""Emojis or persons, and the id of their instance."""


class Deletions:
    """`run` completes what was put aside, also by a former server. What is aside is in the database, so that a server may be
    killed at any moment."""

    def __init__(self, stores: SyncStores, live: LiveInstances, synchronizer: Synchronizer) -> None:
        self._stores = stores
        self._live = live
        self._synchronizer = synchronizer
        self._due: dict[Place, float] = {}
        """The monotonic time at which to look at a place."""
        self._added = asyncio.Event()

    async def delete(
        self, kind: ResourceKind, instance_id: str, ids: Sequence[str], *, from_bot: bool
    ) -> None:
        """Deletes all of them or none. Raises ResourceNotFound."""
        gone = await self._stores.rows(kind).hide_or_remove(
            instance_id, ids, lambda row: _tombstone(row, from_bot=from_bot)
        )
        await self._clear_up(instance_id, gone)

    async def put_aside(
        self, kind: ResourceKind, instance_id: str, ids: Sequence[str], *, from_bot: bool
    ) -> float:
        """Takes all of them or none from sight, and deletes them in UNDO_S. Returns the seconds left until then. Raises
        ResourceNotFound."""
        until = now_ms() + 1000 * UNDO_S
        await self._stores.rows(kind).put_aside(instance_id, ids, until, from_bot=from_bot)
        self._look_in((kind, instance_id), UNDO_S)
        return max(0.0, (until - now_ms()) / 1000)

    async def run(self) -> None:
        """Completes each deletion when its time has come."""
        for view in self._live.views:
            for kind in KINDS:
                self._look_in((kind, view.id), 0)
        while True:
            await self._next()
            now = asyncio.get_running_loop().time()
            for place in [place for place, at in self._due.items() if at <= now]:
                del self._due[place]
                try:
                    await self._complete(*place)
                except LauncherError as error:
                    log.error("deletions of %s were not completed: %s", place[1], error)
                    self._look_in(place, AGAIN_S)

    def _look_in(self, place: Place, seconds: float) -> None:
        at = asyncio.get_running_loop().time() + seconds
        self._due[place] = min(at, self._due.get(place, at))
        self._added.set()

    async def _next(self) -> None:
        """Waits until something is due, or something is added."""
        wait = min(self._due.values(), default=None)
        self._added.clear()
        try:
            async with asyncio.timeout_at(wait):
                await self._added.wait()
        except TimeoutError:
            return

    async def _complete(self, kind: ResourceKind, instance_id: str) -> None:
        now = now_ms()
        waiting = await self._stores.rows(kind).aside(instance_id)
        due = {
            row["id"]: aside.from_bot for row, aside in waiting if not 0 < aside.until - now <= 1000 * UNDO_S
        }
        left = [aside.until for row, aside in waiting if row["id"] not in due]
        if left:
            self._look_in((kind, instance_id), (min(left) - now) / 1000)
        if due:
            gone = await self._stores.rows(kind).hide_or_remove(
                instance_id, list(due), lambda row: _tombstone(row, from_bot=due[row["id"]]), aside=True
            )
            await self._clear_up(instance_id, gone)

    async def _clear_up(self, instance_id: str, gone: Sequence[Row]) -> None:
        if images := [row["image"] for row in gone if "image" in row]:
            await self._stores.images.remove_unused(images)
        self._synchronizer.schedule_push(instance_id)


def _tombstone(row: Row, *, from_bot: bool) -> str | None:
    """None: the bot never knew the row, and nothing of it stays. Else it stays, hidden: `delete` until the bot has deleted
    its own, `gone` so that a pull does not show again what the bot still has."""
    if row["bot_key"] is None:
        return None
    return "delete" if from_bot or row["origin"] == "user" else "gone"
