"""A bot whose service could not be installed: it is there without it, and a retry adds the service."""

import asyncio
import json
import os
import signal
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from bots.deploying import plan as plans
from bots.deploying.journal import DeploymentState
from bots.deploying.plan import Plan
from mailauncher.errors import InstanceAlreadyRunning, InvalidParameter, PortInUse
from mailauncher.interruption import Check, Interrupted
from resolvers import configuration, deployments, instances, upgrades
from resolvers.context import Context
from resolvers.deploying import addition, missing
from resolvers.deploying.progress import ProgressSnapshot
from resolvers.instances import NewInstance, NewService
from resolvers.views import DeploymentView
from store.records import DeploymentKind, ServiceRecord
from terminals.states import State
from tests.support.context import PATIENCE_S, free_port, lives, outputs, until
from tests.support.deployable import offer_service, release_service
from tests.support.deploying import RECIPE, Bots, at_step, deploy, ended
from tests.support.plans import Deployment, component

pytestmark = pytest.mark.slow
STILL = "lone is missing. To add it: `mailauncher retry bot`, or GraphQL's retryDeployment"


@pytest.fixture
def lone(bots: Bots) -> Path:
    """Where the repository of the service `lone` is missed."""
    folder = bots.folder / "lone"
    offer_service(folder, bots.folder / "data")
    return folder


async def without_it(ctx: Context, **wishes: Any) -> DeploymentView:
    """A bot that was installed without the service."""
    begun = await deploy(ctx, services=(NewService("lone", alias="mine"),), **wishes)
    return await ended(ctx, begun.instance_id)


