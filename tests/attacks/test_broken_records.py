"""An instance whose recipe was gone, or whose supervision was of another version, kept the whole server from starting."""

from pathlib import Path

import msgspec
import pytest

from resolvers import instances
from resolvers.context import Context
from tests.support.context import add_bot, parts


@pytest.mark.parametrize("change", [{"recipe": "gone"}, {"supervision": {"restart": 7}}])
async def test_a_server_starts_with_an_instance_whose_record_is_invalid(
    tmp_path: Path, change: dict[str, object]
) -> None:
    async with parts(tmp_path) as ctx:
        bot = await add_bot(ctx, tmp_path / "bot")
        record = ctx.store.registry.get(bot.id)
        assert record is not None
        await ctx.store.registry.remove(bot.id)
        await ctx.store.registry.add(msgspec.structs.replace(record, **change))
    async with parts(tmp_path) as ctx:
        await _works(ctx, bot.id)


async def _works(ctx: Context, instance_id: str) -> None:
    assert [view.id for view in instances.list_all(ctx)] == [instance_id]
    assert (await instances.start(ctx, instance_id)).complete  # its run command says how
    await instances.delete(ctx, instance_id)
