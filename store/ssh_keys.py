"""The keys that may log in over SSH: in memory for judging logins, written through to the database."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import msgspec

from mailauncher.errors import DatabaseError, DuplicateResource, ResourceNotFound
from mailauncher.events import Bus, SshKeysChanged
from mailauncher.grants import Grant, Scope
from store import models
from store.database import Database

log = logging.getLogger(__name__)


class SshKeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `models.SshKey`. Times are milliseconds since 1970."""

    name: str
    key: str
    fingerprint: str
    authority: bool
    principals: tuple[str, ...]
    scope: Scope
    instances: tuple[str, ...] | None
    added_at: int
    used_at: int | None = None
    used_from: str | None = None

    @property
    def grant(self) -> Grant:
        return Grant(self.scope, None if self.instances is None else frozenset(self.instances))


class SshKeys:
    """Every key by fingerprint, in the order they were added. One writer at a time; a write that fails changes nothing.

    Publishes SshKeysChanged after keys were added, changed or removed.
    """

    def __init__(self, database: Database, bus: Bus) -> None:
        self._database = database
        self._bus = bus
        self._records: dict[str, SshKeyRecord] = {}
        self._unstored: set[str] = set()
        """Fingerprints of keys that were removed, or may do less, and of which the database does not know that yet."""
        self._writing = asyncio.Lock()

    @classmethod
    async def read(cls, database: Database, bus: Bus) -> "SshKeys":
        """Those that the database has."""
        keys = cls(database, bus)
        with database.session():
            rows = await models.SshKey.all().order_by("id").values()
        for row in rows:
            try:
                record = _record(row)
            except (msgspec.MsgspecError, ValueError) as error:
                log.error("SSH key %r in the database is invalid and not trusted: %s", row["name"], error)
            else:
                keys._records[record.fingerprint] = record
        return keys

    def __iter__(self) -> Iterator[SshKeyRecord]:
        return iter(self._records.values())

    def __len__(self) -> int:
        return len(self._records)

    def get(self, fingerprint: str) -> SshKeyRecord | None:
        return self._records.get(fingerprint)

    async def add(self, record: SshKeyRecord) -> None:
        """Raises DuplicateResource for a name or a key that is there already."""
        async with self._writing:
            if record.fingerprint in self._records:
                name = self._records[record.fingerprint].name
                raise DuplicateResource(
                    f"此密钥已以名称 {name} 添加", f"This key has been added already, as {name}", field="key"
                )
            if any(record.name == known.name for known in self):
                raise DuplicateResource(
                    f"已有名为 {record.name} 的密钥",
                    f"There is a key named {record.name} already",
                    field="name",
                )
            columns = msgspec.structs.asdict(record)
            columns["principals"] = msgspec.json.encode(record.principals).decode()
            columns["instances"] = _instances_column(record)
            await self._store_unstored()  # the names and keys of removed ones are free
            with self._database.session():
                await models.SshKey.create(**columns)
            self._records[record.fingerprint] = record
        self._bus.publish(SshKeysChanged())

    async def change(
        self, name: str, changed: Callable[[SshKeyRecord], SshKeyRecord]
    ) -> tuple[SshKeyRecord, SshKeyRecord, bool]:
        """Gives a key another scope and other instances: those that `changed` makes of what it has. Returns it as it was and as
        it is, and whether that is stored: as with `remove`, if it may do less now. Raises ResourceNotFound, and what `changed`
        raises."""
        async with self._writing:
            former = self._named(name)
            record = changed(former)
            if record == former:
                return former, record, record.fingerprint not in self._unstored
            if former.grant.includes(record.grant):
                return former, record, await self._take(former, record)
            with self._database.session():
                await _update(record)
            self._unstored.discard(record.fingerprint)
            self._records[record.fingerprint] = record
        self._bus.publish(SshKeysChanged())
        return former, record, True

    async def remove(self, name: str) -> tuple[SshKeyRecord, bool]:
        """Returns the key as it was, and whether that is stored. Where it cannot be (a full disk), the key is not trusted any more all
        the same, and `save_unsaved` stores it. Raises ResourceNotFound."""
        async with self._writing:
            record = self._named(name)
            return record, await self._take(record, None)

    async def _take(self, former: SshKeyRecord, left: SshKeyRecord | None) -> bool:
        """Takes rights from a key, or all of them: at once, since a database that hangs may take long to say so. Returns whether
        that is stored."""
        fingerprint = former.fingerprint
        before = self._unstored.copy()
        if left is None:
            del self._records[fingerprint]
        else:
            self._records[fingerprint] = left
        self._unstored.add(fingerprint)
        self._bus.publish(SshKeysChanged())
        try:
            await self._store_unstored()
        except DatabaseError as error:
            if not error.passing:
                self._unstored = before
                self._records[fingerprint] = former
                raise
            log.error(
                "SSH key %s has lost rights, and has them again if the server is started anew now: %s",
                former.name,
                error,
            )
        return fingerprint not in self._unstored

    async def save_unsaved(self) -> None:
        """Stores what could not be stored, if there is room now."""
        async with self._writing:
            with suppress(DatabaseError):
                await self._store_unstored(retried=True)

    async def _store_unstored(self, *, retried: bool = False) -> None:
        """Raises DatabaseError."""
        if self._unstored:
            with self._database.session(retried=retried):
                for fingerprint in self._unstored:
                    if record := self._records.get(fingerprint):
                        await _update(record)
                    else:
                        await models.SshKey.filter(fingerprint=fingerprint).delete()
            self._unstored.clear()

    def _named(self, name: str) -> SshKeyRecord:
        """Raises ResourceNotFound."""
        record = next((known for known in self if known.name == name), None)
        if record is None:
            shown = name[:64]
            raise ResourceNotFound(f"没有名为 {shown} 的密钥", f"There is no key named {shown}", field="name")
        return record

    async def note_use(self, fingerprint: str, address: str) -> None:
        """Notes a login with a key. Never raises DatabaseError: it has happened already, and on a full disk too."""
        async with self._writing:
            if (record := self._records.get(fingerprint)) is None:
                return
            now = int(time.time() * 1000)
            self._records[fingerprint] = msgspec.structs.replace(record, used_at=now, used_from=address)
            try:
                with self._database.session():
                    await models.SshKey.filter(fingerprint=fingerprint).update(used_at=now, used_from=address)
            except DatabaseError as error:
                log.error("the last use of SSH key %s is not stored: %s", record.name, error)


async def _update(record: SshKeyRecord) -> None:
    """Stores what the key may do."""
    await models.SshKey.filter(fingerprint=record.fingerprint).update(
        scope=record.scope, instances=_instances_column(record)
    )


def _instances_column(record: SshKeyRecord) -> str | None:
    return None if record.instances is None else msgspec.json.encode(record.instances).decode()


def _record(row: dict[str, object]) -> SshKeyRecord:
    instances = row["instances"]
    own = {
        "principals": msgspec.json.decode(str(row["principals"])),
        "instances": None if instances is None else msgspec.json.decode(str(instances)),
        "authority": bool(row["authority"]),
    }
    return msgspec.convert({**row, **own}, SshKeyRecord)
