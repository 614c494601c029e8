"""DataLoaders: what the fields of a list's items ask for is fetched in one query for all of them."""

from strawberry.dataloader import DataLoader

from mailauncher.errors import InstanceNotFound, ResourceNotFound
from resolvers import backups, deployments, system
from resolvers.backups import BackupView
from resolvers.context import Context
from resolvers.views import DeploymentView, EventView

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
        self.deployment: DataLoader[str, DeploymentView | None] = DataLoader(
            self._deployments, max_batch_size=BATCH, cache=False
        )
        self.backups: DataLoader[str, list[BackupView]] = DataLoader(
            self._backups, max_batch_size=BATCH, cache=False
        )

    async def _backups(self, instance_ids: list[str]) -> list[list[BackupView]]:
        return await backups.lists(self._ctx, instance_ids)

    async def _recent_events(self, keys: list[RecentKey]) -> list[list[EventView]]:
        ids = list(dict.fromkeys(instance_id for instance_id, _ in keys))
        found = await system.recent_events(self._ctx, ids, max(first for _, first in keys))
        events = dict(zip(ids, found, strict=True))
        return [events[instance_id][:first] for instance_id, first in keys]

    async def _deployments(self, instance_ids: list[str]) -> list[DeploymentView | None]:
        """None for those that were added as they stood."""
        if len(instance_ids) == 1:
            try:
                return [await deployments.get(self._ctx, instance_ids[0])]
            except (InstanceNotFound, ResourceNotFound):
                return [None]
        found = {view.instance_id: view for view in await deployments.list_all(self._ctx)}
        return [found.get(instance_id) for instance_id in instance_ids]
