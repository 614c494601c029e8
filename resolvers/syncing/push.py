"""Writes pending rows of ours to a bot's database, one by one, as long as that is safe."""

import contextlib
import sqlite3
from collections.abc import Callable
from typing import Any

from bots.database import emoji_writing, emojis, images, persons
from bots.database.images import BotImage
from bots.database.layout import Family, Layout
from bots.database.persons import PersonFields
from mailauncher.errors import Code, LauncherError, ResourceNotFound, Text
from mailauncher.interruption import Check
from resolvers.syncing.bot_database import (
    SHARED,
    BotDatabase,
    SyncProblems,
    SyncStores,
    as_bot_stores,
    as_columns,
    shared_values,
    snapshot_emoji,
    snapshot_person,
)
from store.persons import DEFAULT_PLATFORM
from store.resources import ResourceKind, Row, now_ms
from store.snapshots import Snapshot

PAGE = 50
KINDS: tuple[ResourceKind, ...] = ("emoji", "person")
_ROW_ERRORS = (Code.INVALID_IMAGE_FORMAT, Code.FILE_TOO_LARGE, Code.RESOURCE_NOT_FOUND, Code.INVALID_PATH)
"""Errors that concern one row: the push goes on with the next."""


class Push:
    """One pass over the pending rows of an instance, which ends where `is_safe` returns False for the next row. `applied`
    counts rows that reached the bot."""

    def __init__(
        self,
        stores: SyncStores,
        instance_id: str,
        database: BotDatabase,
        problems: SyncProblems,
        is_safe: Callable[[ResourceKind, Layout], bool],
    ) -> None:
        self.applied = 0
        self._stores = stores
        self._id = instance_id
        self._database = database
        self._problems = problems
        self._is_safe = is_safe

    async def run(self) -> None:
        """Pushes the rows. Each stays pending until the bot's database has committed it; if the server is killed before, the
        next pass repeats it. Raises LauncherError for what concerns all rows."""
        layout = await self._database.read(lambda _, layout: layout)
        if layout is None:
            return
        for kind in KINDS:
            await self._push_rows(kind, layout)

    async def _push_rows(self, kind: ResourceKind, layout: Layout) -> None:
        """The bot may be started between the check and the write of a row, by a start that did not wait for this push any
        longer. So the check comes before each row, and a write that needs the bot stopped asks for the database `alone`: a
        bot that has it open makes that write fail, and the row stays pending.
        """
        after = 0
        while rows := await self._stores.rows(kind).pending(self._id, PAGE, after):
            after = int(rows[-1]["seq"])
            for row in rows:
                if not self._is_safe(kind, layout):
                    return
                await self._push_row(kind, row, layout)

    async def _push_row(self, kind: ResourceKind, row: Row, layout: Layout) -> None:
        try:
            if row["pending"] == "delete":
                await self._delete(kind, row, layout)
            elif row["pending"] == "add":
                await (self._add_emoji(row, layout) if kind == "emoji" else self._add_person(row, layout))
            else:
                await self._update(kind, row, layout)
        except LauncherError as error:
            if error.code not in _ROW_ERRORS:
                raise
            self._problems.add_error(kind, _name(kind, row), error)
        else:
            self.applied += 1

    # Additions

    async def _add_emoji(self, row: Row, layout: Layout) -> None:
        picture = await self._database.prepare(
            lambda check: self._picture(row["image"], layout.family, check)
        )
        if not await self._claim("emoji", row, picture.key):
            return
        values = shared_values("emoji", row)

        def add(connection: sqlite3.Connection, layout: Layout) -> tuple[bool, Snapshot]:
            existed = emojis.find(connection, layout, picture.key) is not None
            tags = tuple(values["tags"])
            emoji_writing.add(
                connection,
                layout,
                self._database.folder,
                self._database.undo,
                picture,
                values["description"] or row["name"],
                tags,
            )
            added = emojis.find(connection, layout, picture.key)
            assert added is not None
            return existed, snapshot_emoji(added)

        existed, snapshot = await self._database.write(add, alone=not layout.emojis_writable_while_running)
        await self._finish_add("emoji", row, picture.key, existed, snapshot)

    def _picture(self, image: str, family: Family, check: Check) -> BotImage:
        try:
            data = self._stores.images.path(image).read_bytes()
        except OSError as error:
            raise ResourceNotFound("图片文件不存在", "The image file does not exist") from error
        return images.converted_for(data, family, check)

    async def _add_person(self, row: Row, layout: Layout) -> None:
        person = PersonFields(
            platform=DEFAULT_PLATFORM, user_id=row["user_id"], nickname=row["nickname"], name=row["username"]
        )
        if not await self._claim("person", row, person.key):
            return

        def add(connection: sqlite3.Connection, layout: Layout) -> tuple[bool, Snapshot]:
            existed = persons.find(connection, layout, person.key) is not None
            persons.put(connection, layout, self._database.undo, person)
            added = persons.find(connection, layout, person.key)
            assert added is not None
            return existed, snapshot_person(added)

        existed, snapshot = await self._database.write(add, alone=not layout.emojis_writable_while_running)
        await self._finish_add("person", row, person.key, existed, snapshot)

    async def _claim(self, kind: ResourceKind, row: Row, key: str) -> bool:
        """Records the bot's key in our row, before the bot has it. False: there is nothing to push, since another row of
        ours is linked to the same in the bot, or this one was deleted.

        If the server is killed after the bot's commit and before our row is settled, the next server finds the row by its
        key and completes it. Without the key, a pull in between would add the bot's row here a second time.
        """
        table = self._stores.rows(kind)
        holders = [r for r in await table.by_key(self._id, [key], "bot_key") if r["id"] != row["id"]]
        if shown := next((holder for holder in holders if holder["search"]), None):
            name = _name(kind, shown)
            text = Text(f"Bot 中已有相同的内容：{name}", f"The bot already has the same as {name}")
            self._problems.add(kind, _name(kind, row), text)
            await self._settle(kind, row, {})
            return False
        # It was deleted here and kept by the bot: the new row takes its place.
        await table.forget_hidden(self._id, holders)
        link = {"bot_key": key} | ({"origin": "bot"} if holders else {})
        try:
            await table.change(self._id, [row["id"]], lambda now: link | {"updated_at": now["updated_at"]})
        except ResourceNotFound:  # deleted since it was read
            return False
        return True

    async def _finish_add(
        self, kind: ResourceKind, row: Row, key: str, existed: bool, snapshot: Snapshot
    ) -> None:
        await self._stores.snapshots.save(self._id, kind, {key: snapshot}, now_ms())
        # It existed in the bot before any attempt of ours (a row of an earlier attempt has the key): then it is the bot's.
        origin = {"origin": "bot"} if existed and row["bot_key"] is None else {}
        await self._settle(kind, row, origin)

    # Changes

    async def _update(self, kind: ResourceKind, row: Row, layout: Layout) -> None:
        key = str(row["bot_key"])
        theirs = await self._database.read(lambda c, layout: _find(c, layout, kind, key))
        if theirs is None:
            text = Text(
                "Bot 已不再有它，修改只保留在这里", "It is gone from the bot; the change stays here only"
            )
            self._problems.add(kind, _name(kind, row), text)
            await self._stores.snapshots.delete(self._id, kind, [key])
            await self._settle(kind, row, {"bot_key": None})
            return
        base = (await self._stores.snapshots.get(self._id, kind, [key])).get(key)
        mine, taken, both = self._merge(kind, row, theirs, base, family=layout.family)

        def change(connection: sqlite3.Connection, layout: Layout) -> Snapshot | None:
            self._change(connection, layout, kind, key, mine, theirs)
            return _find(connection, layout, kind, key)

        snapshot = await self._database.write(change, alone=not layout.emojis_writable_while_running)
        for name in both:
            text = Text(
                f"Bot 与用户都修改了 {name}：采用用户的，Bot 原来的内容已留副本",
                f"Both the bot and the user changed {name}: the user's value is used, and a copy of the bot's is kept",
            )
            self._problems.add(kind, _name(kind, row), text)
        await self._stores.snapshots.save(self._id, kind, {key: snapshot or theirs}, now_ms())
        await self._settle(kind, row, as_columns(kind, taken))

    def _merge(
        self, kind: ResourceKind, row: Row, theirs: Snapshot, base: Snapshot | None, *, family: Family
    ) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
        """A three-way merge of the shared values; `base` is the last state that both sides had. Returns (values to write to
        the bot, values to take from it, names of values that both changed). Where both did, the user's value is used."""
        mine: dict[str, Any] = {}
        taken: dict[str, Any] = {}
        both: list[str] = []
        for name, value in as_bot_stores(kind, shared_values(kind, row), family=family).items():
            if value == theirs[name]:
                continue
            if base is None or theirs[name] == base[name]:
                mine[name] = value
            elif value == base[name]:
                taken[name] = theirs[name]
            else:
                mine[name] = value
                both.append(name)
        return mine, taken, both

    def _change(
        self,
        connection: sqlite3.Connection,
        layout: Layout,
        kind: ResourceKind,
        key: str,
        mine: dict[str, Any],
        theirs: Snapshot,
    ) -> None:
        if not mine:
            return
        if kind == "emoji":
            tags = tuple(mine["tags"]) if "tags" in mine else None
            emoji_writing.change(connection, layout, self._database.undo, key, mine.get("description"), tags)
            return
        person = PersonFields(
            platform=theirs["platform"],
            user_id=theirs["user_id"],
            nickname=mine.get("nickname", ""),
            name=mine.get("username", ""),
        )
        persons.change(connection, layout, self._database.undo, key, person)

    # Deletions

    async def _delete(self, kind: ResourceKind, row: Row, layout: Layout) -> None:
        key = row["bot_key"]

        def remove(connection: sqlite3.Connection, layout: Layout) -> None:
            if kind == "emoji":
                emoji_writing.remove(connection, layout, self._database.folder, self._database.undo, key)
            else:
                persons.remove(connection, layout, self._database.undo, key)

        if key is not None:
            await self._database.write(remove, alone=not layout.emojis_writable_while_running)
            await self._stores.snapshots.delete(self._id, kind, [key])
        await self._stores.rows(kind).remove(self._id, [row["id"]], missing_ok=True)

    async def _settle(self, kind: ResourceKind, row: Row, given: dict[str, Any]) -> None:
        """Sets columns of a pushed row, and clears `pending`, unless the user has changed the row since the push read it:
        then the bot has the older values, and `update` stays pending, or the change would never arrive."""

        def after_push(now: Row) -> dict[str, Any]:
            same = all(now[name] == row[name] for name in SHARED[kind])
            new = (
                given if same else {name: value for name, value in given.items() if name not in SHARED[kind]}
            )
            return new | {"pending": "" if same else "update", "updated_at": now["updated_at"]}

        with contextlib.suppress(ResourceNotFound):  # deleted, and the hidden row says what is pending
            await self._stores.rows(kind).change(self._id, [row["id"]], after_push)


def _find(connection: sqlite3.Connection, layout: Layout, kind: ResourceKind, key: str) -> Snapshot | None:
    if kind == "emoji":
        emoji = emojis.find(connection, layout, key)
        return snapshot_emoji(emoji) if emoji else None
    person = persons.find(connection, layout, key)
    return snapshot_person(person) if person else None


def _name(kind: ResourceKind, row: Row) -> str:
    return str(row["name"] if kind == "emoji" else row["nickname"] or row["username"] or row["user_id"])
