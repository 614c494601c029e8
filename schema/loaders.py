"""DataLoaders: fetch the fields of all items of a list in one query."""

from collections.abc import Awaitable, Callable
from typing import Any

from strawberry.dataloader import DataLoader

from mailauncher.errors import InstanceNotFound, ResourceNotFound
from resolvers import backups, configuration, deployments, emojis, persons, sync, system
from resolvers.configuration import ConfigView
from resolvers.context import Context
from resolvers.sync import LearnedEmoji, LearnedPerson
from resolvers.views import BackupView, DeploymentView, EmojiView, EventView, PersonView
from store.picture_size import PictureSize

BATCH = 5000
"""Far below the number of placeholders that SQLite and PostgreSQL allow in one statement."""

FILES_AT_ONCE = 100
"""Configuration files read in one go, of up to 1 MiB each."""

RecentKey = tuple[str, int]
"""Instance id, and number of its newest events."""

Pages = tuple[str, Any, int, int | None]
"""Instance id, filter, number of items, and the cursor after which they start."""
Counts = tuple[str, Any]
"""Instance id and filter."""


class Loaders:
    """The loaders of one request or socket. Nothing is cached between batches: a socket may live for days."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.recent_events: DataLoader[RecentKey, list[EventView]] = self._batched(_recent_events)
        self.deployment: DataLoader[str, DeploymentView | None] = self._batched(_deployments)
        self.backups: DataLoader[str, list[BackupView]] = self._batched(backups.lists)
        self.config_files: DataLoader[tuple[str, str], ConfigView] = self._batched(
            configuration.read_many, FILES_AT_ONCE
        )
        self.emoji_pages: DataLoader[Pages, list[EmojiView]] = self._batched(emojis.pages)
        self.emoji_counts: DataLoader[Counts, int] = self._batched(emojis.counts)
        self.image_sizes: DataLoader[str, PictureSize | None] = self._batched(emojis.image_sizes)
        self.person_pages: DataLoader[Pages, list[PersonView]] = self._batched(persons.pages)
        self.person_counts: DataLoader[Counts, int] = self._batched(persons.counts)
        self.learned_emojis: DataLoader[str, LearnedEmoji | None] = self._batched(sync.learned_emojis)
        self.learned_persons: DataLoader[str, LearnedPerson | None] = self._batched(sync.learned_persons)

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
