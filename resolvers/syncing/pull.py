"""Reads what a bot has learned into our tables. Writes nothing to the bot, and keeps what the user changed here."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from bots.database import emojis, persons
from bots.database.rows import BotEmoji, BotPerson
from mailauncher.errors import Code, DuplicateResource, LauncherError, Text
from resolvers.syncing.bot_database import (
    SHARED,
    BotDatabase,
    SyncProblems,
    SyncStores,
    as_columns,
    sanitised,
    shared_values,
    snapshot_emoji,
    snapshot_person,
)
from store.emojis import NAME_LENGTH
from store.persons import USER_ID_LENGTH
from store.resources import ASIDE, ResourceKind, Row, now_ms
from store.snapshots import Snapshot

PAGE = 200
KEY_LENGTH = 255
_SHORT_KEY = 8


class Pull:
    """One pass over the database of one instance's bot. Counts rows of ours: `added`, `changed` by the bot, and `gone` from
    the bot, which stay here."""

    def __init__(
        self, stores: SyncStores, instance_id: str, database: BotDatabase, problems: SyncProblems
    ) -> None:
        self.added = 0
        self.changed = 0
        self.gone = 0
        self._stores = stores
        self._id = instance_id
        self._database = database
        self._problems = problems
        self._number = 0

    async def run(self) -> None:
        """Idempotent; whatever an interrupted pass left undone, the next one does. Raises LauncherError.

        What a pass reads is stored with one number, higher than any before, rather than with times: rows that were just read
        would be taken for missing where the clock is set back meanwhile.
        """
        self._number = max(now_ms(), await self._stores.snapshots.last_read(self._id) + 1)
        layout = await self._database.read(lambda _, layout: layout)
        if layout is not None and layout.emojis is not None:
            await self._pull_emojis()
            await self._unlink_missing("emoji")
        if layout is not None and layout.persons is not None:
            await self._pull_persons()
            await self._unlink_missing("person")

    # Emojis

    async def _pull_emojis(self) -> None:
        after = 0
        while page := await self._emoji_page(after):
            after = page[-1].row
            valid = {emoji.key: emoji for emoji in reversed(page) if self._has_key("emoji", emoji.key)}
            snapshots = {key: snapshot_emoji(emoji) for key, emoji in valid.items()}
            previous = await self._stores.snapshots.get(self._id, "emoji", snapshots)
            known = await self._update_rows("emoji", snapshots, previous)
            for key in [key for key in reversed(valid) if key not in known]:  # the newest last, as in the bot
                if not await self._add_emoji(valid[key]):
                    del snapshots[key]
            await self._save_snapshots("emoji", snapshots, previous)

    async def _emoji_page(self, after: int) -> list[BotEmoji]:
        return await self._database.read(lambda c, layout: emojis.page(c, layout, after, PAGE)) or []

    async def _add_emoji(self, emoji: BotEmoji) -> bool:
        """Adds a row for it, or links the row that has its image. False: it was refused, and is among the problems."""
        label = sanitised(emoji.tags[0] if emoji.tags else emoji.description, 40) or emoji.key[:_SHORT_KEY]
        try:
            data = await asyncio.to_thread(emojis.image, self._database.folder, emoji.path)
            picture = await self._stores.images.examine(data)
            if await self._link_emoji(emoji, picture.name):
                return True
            snapshot = snapshot_emoji(emoji)
            row = as_columns("emoji", {name: snapshot[name] for name in SHARED["emoji"]}) | {
                "name": await self._free_name(label, emoji.key),
                "category": "",
                "image": picture.name,
                "origin": "bot",
                "bot_key": emoji.key,
            }
            await self._stores.images.save([picture], lambda: self._stores.emojis.add(self._id, [row]))
        except LauncherError as error:
            if error.code in (Code.DATABASE_ERROR, Code.INSTANCE_NOT_FOUND, Code.INSUFFICIENT_SPACE):
                raise
            self._problems.add_error("emoji", label, error)
            return False
        self.added += 1
        return True

    async def _link_emoji(self, emoji: BotEmoji, image: str) -> bool:
        """The user's emoji with the same image is this one. It becomes the bot's, so that deleting it here does not delete
        it there; the user's values are pending. False: there is none."""
        rows = await self._stores.emojis.by_key(self._id, [image], "image")
        ours = next((row for row in rows if row["search"] and row["bot_key"] is None), None)
        if ours is not None:
            same = self._same_values("emoji", ours, snapshot_emoji(emoji))
            link = {"origin": "bot", "bot_key": emoji.key, "pending": "" if same else "update"}
            await self._stores.emojis.set_columns(self._id, {ours["id"]: link})
        return ours is not None

    async def _free_name(self, label: str, key: str) -> str:
        names = (label, f"{label} {key[:_SHORT_KEY]}", f"{label[:20]} {key[:40]}")
        taken = {row["name"] for row in await self._stores.emojis.by_key(self._id, names)}
        return next((name for name in names if name not in taken), f"{label[:20]} {now_ms()}")[:NAME_LENGTH]

    # Persons

    async def _pull_persons(self) -> None:
        after = 0
        while page := await self._person_page(after):
            after = page[-1].row
            valid = {p.key: p for p in page if self._has_key("person", p.key) and self._has_user_id(p)}
            snapshots = {key: snapshot_person(person) for key, person in valid.items()}
            previous = await self._stores.snapshots.get(self._id, "person", snapshots)
            known = await self._update_rows("person", snapshots, previous)
            await self._add_persons([p for key, p in valid.items() if key not in known], snapshots)
            await self._save_snapshots("person", snapshots, previous)

    async def _person_page(self, after: int) -> list[BotPerson]:
        return await self._database.read(lambda c, layout: persons.page(c, layout, after, PAGE)) or []

    async def _add_persons(self, new: Sequence[BotPerson], snapshots: dict[str, Snapshot]) -> None:
        """Adds rows for them, or links the rows that have their user ids. Drops the snapshots of those that were refused."""
        ids = [name for person in new for name in (person.user_id, _full_id(person))]
        ours = {row["user_id"]: row for row in await self._stores.persons.by_key(self._id, ids)}
        made: dict[str, Row] = {}
        links: dict[str, Mapping[str, Any]] = {}
        for person in new:
            row = ours.get(person.user_id)
            if row is not None and row["bot_key"] is None and row["search"] and row["id"] not in links:
                same = self._same_values("person", row, snapshots[person.key])
                pending = "" if same else "update"
                links[row["id"]] = {"origin": "bot", "bot_key": person.key, "pending": pending}
                continue
            user_id = person.user_id if row is None and person.user_id not in made else _full_id(person)
            if user_id in ours or user_id in made or len(user_id) > USER_ID_LENGTH:
                self._refuse("person", user_id, "用户 ID 已被占用", "the user ID is taken")
                del snapshots[person.key]
                continue
            made[user_id] = {name: snapshots[person.key][name] for name in SHARED["person"]} | {
                "user_id": user_id,
                "avatar_url": "",
                "profile": "{}",
                "origin": "bot",
                "bot_key": person.key,
            }
        await self._stores.persons.set_columns(self._id, links)
        try:
            self.added += len(await self._stores.persons.add(self._id, list(made.values())))
        except DuplicateResource as error:
            # The user has added one of them since `by_key` looked. None is added; the next sync adds the others.
            self._problems.add_error("person", new[0].user_id, error)
            for row in made.values():
                del snapshots[row["bot_key"]]

    # Both

    async def _update_rows(
        self, kind: ResourceKind, snapshots: dict[str, Snapshot], previous: Mapping[str, Snapshot]
    ) -> set[str]:
        """Gives our rows what the bot changed since the previous snapshots. Returns the keys of rows that we have.

        A row that the user has changed, and that is not pushed yet, keeps its previous snapshot: only by comparing with
        that can the push tell which side changed what. With the new one, a change by the bot would look like the common
        past, and the user's row like the only change. So does a row that is put aside: once it is back, it is given the change.
        """
        rows = await self._stores.rows(kind).by_key(self._id, snapshots, "bot_key")
        changes: dict[str, Mapping[str, Any]] = {}
        for row in rows:
            key = str(row["bot_key"])
            before, now = previous.get(key, snapshots[key]), snapshots[key]
            if row["pending"] in ("add", "update", ASIDE):
                snapshots[key] = before
            elif not row["pending"] and not self._same_values(kind, now, before):
                new = {name: now[name] for name in SHARED[kind] if now[name] != before[name]}
                changes[row["id"]] = as_columns(kind, new) | {"updated_at": now_ms()}
        await self._stores.rows(kind).set_columns(self._id, changes)
        self.changed += len(changes)
        return {str(row["bot_key"]) for row in rows}

    async def _save_snapshots(
        self, kind: ResourceKind, snapshots: Mapping[str, Snapshot], previous: Mapping[str, Snapshot]
    ) -> None:
        same = [key for key in snapshots if previous.get(key) == snapshots[key]]
        await self._stores.snapshots.touch(self._id, kind, same, self._number)
        new = {key: snapshot for key, snapshot in snapshots.items() if previous.get(key) != snapshot}
        await self._stores.snapshots.save(self._id, kind, new, self._number)

    async def _unlink_missing(self, kind: ResourceKind) -> None:
        """Unlinks rows that are gone from the bot; they stay here. Removes hidden ones, which nobody needs any more."""
        table = self._stores.rows(kind)
        while keys := await self._stores.snapshots.not_read_since(self._id, kind, self._number):
            rows = await table.by_key(self._id, keys, "bot_key")
            gone = {row["id"]: {"bot_key": None, "pending": ""} for row in rows if row["search"]}
            await table.set_columns(self._id, gone)
            await table.forget_hidden(self._id, rows)
            await self._stores.snapshots.delete(self._id, kind, keys)
            self.gone += len(gone)

    def _same_values(self, kind: ResourceKind, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        """Compares the shared values of rows of ours or snapshots."""
        mine, theirs = (shared_values(kind, dict(o)) if "id" in o else o for o in (one, other))
        return all(mine[name] == theirs[name] for name in SHARED[kind])

    def _has_key(self, kind: ResourceKind, key: str) -> bool:
        if not key or len(key) > KEY_LENGTH:
            self._refuse(kind, key, "没有可用的标识", "it has no usable key")
            return False
        return True

    def _has_user_id(self, person: BotPerson) -> bool:
        if not person.user_id or person.user_id != sanitised(person.user_id, USER_ID_LENGTH):
            self._refuse("person", person.user_id, "用户 ID 无效", "its user ID is invalid")
            return False
        return True

    def _refuse(self, kind: ResourceKind, name: str, zh: str, en: str) -> None:
        self._problems.add(kind, name, Text(f"未导入：{zh}", f"Not imported: {en}"), Code.INVALID_PARAMETER)


def _full_id(person: BotPerson) -> str:
    """The user id of a person on another platform whose plain id is taken here."""
    return f"{person.platform}:{person.user_id}"
