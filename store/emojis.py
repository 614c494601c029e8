"""Emojis: rows of the `emoji` table, and counts of their tags and categories."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from tortoise import connections

from mailauncher.errors import Text
from store import words
from store.indexes import index_of
from store.resources import Resources, Row
from store.search_index import Criteria, Page
from store.statements import each_element, in_byte_order, select
from store.words import Keyword, keyword


@dataclass(frozen=True, slots=True)
class Facet:
    """A tag or a category, and how many emojis have it."""

    value: str
    count: int


NAME_LENGTH = 64
"""Characters of a name, a category or a tag."""
DESCRIPTION_LENGTH = 4096
TAGS_LIMIT = 32
REGISTERED = "(bot_key IS NOT NULL OR pending = 'add')"
FACET_ROWS = 20_000
"""Matches of a search whose tags and categories are counted: the newest."""


class Emojis(Resources):
    """`tags` of a row is JSON: a list of strings. `image` names a file of store.images, or is empty."""

    table = "emoji"
    columns = ("name", "description", "tags", "category", "image")
    key = "name"
    title = Text("表情包", "emoji")
    blank: ClassVar[Row] = {"image": ""}

    def _search_text(self, row: Mapping[str, Any]) -> str:
        texts = (row["name"], row["description"])
        return words.FIELD.join(map(words.fold, texts)) + words.FIELD + words.joined_tags(tags_of(row))

    def _keywords(self, row: Mapping[str, Any]) -> list[str]:
        keywords = [keyword(Keyword.TAG, words.fold(tag)) for tag in tags_of(row)]
        return [*keywords, keyword(Keyword.CATEGORY, row["category"])]

    async def images_used(self, prefix: str) -> set[str]:
        """The names of images in use that begin with `prefix`, two hex digits."""
        statement = "SELECT DISTINCT image AS name FROM emoji WHERE image >= ? AND image < ?"
        with self._database.session():
            found = await select(connections.get("default"), statement, [prefix, prefix + "g"])
        return {row["name"] for row in found}

    async def unused(self, images: Iterable[str]) -> list[str]:
        """Those of the images that no row uses."""
        left = []
        with self._database.session():
            connection = connections.get("default")
            for image in dict.fromkeys(images):
                used = await select(
                    connection, "SELECT 1 AS found FROM emoji WHERE image = ? LIMIT 1", [image]
                )
                if image and not used:
                    left.append(image)
        return left

    # Facets

    async def tags(self, instance_id: str, criteria: Criteria, limit: int) -> list[Facet]:
        """The tags of the matches, most frequent first. Tags that differ only in case are one, spelt as one of them. Of a
        search with more than FACET_ROWS matches, only the newest count."""
        with self._database.session():
            connection = connections.get("default")
            if criteria == Criteria() and index_of(connection).counts_words:
                found = await self._vocabulary(connection, instance_id, Keyword.TAG, limit)
                return [
                    Facet(await self._spelling(connection, instance_id, facet.value), facet.count)
                    for facet in found
                ]
            each = ", " + each_element(connection, "emoji.tags")
            counted = await self._counted(connection, instance_id, criteria, "each.value", each, 4 * limit)
        merged: dict[str, Facet] = {}
        for facet in counted:
            known = merged.get(words.fold(facet.value), Facet(facet.value, 0))
            merged[words.fold(facet.value)] = Facet(known.value, known.count + facet.count)
        return _ranked(merged.values())[:limit]

    async def categories(self, instance_id: str, criteria: Criteria, limit: int) -> list[Facet]:
        """The categories of the matches, most frequent first; emojis without one do not count."""
        with self._database.session():
            connection = connections.get("default")
            if criteria == Criteria() and index_of(connection).counts_words:
                found = await self._vocabulary(connection, instance_id, Keyword.CATEGORY, limit + 1)
            else:
                found = await self._counted(
                    connection, instance_id, criteria, "emoji.category", "", limit + 1
                )
        return [facet for facet in found if facet.value][:limit]

    async def _vocabulary(self, connection: Any, instance_id: str, kind: Keyword, limit: int) -> list[Facet]:
        """From the row counts that SQLite's index has of each word, without reading a row."""
        begin = words.scope(instance_id) + keyword(kind)
        end = words.scope(instance_id) + keyword(Keyword(kind + 1))
        statement = "SELECT term, doc FROM emoji_vocabulary WHERE term >= ? AND term < ? ORDER BY doc DESC, term LIMIT ?"
        found = await select(connection, statement, [begin, end, limit])
        return [Facet(words.keyword_text(row["term"]), row["doc"]) for row in found]

    async def _spelling(self, connection: Any, instance_id: str, folded: str) -> str:
        statement = (
            "SELECT tags FROM emoji WHERE seq = (SELECT rowid FROM emoji_words WHERE emoji_words MATCH ? "
            "ORDER BY rowid DESC LIMIT 1)"
        )
        expression = words.match_expression(instance_id, "", [keyword(Keyword.TAG, folded)])
        found = await select(connection, statement, [expression])
        spelt = (tag for row in found for tag in tags_of(row) if words.fold(tag) == folded)
        return next(spelt, folded)

    async def _counted(
        self, connection: Any, instance_id: str, criteria: Criteria, value: str, beside: str, limit: int
    ) -> list[Facet]:
        if criteria == Criteria():
            among, values = "emoji.instance_id = ? AND emoji.search <> ''", [instance_id]
        else:
            newest = index_of(connection).numbers(self.table, instance_id, criteria, Page(FACET_ROWS))
            among, values = f"emoji.seq IN ({newest.text})", newest.values
        statement = (
            f"SELECT {value} AS value, count(*) AS n FROM emoji{beside} WHERE {among} "  # noqa: S608 - our own names
            f"GROUP BY 1 ORDER BY 2 DESC, {in_byte_order(connection, value)} LIMIT ?"
        )
        return [
            Facet(row["value"], row["n"]) for row in await select(connection, statement, [*values, limit])
        ]


def tags_of(row: Mapping[str, Any]) -> list[str]:
    tags: list[str] = json.loads(row["tags"])
    return tags


def _ranked(facets: Iterable[Facet]) -> list[Facet]:
    return sorted(facets, key=lambda facet: (-facet.count, facet.value))


def criteria(
    text: str,
    tags: Sequence[str],
    category: str | None,
    *,
    description: str = "",
    tag_part: str = "",
    extension: str = "",
    registered: bool | None = None,
) -> Criteria:
    """Emojis that contain the text, have all of the tags (case ignored), and are of exactly this category; whose
    description contains `description`, and one of whose tags `tag_part` (case ignored); whose image has this extension;
    that the bot uses (or will, once told), or not."""
    keywords = [keyword(Keyword.TAG, words.fold(tag)) for tag in tags]
    conditions = [("search LIKE ? ESCAPE '\\'", words.like_pattern(words.delimited_tag(tag))) for tag in tags]
    if category is not None:
        keywords.append(keyword(Keyword.CATEGORY, category))
        conditions.append(("category = ?", category))
    filters = words.part_filters(("", description, tag_part))
    if extension:
        filters.append(("image LIKE ?", f"%.{extension}"))
    if registered is not None:
        filters.append((f"{'' if registered else 'NOT '}{REGISTERED}",))
    return Criteria(text, tuple(keywords), tuple(conditions), tuple(filters))
