"""What is kept on the disk for an instance: shown, and dropped when asked."""

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailauncher.errors import InstanceAlreadyRunning, InstanceNotFound, ResourceNotFound
from resolvers import backups, deployments, instances, kept_files, upgrades
from resolvers.context import Context
from resolvers.kept_files import KeptKind
from tests.support.context import add_bot
from tests.support.deploying import Bots, at_step, deploy, ended

pytestmark = pytest.mark.slow


async def kinds(ctx: Context, instance_id: str | None = None) -> list[tuple[str, str]]:
    return [(found.kind, found.version) for found in await kept_files.list_of(ctx, instance_id)]


async def test_what_upgrades_and_backups_keep_is_listed_and_dropped(bots: Bots) -> None:
    """A former version of 600 MB to 1 GB was mentioned nowhere, and no command removed it."""
    async with bots.parts() as ctx:
        bot = (await deploy(ctx, version="0.12.0")).instance_id
        await ended(ctx, bot)
        assert await kinds(ctx) == []
        bots.hold("fetch")
        await upgrades.upgrade(ctx, bot, "0.12.1")
        await at_step(ctx, bot, "fetch")
        with pytest.raises(InstanceAlreadyRunning):
            await kept_files.drop(ctx, bot, list(KeptKind))
        bots.let_go()
        await ended(ctx, bot)
        assert await kinds(ctx, bot) == await kinds(ctx) == [("former", "0.12.0"), ("backups", "")]
        former, made = await kept_files.list_of(ctx, bot)
        (bots.folder / "workspace" / former.path / "large").write_bytes(b"x" * 100_000)
        (larger, _) = await kept_files.list_of(ctx, bot)
        assert larger.size >= former.size + 100_000
        assert await kept_files.drop(ctx, bot, [KeptKind.FORMER]) == [larger]
        assert await kept_files.list_of(ctx, bot) == [made]
        with pytest.raises(ResourceNotFound):
            await upgrades.rollback(ctx, bot)
        await kept_files.drop(ctx, bot, [KeptKind.BACKUPS, KeptKind.FAILED])
        assert (await kinds(ctx), await backups.list_of(ctx, bot)) == ([], [])
        assert await kept_files.drop(ctx, bot, list(KeptKind)) == []
        assert [path.name for path in bots.left("bot")] == ["bot"]
        await backups.create(ctx, bot)
        with pytest.raises(InstanceNotFound):
            await kept_files.list_of(ctx, "0" * 40)


async def test_what_a_failed_deployment_has_made_is_dropped_and_a_retry_makes_it_again(bots: Bots) -> None:
    async with bots.parts() as ctx:
        await ctx.bots.versions.known(ctx.bots.catalogue.get("maibot"))
        place = bots.repository.folder
        away = place.rename(place.with_name("away"))
        bot = (await deploy(ctx)).instance_id
        assert (await ended(ctx, bot)).status == "failed"
        assert await kinds(ctx) == [("failed", "")]
        (dropped,) = await kept_files.drop(ctx, bot, [KeptKind.FAILED])
        assert dropped.path.endswith(f".bot.mailauncher-{bot[:8]}")
        assert (await kinds(ctx), bots.left("bot")) == ([], [])
        away.rename(place)
        await deployments.retry(ctx, bot)
        assert (await ended(ctx, bot)).status == "completed"
        assert instances.get(ctx, bot).status == "stopped"


async def test_sizes_are_no_longer_added_up_once_nobody_waits_for_them(
    ctx: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A query went on in its thread when its client had left: some of them, for large trees, kept all else from being read."""
    bot = await add_bot(ctx, tmp_path / "bot")
    await backups.create(ctx, bot.id)
    walks, ended, given_up = threading.Event(), threading.Event(), threading.Event()

    def endless(folder: Path) -> Iterator[tuple[str, list[str], list[str], int]]:
        try:
            while not given_up.wait(0.01):
                walks.set()
                yield str(folder), [], [], 0
        finally:
            ended.set()

    monkeypatch.setattr(os, "fwalk", endless)
    listing = asyncio.create_task(kept_files.list_of(ctx, bot.id))
    try:
        assert await asyncio.to_thread(walks.wait, 30)
        listing.cancel()
        await asyncio.wait([listing])
        assert ended.is_set()
    finally:
        given_up.set()
