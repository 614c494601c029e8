"""Telling a bot what the user changed here: rows of ours that are pending, one by one, for as long as that is safe."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from typing import Any

from mailauncher.bots.learned import emoji_writing, emojis, persons, pictures
from mailauncher.bots.learned.layout import Family, Layout
from mailauncher.bots.learned.persons import Known
from mailauncher.bots.learned.pictures import Picture
from mailauncher.errors import Code, LauncherError, ResourceNotFound, Text
from mailauncher.store.ledger import Kind
from mailauncher.store.resources import Row, now_ms
from resolvers.learned import (
    WORDS,
    Access,
    Problems,
    Stores,
    columns_of,
    said_of_emoji,
    said_of_person,
    spoken,
    words_of,
)

PAGE = 50
PLATFORM = "qq"
"""Where a person lives whom the user made here."""
KINDS: tuple[Kind, ...] = ("emoji", "person")
_ITS_OWN = (Code.INVALID_IMAGE_FORMAT, Code.FILE_TOO_LARGE, Code.RESOURCE_NOT_FOUND, Code.INVALID_PATH)
"""Codes that are one row's trouble: the others go on."""


class Telling:
    """One pass over the pending rows of an instance. `safe` is asked before each; `applied` counts those that arrived."""

    def __init__(
        self,
        stores: Stores,
        instance_id: str,
        access: Access,
        problems: Problems,
        safe: Callable[[Kind, Layout], bool],
    ) -> None:
        self.applied = 0
        self._stores = stores
        self._id = instance_id
        self._access = access
        self._problems = problems
        self._safe = safe

    async def run(self) -> None:
        """A row stays pending until the bot has it for good, so that an end at any moment is made good by the next pass.
        Raises LauncherError for what concerns all of them."""
        layout = await self._access.read(lambda _, layout: layout)
        if layout is None:
            return
        for kind in KINDS:
            after = 0
            while rows := await self._stores.rows(kind).pending(self._id, PAGE, after):
                after = int(rows[-1]["seq"])
                for row in rows:
                    if not self._safe(kind, layout):
                        rows = []
                        break
                    await self._one(kind, row, layout)
                if not rows:
                    break

    async def _one(self, kind: Kind, row: Row, layout: Layout) -> None:
        try:
            if row["pending"] == "delete":
                await self._delete(kind, row, layout)
            elif row["pending"] == "add":
                await (self._add_emoji(row, layout) if kind == "emoji" else self._add_person(row, layout))
            else:
                await self._update(kind, row, layout)
        except LauncherError as error:
            if error.code not in _ITS_OWN:
                raise
            self._problems.refused(kind, _name(kind, row), error)
        else:
            self.applied += 1

    # Additions

    async def _add_emoji(self, row: Row, layout: Layout) -> None:
        picture = await asyncio.to_thread(self._picture, row["image"], layout.family)
        if not await self._claim("emoji", row, picture.key):
            return
        words = words_of("emoji", row)

        def add(connection: sqlite3.Connection, layout: Layout) -> tuple[bool, dict[str, Any]]:
            there = emojis.find(connection, layout, picture.key)
            tags = tuple(words["tags"])
            emoji_writing.add(
                connection,
                layout,
                self._access.folder,
                self._access.undo,
                picture,
                words["description"] or row["name"],
                tags,
            )
            added = emojis.find(connection, layout, picture.key)
            assert added is not None
            return there is not None, said_of_emoji(added)

        there, said = await self._access.write(add, alone=not layout.live)
        await self._added("emoji", row, picture.key, there, said)

    def _picture(self, image: str, family: Family) -> Picture:
        try:
            data = self._stores.images.path(image).read_bytes()
        except OSError as error:
            raise ResourceNotFound("图片文件不存在", "The image's file is not there") from error
        return pictures.fitting(data, family)

    async def _add_person(self, row: Row, layout: Layout) -> None:
        person = Known(
            platform=PLATFORM, user_id=row["user_id"], nickname=row["nickname"], name=row["username"]
        )
        if not await self._claim("person", row, person.key):
            return

        def add(connection: sqlite3.Connection, layout: Layout) -> tuple[bool, dict[str, Any]]:
            there = persons.find(connection, layout, person.key)
            persons.put(connection, layout, self._access.undo, person)
            added = persons.find(connection, layout, person.key)
            assert added is not None
            return there is not None, said_of_person(added)

        there, said = await self._access.write(add, alone=not layout.live)
        await self._added("person", row, person.key, there, said)

    async def _claim(self, kind: Kind, row: Row, key: str) -> bool:
        """Notes the key before the bot has it, so that what was cut short is found again. False where another row of ours
        stands for the same in the bot: then there is nothing to tell."""
        store = self._stores.rows(kind)
        holders = [r for r in await store.by_key(self._id, [key], "bot_key") if r["id"] != row["id"]]
        if shown := next((holder for holder in holders if holder["search"]), None):
            name = _name(kind, shown)
            text = Text(f"Bot 中已有相同的内容：{name}", f"The bot has the same as {name} already")
            self._problems.add(kind, _name(kind, row), text)
            await self._settle(kind, row, {})
            return False
        # What was deleted here and kept by the bot is the user's again.
        await store.remove(self._id, [holder["id"] for holder in holders], missing_ok=True)
        given = {"bot_key": key} | ({"origin": "bot"} if holders else {})
        try:
            await store.change(self._id, [row["id"]], lambda now: given | {"updated_at": now["updated_at"]})
        except ResourceNotFound:  # deleted meanwhile
            return False
        return True

    async def _added(self, kind: Kind, row: Row, key: str, there: bool, said: dict[str, Any]) -> None:
        await self._stores.ledger.note(self._id, kind, {key: said}, now_ms())
        # What the bot had before, and no earlier attempt of ours, is the bot's own.
        own = {"origin": "bot"} if there and row["bot_key"] is None else {}
        await self._settle(kind, row, own)

    # Changes

    async def _update(self, kind: Kind, row: Row, layout: Layout) -> None:
        key = str(row["bot_key"])
        theirs = await self._access.read(lambda c, layout: _find(c, layout, kind, key))
        if theirs is None:
            text = Text(
                "Bot 已不再有它，修改只保留在这里", "The bot has it no more; the change stays here alone"
            )
            self._problems.add(kind, _name(kind, row), text)
            await self._stores.ledger.forget(self._id, kind, [key])
            await self._settle(kind, row, {"bot_key": None})
            return
        former = (await self._stores.ledger.known(self._id, kind, [key])).get(key)
        mine, taken, both = self._merged(kind, row, theirs, former, live=layout.live)

        def change(connection: sqlite3.Connection, layout: Layout) -> dict[str, Any] | None:
            self._change(connection, layout, kind, key, mine, theirs)
            return _find(connection, layout, kind, key)

        said = await self._access.write(change, alone=not layout.live)
        for name in both:
            text = Text(
                f"Bot 与用户都修改了 {name}：采用用户的，Bot 原来的内容已留副本",
                f"Both the bot and the user changed {name}: the user's counts, and a copy of the bot's is kept",
            )
            self._problems.add(kind, _name(kind, row), text)
        await self._stores.ledger.note(self._id, kind, {key: said or theirs}, now_ms())
        await self._settle(kind, row, columns_of(kind, taken))

    def _merged(
        self, kind: Kind, row: Row, theirs: dict[str, Any], former: dict[str, Any] | None, *, live: bool
    ) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
        """(the words to write to the bot, the words to take from it, the names of those that both changed): the user's
        where the user changed them, the bot's where only the bot did. Where both did, the user's count."""
        mine: dict[str, Any] = {}
        taken: dict[str, Any] = {}
        both: list[str] = []
        for name, word in spoken(kind, words_of(kind, row), live=live).items():
            if word == theirs[name]:
                continue
            if former is None or theirs[name] == former[name]:
                mine[name] = word
            elif word == former[name]:
                taken[name] = theirs[name]
            else:
                mine[name] = word
                both.append(name)
        return mine, taken, both

    def _change(
        self,
        connection: sqlite3.Connection,
        layout: Layout,
        kind: Kind,
        key: str,
        mine: dict[str, Any],
        theirs: dict[str, Any],
    ) -> None:
        if not mine:
            return
        if kind == "emoji":
            tags = tuple(mine["tags"]) if "tags" in mine else None
            emoji_writing.change(connection, layout, self._access.undo, key, mine.get("description"), tags)
            return
        person = Known(
            platform=theirs["platform"],
            user_id=theirs["user_id"],
            nickname=mine.get("nickname", ""),
            name=mine.get("username", ""),
        )
        persons.change(connection, layout, self._access.undo, key, person)

    # Deletions

    async def _delete(self, kind: Kind, row: Row, layout: Layout) -> None:
        key = row["bot_key"]

        def remove(connection: sqlite3.Connection, layout: Layout) -> None:
            if kind == "emoji":
                emoji_writing.remove(connection, layout, self._access.folder, self._access.undo, key)
            else:
                persons.remove(connection, layout, self._access.undo, key)

        if key is not None:
            await self._access.write(remove, alone=not layout.live)
            await self._stores.ledger.forget(self._id, kind, [key])
        await self._stores.rows(kind).remove(self._id, [row["id"]], missing_ok=True)

    async def _settle(self, kind: Kind, row: Row, given: dict[str, Any]) -> None:
        """Nothing is pending any more, unless the row was changed or deleted meanwhile."""

        def settled(now: Row) -> dict[str, Any]:
            same = all(now[name] == row[name] for name in WORDS[kind])
            new = given if same else {name: value for name, value in given.items() if name not in WORDS[kind]}
            return new | {"pending": "" if same else "update", "updated_at": now["updated_at"]}

        with contextlib.suppress(
            ResourceNotFound
        ):  # deleted: what is left of it says what the bot is to be told
            await self._stores.rows(kind).change(self._id, [row["id"]], settled)


def _find(connection: sqlite3.Connection, layout: Layout, kind: Kind, key: str) -> dict[str, Any] | None:
    if kind == "emoji":
        emoji = emojis.find(connection, layout, key)
        return said_of_emoji(emoji) if emoji else None
    person = persons.find(connection, layout, key)
    return said_of_person(person) if person else None


def _name(kind: Kind, row: Row) -> str:
    return str(row["name"] if kind == "emoji" else row["nickname"] or row["username"] or row["user_id"])
