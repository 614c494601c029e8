"""Deployments outlive whatever carries them: the server, its keeper, the worker."""

import asyncio
import os
import signal
from typing import Any

import psutil
import pytest

from resolvers import deployments, instances
from resolvers.context import Context
from store.records import DeploymentStatus
from terminals.client import KeeperClient, TerminalStatus
from terminals.states import State
from tests.support.context import has_ended, lives, outputs, processes_in
from tests.support.deploying import STEPS, Bots, at_step, deploy, ended

pytestmark = pytest.mark.slow


def worker(ctx: Context, instance_id: str) -> int:
    pid = ctx.live.supervisor(instance_id).deploy_terminal.pid
    assert pid is not None
    return pid


@pytest.mark.parametrize("step", STEPS)
async def test_a_worker_goes_on_without_a_server_and_the_next_one_follows_it(bots: Bots, step: str) -> None:
    async with bots.parts(stop_bots_at_exit=False) as ctx:
        bots.hold(step)
        begun = await deploy(ctx)
        before = await at_step(ctx, begun.instance_id, step)
        pid = worker(ctx, begun.instance_id)
    assert lives(pid)
    async with bots.parts() as ctx:
        now = await deployments.get(ctx, begun.instance_id)
        assert (now.status, now.step, now.progress) == ("installing", step, before.progress)
        assert instances.get(ctx, begun.instance_id).status is State.INSTALLING
        assert worker(ctx, begun.instance_id) == pid
        bots.let_go()
        assert (await ended(ctx, begun.instance_id)).status == "completed"


async def test_the_result_of_a_worker_that_ended_without_a_server_is_taken_over(bots: Bots) -> None:
    async with bots.parts(stop_bots_at_exit=False) as ctx:
        bots.hold("fetch")
        begun = await deploy(ctx, auto_start=True, accept_terms=True)
        await at_step(ctx, begun.instance_id, "fetch")
        pid = worker(ctx, begun.instance_id)
    bots.let_go()
    await has_ended(pid)
    assert bots.left("bot") == [bots.target("bot")]
    async with bots.parts() as ctx:
        done = await ended(ctx, begun.instance_id)
        assert done.status == "completed"
        assert instances.get(ctx, begun.instance_id).status is State.RUNNING
        assert sum("Fetching" in text.en for text in done.logs) == 1


async def test_a_failure_without_a_server_is_reported_by_the_next_one(bots: Bots) -> None:
    async with bots.parts(stop_bots_at_exit=False) as ctx:
        bots.hold("register")
        begun = await deploy(ctx)
        await at_step(ctx, begun.instance_id, "register")
        pid = worker(ctx, begun.instance_id)
    bots.target("bot").mkdir()
    (bots.target("bot") / "in the way").touch()
    bots.let_go()
    await has_ended(pid)
    async with bots.parts() as ctx:
        after = await ended(ctx, begun.instance_id)
        assert after.status == "failed"
        assert instances.get(ctx, begun.instance_id).status is State.FAILED


async def test_a_worker_that_was_killed_without_a_server_is_run_again(bots: Bots) -> None:
    async with bots.parts(stop_bots_at_exit=False) as ctx:
        bots.hold("configure")
        begun = await deploy(ctx)
        await at_step(ctx, begun.instance_id, "configure")
        pid = worker(ctx, begun.instance_id)
    os.kill(pid, signal.SIGKILL)
    await has_ended(pid)
    bots.let_go()
    async with bots.parts() as ctx:
        assert (await ended(ctx, begun.instance_id)).status == "completed"


async def test_after_a_power_cut_everything_goes_on(bots: Bots) -> None:
    async with bots.parts(stop_bots_at_exit=False, deployments_at_once=1) as ctx:
        bots.hold("fetch")
        first, second = [await deploy(ctx, name) for name in ("first", "second")]
        await at_step(ctx, first.instance_id, "fetch")
        pid = worker(ctx, first.instance_id)
        keeper = psutil.Process(pid).parent()
    assert keeper is not None
    keeper.kill()
    os.kill(pid, signal.SIGKILL)
    await has_ended(keeper.pid, pid)
    async with bots.parts(deployments_at_once=1) as ctx:
        assert (await deployments.get(ctx, second.instance_id)).status == "pending"
        bots.let_go()
        assert (await ended(ctx, first.instance_id)).status == "completed"
        assert (await ended(ctx, second.instance_id)).status == "completed"


