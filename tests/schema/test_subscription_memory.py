"""Memory of a subscription."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast

import pytest

from mailauncher.events import InstanceChanged
from resolvers.context import Context
from schema import root
from schema.context import RequestContext
from schema.loaders import Loaders
from tests.support.context import add_bot

WARM_UP, EVENTS = 50, 500


@pytest.mark.slow
async def test_a_subscription_does_not_grow_with_its_events(ctx: Context, tmp_path: Path) -> None:
    """Each event left 1.1 KB in a memo of graphql-core, for as long as the subscription lived."""
    bot = await add_bot(ctx, tmp_path / "bot")
    schema = root.create(ctx.settings)
    document = "subscription { instanceChanged { id instance { name services { name } } } }"
    stream = cast(
        AsyncGenerator[Any, None],
        await schema.stream(document, context_value=RequestContext(ctx, Loaders(ctx))),
    )

    async def follow(events: int) -> int:
        """The memory in use after that many further events, in bytes."""
        for _ in range(events):
            event = asyncio.ensure_future(anext(stream))
            while not event.done():  # events published before the subscription awaits its first one are lost
                ctx.bus.publish(InstanceChanged(bot.id))
                await asyncio.sleep(0)
            assert (await event).errors is None
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        before = await follow(WARM_UP)
        assert (await follow(EVENTS) - before) / EVENTS < 200
    finally:
        tracemalloc.stop()
        await stream.aclose()
