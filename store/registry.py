"""The managed instances: in memory for reading, written through to the database.

They are few and read all the time, so nothing here reads the database after `load`.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import msgspec
from tortoise.transactions import in_transaction

from mailauncher.errors import DatabaseError, InstanceNotFound
from store import models
from store.database import Database
from store.records import InstanceRecord, ServiceRecord

log = logging.getLogger(__name__)


class Registry:
    """Every instance by id, in the order they were added. One writer at a time; a write that fails changes nothing, unless
    it says otherwise."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._records: dict[str, InstanceRecord] = {}
        self._writing = asyncio.Lock()
        self._unsaved: set[str] = set()
        """Instances of which the database does not know yet which programs are wanted, or their ports."""

    async def load(self) -> None:
        """Reads everything from the database, in two queries."""
        with self._database.session():
            services: dict[str, list[ServiceRecord]] = {}
            for row in await models.Service.all().order_by("id").values():
                services.setdefault(row["instance_id"], []).append(_service(row))
            for row in await models.Instance.all().order_by("installed_at", "id").values():
                try:
                    record = _instance(row, tuple(services.get(row["id"], ())))
                except (msgspec.MsgspecError, ValueError) as error:
                    log.error("instance %r in the database is invalid and ignored: %s", row["id"], error)
                else:
                    self._records[record.id] = record

    def __iter__(self) -> Iterator[InstanceRecord]:
        return iter(self._records.values())

    def __len__(self) -> int:
        return len(self._records)

    def get(self, instance_id: str) -> InstanceRecord | None:
        return self._records.get(instance_id)

    async def add(self, record: InstanceRecord) -> None:
        async with self._writing:
            with self._database.session():
                async with in_transaction():
                    columns = msgspec.structs.asdict(record)
                    del columns["services"]
                    columns["supervision"] = _as_json(record.supervision)
                    columns["tags"] = _as_json(record.tags)
                    await models.Instance.create(**columns)
                    for service in record.services:
                        await models.Service.create(instance_id=record.id, **msgspec.structs.asdict(service))
            self._records[record.id] = record

    async def remove(self, instance_id: str) -> None:
        async with self._writing:
            with self._database.session():
                await models.Instance.filter(id=instance_id).delete()
            self._records.pop(instance_id, None)

    async def set_labels(self, instance_id: str, name: str, notes: str, tags: tuple[str, ...]) -> None:
        """What people call an instance and note about it. Raises InstanceNotFound."""
        async with self._writing:
            record = self._records.get(instance_id)
            if record is None:
                raise InstanceNotFound(instance_id)
            with self._database.session():
                await models.Instance.filter(id=instance_id).update(
                    name=name, notes=notes, tags=_as_json(tags)
                )
            self._records[instance_id] = msgspec.structs.replace(record, name=name, notes=notes, tags=tags)

    async def set_supervision(
        self, instance_id: str, changed: Callable[[dict[str, Any]], dict[str, Any]]
    ) -> dict[str, Any]:
        """Stores, and returns, what `changed` makes of the supervision policy of an instance; it may raise. Of two callers at
        once each sees what the other has made. Raises InstanceNotFound."""
        async with self._writing:
            record = self._records.get(instance_id)
            if record is None:
                raise InstanceNotFound(instance_id)
            policy = changed(record.supervision or {})
            with self._database.session():
                await models.Instance.filter(id=instance_id).update(supervision=_as_json(policy))
            self._records[instance_id] = msgspec.structs.replace(record, supervision=policy)
        return policy

    async def replace(self, record: InstanceRecord) -> None:
        """Stores another version of an instance and its services; all else stays. An unknown instance is ignored."""
        async with self._writing:
            before = self._records.get(record.id)
            if before is None:
                return
            with self._database.session():
                async with in_transaction():
                    await models.Instance.filter(id=record.id).update(version=record.version)
                    await models.Service.filter(instance_id=record.id).delete()
                    for service in record.services:
                        await models.Service.create(instance_id=record.id, **msgspec.structs.asdict(service))
            self._records[record.id] = msgspec.structs.replace(
                before, version=record.version, services=record.services
            )

    async def add_services(self, instance_id: str, services: Collection[ServiceRecord]) -> None:
        """Stores those of these services that the instance does not have; all else stays. An unknown instance is ignored."""
        async with self._writing:
            record = self._records.get(instance_id)
            if record is None:
                return
            new = tuple(service for service in services if record.service(service.name) is None)
            with self._database.session():
                async with in_transaction():
                    for service in new:
                        await models.Service.create(
                            instance_id=instance_id, **msgspec.structs.asdict(service)
                        )
            self._records[instance_id] = msgspec.structs.replace(record, services=(*record.services, *new))

    async def remove_services(self, instance_id: str, names: Collection[str]) -> None:
        """Forgets services; all else stays. An unknown instance is ignored."""
        async with self._writing:
            record = self._records.get(instance_id)
            if record is None:
                return
            with self._database.session():
                await models.Service.filter(instance_id=instance_id, name__in=list(names)).delete()
            kept = tuple(service for service in record.services if service.name not in names)
            self._records[instance_id] = msgspec.structs.replace(record, services=kept)

    async def set_ports(self, instance_id: str, ports: Mapping[str, int]) -> None:
        """Notes the ports of programs: services by name, `main` for the main program. An unknown instance is ignored: it
        may have been removed meanwhile.

        Never raises DatabaseError, because the programs' own files have these ports already: see `set_wanted`.
        """
        async with self._writing:
            record = self._records.get(instance_id)
            if record is None:
                return
            services = tuple(
                msgspec.structs.replace(s, port=ports.get(s.name, s.port)) for s in record.services
            )
            main = ports.get("main", record.port)
            self._records[instance_id] = msgspec.structs.replace(record, port=main, services=services)
            await self._save(instance_id)

    async def set_wanted(self, instance_id: str, names: Collection[str], wanted: bool) -> bool:
        """Notes whether programs are wanted to run: services by name, `main` for the main program. An unknown instance is
        ignored: a supervisor may report after its instance was removed.

        Never raises DatabaseError, because it follows what has been done already. Returns whether it is stored; what is
        not (a full disk) counts all the same, and is stored by `save_unsaved` or with the instance's next change.
        """
        async with self._writing:
            record = self._records.get(instance_id)
            if record is None:
                return True
            main = wanted if "main" in names else record.wanted
            changed = (
                msgspec.structs.replace(s, wanted=wanted) if s.name in names else s for s in record.services
            )
            self._records[instance_id] = msgspec.structs.replace(record, wanted=main, services=tuple(changed))
            return await self._save(instance_id)

    async def save_unsaved(self) -> None:
        """Stores what could not be stored before, as far as that is possible by now."""
        for instance_id in list(self._unsaved):
            async with self._writing:
                await self._save(instance_id)

    async def _save(self, instance_id: str) -> bool:
        record = self._records.get(instance_id)
        failed_before = instance_id in self._unsaved
        self._unsaved.discard(instance_id)
        if record is None:
            return True
        try:
            with self._database.session(retried=failed_before):
                async with in_transaction():
                    await models.Instance.filter(id=instance_id).update(
                        wanted=record.wanted, port=record.port
                    )
                    for service in record.services:
                        await models.Service.filter(instance_id=instance_id, name=service.name).update(
                            wanted=service.wanted, port=service.port
                        )
        except DatabaseError as error:
            if not failed_before:  # it is tried every two seconds
                log.error("not stored yet whether %s is to run, and its ports: %s", record.name, error)
            self._unsaved.add(instance_id)
            return False
        if failed_before:
            log.warning("stored now whether %s is to run, and its ports", record.name)
        return True


def _service(row: dict[str, object]) -> ServiceRecord:
    return msgspec.convert({name: row[name] for name in ServiceRecord.__struct_fields__}, ServiceRecord)


_ID = re.compile(r"[0-9a-f]{40}")


def _instance(row: dict[str, object], services: tuple[ServiceRecord, ...]) -> InstanceRecord:
    if not _ID.fullmatch(str(row["id"])):  # paths contain it
        raise ValueError("the id is not 40 hex digits")
    policy = msgspec.json.decode(str(row["supervision"])) if row["supervision"] else None
    tags = msgspec.json.decode(str(row["tags"])) if row["tags"] else ()
    own = {"supervision": policy, "services": services, "notes": row["notes"] or "", "tags": tags}
    return msgspec.convert({**row, **own}, InstanceRecord)


def _as_json(value: dict[str, Any] | tuple[str, ...] | None) -> str | None:
    return msgspec.json.encode(value).decode() if value else None