async def test_a_keeper_that_dies_takes_its_worker_with_it_and_another_goes_on(bots: Bots) -> None:
    async with bots.parts() as ctx:
        bots.hold("configure")
        begun = await deploy(ctx)
        await at_step(ctx, begun.instance_id, "configure")
        pid = worker(ctx, begun.instance_id)
        keeper = psutil.Process(pid).parent()
        assert keeper is not None
        keeper.kill()
        async with asyncio.timeout(20):
            while (now := ctx.live.supervisor(begun.instance_id).deploy_terminal.pid) in (pid, None):
                await asyncio.sleep(0.01)
        assert now is not None
        assert not lives(pid)
        bots.let_go()
        done = await ended(ctx, begun.instance_id)
        assert done.status == "completed"
        assert bots.left("bot") == [bots.target("bot")]


async def test_a_keeper_that_dies_before_it_has_answered_is_replaced(
    bots: Bots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment failed when its keeper died with the request that starts the worker unanswered."""
    spawn = KeeperClient.spawn
    killed: list[int] = []

    async def kill_first(client: KeeperClient, *arguments: Any) -> TerminalStatus:
        if not killed:
            await client.statuses()
            [keeper] = processes_in(bots.folder / "data" / "terminals")
            killed.append(keeper)
            os.kill(keeper, signal.SIGSTOP)  # it reads the request no more
            asyncio.get_running_loop().call_later(0.05, os.kill, keeper, signal.SIGKILL)
        return await spawn(client, *arguments)

    monkeypatch.setattr(KeeperClient, "spawn", kill_first)
    async with bots.parts() as ctx:
        begun = await deploy(ctx)
        assert (await ended(ctx, begun.instance_id)).status == "completed"
    assert len(killed) == 1


async def test_a_server_that_stops_its_bots_ends_the_worker_too_and_the_next_one_goes_on(bots: Bots) -> None:
    async with bots.parts() as ctx:
        bots.hold("configure")
        begun = await deploy(ctx)
        before = await at_step(ctx, begun.instance_id, "configure")
        pid = worker(ctx, begun.instance_id)
        folder = ctx.deployer.folder(begun.instance_id)
    assert not lives(pid)
    assert processes_in(folder) == []
    bots.let_go()
    bots.repository.folder.rename(bots.folder / "elsewhere")  # what was fetched is fetched
    async with bots.parts() as ctx:
        assert (await deployments.get(ctx, begun.instance_id)).progress == before.progress
        assert (await ended(ctx, begun.instance_id)).status == "completed"


async def test_a_cancel_that_was_cut_short_is_completed_by_the_next_server(bots: Bots) -> None:
    async with bots.parts(stop_bots_at_exit=False) as ctx:
        bots.hold("configure")
        begun = await deploy(ctx)
        await at_step(ctx, begun.instance_id, "configure")
        pid = worker(ctx, begun.instance_id)
        record = ctx.store.deployments.get(begun.instance_id)
        assert record is not None
        await ctx.store.deployments.change(record, status=DeploymentStatus.CANCELLED)
    assert lives(pid)
    async with bots.parts() as ctx:
        after = await ended(ctx, begun.instance_id)
        assert after.status == "cancelled"
        assert not lives(pid)
        assert bots.left("bot") == []
        assert instances.list_all(ctx) == []


async def test_an_instance_that_was_started_as_the_server_ended_is_not_started_twice(bots: Bots) -> None:
    async with bots.parts(stop_bots_at_exit=False) as ctx:
        begun = await deploy(ctx, auto_start=True, accept_terms=True)
        await outputs(ctx, f"{begun.instance_id}_main", "初始化完成")
        pid = instances.get(ctx, begun.instance_id).pid
    async with bots.parts() as ctx:
        assert (await ended(ctx, begun.instance_id)).status == "completed"
        assert instances.get(ctx, begun.instance_id).pid == pid


async def test_a_server_that_ends_at_any_moment_leaves_a_deployment_that_the_next_one_completes(
    bots: Bots,
) -> None:
    names = [f"bot{number}" for number in range(6)]
    begun = {}
    for number, name in enumerate(names):
        async with bots.parts(stop_bots_at_exit=bool(number % 2)) as ctx:
            begun[name] = await deploy(ctx, name)
            await asyncio.sleep(number * 0.15)  # somewhere in it
    async with bots.parts() as ctx:
        for name in names:
            done = await ended(ctx, begun[name].instance_id)
            assert done.status == "completed", (name, done.failure, done.logs)
            assert bots.left(name) == [bots.target(name)]
            assert instances.get(ctx, begun[name].instance_id).status is State.STOPPED
