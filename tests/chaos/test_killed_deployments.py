"""Servers are killed at random moments of deployments and upgrades: what stands is whole, and the next one goes on."""

import asyncio
import contextlib
import os
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mailauncher.bots.deploying.register import MARKER
from resolvers import deployments, instances, upgrades
from resolvers.context import Context
from tests.support.context import processes_in
from tests.support.deploying import ROOT, Bots, deploy, ended

pytestmark = pytest.mark.slow
KILLS = 25


@pytest.fixture
def doomed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bots]:
    yield Bots(tmp_path, monkeypatch)
    for pid in processes_in(tmp_path):
        with contextlib.suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()


async def lives_for(bots: Bots, seconds: float, *command: str) -> None:
    """A server that gets a command and is killed some time after it was up."""
    with (bots.folder / "errors").open("ab") as errors:
        server = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.support.doomed", str(bots.folder), bots.repository.url, *command),
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if not name.startswith("MAILAUNCHER_")},
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    assert server.stdout is not None
    line = await server.stdout.readline()
    assert line == b"up\n", (bots.folder / "errors").read_text()[-3000:]
    await asyncio.sleep(seconds)
    server.send_signal(signal.SIGKILL)
    await server.communicate()


def whole(folder: Path) -> bool:
    """A tree that is complete: a bot, its configuration, and the mark of its deployment."""
    return all(
        (folder / name).exists() for name in ("bot.py", "VERSION", ".env", "config/bot_config.toml", MARKER)
    )


async def settled(ctx: Context) -> None:
    """Nothing is under way any more, and everything went well."""
    for view in await deployments.list_all(ctx):
        done = await ended(ctx, view.instance_id)
        assert done.status in ("completed", "cancelled"), done


async def test_deployments_are_whole_or_absent_whenever_the_server_is_killed(doomed: Bots) -> None:
    names = [f"bot{number}" for number in range(KILLS)]
    for name in names:
        command = ("deploy", name) if int(name[3:]) % 3 == 0 else ()
        await lives_for(doomed, random.random() * 0.8, *command)
        for other in names:
            assert not doomed.target(other).exists() or whole(doomed.target(other))
    async with doomed.parts() as ctx:
        await settled(ctx)
        for bot in instances.list_all(ctx):
            assert whole(Path(bot.path))
            assert doomed.left(bot.name) == [Path(bot.path)]
            assert (await instances.delete(ctx, bot.id, files=True)).complete
            assert doomed.left(bot.name) == []
        again = await ended(ctx, (await deploy(ctx, "again")).instance_id)
        assert again.status == "completed"


async def test_upgrades_leave_one_version_or_the_other_whenever_the_server_is_killed(doomed: Bots) -> None:
    async with doomed.parts(stop_bots_at_exit=False) as ctx:
        begun = await deploy(ctx, version="0.12.0", auto_start=True, accept_terms=True)
        await ended(ctx, begun.instance_id)
    bot = begun.instance_id
    commands = [("upgrade", bot, "0.12.1"), (), (), ("cancel", bot), (), ("rollback", bot), (), ()]
    for number in range(KILLS):
        await lives_for(doomed, random.random() * 1.5, *commands[number % len(commands)])
        # Between two renames, where the file system cannot exchange folders, it may be absent for a moment.
        assert not doomed.target("bot").exists() or whole(doomed.target("bot"))
    async with doomed.parts() as ctx:
        await settled(ctx)
        now = instances.get(ctx, bot)
        assert (doomed.target("bot") / "VERSION").read_text() == now.version
        await upgrades.upgrade(ctx, bot, "0.12.0" if now.version == "0.12.1" else "0.12.1")
        assert (await ended(ctx, bot)).status == "completed"
        assert (await instances.delete(ctx, bot, files=True)).complete
        assert doomed.left("bot") == []
