"""Deployments that do not come to their end: cancelled, failed and tried again, deleted half-way."""

import asyncio

import psutil
import pytest

from mailauncher.errors import (
    InstanceAlreadyRunning,
    InstanceNotFound,
    InstanceNotRunning,
    InvalidParameter,
    PermissionDenied,
    ServiceUnavailable,
)
from resolvers import deployments, instances
from resolvers.context import Context
from terminals.states import State
from tests.support.context import processes_in
from tests.support.deploying import DEADLINE_S, STEPS, Bots, at_step, deploy, ended, until

pytestmark = pytest.mark.slow


async def gone(ctx: Context, bots: Bots, instance_id: str) -> None:
    """Nothing is left of an instance, on disk, in lists, or running."""
    assert bots.left("bot") == []
    assert instances.list_all(ctx) == []
    assert processes_in(ctx.deployer.folder(instance_id)) == []
    with pytest.raises(InstanceNotFound):
        instances.get(ctx, instance_id)


# Cancelling


@pytest.mark.parametrize("step", STEPS)
async def test_of_a_deployment_cancelled_in_any_step_nothing_is_left(bots: Bots, step: str) -> None:
    async with bots.parts() as ctx:
        bots.hold(step)
        begun = await deploy(ctx)
        before = await at_step(ctx, begun.instance_id, step)
        after = await deployments.cancel(ctx, begun.instance_id)
        assert (after.status, after.failure) == ("cancelled", None)
        assert after.progress >= before.progress
        assert after.logs[: len(before.logs)] == before.logs
        assert after.ended_at is not None
        await gone(ctx, bots, begun.instance_id)
        assert await deployments.get(ctx, begun.instance_id) == after
        bots.let_go()
        again = await ended(ctx, (await deploy(ctx)).instance_id)
        assert again.status == "completed"


async def test_a_deployment_cancelled_in_its_last_step_leaves_nothing_either(bots: Bots) -> None:
    late = f"import time; time.sleep({DEADLINE_S})\n"
    bots.repository.commit({"bot.py": f"{late}"})
    bots.repository.tag("0.12.2")
    async with bots.parts(start_grace_s=5.0) as ctx:
        begun = await deploy(ctx, auto_start=True, accept_terms=True)
        await until(ctx, begun.instance_id, lambda view: view.step == "start")
        await deployments.cancel(ctx, begun.instance_id)
        await gone(ctx, bots, begun.instance_id)


async def test_a_queued_deployment_is_cancelled_at_once(bots: Bots) -> None:
    async with bots.parts(deployments_at_once=1) as ctx:
        bots.hold("check")
        first = await deploy(ctx, "first")
        second = await deploy(ctx, "bot")
        assert (await deployments.cancel(ctx, second.instance_id)).status == "cancelled"
        assert [bot.name for bot in instances.list_all(ctx)] == ["first"]
        assert bots.left("bot") == []
        bots.let_go()
        assert (await ended(ctx, first.instance_id)).status == "completed"


async def test_cancelled_twice_at_the_same_moment_it_is_cancelled_once(bots: Bots) -> None:
    async with bots.parts() as ctx:
        bots.hold("fetch")
        begun = await deploy(ctx)
        await at_step(ctx, begun.instance_id, "fetch")
        twice = await asyncio.gather(*(deployments.cancel(ctx, begun.instance_id) for _ in range(2)))
        assert [view.status for view in twice] == ["cancelled"] * 2
        assert sum("Cancelled" in text.en for text in twice[0].logs) == 1
        with pytest.raises(InstanceNotRunning):
            await deployments.cancel(ctx, begun.instance_id)
        await gone(ctx, bots, begun.instance_id)


async def test_a_completed_deployment_cannot_be_cancelled(bots: Bots) -> None:
    async with bots.parts() as ctx:
        begun = await deploy(ctx)
        await ended(ctx, begun.instance_id)
        with pytest.raises(InstanceNotRunning):
            await deployments.cancel(ctx, begun.instance_id)
        assert bots.left("bot") == [bots.target("bot")]


async def test_followers_of_a_deployment_see_its_cancellation(bots: Bots) -> None:
    async with bots.parts() as ctx:
        bots.hold("fetch")
        begun = await deploy(ctx)
        following = asyncio.create_task(ended(ctx, begun.instance_id))
        await at_step(ctx, begun.instance_id, "fetch")
        await deployments.cancel(ctx, begun.instance_id)
        assert (await following).status == "cancelled"


async def test_a_cancelled_deployment_is_still_known_after_a_restart(bots: Bots) -> None:
    async with bots.parts() as ctx:
        bots.hold("fetch")
        begun = await deploy(ctx)
        await at_step(ctx, begun.instance_id, "fetch")
        cancelled = await deployments.cancel(ctx, begun.instance_id)
    async with bots.parts() as ctx:
        assert await deployments.get(ctx, begun.instance_id) == cancelled
        assert instances.list_all(ctx) == []


# Deleting


@pytest.mark.parametrize("files", [False, True])
async def test_deleting_an_instance_that_is_being_installed_cancels_its_deployment(
    bots: Bots, files: bool
) -> None:
    async with bots.parts() as ctx:
        bots.hold("configure")
        begun = await deploy(ctx)
        await at_step(ctx, begun.instance_id, "configure")
        assert (await instances.delete(ctx, begun.instance_id, files=files)).complete
        await gone(ctx, bots, begun.instance_id)
        assert (await deployments.get(ctx, begun.instance_id)).status == "cancelled"


