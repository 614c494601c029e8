"""Rows of deployments: the newest of each instance in memory for reading, written through to the database.

A row says what a deployment is and how it ended; its progress is in its journal, a file.
"""

import asyncio
import logging
from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from mailauncher.errors import DatabaseError
from store import models
from store.database import Database
from store.records import DeploymentKind, DeploymentRecord, DeploymentStatus

log = logging.getLogger(__name__)

DEPLOYMENTS_KEPT = 2_000
"""Rows in the database, the newest. The newest row of an existing instance is never pruned."""
CANCELLED_KEPT = 100
"""Cancelled deployments, whose instances are gone, that can still be queried."""
_PRUNE_EVERY = 100
_AVERAGED_RUNS = 5


class Deployments:
    """The newest deployment of each instance, in order of creation. One writer at a time; a write that fails changes nothing,
    unless it says otherwise."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._newest: dict[str, DeploymentRecord] = {}
        self._steps: dict[DeploymentKind, list[dict[str, float]]] = {kind: [] for kind in DeploymentKind}
        self._writing = asyncio.Lock()
        self._written = 0
        self._unsaved: dict[int, dict[str, Any]] = {}
        """Columns of rows that there was no room for."""

    async def load(self, instances: Collection[str]) -> list[str]:
        """Reads the newest row of each of these instances, and of cancelled deployments. Returns the ids of other instances:
        their deployments can no longer be queried."""
        with self._database.session():
            rows = await models.Deployment.all().order_by("id").values()
        for row in rows:
            try:
                record = _record(row)
            except (msgspec.MsgspecError, ValueError) as error:
                log.error("deployment %r in the database is invalid and ignored: %s", row["id"], error)
            else:
                self._keep(record)
        gone = [
            record.instance_id
            for record in self._newest.values()
            if record.instance_id not in instances and record.status is not DeploymentStatus.CANCELLED
        ]
        for instance_id in gone:
            del self._newest[instance_id]
        return gone + self.prune_cancelled(instances)

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
        """Adds a pending deployment, which replaces the instance's former one."""
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
                    await (
                        models.Deployment.filter(id__lte=row.id - DEPLOYMENTS_KEPT)
                        .exclude(id__in=present)
                        .delete()
                    )
                self._written += 1
            record = msgspec.convert({**columns, "id": row.id}, DeploymentRecord)
            self._newest.pop(instance_id, None)  # to the end
            self._newest[instance_id] = record
        return record

    async def change(self, record: DeploymentRecord, **columns: Any) -> DeploymentRecord:
        """Sets columns of a deployment, by name. Returns the changed record.

        It follows what has been done: what cannot be stored on a full disk counts all the same, and is stored by `save_unsaved`
        or with the next change.
        """
        values = {
            name: str(value)
            if isinstance(value, DeploymentStatus)
            else msgspec.json.encode(value).decode()
            if name == "seconds"
            else value
            for name, value in columns.items()
        }
        async with self._writing:
            await self._store(record.id, values)
            now = self._newest.get(record.instance_id)
            if now is None or now.id != record.id:  # forgotten since the caller read it
                return msgspec.structs.replace(record, **columns)
            changed = msgspec.structs.replace(now, **columns)
            self._newest[record.instance_id] = changed
            if changed.status is DeploymentStatus.COMPLETED:
                self._add_durations(changed)
        return changed

    async def save_unsaved(self) -> None:
        """Stores what could not be stored before, as far as that is possible by now."""
        for row_id in list(self._unsaved):
            async with self._writing:
                await self._store(row_id, {})

    async def _store(self, row_id: int, values: dict[str, Any]) -> None:
        failed_before = row_id in self._unsaved
        values = self._unsaved.pop(row_id, {}) | values
        try:
            with self._database.session(retried=failed_before):
                await models.Deployment.filter(id=row_id).update(**values)
        except DatabaseError as error:
            if not error.passing:
                raise
            self._unsaved[row_id] = values

    def forget(self, instance_id: str) -> None:
        """Forgets the deployment of a removed instance. The row stays in the database."""
        self._newest.pop(instance_id, None)

    def average_seconds(self, kind: DeploymentKind, step: str) -> float | None:
        """The average duration of a step in recent deployments; None: there was none."""
        taken = self.recent_seconds(kind, step)
        return sum(taken) / len(taken) if taken else None

    def recent_seconds(self, kind: DeploymentKind, step: str) -> list[float]:
        """The durations of a step in recent deployments, oldest first."""
        return [steps[step] for steps in self._steps[kind] if step in steps]

    def _keep(self, record: DeploymentRecord) -> None:
        self._newest.pop(record.instance_id, None)
        self._newest[record.instance_id] = record
        if record.status is DeploymentStatus.COMPLETED:
            self._add_durations(record)

    def _add_durations(self, record: DeploymentRecord) -> None:
        if record.seconds:
            steps = self._steps[record.kind]
            steps.append(record.seconds)
            del steps[:-_AVERAGED_RUNS]

    def prune_cancelled(self, instances: Collection[str]) -> list[str]:
        """Forgets the cancelled deployments but for the newest CANCELLED_KEPT, given the existing instances. Returns the
        instance ids of the forgotten."""
        gone = [name for name in self._newest if name not in instances][:-CANCELLED_KEPT]
        for instance_id in gone:
            del self._newest[instance_id]
        return gone


def _record(row: dict[str, Any]) -> DeploymentRecord:
    seconds = msgspec.json.decode(row["seconds"]) if row["seconds"] else None
    return msgspec.convert({**row, "seconds": seconds}, DeploymentRecord)
