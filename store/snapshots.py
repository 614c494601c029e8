"""Snapshots of the bots' own databases: what each said of a row when it was last read, and how the last sync ended."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tortoise import connections

from mailauncher.errors import Text
from store.database import Database
from store.resources import ResourceKind
from store.statements import NAMES_AT_ONCE, execute_many, select, select_in

Snapshot = dict[str, Any]
"""A bot's row, in columns that mean the same in every version; see `resolvers.syncing.bot_database`."""


class LastSync(NamedTuple):
    """When a sync ended, in milliseconds since 1970, and why it failed; None: it succeeded."""

    at: int
    problem: Text | None


class Snapshots:
    """Tables `learned` and `sync`. A row is named by its key in the bot's database. Raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, instance_id: str, kind: ResourceKind, keys: Iterable[str]) -> dict[str, Snapshot]:
        """Snapshots by key, of those keys that have one."""
        statement = "SELECT key, said FROM learned WHERE instance_id = ? AND kind = ? AND key IN ({names})"
        with self._database.session():
            found = await select_in(connections.get("default"), statement, [instance_id, kind], keys)
        return {row["key"]: json.loads(row["said"]) for row in found}

    async def of_rows(self, kind: ResourceKind, ids: Iterable[str]) -> dict[str, Snapshot]:
        """Snapshots by the ids of our rows, of those that the bot has."""
        statement = (
            f"SELECT ours.id AS id, learned.said AS said FROM {kind} AS ours JOIN learned "  # noqa: S608 - one of two tables
            "ON learned.instance_id = ours.instance_id AND learned.kind = ? AND learned.key = ours.bot_key "
            "WHERE ours.id IN ({names})"
        )
        with self._database.session():
            found = await select_in(connections.get("default"), statement, [kind], ids)
        return {row["id"]: json.loads(row["said"]) for row in found}

    async def save(
        self, instance_id: str, kind: ResourceKind, snapshots: Mapping[str, Snapshot], at: int
    ) -> None:
        """Records snapshots by key, read at this moment. Raises InstanceNotFound."""
        statement = (
            "INSERT INTO learned (instance_id, kind, key, said, at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (instance_id, kind, key) DO UPDATE SET said = excluded.said, at = excluded.at"
        )
        values = [
            [instance_id, kind, key, json.dumps(snapshot, ensure_ascii=False), at]
            for key, snapshot in snapshots.items()
        ]
        with self._database.session(instance_id):
            await execute_many(connections.get("default"), statement, values)

    async def touch(self, instance_id: str, kind: ResourceKind, keys: Iterable[str], at: int) -> None:
        """Records that these rows were read at this moment, unchanged."""
        statement = "UPDATE learned SET at = ? WHERE instance_id = ? AND kind = ? AND key IN ({names})"
        with self._database.session():
            await select_in(connections.get("default"), statement, [at, instance_id, kind], keys)

    async def last_read(self, instance_id: str) -> int:
        """The latest moment at which a row was read; 0 if there is none."""
        with self._database.session():
            statement = "SELECT coalesce(max(at), 0) AS at FROM learned WHERE instance_id = ?"
            found = await select(connections.get("default"), statement, [instance_id])
        return int(found[0]["at"])

    async def not_read_since(self, instance_id: str, kind: ResourceKind, since: int) -> list[str]:
        """Up to NAMES_AT_ONCE keys of rows that were last read before this moment."""
        statement = (
            "SELECT key FROM learned WHERE instance_id = ? AND kind = ? AND at < ? ORDER BY at LIMIT ?"
        )
        with self._database.session():
            connection = connections.get("default")
            found = await select(connection, statement, [instance_id, kind, since, NAMES_AT_ONCE])
        return [row["key"] for row in found]

    async def delete(self, instance_id: str, kind: ResourceKind, keys: Iterable[str]) -> None:
        statement = "DELETE FROM learned WHERE instance_id = ? AND kind = ? AND key = ?"
        with self._database.session():
            await execute_many(
                connections.get("default"), statement, [[instance_id, kind, key] for key in keys]
            )

    async def last_sync(self, instance_id: str) -> LastSync | None:
        """How the last sync ended; None: there was none."""
        with self._database.session():
            statement = "SELECT at, zh, en FROM sync WHERE instance_id = ?"
            found = await select(connections.get("default"), statement, [instance_id])
        if not found:
            return None
        row = found[0]
        return LastSync(row["at"], Text(row["zh"], row["en"] or "") if row["zh"] else None)

    async def save_last_sync(self, instance_id: str, sync: LastSync) -> None:
        """Raises InstanceNotFound."""
        statement = (
            "INSERT INTO sync (instance_id, at, zh, en) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (instance_id) DO UPDATE SET at = excluded.at, zh = excluded.zh, en = excluded.en"
        )
        zh, en = sync.problem or (None, None)
        with self._database.session(instance_id):
            await execute_many(connections.get("default"), statement, [[instance_id, sync.at, zh, en]])

    async def count_pending(self, instance_id: str) -> int:
        """The number of emojis and persons that have yet to be pushed to the bot."""
        count = "(SELECT count(*) FROM {} WHERE instance_id = ? AND pending IN ('add', 'update', 'delete'))"
        statement = f"SELECT {count.format('emoji')} + {count.format('person')} AS n"
        with self._database.session():
            found = await select(connections.get("default"), statement, [instance_id, instance_id])
        return int(found[0]["n"])
