"""What configuration files have held, oldest dropped beyond a limit."""

import time
from dataclasses import dataclass
from typing import Any, Literal

from tortoise.transactions import in_transaction

from mailauncher.store import models
from mailauncher.store.database import Database

KEPT = 100
KEPT_BYTES = 20 << 20
"""Of each file; the newest two stay whatever their size."""

Source = Literal["api", "disk", "restore", "deploy"]


@dataclass(frozen=True, slots=True)
class Revision:
    """A content without its bytes. `at` is milliseconds since 1970; `number` orders them."""

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
        with self._database.session():
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
            if place >= KEPT or (place > 1 and kept > KEPT_BYTES):
                await rows.filter(id__lte=number).delete()
                return

    async def newest(self, instance_id: str, file: str) -> Revision | None:
        found = await self.before(instance_id, file, None, 1)
        return found[0] if found else None

    async def before(self, instance_id: str, file: str, number: int | None, limit: int) -> list[Revision]:
        """Up to `limit` that are older than a number, newest first; None: the newest ones."""
        with self._database.session():
            rows = models.ConfigRevision.filter(instance_id=instance_id, file=file)
            if number is not None:
                rows = rows.filter(id__lt=number)
            return [_revision(row) for row in await rows.order_by("-id").limit(limit).values(*_COLUMNS)]

    async def find(self, instance_id: str, file: str, number: int) -> tuple[Revision, bytes] | None:
        """A revision with its content."""
        with self._database.session():
            rows = models.ConfigRevision.filter(instance_id=instance_id, file=file, id=number)
            found = await rows.limit(1).values(*_COLUMNS, "content")
        return (_revision(found[0]), bytes(found[0]["content"])) if found else None


def _revision(row: dict[str, Any]) -> Revision:
    return Revision(row["id"], *(row[column] for column in _COLUMNS[1:]))
