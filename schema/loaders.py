"""DataLoaders: what the fields of a list's items ask for is fetched in one query for all of them."""

from strawberry.dataloader import DataLoader

from resolvers import system
from resolvers.context import Context
from resolvers.views import EventView

# Far below the number of placeholders that SQLite and PostgreSQL allow in one statement.
BATCH = 5000

RecentKey = tuple[str, int]
"""Instance id, and how many of its newest events."""


class Loaders:
    """The loaders of one request or socket. Nothing is remembered between batches: a socket may live for days."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.recent_events: DataLoader[RecentKey, list[EventView]] = DataLoader(
            self._recent_events, max_batch_size=BATCH, cache=False
        )

    async def _recent_events(self, keys: list[RecentKey]) -> list[list[EventView]]:
        ids = list(dict.fromkeys(instance_id for instance_id, _ in keys))
        found = await system.recent_events(self._ctx, ids, max(first for _, first in keys))
        events = dict(zip(ids, found, strict=True))
        return [events[instance_id][:first] for instance_id, first in keys]
