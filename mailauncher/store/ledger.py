"""What the bots' own databases said when they were last read, and how that went."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from tortoise import connections

from mailauncher.errors import Text
from mailauncher.store.database import Database
from mailauncher.store.statements import NAMES_AT_ONCE, many, rows

Kind = Literal["emoji", "person"]


class LastSync(NamedTuple):
    """When a sync ended, in milliseconds since 1970, and why it failed; None: it did not."""

    at: int
    problem: Text | None


class Ledger:
    """Tables `learned` and `sync`. Raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def known(self, instance_id: str, kind: Kind, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What was noted of these keys; those of which nothing was are left out."""
        wanted, found = list(dict.fromkeys(keys)), []
        with self._database.session():
            for begin in range(0, len(wanted), NAMES_AT_ONCE):
                part = wanted[begin : begin + NAMES_AT_ONCE]
                marks = ", ".join("?" * len(part))
                statement = (
                    f"SELECT key, said FROM learned WHERE instance_id = ? AND kind = ? AND key IN ({marks})"  # noqa: S608 - only placeholders
                )
                found += await rows(connections.get("default"), statement, [instance_id, kind, *part])
        return {row["key"]: json.loads(row["said"]) for row in found}

    async def said_of(self, kind: Kind, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """What was noted of rows of ours, by their ids; those that the bot does not have are left out."""
        wanted, found = list(dict.fromkeys(ids)), []
        with self._database.session():
            for begin in range(0, len(wanted), NAMES_AT_ONCE):
                part = wanted[begin : begin + NAMES_AT_ONCE]
                statement = (
                    f"SELECT ours.id AS id, learned.said AS said FROM {kind} AS ours JOIN learned "  # noqa: S608 - only placeholders
                    "ON learned.instance_id = ours.instance_id AND learned.kind = ? AND learned.key = ours.bot_key "
                    f"WHERE ours.id IN ({', '.join('?' * len(part))})"
                )
                found += await rows(connections.get("default"), statement, [kind, *part])
        return {row["id"]: json.loads(row["said"]) for row in found}

    async def note(
        self, instance_id: str, kind: Kind, learned: Mapping[str, Mapping[str, Any]], at: int
    ) -> None:
        """Notes what was read, by key, at a moment."""
        statement = (
            "INSERT INTO learned (instance_id, kind, key, said, at) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (instance_id, kind, key) DO UPDATE SET said = excluded.said, at = excluded.at"
        )
        values = [
            [instance_id, kind, key, json.dumps(row, ensure_ascii=False), at] for key, row in learned.items()
        ]
        with self._database.session():
            await many(connections.get("default"), statement, values)

    async def seen(self, instance_id: str, kind: Kind, keys: Iterable[str], at: int) -> None:
        """Notes that these keys were there at a moment, and said what they said before."""
        wanted = list(keys)
        with self._database.session():
            for begin in range(0, len(wanted), NAMES_AT_ONCE):
                part = wanted[begin : begin + NAMES_AT_ONCE]
                marks = ", ".join("?" * len(part))
                statement = (
                    f"UPDATE learned SET at = ? WHERE instance_id = ? AND kind = ? AND key IN ({marks})"  # noqa: S608 - only placeholders
                )
                await rows(connections.get("default"), statement, [at, instance_id, kind, *part])

    async def unseen(self, instance_id: str, kind: Kind, since: int) -> list[str]:
        """Up to NAMES_AT_ONCE keys that were last seen before a moment."""
        statement = (
            "SELECT key FROM learned WHERE instance_id = ? AND kind = ? AND at < ? ORDER BY at LIMIT ?"
        )
        with self._database.session():
            found = await rows(
                connections.get("default"), statement, [instance_id, kind, since, NAMES_AT_ONCE]
            )
        return [row["key"] for row in found]

    async def forget(self, instance_id: str, kind: Kind, keys: Iterable[str]) -> None:
        statement = "DELETE FROM learned WHERE instance_id = ? AND kind = ? AND key = ?"
        with self._database.session():
            await many(connections.get("default"), statement, [[instance_id, kind, key] for key in keys])

    async def last(self, instance_id: str) -> LastSync | None:
        """How the last sync went; None: there was none."""
        with self._database.session():
            statement = "SELECT at, zh, en FROM sync WHERE instance_id = ?"
            found = await rows(connections.get("default"), statement, [instance_id])
        if not found:
            return None
        row = found[0]
        return LastSync(row["at"], Text(row["zh"], row["en"] or "") if row["zh"] else None)

    async def ended(self, instance_id: str, sync: LastSync) -> None:
        statement = (
            "INSERT INTO sync (instance_id, at, zh, en) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (instance_id) DO UPDATE SET at = excluded.at, zh = excluded.zh, en = excluded.en"
        )
        zh, en = sync.problem or (None, None)
        with self._database.session():
            await many(connections.get("default"), statement, [[instance_id, sync.at, zh, en]])

    async def waiting(self, instance_id: str) -> int:
        """How many emojis and persons the bot has still to be told of."""
        count = "(SELECT count(*) FROM {} WHERE instance_id = ? AND pending IN ('add', 'update', 'delete'))"
        statement = f"SELECT {count.format('emoji')} + {count.format('person')} AS n"
        with self._database.session():
            found = await rows(connections.get("default"), statement, [instance_id, instance_id])
        return int(found[0]["n"])