async def noted(ctx: Context, kind: str, count: int) -> list[str]:
    """The sentences of the first events of a kind in the journal."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            rows = await ctx.store.journal.after(0, 100)
            if len(found := [row["en"] for row in rows if row["kind"] == kind]) >= count:
                return found
            await asyncio.sleep(0.01)


async def test_a_service_that_fails_leaves_the_bot_without_it_and_a_retry_adds_it_to_the_running_bot(
    bots: Bots, lone: Path
) -> None:
    """The whole deployment failed, and there was no bot."""
    async with bots.parts() as ctx:
        first = await without_it(ctx, auto_start=True, accept_terms=True)
        assert (first.status, first.progress, first.step) == ("completed", 100, None)
        assert first.failure is not None
        assert (first.failure.step, first.failure.code) == ("fetch", "DOWNLOAD_FAILED")
        assert any("fatal: " in line for line in first.failure.last_lines)
        assert first.message.en.startswith("It is installed, but: lone is missing (")
        assert first.message.en.endswith("To add it: `mailauncher retry bot`, or GraphQL's retryDeployment")
        (part,) = first.services
        assert (part.name, part.status, part.message) == ("lone", "failed", first.failure.text)
        assert part.progress < 100
        bot = await until(ctx, first.instance_id, State.RUNNING)
        assert bot.services == ()
        assert not (bots.target("bot") / "services").exists()

        release_service(lone)
        again = await deployments.retry(ctx, bot.id)
        assert again.kind is DeploymentKind.SERVICES
        assert again.status in ("pending", "installing")  # it goes on while the retry is noted
        done = await ended(ctx, bot.id)
        assert (done.status, done.message.en, done.failure) == ("completed", "Added lone", None)
        assert [(part.name, part.status, part.progress) for part in done.services] == [
            ("lone", "completed", 100)
        ]
        now = await until(ctx, bot.id, State.RUNNING)
        assert now.pid == bot.pid  # it ran all the time
        (service,) = now.services
        assert (service.name, service.alias) == ("lone", "mine")
        net = json.loads((bots.target("bot") / "services/lone/net.json").read_text("utf-8"))
        assert net == {"port": service.port, "to": now.port}
        await outputs(ctx, f"{bot.id}_lone", "serving")
        assert [path.name for path in bots.left("bot")] == ["bot"]
        with pytest.raises(InvalidParameter):
            await deployments.retry(ctx, bot.id)
        assert await noted(ctx, "deployed", 2) == ["bot: deployed without lone", "bot: added lone"]


def just_before(monkeypatch: pytest.MonkeyPatch, command: Coroutine[Any, Any, None]) -> None:
    """The next addition waits for `command` once it has begun to add its services."""
    loop, read = asyncio.get_running_loop(), missing.read

    def read_late(folder: Path) -> list[ServiceRecord]:
        monkeypatch.setattr(missing, "read", read)
        asyncio.run_coroutine_threadsafe(command, loop).result(PATIENCE_S)
        return read(folder)

    monkeypatch.setattr(missing, "read", read_late)


@pytest.mark.parametrize("command", [instances.stop, instances.kill])
async def test_a_bot_that_is_being_stopped_while_a_service_is_added_ends(
    bots: Bots, lone: Path, monkeypatch: pytest.MonkeyPatch, command: Any
) -> None:
    """Who waited for the stop was never answered, and the bot and its service were started again."""
    async with bots.parts() as ctx:
        bot = (await without_it(ctx, auto_start=True, accept_terms=True)).instance_id
        pid = (await until(ctx, bot, State.RUNNING)).pid
        commands = []

        async def begin() -> None:
            commands.append(asyncio.create_task(command(ctx, bot)))
            while ctx.live.supervisor(bot).main_program.wanted:
                await asyncio.sleep(0)

        just_before(monkeypatch, begin())
        release_service(lone)
        await deployments.retry(ctx, bot)
        assert (await ended(ctx, bot)).message.en == "Added lone"
        async with asyncio.timeout(PATIENCE_S):
            assert (await commands[0]).complete
        assert not lives(pid)
        now = instances.get(ctx, bot)
        assert (now.status, [service.status for service in now.services]) == (State.STOPPED, [State.STOPPED])
        record = ctx.store.registry.get(bot)
        assert record is not None
        assert not record.wanted
        assert not any(service.wanted for service in record.services)


async def test_a_bot_that_has_failed_is_not_started_with_the_service_that_is_added(
    bots: Bots, lone: Path
) -> None:
    async with bots.parts() as ctx:
        bot = (await without_it(ctx, auto_start=True, accept_terms=True)).instance_id
        await instances.supervise(ctx, bot, restart="no")
        pid = (await until(ctx, bot, State.RUNNING)).pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        failed = await until(ctx, bot, State.FAILED)
        release_service(lone)
        await deployments.retry(ctx, bot)
        assert (await ended(ctx, bot)).status == "completed"
        now = instances.get(ctx, bot)
        assert (now.status, now.failure, now.pid) == (State.FAILED, failed.failure, None)
        assert [service.status for service in now.services] == [State.STOPPED]


async def test_why_a_bot_was_not_started_is_shown_after_an_addition_too(bots: Bots, lone: Path) -> None:
    """That its terms are not accepted was forgotten, for good with the next server."""
    async with bots.parts() as ctx:
        bot = (await without_it(ctx, auto_start=True)).instance_id
        why = instances.get(ctx, bot).details
        assert why.reason is not None
        assert "accept" in why.reason.en
        release_service(lone)
        await deployments.retry(ctx, bot)
        assert (await ended(ctx, bot)).status == "completed"
        assert instances.get(ctx, bot).details == why
    async with bots.parts() as ctx:
        assert instances.get(ctx, bot).details == why


def test_the_removal_of_an_added_service_can_be_interrupted(tmp_path: Path) -> None:
    """A server that was told to end waited until the last file of the service was gone."""
    service = component(name="lone", place="services/lone")
    plan = Deployment(tmp_path, component(), service).plan
    place = Path(plan.folder) / "services/lone"
    place.mkdir(parents=True)
    (place / "main.py").touch()

    def stop() -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        addition._remove(plan, ProgressSnapshot(state=DeploymentState(shares={"register": 1.0})), stop)
    assert (place / "main.py").exists()


async def test_a_service_that_the_bot_runs_itself_is_added_for_its_next_start(bots: Bots, lone: Path) -> None:
    recipe = bots.folder / "data" / "recipes" / "lone.toml"
    hosted = recipe.read_text("utf-8").replace('"services/lone"', '"plugins/lone", hosted = true')
    recipe.write_text(hosted, "utf-8")
    async with bots.parts() as ctx:
        bot = (await without_it(ctx, auto_start=True, accept_terms=True)).instance_id
        release_service(lone)
        await deployments.retry(ctx, bot)
        done = await ended(ctx, bot)
        assert done.message.en == "Added lone, which the bot loads once it is restarted"
        assert (bots.target("bot") / "plugins/lone/net.json").is_file()
        assert instances.get(ctx, bot).services == ()
        with pytest.raises(InvalidParameter):
            await deployments.retry(ctx, bot)


async def test_a_service_that_the_bot_runs_itself_is_added_after_an_upgrade_too(
    bots: Bots, lone: Path
) -> None:
    recipe = bots.folder / "data" / "recipes" / "lone.toml"
    hosted = recipe.read_text("utf-8").replace('"services/lone"', '"plugins/lone", hosted = true')
    recipe.write_text(hosted, "utf-8")
    async with bots.parts() as ctx:
        bot = (await without_it(ctx, version="0.12.0")).instance_id
        await upgrades.upgrade(ctx, bot, "0.12.1")
        assert (await ended(ctx, bot)).message.en == f"The version is now 0.12.1. {STILL}"
        release_service(lone)
        await deployments.retry(ctx, bot)
        assert (await ended(ctx, bot)).message.en == "Added lone"
        assert (bots.target("bot") / "plugins/lone/net.json").is_file()
        await upgrades.rollback(ctx, bot)
        assert (await ended(ctx, bot)).message.en == f"The version is now 0.12.0. {STILL}"


async def test_a_retry_that_fails_as_well_leaves_the_bot_as_it_is(bots: Bots, lone: Path) -> None:
    async with bots.parts() as ctx:
        bot = (await without_it(ctx)).instance_id
        place = bots.target("bot") / "services/lone"
        assert (await deployments.retry(ctx, bot)).kind is DeploymentKind.SERVICES
        second = await ended(ctx, bot)
        assert (second.status, second.progress < 100) == ("failed", True)
        assert second.failure is not None
        assert (second.failure.step, second.failure.code) == ("fetch", "DOWNLOAD_FAILED")
        assert instances.get(ctx, bot).status is State.STOPPED

        release_service(lone)
        place.mkdir(parents=True)
        (place / "mine.txt").write_text("of the user", "utf-8")
        await deployments.retry(ctx, bot)
        third = await ended(ctx, bot)
        assert (third.status, third.failure and third.failure.code) == ("failed", "INVALID_PATH")
        assert (place / "mine.txt").read_text("utf-8") == "of the user"
        assert instances.get(ctx, bot).services == ()

        (place / "mine.txt").unlink()
        await deployments.retry(ctx, bot)
        done = await ended(ctx, bot)
        assert (done.status, done.services[0].status) == ("completed", "completed")
        assert [service.status for service in instances.get(ctx, bot).services] == [State.STOPPED]


async def test_a_port_that_another_program_has_meanwhile_is_refused(
    bots: Bots, lone: Path, tmp_path: Path
) -> None:
    async with bots.parts() as ctx:
        bot = (await without_it(ctx)).instance_id
        port = plans.read(ctx.deployer.folder(bot)).ports["lone"]
        (tmp_path / "other").mkdir()
        other = await instances.add(
            ctx, NewInstance("other", str(tmp_path / "other"), port, "{python} bot.py")
        )
        release_service(lone)
        with pytest.raises(PortInUse, match="other"):
            await deployments.retry(ctx, bot)
        await instances.delete(ctx, other.id)
        await deployments.retry(ctx, bot)
        assert (await ended(ctx, bot)).status == "completed"


async def test_a_cancelled_addition_leaves_the_bot_without_the_service(bots: Bots, lone: Path) -> None:
    async with bots.parts() as ctx:
        bot = (await without_it(ctx)).instance_id
        release_service(lone)
        bots.hold("configure")
        await deployments.retry(ctx, bot)
        await at_step(ctx, bot, "configure")
        assert (await deployments.cancel(ctx, bot)).status == "cancelled"
        assert not (bots.target("bot") / "services/lone").exists()
        assert [path.name for path in bots.left("bot")] == ["bot"]
        assert instances.get(ctx, bot).services == ()
        bots.let_go()
        await deployments.retry(ctx, bot)
        assert (await ended(ctx, bot)).status == "completed"


async def test_an_addition_that_is_cancelled_at_its_very_end_is_undone(
    bots: Bots, lone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bots.parts() as ctx:
        bot = (await without_it(ctx, auto_start=True, accept_terms=True)).instance_id
        pid = instances.get(ctx, bot).pid
        release_service(lone)
        added, never = asyncio.Event(), asyncio.Event()

        async def record_all(_instance_id: str, _cause: str) -> None:
            added.set()
            await never.wait()

        with monkeypatch.context() as patched:
            patched.setattr(ctx.configs, "record_all", record_all)
            await deployments.retry(ctx, bot)
            await added.wait()
            assert [service.name for service in instances.get(ctx, bot).services] == ["lone"]
            assert (await deployments.cancel(ctx, bot)).status == "cancelled"
        assert instances.get(ctx, bot).services == ()
        assert instances.get(ctx, bot).pid == pid
        assert not (bots.target("bot") / "services/lone").exists()
        await deployments.retry(ctx, bot)
        assert (await ended(ctx, bot)).status == "completed"


async def test_an_addition_goes_on_with_the_next_server(bots: Bots, lone: Path) -> None:
    async with bots.parts() as ctx:
        bot = (await without_it(ctx)).instance_id
        release_service(lone)
        bots.hold("configure")
        await deployments.retry(ctx, bot)
        await at_step(ctx, bot, "configure")
    bots.let_go()
    async with bots.parts() as ctx:
        assert (await ended(ctx, bot)).status == "completed"
        assert [service.name for service in instances.get(ctx, bot).services] == ["lone"]
        await instances.delete(ctx, bot, files=True)
    assert bots.left("bot") == []


async def test_a_service_can_be_added_after_an_upgrade_and_again_after_a_rollback(
    bots: Bots, lone: Path
) -> None:
    """It could be added until the next upgrade only, which did not say that it was missing."""
    async with bots.parts() as ctx:
        bot = (await without_it(ctx, version="0.12.0", auto_start=True, accept_terms=True)).instance_id
        port = plans.read(ctx.deployer.folder(bot)).ports["lone"]
        await upgrades.upgrade(ctx, bot, "0.12.1")
        done = await ended(ctx, bot)
        assert done.message.en == f"The version is now 0.12.1. {STILL}"
        release_service(lone)
        for version, other in (("0.12.1", "0.12.0"), ("0.12.0", "0.12.1")):
            pid = (await until(ctx, bot, State.RUNNING)).pid
            await deployments.retry(ctx, bot)
            assert (await ended(ctx, bot)).message.en == "Added lone"
            now = await until(ctx, bot, State.RUNNING)
            assert (now.version, now.pid) == (version, pid)
            (service,) = now.services
            assert (service.name, service.alias, service.port) == ("lone", "mine", port)
            net = json.loads((bots.target("bot") / "services/lone/net.json").read_text("utf-8"))
            assert net == {"port": port, "to": now.port}
            await outputs(ctx, f"{bot}_lone", "serving")
            with pytest.raises(InvalidParameter):
                await deployments.retry(ctx, bot)
            await upgrades.rollback(ctx, bot)
            said = f"The version is now {other}"
            lacks = version == "0.12.1"  # the former tree was without it
            assert (await ended(ctx, bot)).message.en == (f"{said}. {STILL}" if lacks else said)
            assert [found.name for found in instances.get(ctx, bot).services] == ([] if lacks else ["lone"])


async def test_a_service_can_be_added_after_a_cancelled_upgrade(bots: Bots, lone: Path) -> None:
    async with bots.parts() as ctx:
        bot = (await without_it(ctx, version="0.12.0")).instance_id
        bots.hold("configure")
        await upgrades.upgrade(ctx, bot, "0.12.1")
        await at_step(ctx, bot, "configure")
        assert (await deployments.cancel(ctx, bot)).status == "cancelled"
        bots.let_go()
        release_service(lone)
        await deployments.retry(ctx, bot)
        assert (await ended(ctx, bot)).message.en == "Added lone"
        assert [service.name for service in instances.get(ctx, bot).services] == ["lone"]


async def test_a_service_that_is_added_after_an_upgrade_leaves_the_first_start_its_environment(
    bots: Bots, lone: Path
) -> None:
    """The server after that would have started the new version without it."""
    families = """