@pytest.mark.parametrize("files", [False, True])
async def test_a_failed_deployment_is_deleted_with_all_it_has_made(bots: Bots, files: bool) -> None:
    async with bots.parts() as ctx:
        begun = await failed(ctx, bots)
        assert bots.left("bot") != []
        assert (await instances.delete(ctx, begun, files=files)).complete
        await gone(ctx, bots, begun)
        assert not ctx.deployer.folder(begun).exists()


async def test_files_that_somebody_else_put_in_its_place_are_not_deleted(bots: Bots) -> None:
    async with bots.parts() as ctx:
        begun = await failed(ctx, bots)
        theirs = bots.target("bot") / "theirs"
        theirs.parent.mkdir()
        theirs.write_text("kept")
        with pytest.raises(PermissionDenied):
            await instances.delete(ctx, begun, files=True)
        assert (await instances.delete(ctx, begun)).complete
        assert theirs.read_text() == "kept"
        assert bots.left("bot") == [bots.target("bot")]


# Failing


async def failed(ctx: Context, bots: Bots) -> str:
    """A deployment that failed because somebody stands in its place."""
    bots.hold("register")
    begun = await deploy(ctx)
    await at_step(ctx, begun.instance_id, "register")
    bots.target("bot").mkdir()
    (bots.target("bot") / "in the way").touch()
    bots.let_go()
    after = await ended(ctx, begun.instance_id)
    assert after.status == "failed", after
    (bots.target("bot") / "in the way").unlink()
    bots.target("bot").rmdir()
    return begun.instance_id


async def test_a_failure_names_step_and_cause_until_it_is_retried(bots: Bots) -> None:
    async with bots.parts() as ctx:
        begun = await failed(ctx, bots)
        view = await deployments.get(ctx, begun)
        assert view.failure is not None
        assert (view.failure.step, view.failure.code) == ("register", "INVALID_PATH")
        assert str(bots.target("bot")) in view.failure.text.en
        assert view.message == view.failure.text
        with pytest.raises(ServiceUnavailable, match="failed"):
            await instances.start(ctx, begun)
    async with bots.parts() as ctx:
        assert await deployments.get(ctx, begun) == view
        bot = instances.get(ctx, begun)
        assert bot.status is State.FAILED
        assert bot.failure is not None
        assert bot.failure.reason == view.failure.text
        with pytest.raises(ServiceUnavailable, match="failed"):
            await instances.start(ctx, begun)


async def test_a_retry_resumes_where_the_deployment_stopped(bots: Bots) -> None:
    async with bots.parts() as ctx:
        begun = await failed(ctx, bots)
        before = await deployments.get(ctx, begun)
        bots.repository.folder.rename(bots.folder / "elsewhere")  # nothing is fetched again
        again = await deployments.retry(ctx, begun)
        assert again.status in ("pending", "installing")
        assert again.progress >= before.progress
        assert instances.get(ctx, begun).status is State.INSTALLING
        with pytest.raises(InstanceAlreadyRunning):
            await deployments.retry(ctx, begun)
        after = await ended(ctx, begun)
        assert (after.status, after.failure) == ("completed", None)
        assert after.logs[: len(before.logs)] == before.logs
        assert instances.get(ctx, begun).status is State.STOPPED
        with pytest.raises(InvalidParameter):
            await deployments.retry(ctx, begun)


async def test_two_retries_at_once_run_it_once(bots: Bots) -> None:
    async with bots.parts() as ctx:
        begun = await failed(ctx, bots)
        answers = await asyncio.gather(
            *(deployments.retry(ctx, begun) for _ in range(2)), return_exceptions=True
        )
        assert sum(isinstance(answer, InstanceAlreadyRunning) for answer in answers) == 1
        assert (await ended(ctx, begun)).status == "completed"


async def test_a_killed_worker_is_reported_as_such(bots: Bots) -> None:
    async with bots.parts() as ctx:
        bots.hold("configure")
        begun = await deploy(ctx)
        await at_step(ctx, begun.instance_id, "configure")
        worker = ctx.live.supervisor(begun.instance_id).deploy_terminal.pid
        assert worker is not None
        psutil.Process(worker).kill()
        after = await ended(ctx, begun.instance_id)
        assert after.status == "failed"
        assert after.failure is not None
        assert (after.failure.step, after.failure.code) == ("configure", "DEPLOYMENT_FAILED")
        assert "SIGKILL" in after.failure.text.en
        bots.let_go()
        await deployments.retry(ctx, begun.instance_id)
        assert (await ended(ctx, begun.instance_id)).status == "completed"


async def test_a_worker_interrupted_in_its_terminal_can_be_retried(bots: Bots) -> None:
    async with bots.parts() as ctx:
        bots.hold("fetch")
        begun = await deploy(ctx)
        await at_step(ctx, begun.instance_id, "fetch")
        await ctx.live.supervisor(begun.instance_id).deploy_terminal.input("\x03")
        after = await ended(ctx, begun.instance_id)
        assert after.status == "failed"
        assert after.failure is not None
        assert "terminal" in after.failure.text.en
        bots.let_go()
        await deployments.retry(ctx, begun.instance_id)
        assert (await ended(ctx, begun.instance_id)).status == "completed"


async def test_a_plan_that_cannot_be_read_is_a_failure_that_says_what_to_do(bots: Bots) -> None:
    async with bots.parts(deployments_at_once=1) as ctx:
        bots.hold("fetch")
        await deploy(ctx, "first")
        begun = await deploy(ctx, "bot")
        (ctx.deployer.folder(begun.instance_id) / "plan.json").write_text("{")
        bots.let_go()
        after = await ended(ctx, begun.instance_id)
        assert after.status == "failed"
        assert after.failure is not None
        assert "deploy" in after.failure.text.en
        assert (await instances.delete(ctx, begun.instance_id)).complete
