"""A deployment that was tried again while its instance was being deleted, or while a backup was put back into its folder,
went on: without a plan, or in a folder that was changing. And random commands at once, in random order."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bots.deploying.register import MARKER
from mailauncher.errors import InstanceNotFound, LauncherError, ServiceUnavailable
from resolvers import backups, deployments, instances, upgrades
from resolvers.context import Context
from store.records import DeploymentStatus
from tests.support.context import processes_in
from tests.support.deploying import Bots, deploy, ended
from tests.support.stress import sized

pytestmark = pytest.mark.slow
ROUNDS = sized(5, 15)
COMMANDS_EACH = 10
NAMES = ("one", "two", "three")
DEADLINE_S = 60


class Crowd:
    """Several people who do not know of each other."""

    def __init__(self, ctx: Context, chance: random.Random) -> None:
        self.ctx = ctx
        self.chance = chance
        self.commands: dict[str, Callable[[], Awaitable[Any]]] = {
            "deploy": lambda: deploy(ctx, chance.choice(NAMES), version=chance.choice(["0.12.0", "0.12.1"])),
            "broken": lambda: deploy(ctx, chance.choice(NAMES), version="broken"),
            "cancel": lambda: deployments.cancel(ctx, self.any()),
            "retry": lambda: deployments.retry(ctx, self.any()),
            "delete": lambda: instances.delete(ctx, self.any(), files=True),
            "upgrade": lambda: upgrades.upgrade(
                ctx, self.any(), chance.choice(["0.12.0", "0.12.1", "broken"])
            ),
            "rollback": lambda: upgrades.rollback(ctx, self.any()),
            "clone": lambda: upgrades.clone(ctx, self.any(), chance.choice(NAMES)),
            "backup": lambda: backups.create(ctx, self.any()),
            "restore": self.restore,
            "accept": lambda: deployments.accept_terms(ctx, self.any()),
            "start": lambda: instances.start(ctx, self.any()),
            "stop": lambda: instances.stop(ctx, self.any()),
        }

    def any(self) -> str:
        known = [view.id for view in instances.list_all(self.ctx)]
        return self.chance.choice(known) if known else "0" * 40

    async def restore(self) -> None:
        instance_id = self.any()
        for found in (await backups.list_of(self.ctx, instance_id))[:1]:
            await backups.restore(self.ctx, instance_id, found.id)

    async def act(self) -> list[str]:
        """Commands at once, until all are answered and nothing is under way; which they were."""
        sent, said = [], []
        for _ in range(COMMANDS_EACH):
            name = self.chance.choice(list(self.commands))
            said.append(name)
            sent.append(asyncio.ensure_future(self.commands[name]()))
            await asyncio.sleep(self.chance.choice([0, 0, 0.01, 0.1, 0.4]))
        async with asyncio.timeout(DEADLINE_S):
            answers = await asyncio.gather(*sent, return_exceptions=True)
            for command, answer in zip(said, answers, strict=True):
                assert not isinstance(answer, BaseException) or isinstance(answer, LauncherError), (
                    command,
                    answer,
                )
            while any(self.ctx.deployer.job(record.instance_id) for record in self.ctx.store.deployments):
                await asyncio.sleep(0.05)
        return said


@pytest.mark.stress
@pytest.mark.parametrize("seed", range(2))
async def test_random_commands_at_once_leave_nothing_but_listed_instances(
    bots: Bots, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    broken(bots)
    async with bots.parts(backups_kept=3) as ctx:
        crowd = Crowd(ctx, random.Random(seed))
        for number in range(ROUNDS):
            said = await crowd.act()
            await ctx.live._tasks.finish()
            await sound(ctx, bots, (number, said))
    told = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.getMessage() for record in told] == []
    assert processes_in(bots.folder) == []


def broken(bots: Bots) -> None:
    """A release whose configuration cannot be written: it fails late, with its tree made."""
    (bots.repository.folder / "config").mkdir(exist_ok=True)
    (bots.repository.folder / "config" / "bot_config.toml").symlink_to("/etc/hostname")
    bots.repository.commit({"VERSION": "broken"})
    bots.repository.tag("broken")


async def sound(ctx: Context, bots: Bots, when: object) -> None:
    """Every deployment has ended, every instance is whole or says that it failed, and nothing else is there."""
    listed = {record.id: record for record in ctx.store.registry}
    for record in ctx.store.deployments:
        assert record.ended_at is not None, (when, record)
        assert record.status not in (DeploymentStatus.PENDING, DeploymentStatus.INSTALLING), (when, record)
    for instance in listed.values():
        row = ctx.store.deployments.get(instance.id)
        mark = ctx.live.overridden(instance.id)
        folder = Path(instance.path)
        assert row is not None, (when, instance)
        assert (mark is not None) == (not folder.exists()), (when, instance, mark)
        if mark is None:
            assert (folder / MARKER).read_text() == instance.id, when
            assert (folder / "VERSION").read_text() == instance.version, (when, instance, row)
            assert (folder / ".env").exists(), when
    assert set(ctx.live._overrides) <= set(listed), when
    plans = {path.name for path in (bots.folder / "data" / "deployments").iterdir()}
    assert plans <= {record.instance_id for record in ctx.store.deployments}, when
    known = {instance_id[:8] for instance_id in listed}
    orphans = [
        path.name
        for path in (bots.folder / "workspace").iterdir()
        if ".mailauncher-" in path.name and path.name.split(".mailauncher-")[1][:8] not in known
    ]
    assert orphans == [], when


async def failed(ctx: Context, bots: Bots) -> str:
    broken(bots)
    begun = await deploy(ctx, version="broken")
    assert (await ended(ctx, begun.instance_id)).status == "failed"
    return begun.instance_id


async def test_a_retry_comes_before_a_deletion_or_finds_nothing(bots: Bots) -> None:
    async with bots.parts() as ctx:
        instance_id = await failed(ctx, bots)
        async with ctx.locks.of(instance_id):
            deletion = asyncio.ensure_future(instances.delete(ctx, instance_id, files=True))
            await waiting(ctx, instance_id, 1)
            retry = asyncio.ensure_future(deployments.retry(ctx, instance_id))
            await waiting(ctx, instance_id, 2)
        assert (await deletion).complete
        with pytest.raises(InstanceNotFound):
            await retry
        await sound(ctx, bots, "a deletion, then a retry")
        assert bots.left("bot") == []


async def test_a_deletion_after_a_retry_is_refused(bots: Bots) -> None:
    async with bots.parts() as ctx:
        instance_id = await failed(ctx, bots)
        bots.hold("configure")
        async with ctx.locks.of(instance_id):
            retry = asyncio.ensure_future(deployments.retry(ctx, instance_id))
            await waiting(ctx, instance_id, 1)
            deletion = asyncio.ensure_future(instances.delete(ctx, instance_id, files=True))
            await waiting(ctx, instance_id, 2)
        await retry
        with pytest.raises(ServiceUnavailable):
            await deletion
        assert (await instances.delete(ctx, instance_id, files=True)).complete
        await sound(ctx, bots, "a retry, then deletions")
        assert bots.left("bot") == []


async def waiting(ctx: Context, instance_id: str, count: int) -> None:
    """So many commands wait for their turn."""
    async with asyncio.timeout(DEADLINE_S):
        while len(ctx.locks.of(instance_id)._waiters or ()) < count:
            await asyncio.sleep(0.001)
