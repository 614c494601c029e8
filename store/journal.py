"""The journal of the launcher: rows of the `event` table, the oldest of which are pruned beyond a limit."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Literal

from tortoise import connections

from mailauncher.errors import DatabaseError, Text
from mailauncher.events import Bus, JournalWritten
from mailauncher.system_text import readable
from store import models
from store.database import Database
from store.statements import placeholders, select

log = logging.getLogger(__name__)

Kind = Literal[
    "add",
    "start",
    "stop",
    "restart",
    "kill",
    "delete",
    "start-service",
    "stop-service",
    "restart-service",
    "kill-service",
    "supervise",
    "edit",
    "died",
    "failed",
    "autostart",
    "deploy",
    "upgrade",
    "rollback",
    "clone",
    "retry",
    "accept-terms",
    "cancelled",
    "deployed",
    "deployment-failed",
    "backup",
    "restore",
    "drop",
    "config",
    "files",
    "sync",
    "conflict",
    "ssh-key",
    "attach",
    "drive",
    "detach",
]
"""What an event can be about. Clients filter by these words, so a word is never changed."""
EVENTS_KEPT = 20_000
UNSAVED_LIMIT = 1000
"""Maximum number of events that wait until they can be written; the oldest give way."""
NEWEST_KEPT = 256
"""Number of events that are also in memory."""
_PRUNE_EVERY = 500


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the output of a terminal."""

    session_id: str
    offset: int


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are wanted; None: any. `begin` and `end` in milliseconds since 1970, `end` itself is not included."""

    instance_id: str | None = None
    kinds: Sequence[str] | None = None
    begin: int | None = None
    end: int | None = None
    session_id: str | None = None
    """Only deaths of the program in this terminal that had printed something."""

    def conditions(self) -> dict[str, Any]:
        """For Tortoise's `filter`."""
        found = {
            "instance_id": self.instance_id,
            "kind__in": self.kinds,
            "at__gte": self.begin,
            "at__lt": self.end,
            "session_id": self.session_id,
        }
        return {name: value for name, value in found.items() if value is not None}


