"""A deployment or upgrade records the configuration that it leaves: nobody had opened a file, and its content was lost."""

import pytest

from resolvers import configuration, instances, upgrades
from resolvers.context import Context
from store.revisions import Revision
from tests.support.deploying import Bots, deploy, ended

pytestmark = pytest.mark.slow


async def recorded(ctx: Context, instance_id: str, name: str) -> list[tuple[Revision, bytes]]:
    """Revisions with their contents, newest first, without a read of the file, which would record it."""
    found = await ctx.configs.revisions.older_than(instance_id, name, None, 10)
    return [await configuration.revision(ctx, instance_id, name, one.number) for one in found]


async def test_the_deployed_content_is_the_first_revision_and_can_be_restored(bots: Bots) -> None:
    async with bots.parts() as ctx:
        bot = (await ended(ctx, (await deploy(ctx)).instance_id)).instance_id
        for name, path in (("env", ".env"), ("bot", "config/bot_config.toml")):
            file = bots.target("bot") / path
            deployed = file.read_bytes()
            ((first, content),) = await recorded(ctx, bot, name)
            assert (first.source, content) == ("deploy", deployed)

            file.write_text("# by an editor\n")
            assert [one.source for one in await configuration.history(ctx, bot, name)] == ["disk", "deploy"]
            await configuration.restore(ctx, bot, name, first.number)
            assert file.read_bytes() == deployed


async def test_the_first_revision_is_older_than_what_the_started_bot_writes(bots: Bots) -> None:
    async with bots.parts() as ctx:
        begun = await deploy(ctx, auto_start=True, accept_terms=True)
        bot = (await ended(ctx, begun.instance_id)).instance_id
        ((first, _),) = await recorded(ctx, bot, "bot")
        started_at = instances.get(ctx, bot).started_at
        assert started_at is not None
        assert first.at <= started_at


async def test_an_upgrade_that_has_finished_records_what_it_left(bots: Bots) -> None:
    async with bots.parts() as ctx:
        done = await ended(ctx, (await deploy(ctx, version="0.12.0")).instance_id)
        file = bots.target("bot") / ".env"
        file.write_text(file.read_text() + "EDITED=1\n")

        await upgrades.upgrade(ctx, done.instance_id, "latest")
        assert (await ended(ctx, done.instance_id)).status == "completed"

        (newest, content), (first, _) = await recorded(ctx, done.instance_id, "env")
        assert (newest.source, first.source) == ("deploy", "deploy")
        assert content == file.read_bytes()
        assert b"EDITED=1" in content
