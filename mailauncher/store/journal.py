"""The journal: what happened in the launcher's life, kept in the `event` table, oldest dropped beyond a limit."""

import logging
import time
from collections.abc import Sequence
from typing import Any

from tortoise import connections

from mailauncher.errors import DatabaseError, Text
from mailauncher.events import Bus, Noted
from mailauncher.store import models
from mailauncher.store.database import Database

log = logging.getLogger(__name__)

KEPT = 20_000
_PRUNE_EVERY = 500


class Journal:
    """Appends and reads events. Rows are plain dictionaries with the columns of `models.Event`."""

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus
        self._written = 0

    async def note(self, kind: str, caller: str, text: Text, instance_id: str | None = None) -> None:
        """Adds one event, now. What happened has happened: where it cannot be written (a full disk), the log says so."""
        try:
            with self._database.session():
                await models.Event.create(
                    at=int(time.time() * 1000),
                    instance_id=instance_id,
                    kind=kind,
                    caller=caller,
                    zh=text.zh,
                    en=text.en,
                )
                # The first of a process too: short lives would never come to the five-hundredth.
                if self._written % _PRUNE_EVERY == 0:
                    await models.Event.filter(id__lte=await self.last() - KEPT).delete()
                self._written += 1
        except DatabaseError:
            log.error("not in the journal: %s", text.en)
        self._bus.publish(Noted())

    async def last(self) -> int:
        """The id of the newest event; 0 when there is none."""
        with self._database.session():
            newest = await models.Event.all().order_by("-id").limit(1).values_list("id", flat=True)
        return int(newest[0]) if newest else 0  # type: ignore[call-overload]

    async def after(self, cursor: int, limit: int) -> list[dict[str, Any]]:
        """Up to `limit` events with an id above `cursor`, oldest first."""
        with self._database.session():
            return list(await models.Event.filter(id__gt=cursor).order_by("id").limit(limit).values())

    async def newest(self, instance_ids: Sequence[str], limit: int) -> dict[str, list[dict[str, Any]]]:
        """The newest `limit` events of each instance, newest first, in one query for all of them."""
        if not instance_ids:
            return {}
        with self._database.session():
            connection = connections.get("default")
            sqlite = connection.capabilities.dialect == "sqlite"
            marks = ["?" if sqlite else f"${n}" for n in range(1, len(instance_ids) + 2)]
            ranked = (
                "SELECT *, row_number() OVER (PARTITION BY instance_id ORDER BY id DESC) AS place "  # noqa: S608 - only placeholders
                f"FROM event WHERE instance_id IN ({','.join(marks[:-1])})"
            )
            statement = f"SELECT * FROM ({ranked}) AS ranked WHERE place <= {marks[-1]} ORDER BY id DESC"  # noqa: S608 - the same
            rows = await connection.execute_query_dict(statement, [*instance_ids, limit])
        found: dict[str, list[dict[str, Any]]] = {instance_id: [] for instance_id in instance_ids}
        for row in rows:
            found[row["instance_id"]].append(row)
        return found