class Journal:
    """Appends and reads events. Rows are plain dictionaries with the columns of `models.Event`."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus
        self._written = 0
        self._writing = asyncio.Lock()
        self._unsaved: deque[dict[str, Any]] = deque(maxlen=UNSAVED_LIMIT)
        self._newest: deque[dict[str, Any]] = deque(maxlen=NEWEST_KEPT)
        """The newest events, which many read as soon as they are there, or come back for after a restart. Nobody else writes
        events."""
        self._loaded = False
        self._in_doubt = False
        """Whether the event to be written next may be written already."""

    async def note(
        self, kind: Kind, caller: str, text: Text, instance_id: str | None = None, place: Place | None = None
    ) -> None:
        """Adds an event. Never raises DatabaseError, since what the event reports has happened already: an event that cannot
        be written (a full disk, a database that is away) goes to the log, and into the journal when that is possible."""
        event = {"at": int(time.time() * 1000), "instance_id": instance_id, "kind": kind, "caller": caller}
        where = {"session_id": place and place.session_id, "offset": place and place.offset}
        self._unsaved.append({**event, "zh": readable(text.zh), "en": readable(text.en), **where})
        if not await self.save_unsaved(retried=False):
            log.error("not in the journal yet: %s", text.en)

    async def save_unsaved(self, *, retried: bool = True) -> bool:
        """Writes the events that are not written yet, in their order. False if there is no room for them, or the database is away; what cannot be
        written for another reason goes to the log alone."""
        async with self._writing:
            while self._unsaved:
                try:
                    with self._database.session(retried=retried):
                        number = await self._write(self._unsaved[0])
                    self._in_doubt = False
                    self._newest.append({"id": number, **self._unsaved[0]})
                except DatabaseError as error:
                    if error.passing:
                        self._in_doubt = True
                        return False
                    log.error("not in the journal: %s", self._unsaved[0]["en"])
                self._unsaved.popleft()
                self._bus.publish(JournalWritten())
                await self._prune()
        return True

    async def _write(self, event: dict[str, Any]) -> int:
        """The id that it has in the journal. If the last attempt failed with the connection, the row may be there all the
        same: only the answer was lost."""
        if self._in_doubt:
            known = self._newest[-1]["id"] if self._newest else 0
            given = {name: value for name, value in event.items() if value is not None}
            written = models.Event.filter(id__gt=known, **given).order_by("id").limit(1)
            if found := await written:
                return int(found[0].id)
        return int((await models.Event.create(**event)).id)

    async def _prune(self) -> None:
        # Also at the first event of a process: one that runs shortly never gets to its five-hundredth.
        if self._written % _PRUNE_EVERY == 0:
            with contextlib.suppress(DatabaseError), self._database.session():
                # By their number, since ids have gaps: those of rows that were not committed are not given again.
                surplus = models.Event.all().order_by("-id").offset(EVENTS_KEPT).limit(1)
                if found := await surplus.values_list("id", flat=True):
                    newest_surplus = int(found[0])  # type: ignore[call-overload]
                    await models.Event.filter(id__lte=newest_surplus).delete()
                    while self._newest and self._newest[0]["id"] <= newest_surplus:
                        self._newest.popleft()
        self._written += 1

    async def last(self) -> int:
        """The id of the newest event; 0 when there is none."""
        if not self._loaded:
            await self._load()
        return await self._last()

    async def _last(self) -> int:
        if self._newest:
            return int(self._newest[-1]["id"])
        with self._database.session():
            newest = await models.Event.all().order_by("-id").limit(1).values_list("id", flat=True)
        return int(newest[0]) if newest else 0  # type: ignore[call-overload]

    async def after(self, cursor: int, limit: int) -> list[dict[str, Any]]:
        """Up to `limit` events with an id above `cursor`, oldest first."""
        if not self._loaded:
            await self._load()
        if self._newest and cursor >= self._newest[0]["id"] - 1:
            await asyncio.sleep(0)  # whoever asks again and again lets others write
            later = takewhile(lambda row: row["id"] > cursor, reversed(self._newest))
            return list(later)[::-1][:limit]
        return await self.page(EventFilter(), limit, after=cursor)

    async def _load(self) -> None:
        """Reads the newest events that others have written before, once: after a restart all subscribers ask for the same."""
        async with self._writing:
            if self._loaded:
                return
            missing = NEWEST_KEPT - len(self._newest)
            before = self._newest[0]["id"] if self._newest else None
            if missing:
                self._newest.extendleft(
                    reversed(await self.page(EventFilter(), missing, before=before, newest=True))
                )
            self._loaded = True

    async def page(
        self,
        wanted: EventFilter,
        limit: int,
        *,
        after: int = 0,
        before: int | None = None,
        newest: bool = False,
    ) -> list[dict[str, Any]]:
        """Up to `limit` of the wanted events with an id between the two, oldest first: the newest of them, or the oldest."""
        between: dict[str, Any] = {"id__gt": after} | ({} if before is None else {"id__lt": before})
        with self._database.session():
            found = models.Event.filter(**between, **wanted.conditions())
            rows = list(await found.order_by("-id" if newest else "id").limit(limit).values())
        return rows[::-1] if newest else rows

    async def newest(self, instance_ids: Sequence[str], limit: int) -> dict[str, list[dict[str, Any]]]:
        """The newest `limit` events of each instance, newest first, in one query for all of them."""
        if not instance_ids:
            return {}
        with self._database.session():
            ranked = (
                "SELECT *, row_number() OVER (PARTITION BY instance_id ORDER BY id DESC) AS place "  # noqa: S608 - only placeholders
                f"FROM event WHERE instance_id IN ({placeholders(len(instance_ids))})"
            )
            statement = f"SELECT * FROM ({ranked}) AS ranked WHERE place <= ? ORDER BY id DESC"  # noqa: S608 - the same
            rows = await select(connections.get("default"), statement, [*instance_ids, limit])
        found: dict[str, list[dict[str, Any]]] = {instance_id: [] for instance_id in instance_ids}
        for row in rows:
            found[row["instance_id"]].append(row)
        return found
