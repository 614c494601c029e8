"""Emojis as they are kept: rows of the `emoji` table, and how often each tag and category is there."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tortoise import connections

from mailauncher.errors import Text
from mailauncher.store import words
from mailauncher.store.resources import Resources, Row, Wanted
from mailauncher.store.statements import is_sqlite, rows
from mailauncher.store.words import Mark, mark


@dataclass(frozen=True, slots=True)
class Facet:
    """A tag or a category, and how many emojis have it."""

    value: str
    count: int


COUNTED = 20_000
"""Emojis whose tags and categories are looked at for a search: of those that fit, the newest."""


class Emojis(Resources):
    """`tags` of a row is JSON: a list of texts. `image` names a file of mailauncher.store.images, or is empty."""

    table = "emoji"
    columns = ("name", "description", "tags", "category", "image")
    key = "name"
    title = Text("表情包", "emoji")
    blank: ClassVar[Row] = {"image": ""}

    def _search(self, row: Mapping[str, Any]) -> str:
        texts = (row["name"], row["description"])
        return words.FIELD.join(map(words.fold, texts)) + words.FIELD + words.fenced(tags_of(row))

    def _marks(self, row: Mapping[str, Any]) -> list[str]:
        marks = [mark(Mark.TAG, words.fold(tag)) for tag in tags_of(row)]
        return [*marks, mark(Mark.CATEGORY, row["category"])]

    async def images_used(self, prefix: str) -> set[str]:
        """The images that rows name and that begin with `prefix`, which is two hex digits."""
        statement = "SELECT DISTINCT image AS name FROM emoji WHERE image >= ? AND image < ?"
        with self._database.session():
            found = await rows(connections.get("default"), statement, [prefix, prefix + "g"])
        return {row["name"] for row in found}

    async def unused(self, images: Iterable[str]) -> list[str]:
        """Those of the images that no row names."""
        left = []
        with self._database.session():
            connection = connections.get("default")
            for image in dict.fromkeys(images):
                used = await rows(connection, "SELECT 1 AS there FROM emoji WHERE image = ? LIMIT 1", [image])
                if image and not used:
                    left.append(image)
        return left

    # Facets

    async def tags(self, instance_id: str, wanted: Wanted, limit: int) -> list[Facet]:
        """The tags of emojis that fit, the most frequent first. Tags that differ in case alone are one, spelt as one of
        them is. Of more than COUNTED that a search found, only the newest count."""
        with self._database.session():
            connection = connections.get("default")
            if wanted == Wanted() and is_sqlite(connection):
                found = await self._vocabulary(connection, instance_id, Mark.TAG, limit)
                return [
                    Facet(await self._spelt(connection, instance_id, facet.value), facet.count)
                    for facet in found
                ]
            each = _EACH_SQLITE if is_sqlite(connection) else _EACH_POSTGRESQL
            counted = await self._counted(connection, instance_id, wanted, "each.value", each, 4 * limit)
        merged: dict[str, Facet] = {}
        for facet in counted:
            known = merged.get(words.fold(facet.value), Facet(facet.value, 0))
            merged[words.fold(facet.value)] = Facet(known.value, known.count + facet.count)
        return _ranked(merged.values())[:limit]

    async def categories(self, instance_id: str, wanted: Wanted, limit: int) -> list[Facet]:
        """The categories of emojis that fit, the most frequent first; emojis without one do not count."""
        with self._database.session():
            connection = connections.get("default")
            if wanted == Wanted() and is_sqlite(connection):
                found = await self._vocabulary(connection, instance_id, Mark.CATEGORY, limit + 1)
            else:
                found = await self._counted(connection, instance_id, wanted, "emoji.category", "", limit + 1)
        return [facet for facet in found if facet.value][:limit]

    async def _vocabulary(self, connection: Any, instance_id: str, kind: Mark, limit: int) -> list[Facet]:
        """From SQLite's own counts of each word, without a look at any row."""
        begin = words.scope(instance_id) + mark(kind)
        end = words.scope(instance_id) + mark(Mark(kind + 1))
        statement = "SELECT term, doc FROM emoji_vocabulary WHERE term >= ? AND term < ? ORDER BY doc DESC, term LIMIT ?"
        found = await rows(connection, statement, [begin, end, limit])
        return [Facet(words.marked(row["term"]), row["doc"]) for row in found]

    async def _spelt(self, connection: Any, instance_id: str, folded: str) -> str:
        statement = (
            "SELECT tags FROM emoji WHERE seq = (SELECT rowid FROM emoji_words WHERE emoji_words MATCH ? "
            "ORDER BY rowid DESC LIMIT 1)"
        )
        expression = words.match(instance_id, "", [mark(Mark.TAG, folded)])
        found = await rows(connection, statement, [expression])
        spelt = (tag for row in found for tag in tags_of(row) if words.fold(tag) == folded)
        return next(spelt, folded)

    async def _counted(
        self, connection: Any, instance_id: str, wanted: Wanted, value: str, beside: str, limit: int
    ) -> list[Facet]:
        source, where, values = self._source(connection, instance_id, wanted)
        number = "rowid" if is_sqlite(connection) else "seq"
        newest = f"SELECT {number} FROM {source} WHERE {where} ORDER BY {number} DESC LIMIT {COUNTED}"  # noqa: S608 - our own names
        statement = (
            f"SELECT {value} AS value, count(*) AS n FROM emoji{beside} WHERE emoji.seq IN ({newest}) "  # noqa: S608 - the same
            "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?"
        )
        return [Facet(row["value"], row["n"]) for row in await rows(connection, statement, [*values, limit])]


_EACH_SQLITE = ", json_each(emoji.tags) AS each"
_EACH_POSTGRESQL = ", jsonb_array_elements_text(emoji.tags::jsonb) AS each(value)"


def tags_of(row: Mapping[str, Any]) -> list[str]:
    tags: list[str] = json.loads(row["tags"])
    return tags


def _ranked(facets: Iterable[Facet]) -> list[Facet]:
    return sorted(facets, key=lambda facet: (-facet.count, facet.value))


def wanted(text: str, tags: Sequence[str], category: str | None) -> Wanted:
    """What an emoji must have: a part of its texts, all of the tags (case ignored), exactly the category."""
    marks = [mark(Mark.TAG, words.fold(tag)) for tag in tags]
    conditions = [("search LIKE ? ESCAPE '\\'", words.like(words.fence(tag))) for tag in tags]
    if category is not None:
        marks.append(mark(Mark.CATEGORY, category))
        conditions.append(("category = ?", category))
    return Wanted(text, tuple(marks), tuple(conditions))