[[families]]
versions = "<0.12.1"

[[families]]
versions = ">=0.12.1"
install = { upgrade_env = { CONFIRMED = "{main}" } }
"""
    bots.recipe(f"{RECIPE}\n{families}")
    async with bots.parts() as ctx:
        bot = (await without_it(ctx, version="0.12.0")).instance_id
        await upgrades.upgrade(ctx, bot, "0.12.1", accept_terms=True)
        await ended(ctx, bot)
        release_service(lone)
        await deployments.retry(ctx, bot)
        assert (await ended(ctx, bot)).message.en == "Added lone"
    async with bots.parts() as ctx:
        port = instances.get(ctx, bot).port
        assert ctx.live._make_launch(bot, "main").env["CONFIRMED"] == str(port)


async def test_a_service_is_added_with_the_port_that_the_bot_has_by_then(bots: Bots, lone: Path) -> None:
    """It was told the one that the deployment had planned."""
    async with bots.parts() as ctx:
        bot = (await without_it(ctx)).instance_id
        port = free_port()
        await configuration.set_value(ctx, bot, "env", ["PORT"], str(port))
        release_service(lone)
        await deployments.retry(ctx, bot)
        assert (await ended(ctx, bot)).status == "completed"
        net = json.loads((bots.target("bot") / "services/lone/net.json").read_text("utf-8"))
        assert net["to"] == port


async def test_an_addition_cannot_be_tried_again_while_it_is_being_cancelled(
    bots: Bots, lone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with bots.parts() as ctx:
        bot = (await without_it(ctx)).instance_id
        release_service(lone)
        bots.hold("configure")
        await deployments.retry(ctx, bot)
        await at_step(ctx, bot, "configure")
        removing, go_on, remove = asyncio.Event(), threading.Event(), addition._remove
        loop = asyncio.get_running_loop()

        def remove_later(plan: Plan, snapshot: ProgressSnapshot, check: Check) -> None:
            loop.call_soon_threadsafe(removing.set)
            go_on.wait(PATIENCE_S)
            remove(plan, snapshot, check)

        monkeypatch.setattr(addition, "_remove", remove_later)
        cancel = asyncio.create_task(deployments.cancel(ctx, bot))
        await removing.wait()
        with pytest.raises(InstanceAlreadyRunning):
            await deployments.retry(ctx, bot)
        go_on.set()
        assert (await cancel).status == "cancelled"
        bots.let_go()
        await deployments.retry(ctx, bot)
        assert (await ended(ctx, bot)).status == "completed"
