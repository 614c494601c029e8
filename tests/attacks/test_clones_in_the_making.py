"""Whoever cloned an instance and deleted it with its files lost most of both: the clone copied what was still there, and
called itself completed."""

from pathlib import Path

import pytest

from mailauncher.errors import ServiceUnavailable
from resolvers import backups, instances, upgrades
from tests.support.deploying import Bots, at_step, deploy, ended

pytestmark = pytest.mark.slow


async def test_an_instance_that_is_being_cloned_cannot_be_changed(bots: Bots) -> None:
    async with bots.parts() as ctx:
        first = await deploy(ctx, "first", version="0.12.0")
        await ended(ctx, first.instance_id)
        await upgrades.upgrade(ctx, first.instance_id, "0.12.1")
        await ended(ctx, first.instance_id)
        saved = await backups.create(ctx, first.instance_id)
        bots.hold("fetch")
        second = await upgrades.clone(ctx, first.instance_id, "second")
        await at_step(ctx, second.instance_id, "fetch")
        for command in (
            instances.delete(ctx, first.instance_id, files=True),
            upgrades.upgrade(ctx, first.instance_id, "0.12.0"),
            upgrades.rollback(ctx, first.instance_id),
            backups.restore(ctx, first.instance_id, saved.id),
        ):
            with pytest.raises(ServiceUnavailable):
                await command
        bots.let_go()
        assert (await ended(ctx, second.instance_id)).status == "completed"
        assert same(bots.target("first"), bots.target("second"))
        assert (await instances.delete(ctx, first.instance_id, files=True)).complete
        assert bots.left("first") == []


def same(one: Path, other: Path) -> bool:
    names = [sorted(str(path.relative_to(tree)) for path in tree.rglob("*.py")) for tree in (one, other)]
    return names[0] == names[1] != []


async def test_a_clone_completes_although_its_source_is_removed_from_the_list(bots: Bots) -> None:
    async with bots.parts() as ctx:
        first = await deploy(ctx, "first")
        await ended(ctx, first.instance_id)
        bots.hold("fetch")
        second = await upgrades.clone(ctx, first.instance_id, "second")
        await at_step(ctx, second.instance_id, "fetch")
        assert (await instances.delete(ctx, first.instance_id)).complete
        bots.let_go()
        assert (await ended(ctx, second.instance_id)).status == "completed"
