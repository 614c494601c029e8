"""Revisions of configuration files, the oldest of which are pruned beyond a limit."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from tortoise import connections
from tortoise.transactions import in_transaction

from store import models
from store.database import Database
from store.statements import select_in

REVISIONS_KEPT = 100
REVISIONS_KEPT_BYTES = 20 << 20
"""Limits of each file; the newest two stay whatever their size."""

Source = Literal["api", "disk", "restore", "deploy"]


@dataclass(frozen=True, slots=True)
class Revision:
    """A revision without its content. `at` is milliseconds since 1970; `number` orders the revisions."""

    number: int
    instance_id: str
    file: str
    at: int
    caller: str
    source: Source
    hash: str
    size: int


_COLUMNS = ("id", "instance_id", "file", "at", "caller", "source", "hash", "size")


class Revisions:
    """The table `config_revision`. Raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, instance_id: str, file: str, content: bytes, hash: str, *, caller: str, source: Source
    ) -> None:
        """Raises InstanceNotFound."""
        with self._database.session(instance_id):
            async with in_transaction():
                await models.ConfigRevision.create(
                    instance_id=instance_id,
                    file=file,
                    at=int(time.time() * 1000),
                    caller=caller,
                    source=source,
                    hash=hash,
                    size=len(content),
                    content=content,
                )
                await self._prune(instance_id, file)

    async def _prune(self, instance_id: str, file: str) -> None:
        rows = models.ConfigRevision.filter(instance_id=instance_id, file=file)
        kept = 0
        for place, (number, size) in enumerate(await rows.order_by("-id").values_list("id", "size")):
            kept += int(size)
            if place >= REVISIONS_KEPT or (place > 1 and kept > REVISIONS_KEPT_BYTES):
                await rows.filter(id__lte=number).delete()
                return

    async def newest(self, instance_id: str, file: str) -> Revision | None:
        found = await self.older_than(instance_id, file, None, 1)
        return found[0] if found else None

    async def newest_hashes(self, instance_ids: Iterable[str]) -> dict[tuple[str, str], str]:
        """The hash of the newest revision of each file of these instances, by instance id and file. One query for 500 of
        them."""
        statement = (
            "SELECT instance_id, file, hash FROM config_revision WHERE id IN (SELECT max(id) FROM config_revision "
            "WHERE instance_id IN ({names}) GROUP BY instance_id, file)"
        )
        with self._database.session():
            rows = await select_in(connections.get("default"), statement, [], instance_ids)
        return {(row["instance_id"], row["file"]): row["hash"] for row in rows}

    async def older_than(self, instance_id: str, file: str, number: int | None, limit: int) -> list[Revision]:
        """Up to `limit` revisions older than a number, newest first; None: the newest ones."""
        with self._database.session():
            rows = models.ConfigRevision.filter(instance_id=instance_id, file=file)
            if number is not None:
                rows = rows.filter(id__lt=number)
            return [_revision(row) for row in await rows.order_by("-id").limit(limit).values(*_COLUMNS)]

    async def newest_at(self, instance_id: str, file: str, at: int) -> tuple[Revision, bytes] | None:
        """The revision that was the newest at a time, in milliseconds since 1970, with its content."""
        with self._database.session():
            rows = models.ConfigRevision.filter(instance_id=instance_id, file=file, at__lte=at)
            found = await rows.order_by("-id").limit(1).values(*_COLUMNS, "content")
        return (_revision(found[0]), bytes(found[0]["content"])) if found else None

    async def oldest_if_pruned(
        self, instance_id: str, file: str, size_max: int
    ) -> tuple[Revision, bytes] | None:
        """The oldest kept revision, with its content, of a file of which older ones may have been pruned; None: all there ever
        were are kept. `size_max` is the limit on the size of any revision. (What is pruned leaves no trace. A file that has
        just reached a limit counts as pruned.)"""
        with self._database.session():
            rows = models.ConfigRevision.filter(instance_id=instance_id, file=file)
            sizes = [int(row["size"]) for row in await rows.values("size")]
            if len(sizes) < REVISIONS_KEPT and sum(sizes) + size_max <= REVISIONS_KEPT_BYTES:
                return None
            found = await rows.order_by("id").limit(1).values(*_COLUMNS, "content")
        return (_revision(found[0]), bytes(found[0]["content"])) if found else None

    async def find(self, instance_id: str, file: str, number: int) -> tuple[Revision, bytes] | None:
        """A revision with its content."""
        with self._database.session():
            rows = models.ConfigRevision.filter(instance_id=instance_id, file=file, id=number)
            found = await rows.limit(1).values(*_COLUMNS, "content")
        return (_revision(found[0]), bytes(found[0]["content"])) if found else None


def _revision(row: dict[str, Any]) -> Revision:
    return Revision(row["id"], *(row[column] for column in _COLUMNS[1:]))
