"""The real MaiBot, from the repository that `MAILAUNCHER_REAL_MAIBOT` names: deployed, ready without keys, stopped.

`MAILAUNCHER_REAL_MAIBOT=<git url> pytest tests/real` takes about two minutes and 3 GB, and needs a package index and, for
1.x, Python 3.12. What it measured last stands in docs/performance.md.
"""

import asyncio
import os
import time
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from resolvers import deployments, instances, versions
from resolvers.context import Context
from resolvers.deployments import NewDeployment
from resolvers.views import DeploymentView, InstanceView
from terminals.states import State
from tests.real.recipes import write_recipes
from tests.support.context import parts, processes_in

SOURCE = os.environ.get("MAILAUNCHER_REAL_MAIBOT", "")
OLD = "0.12.3"
DEPLOY_TIMEOUT_S = 900
READY_TIMEOUT_S = 240

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SOURCE, reason="MAILAUNCHER_REAL_MAIBOT is not set"),
]


@pytest_asyncio.fixture
async def ctx(tmp_path: Path) -> AsyncIterator[Context]:
    write_recipes(tmp_path / "data" / "recipes")
    async with parts(
        tmp_path, sources_maibot=[SOURCE], stop_timeout_s=30.0, deployments_at_once=1
    ) as context:
        yield context


async def deployed(ctx: Context, name: str, version: str) -> InstanceView:
    """A bot that was deployed with consent, and is ready."""
    begun = time.monotonic()
    view = await deployments.deploy(
        ctx, NewDeployment(name, version=version, auto_start=True, accept_terms=True)
    )
    last: DeploymentView = view
    async with asyncio.timeout(DEPLOY_TIMEOUT_S):
        async for update in deployments.progress(ctx, view.instance_id, None):
            last = update.deployment
    assert last.status == "completed", (last.message, last.failure)
    report(f"{name} {last.version}: deployed", begun)
    async with asyncio.timeout(READY_TIMEOUT_S):
        while not (found := ctx.live.view(view.instance_id)).ready:
            assert found.status is State.RUNNING, found.failure
            await asyncio.sleep(0.2)
    report(f"{name} {last.version}: ready", begun)
    return found


async def stopped(ctx: Context, instance: InstanceView) -> float:
    """Seconds that its stop took."""
    begun = time.monotonic()
    await instances.stop(ctx, instance.id)
    while ctx.live.view(instance.id).status is not State.STOPPED:
        await asyncio.sleep(0.05)
    report(f"{instance.name}: stopped", begun)
    return time.monotonic() - begun


def report(what: str, begun: float) -> None:
    print(f"{what} after {time.monotonic() - begun:.1f} s")  # noqa: T201 - what the test is run to see


async def test_two_versions_run_side_by_side_and_stop_without_a_trace(ctx: Context) -> None:
    newest = next(v.name for v in (await versions.list_all(ctx)).versions if v.kind == "tag" and v.stable)
    bots = [
        await deployed(ctx, "old", OLD),
        await deployed(ctx, "new", newest),
        await deployed(ctx, "twin", newest),
    ]
    assert [bot.version for bot in bots] == [OLD, newest, newest]
    assert len({bot.port for bot in bots}) == 3
    assert all(ctx.live.view(bot.id).status is State.RUNNING for bot in bots)
    for bot in bots[1:]:
        text = Path(bot.path, "config/bot_config.toml").read_text("utf-8")
        assert tomllib.loads(text)["maim_message"]["ws_server_port"] == bot.port
        # It was a file of eight lines, without the account, the name or a comment.
        assert {"qq_account", "nickname"} <= tomllib.loads(text)["bot"].keys()
        assert text.count(" # ") > 100
    for bot in bots:
        assert await stopped(ctx, bot) < 10
        terminal = ctx.live.supervisor(bot.id).terminals["main"]
        assert terminal.last_exit is not None
        assert terminal.last_exit.code == 0
        # 0.12 says only at times that its shutdown was a whole one.
        assert bot.version == OLD or "麦麦优雅关闭完成" in "\n".join(await terminal.last_lines(100))
    for bot in bots:
        assert processes_in(Path(bot.path)) == []
