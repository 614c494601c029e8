"""What has changed in a configuration file, as unified diffs with secrets hidden."""

import asyncio

from bots.documents import file
from mailauncher.grants import Scope
from resolvers import configuration, instances
from resolvers.configuration import ConfigView
from resolvers.configuring.diff import LINES, unified
from resolvers.configuring.turns import Waiting
from resolvers.context import Context
from resolvers.rights import needs

DIFF_LINES = LINES


@needs(Scope.OPERATE)
async def of_revision(
    ctx: Context, instance_id: str, name: str, number: int, against: int | None = None
) -> str:
    """What a revision has changed of the previous one, or of `against`. Raises ResourceNotFound."""
    location = await asyncio.to_thread(ctx.configs.find, instance_id, name)
    later, content = await configuration.revision(ctx, instance_id, name, number)
    if against is None:
        older = await ctx.configs.revisions.older_than(instance_id, location.name, number, 1)
        against = older[0].number if older else None
    former = b""
    if against is not None:
        _, former = await configuration.revision(ctx, instance_id, name, against)
    names = f"{location.path}@{against or 0}", f"{location.path}@{later.number}"
    async with ctx.configs.turns.of(instance_id, Waiting.READS):
        return await ctx.configs.run_interruptibly(lambda _: unified(location.kind, former, content, *names))


@needs(Scope.OPERATE)
async def since_start(ctx: Context, view: ConfigView) -> str | None:
    """What has changed since the start of the program that the file belongs to, as far as revisions are kept. None: it does not
    run."""
    location = view.location
    instance = instances.get(ctx, location.instance_id)
    started_at = (instance.service(location.component) or instance).started_at
    if started_at is None:
        return None
    kept, key = ctx.configs.revisions, (location.instance_id, location.name)
    found = await kept.newest_at(*key, started_at) or await kept.oldest_if_pruned(*key, file.LIMIT_BYTES)
    number, former = (found[0].number, found[1]) if found else (0, b"")
    names = f"{location.path}@{number}", location.path
    async with ctx.configs.turns.of(location.instance_id, Waiting.READS):
        return await ctx.configs.run_interruptibly(
            lambda _: unified(location.kind, former, view.loaded.content, *names)
        )
