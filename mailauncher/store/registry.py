"""The managed instances: in memory for reading, written through to the database.

They are few and asked for all the time, so nothing here reads the database after `load`.
"""

import asyncio
import logging
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec
from tortoise.transactions import in_transaction

from mailauncher.store import models
from mailauncher.store.database import Database
from mailauncher.store.records import InstanceRecord, ServiceRecord

log = logging.getLogger(__name__)


class Registry:
    """Every instance by id, in the order they were added. Writers take turns; a write that fails changes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._records: dict[str, InstanceRecord] = {}
        self._writing = asyncio.Lock()

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
                    log.error("instance %r in the database is broken, and left out: %s", row["id"], error)
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
                    columns["supervision"] = _text(record.supervision)
                    await models.Instance.create(**columns)
                    for service in record.services:
                        await models.Service.create(instance_id=record.id, **msgspec.structs.asdict(service))
            self._records[record.id] = record

    async def remove(self, instance_id: str) -> None:
        async with self._writing:
            with self._database.session():
                await models.Instance.filter(id=instance_id).delete()
            self._records.pop(instance_id, None)

    async def set_supervision(self, instance_id: str, wishes: dict[str, Any]) -> None:
        """Records how an instance's programs are looked after."""
        async with self._writing:
            record = self._records[instance_id]
            with self._database.session():
                await models.Instance.filter(id=instance_id).update(supervision=_text(wishes))
            self._records[instance_id] = msgspec.structs.replace(record, supervision=wishes)

    async def replace(self, record: InstanceRecord) -> None:
        """Records another version of an instance, and which services it has with that; the rest of it stays as it is. An
        unknown instance is ignored."""
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

    async def set_ports(self, instance_id: str, ports: Mapping[str, int]) -> None:
        """Records what programs listen on: services by name, `main` for the main program. Unknown instances are ignored:
        one may have been removed meanwhile."""
        async with self._writing:
            record = self._records.get(instance_id)
            if record is None:
                return
            main = ports.get("main", record.port)
            with self._database.session():
                async with in_transaction():
                    await models.Instance.filter(id=instance_id).update(port=main)
                    for name, port in ports.items():
                        await models.Service.filter(instance_id=instance_id, name=name).update(port=port)
            services = tuple(
                msgspec.structs.replace(s, port=ports.get(s.name, s.port)) for s in record.services
            )
            self._records[instance_id] = msgspec.structs.replace(record, port=main, services=services)

    async def set_wanted(self, instance_id: str, names: Collection[str], wanted: bool) -> None:
        """Records whether programs are meant to run: services by name, `main` for the main program. Unknown instances are
        ignored: the supervisor reports what it sees, and one may have been removed meanwhile."""
        async with self._writing:
            record = self._records.get(instance_id)
            if record is None:
                return
            main = wanted if "main" in names else record.wanted
            services = [name for name in names if name != "main"]
            with self._database.session():
                async with in_transaction():
                    await models.Instance.filter(id=instance_id).update(wanted=main)
                    if services:
                        await models.Service.filter(instance_id=instance_id, name__in=services).update(
                            wanted=wanted
                        )
            changed = (
                msgspec.structs.replace(s, wanted=wanted) if s.name in services else s
                for s in record.services
            )
            self._records[instance_id] = msgspec.structs.replace(record, wanted=main, services=tuple(changed))


def _service(row: dict[str, object]) -> ServiceRecord:
    return msgspec.convert({name: row[name] for name in ServiceRecord.__struct_fields__}, ServiceRecord)


_ID = re.compile(r"[0-9a-f]{40}")


def _instance(row: dict[str, object], services: tuple[ServiceRecord, ...]) -> InstanceRecord:
    if not _ID.fullmatch(str(row["id"])):  # it is part of paths
        raise ValueError("the id is not 40 hex digits")
    wishes = msgspec.json.decode(str(row["supervision"])) if row["supervision"] else None
    return msgspec.convert({**row, "supervision": wishes, "services": services}, InstanceRecord)


def _text(wishes: dict[str, Any] | None) -> str | None:
    return msgspec.json.encode(wishes).decode() if wishes else None
