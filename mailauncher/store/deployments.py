"""Deployments as rows: the newest of each instance in memory for reading, written through to the database.

How far one is stands in its journal, a file; here stands what it is, and how it ended.
"""

import asyncio
import logging
from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from mailauncher.store import models
from mailauncher.store.database import Database
from mailauncher.store.records import DeploymentKind, DeploymentRecord, DeploymentStatus

log = logging.getLogger(__name__)

KEPT = 2_000
"""Rows in the database, the newest. Those of instances that are there are never dropped."""
CANCELLED_KEPT = 100
"""Cancelled ones, whose instances are gone, that can still be asked for."""
_PRUNE_EVERY = 100
_AVERAGED = 5


class Deployments:
    """The newest deployment of each instance, in the order they began. Writers take turns; a write that fails changes
    nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._newest: dict[str, DeploymentRecord] = {}
        self._steps: dict[DeploymentKind, list[dict[str, float]]] = {kind: [] for kind in DeploymentKind}
        self._writing = asyncio.Lock()
        self._written = 0

    async def load(self, instances: Collection[str]) -> list[str]:
        """Reads the newest row of each of these instances, and cancelled ones of instances that are gone. Returns the
        instances of the other rows: nobody can ask for their deployments any more."""
        with self._database.session():
            rows = await models.Deployment.all().order_by("id").values()
        for row in rows:
            try:
                record = _record(row)
            except (msgspec.MsgspecError, ValueError) as error:
                log.error("deployment %r in the database is broken, and left out: %s", row["id"], error)
            else:
                self._keep(record)
        gone = [
            record.instance_id
            for record in self._newest.values()
            if record.instance_id not in instances and record.status is not DeploymentStatus.CANCELLED
        ]
        for instance_id in gone:
            del self._newest[instance_id]
        return gone + self.drop_surplus(instances)

    def __iter__(self) -> Iterator[DeploymentRecord]:
        return iter(self._newest.values())

    def get(self, instance_id: str) -> DeploymentRecord | None:
        return self._newest.get(instance_id)

    async def add(
        self,
        instance_id: str,
        kind: DeploymentKind,
        *,
        name: str,
        version: str,
        start: bool,
        created_at: int,
    ) -> DeploymentRecord:
        """A new one, pending, in the place of an instance's former."""
        columns: dict[str, Any] = {
            "instance_id": instance_id,
            "kind": str(kind),
            "status": str(DeploymentStatus.PENDING),
            "name": name,
            "version": version,
            "commit": "",
            "start": start,
            "created_at": created_at,
        }
        async with self._writing:
            with self._database.session():
                row = await models.Deployment.create(**columns)
                if self._written % _PRUNE_EVERY == 0:
                    present = [record.id for record in self._newest.values()]
                    await models.Deployment.filter(id__lte=row.id - KEPT).exclude(id__in=present).delete()
                self._written += 1
            record = msgspec.convert({**columns, "id": row.id}, DeploymentRecord)
            self._newest.pop(instance_id, None)  # to the end
            self._newest[instance_id] = record
        return record

    async def change(self, record: DeploymentRecord, **columns: Any) -> DeploymentRecord:
        """Sets columns of a deployment, by their names. Returns it as it is then."""
        values = {
            name: str(value)
            if isinstance(value, DeploymentStatus)
            else msgspec.json.encode(value).decode()
            if name == "seconds"
            else value
            for name, value in columns.items()
        }
        async with self._writing:
            with self._database.session():
                await models.Deployment.filter(id=record.id).update(**values)
            now = self._newest.get(record.instance_id)
            if now is None or now.id != record.id:  # it was forgotten meanwhile
                return msgspec.structs.replace(record, **columns)
            changed = msgspec.structs.replace(now, **columns)
            self._newest[record.instance_id] = changed
            if changed.status is DeploymentStatus.COMPLETED:
                self._learn(changed)
        return changed

    def forget(self, instance_id: str) -> None:
        """Its instance was removed: nobody asks for it any more. The row stays."""
        self._newest.pop(instance_id, None)

    def usual_seconds(self, kind: DeploymentKind, step: str) -> float | None:
        """How long a step took lately, on the average; None before it was ever done."""
        taken = [steps[step] for steps in self._steps[kind] if step in steps]
        return sum(taken) / len(taken) if taken else None

    def _keep(self, record: DeploymentRecord) -> None:
        self._newest.pop(record.instance_id, None)
        self._newest[record.instance_id] = record
        if record.status is DeploymentStatus.COMPLETED:
            self._learn(record)

    def _learn(self, record: DeploymentRecord) -> None:
        if record.seconds:
            steps = self._steps[record.kind]
            steps.append(record.seconds)
            del steps[:-_AVERAGED]

    def drop_surplus(self, instances: Collection[str]) -> list[str]:
        """Forgets the oldest cancelled ones beyond the newest 100, given which instances are there. Returns their ids."""
        gone = [name for name in self._newest if name not in instances][:-CANCELLED_KEPT]
        for instance_id in gone:
            del self._newest[instance_id]
        return gone


def _record(row: dict[str, Any]) -> DeploymentRecord:
    seconds = msgspec.json.decode(row["seconds"]) if row["seconds"] else None
    return msgspec.convert({**row, "seconds": seconds}, DeploymentRecord)
