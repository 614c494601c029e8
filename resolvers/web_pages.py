"""The web pages of instances, such as MaiBot's WebUI and NapCat's."""

import asyncio
from collections.abc import Sequence

from mailauncher import listeners
from mailauncher.grants import Scope
from resolvers import instances
from resolvers.context import Context
from resolvers.rights import needs
from resolvers.running import web_pages
from resolvers.views import WebPageView


@needs(Scope.READ)
async def list_of(ctx: Context, instance_id: str) -> list[WebPageView]:
    """The pages of an instance's programs, the main program's first. Raises InstanceNotFound."""
    [found] = await lists(ctx, [instances.get(ctx, instance_id).id])
    return found


@needs(Scope.READ)
async def lists(ctx: Context, instance_ids: Sequence[str]) -> list[list[WebPageView]]:
    """Those of each instance, in one go; none of one that there is no more."""
    records = [ctx.store.registry.get(instance_id) for instance_id in instance_ids]

    def read() -> list[list[WebPageView]]:
        return [web_pages.pages_of(record, ctx.bots.catalogue) if record else [] for record in records]

    return await asyncio.to_thread(read)


@needs(Scope.OPERATE, filters=True)
async def token(ctx: Context, view: WebPageView) -> str | None:
    """The password with which one logs in; None: none, or none yet."""
    return await asyncio.to_thread(web_pages.token_of, view)


async def listening(view: WebPageView) -> bool:
    """Whether something listens on the page's port."""
    return await asyncio.to_thread(listeners.is_taken, view.port)
