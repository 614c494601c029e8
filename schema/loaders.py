"""DataLoaders: fetch the fields of all items of a list in one query."""

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any

from strawberry.dataloader import DataLoader

from mailauncher.errors import InstanceNotFound, ResourceNotFound
from resolvers import backups, configuration, deployments, emojis, persons, sync, system, web_pages
from resolvers.configuration import ConfigView
from resolvers.context import Context
from resolvers.sync import LearnedEmoji, LearnedPerson
from resolvers.views import BackupView, DeploymentView, EmojiView, EventView, PersonView, WebPageView
from store.picture_size import PictureSize

BATCH = 5000
"""Far below the number of placeholders that SQLite and PostgreSQL allow in one statement."""

FILES_AT_ONCE = 100
"""Configuration files read in one go, of up to 1 MiB each; instances of which they are read."""

RecentKey = tuple[str, int]
"""Instance id, and number of its newest events."""

Pages = tuple[str, Any, int, int | None, int]
"""Instance id, filter, number of items, the cursor after which they start, and how many are skipped there."""
Counts = tuple[str, Any]
"""Instance id and filter."""


class Loaders:
    """The loaders of one request or socket, each made when it is asked for: most use none. Nothing is cached between batches,
    since a socket may live for days."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    @cached_property
    def recent_events(self) -> DataLoader[RecentKey, list[EventView]]:
        return self._batched(_recent_events)

    @cached_property
    def deployment(self) -> DataLoader[str, DeploymentView | None]:
        return self._batched(_deployments)

    @cached_property
    def backups(self) -> DataLoader[str, list[BackupView]]:
        return self._batched(backups.lists)

    @cached_property
    def web_pages(self) -> DataLoader[str, list[WebPageView]]:
        return self._batched(web_pages.lists, FILES_AT_ONCE)

    @cached_property
    def config_files(self) -> DataLoader[tuple[str, str], ConfigView]:
        return self._batched(configuration.read_many, FILES_AT_ONCE)

    @cached_property
    def emoji_pages(self) -> DataLoader[Pages, list[EmojiView]]:
        return self._batched(emojis.pages)

    @cached_property
    def emoji_counts(self) -> DataLoader[Counts, int]:
        return self._batched(emojis.counts)

    @cached_property
    def image_sizes(self) -> DataLoader[str, PictureSize | None]:
        return self._batched(emojis.image_sizes)

    @cached_property
    def person_pages(self) -> DataLoader[Pages, list[PersonView]]:
        return self._batched(persons.pages)

    @cached_property
    def person_counts(self) -> DataLoader[Counts, int]:
        return self._batched(persons.counts)

    @cached_property
    def learned_emojis(self) -> DataLoader[str, LearnedEmoji | None]:
        return self._batched(sync.learned_emojis)

    @cached_property
    def learned_persons(self) -> DataLoader[str, LearnedPerson | None]:
        return self._batched(sync.learned_persons)

    def _batched(
        self, resolver: Callable[[Context, list[Any]], Awaitable[list[Any]]], batch: int = BATCH
    ) -> DataLoader[Any, Any]:
        async def load(keys: list[Any]) -> list[Any]:
            return await resolver(self._ctx, keys)

        return DataLoader(load, max_batch_size=batch, cache=False)


async def _recent_events(ctx: Context, keys: list[RecentKey]) -> list[list[EventView]]:
    ids = list(dict.fromkeys(instance_id for instance_id, _ in keys))
    found = await system.recent_events(ctx, ids, max(first for _, first in keys))
    events = dict(zip(ids, found, strict=True))
    return [events[instance_id][:first] for instance_id, first in keys]


async def _deployments(ctx: Context, instance_ids: list[str]) -> list[DeploymentView | None]:
    """None for instances that were added and not deployed."""
    if len(instance_ids) == 1:
        try:
            return [await deployments.get(ctx, instance_ids[0])]
        except (InstanceNotFound, ResourceNotFound):
            return [None]
    found = {view.instance_id: view for view in await deployments.list_all(ctx)}
    return [found.get(instance_id) for instance_id in instance_ids]
