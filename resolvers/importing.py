"""Bringing what a bot has learned into our tables. Only reads the bot; what the user set here is left alone."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from mailauncher.bots.learned import emojis, persons
from mailauncher.bots.learned.rows import BotEmoji, BotPerson
from mailauncher.errors import Code, DuplicateResource, LauncherError, Text
from mailauncher.store.ledger import Kind
from mailauncher.store.resources import Row, now_ms
from resolvers.learned import (
    WORDS,
    Access,
    Problems,
    Stores,
    columns_of,
    fitted,
    said_of_emoji,
    said_of_person,
    words_of,
)

PAGE = 200
KEY_LENGTH = 255
NAME_LENGTH = 64
USER_ID_LENGTH = 64
_SHORT_KEY = 8


class Import:
    """One pass over the database of one instance's bot. `added`, `changed`, `gone` count rows of ours: new ones, ones that
    got the bot's new words, and ones that the bot has no more, which stay."""

    def __init__(self, stores: Stores, instance_id: str, access: Access, problems: Problems) -> None:
        self.added = 0
        self.changed = 0
        self.gone = 0
        self._stores = stores
        self._id = instance_id
        self._access = access
        self._problems = problems
        self._began = now_ms()

    async def run(self) -> None:
        """Done twice it comes to the same; what an end in between left undone, the next pass does. Raises LauncherError."""
        layout = await self._access.read(lambda _, layout: layout)
        if layout is not None and layout.emojis is not None:
            await self._emojis()
            await self._forget("emoji")
        if layout is not None and layout.persons is not None:
            await self._persons()
            await self._forget("person")

    # Emojis

    async def _emojis(self) -> None:
        after = 0
        while page := await self._emoji_page(after):
            after = page[-1].row
            fit = {emoji.key: emoji for emoji in reversed(page) if self._has_key("emoji", emoji.key)}
            said = {key: said_of_emoji(emoji) for key, emoji in fit.items()}
            former = await self._stores.ledger.known(self._id, "emoji", said)
            known = await self._compare("emoji", said, former)
            for key in [key for key in fit if key not in known]:
                if not await self._new_emoji(fit[key]):
                    del said[key]
            await self._note("emoji", said, former)

    async def _emoji_page(self, after: int) -> list[BotEmoji]:
        return await self._access.read(lambda c, layout: emojis.page(c, layout, after, PAGE)) or []

    async def _new_emoji(self, emoji: BotEmoji) -> bool:
        """Makes a row for it, or takes the one whose image it is; whether it could."""
        label = fitted(emoji.tags[0] if emoji.tags else emoji.description, 40) or emoji.key[:_SHORT_KEY]
        try:
            data = await asyncio.to_thread(emojis.image, self._access.folder, emoji)
            picture = await self._stores.images.examine(data)
            if await self._taken_over(emoji, picture.name):
                return True
            said = said_of_emoji(emoji)
            row = columns_of("emoji", {name: said[name] for name in WORDS["emoji"]}) | {
                "name": await self._free_name(label, emoji.key),
                "category": "",
                "image": picture.name,
                "origin": "bot",
                "bot_key": emoji.key,
            }
            await self._stores.images.store([picture], lambda: self._stores.emojis.add(self._id, [row]))
        except LauncherError as error:
            if error.code in (Code.DATABASE_ERROR, Code.INSTANCE_NOT_FOUND, Code.INSUFFICIENT_SPACE):
                raise
            self._problems.refused("emoji", label, error)
            return False
        self.added += 1
        return True

    async def _taken_over(self, emoji: BotEmoji, image: str) -> bool:
        """An emoji of the user's with the same image is this one. It becomes the bot's, so that deleting it here does not
        delete it there; the user's words are still to be told."""
        rows = await self._stores.emojis.by_key(self._id, [image], "image")
        ours = next((row for row in rows if row["search"] and row["bot_key"] is None), None)
        if ours is not None:
            same = self._same("emoji", ours, said_of_emoji(emoji))
            pending = {"origin": "bot", "bot_key": emoji.key, "pending": "" if same else "update"}
            await self._stores.emojis.amend(self._id, {ours["id"]: pending})
        return ours is not None

    async def _free_name(self, label: str, key: str) -> str:
        names = (label, f"{label} {key[:_SHORT_KEY]}", f"{label[:20]} {key[:40]}")
        taken = {row["name"] for row in await self._stores.emojis.by_key(self._id, names)}
        return next((name for name in names if name not in taken), f"{label[:20]} {now_ms()}")[:NAME_LENGTH]

    # Persons

    async def _persons(self) -> None:
        after = 0
        while page := await self._person_page(after):
            after = page[-1].row
            fit = {p.key: p for p in page if self._has_key("person", p.key) and self._has_user_id(p)}
            said = {key: said_of_person(person) for key, person in fit.items()}
            former = await self._stores.ledger.known(self._id, "person", said)
            known = await self._compare("person", said, former)
            await self._new_persons([person for key, person in fit.items() if key not in known], said)
            await self._note("person", said, former)

    async def _person_page(self, after: int) -> list[BotPerson]:
        return await self._access.read(lambda c, layout: persons.page(c, layout, after, PAGE)) or []

    async def _new_persons(self, new: Sequence[BotPerson], said: dict[str, dict[str, Any]]) -> None:
        """Makes rows for them. `said` loses those that could not be taken."""
        ids = [name for person in new for name in (person.user_id, _full_id(person))]
        ours = {row["user_id"]: row for row in await self._stores.persons.by_key(self._id, ids)}
        made: dict[str, Row] = {}
        taken: dict[str, Mapping[str, Any]] = {}
        for person in new:
            there = ours.get(person.user_id)
            if (
                there is not None
                and there["bot_key"] is None
                and there["search"]
                and there["id"] not in taken
            ):
                same = self._same("person", there, said[person.key])
                pending = "" if same else "update"
                taken[there["id"]] = {"origin": "bot", "bot_key": person.key, "pending": pending}
                continue
            user_id = person.user_id if there is None and person.user_id not in made else _full_id(person)
            if user_id in ours or user_id in made or len(user_id) > USER_ID_LENGTH:
                self._skip("person", user_id, "用户 ID 已被占用", "the user id is taken")
                del said[person.key]
                continue
            words = {name: said[person.key][name] for name in WORDS["person"]}
            made[user_id] = words | {
                "user_id": user_id,
                "avatar_url": "",
                "profile": "{}",
                "origin": "bot",
                "bot_key": person.key,
            }
        await self._stores.persons.amend(self._id, taken)
        try:
            self.added += len(await self._stores.persons.add(self._id, list(made.values())))
        except (
            DuplicateResource
        ) as error:  # the user made one of them at this moment; the next sync takes the others
            self._problems.refused("person", new[0].user_id, error)
            for row in made.values():
                del said[row["bot_key"]]

    # Both

    async def _compare(
        self, kind: Kind, said: dict[str, dict[str, Any]], former: Mapping[str, dict[str, Any]]
    ) -> set[str]:
        """Gives our rows what the bot changed since `former` was noted; the keys of those that are there. Where the user has
        changed something that the bot was not told yet, `said` becomes what was noted: it tells who changed what."""
        rows = await self._stores.rows(kind).by_key(self._id, said, "bot_key")
        changes: dict[str, Mapping[str, Any]] = {}
        for row in rows:
            key = str(row["bot_key"])
            before = former.get(key, said[key])
            if row["pending"] in ("add", "update"):
                said[key] = before
            elif not row["pending"] and not self._same(kind, said[key], before):
                new = {name: said[key][name] for name in WORDS[kind] if said[key][name] != before[name]}
                changes[row["id"]] = columns_of(kind, new) | {"updated_at": now_ms()}
        await self._stores.rows(kind).amend(self._id, changes)
        self.changed += len(changes)
        return {str(row["bot_key"]) for row in rows}

    async def _note(
        self, kind: Kind, said: Mapping[str, dict[str, Any]], former: Mapping[str, dict[str, Any]]
    ) -> None:
        at = now_ms()
        same = [key for key in said if former.get(key) == said[key]]
        await self._stores.ledger.seen(self._id, kind, same, at)
        new = {key: row for key, row in said.items() if former.get(key) != row}
        await self._stores.ledger.note(self._id, kind, new, at)

    async def _forget(self, kind: Kind) -> None:
        """What the bot has no more. Rows of ours stay, unless they were hidden for the bot's sake alone."""
        store = self._stores.rows(kind)
        while keys := await self._stores.ledger.unseen(self._id, kind, self._began):
            rows = await store.by_key(self._id, keys, "bot_key")
            hidden = [row["id"] for row in rows if not row["search"]]
            lost = {row["id"]: {"bot_key": None, "pending": ""} for row in rows if row["search"]}
            await store.amend(self._id, lost)
            await store.remove(self._id, hidden, missing_ok=True)
            await self._stores.ledger.forget(self._id, kind, keys)
            self.gone += len(lost)

    def _same(self, kind: Kind, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        mine, theirs = (words_of(kind, dict(o)) if "id" in o else o for o in (one, other))
        return all(mine[name] == theirs[name] for name in WORDS[kind])

    def _has_key(self, kind: Kind, key: str) -> bool:
        if not key or len(key) > KEY_LENGTH:
            self._skip(kind, key, "没有可用的标识", "it has no usable key")
            return False
        return True

    def _has_user_id(self, person: BotPerson) -> bool:
        if not person.user_id or person.user_id != fitted(person.user_id, USER_ID_LENGTH):
            self._skip("person", person.user_id, "用户 ID 无效", "its user id is not valid")
            return False
        return True

    def _skip(self, kind: Kind, name: str, zh: str, en: str) -> None:
        self._problems.add(kind, name, Text(f"未导入：{zh}", f"Not imported: {en}"), Code.INVALID_PARAMETER)


def _full_id(person: BotPerson) -> str:
    """A user id for somebody of another platform whose number is taken here."""
    return f"{person.platform}:{person.user_id}"
