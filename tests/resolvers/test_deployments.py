"""Deployments from the request to the running bot, and what can be seen of them on the way."""

import asyncio

import msgspec
import pytest

from bots.deploying import journal
from mailauncher.errors import (
    InstanceNotFound,
    InvalidParameter,
    ResourceNotFound,
    ServiceUnavailable,
    TerminalNotFound,
)
from mailauncher.events import InstanceChanged
from resolvers import deployments, instances, services, terminals
from resolvers.deploying import job
from resolvers.instances import NewService
from resolvers.views import DeploymentView, Details, WaitingFor
from terminals.states import State
from tests.support.context import add_bot, free_port, outputs
from tests.support.deploying import DEADLINE_S, STEPS, Bots, at_step, deploy, ended, until

pytestmark = pytest.mark.slow


async def test_a_deployed_bot_is_in_its_folder_and_an_ordinary_instance(bots: Bots) -> None:
    async with bots.parts() as ctx:
        begun = await deploy(ctx)
        assert begun.status in ("pending", "installing")
        assert instances.get(ctx, begun.instance_id).status is State.INSTALLING
        done = await ended(ctx, begun.instance_id)
        assert (done.status, done.progress, done.version) == ("completed", 100, "0.12.1")
        assert (done.commit, done.failure, done.step) == (bots.repository.head, None, None)
        assert done.todo[0].en == "Fill in the keys"
        assert (bots.target("bot") / "VERSION").read_text() == "0.12.1"
        assert bots.left("bot") == [bots.target("bot")]
        bot = instances.get(ctx, done.instance_id)
        assert (bot.status, bot.path, bot.version) == (State.STOPPED, str(bots.target("bot")), "0.12.1")
        outcome = await instances.delete(ctx, bot.id, files=True)
        assert outcome.complete
        assert bots.left("bot") == []
        assert not ctx.deployer.folder(bot.id).exists()
        with pytest.raises(InstanceNotFound):
            await deployments.get(ctx, bot.id)


async def test_the_requested_version_is_deployed(bots: Bots) -> None:
    async with bots.parts() as ctx:
        done = await ended(ctx, (await deploy(ctx, version="v0.12.0")).instance_id)
        assert (done.status, done.version) == ("completed", "0.12.0")
        assert (bots.target("bot") / "VERSION").read_text() == "0.12.0"
        assert instances.get(ctx, done.instance_id).version == "0.12.0"


async def test_with_consent_the_bot_is_started_at_the_end(bots: Bots) -> None:
    async with bots.parts() as ctx:
        begun = await deploy(ctx, auto_start=True, accept_terms=True)
        done = await ended(ctx, begun.instance_id)
        assert done.status == "completed"
        assert instances.get(ctx, done.instance_id).status is State.RUNNING
        await outputs(ctx, f"{done.instance_id}_main", "初始化完成")
        record = ctx.store.registry.get(done.instance_id)
        assert record is not None
        assert record.wanted


async def test_without_consent_the_deployment_completes_and_the_instance_says_how_to_accept(
    bots: Bots,
) -> None:
    async with bots.parts() as ctx:
        begun = await deploy(ctx, auto_start=True)
        done = await ended(ctx, begun.instance_id)
        assert (done.status, done.progress, done.failure) == ("completed", 100, None)
        assert "is installed, but: Not started" in done.message.en
        bot = instances.get(ctx, done.instance_id)
        assert (bot.status, bot.failure) == (State.STOPPED, None)  # it was `failed`, and nothing had failed
        assert bot.details.waiting_for is WaitingFor.TERMS
        assert bot.details.reason is not None
        assert "acceptTerms" in bot.details.reason.en
        assert any("terms" in text.en for text in done.logs)
        reason = bot.details.reason
    async with bots.parts() as ctx:  # the next server had forgotten it
        assert instances.get(ctx, bot.id).details == Details(WaitingFor.TERMS, reason=reason)
        accepted = await deployments.accept_terms(ctx, bot.id)
        assert (accepted.status, accepted.details) == (State.STOPPED, Details())
        await instances.start(ctx, bot.id)
        await outputs(ctx, f"{bot.id}_main", "初始化完成")
    async with bots.parts() as ctx:
        assert instances.get(ctx, bot.id).details.waiting_for is None


async def test_terms_accepted_while_it_is_installed_count(bots: Bots) -> None:
    async with bots.parts() as ctx:
        bots.hold("register")  # past the step that records consent
        begun = await deploy(ctx, auto_start=True)
        await at_step(ctx, begun.instance_id, "register")
        assert (await deployments.accept_terms(ctx, begun.instance_id)).status is State.INSTALLING
        bots.let_go()
        await ended(ctx, begun.instance_id)
        assert instances.get(ctx, begun.instance_id).status is State.RUNNING


async def test_services_that_the_bot_brings_run_with_it(bots: Bots) -> None:
    wanted = (NewService("napcat"), NewService("nonebot", port=free_port()))
    async with bots.parts() as ctx:
        begun = await deploy(ctx, services=wanted, auto_start=True, accept_terms=True)
        assert [service.name for service in begun.services] == ["napcat", "nonebot-ada"]
        done = await ended(ctx, begun.instance_id)
        assert [(s.status, s.progress) for s in done.services] == [("completed", 100)] * 2
        bot = instances.get(ctx, begun.instance_id)
        assert [service.status for service in bot.services] == [State.RUNNING] * 2
        assert bot.services[1].port == wanted[1].port
        assert bot.services[0].path == str(bots.target("bot") / "napcat")


# What is seen of it


async def test_progress_never_falls_and_every_sentence_is_published_once(bots: Bots) -> None:
    async with bots.parts() as ctx:
        begun = await deploy(ctx)
        updates = [update async for update in deployments.progress(ctx, begun.instance_id)]
        shares = [update.deployment.progress for update in updates]
        cursors = [update.cursor for update in updates]
        assert shares == sorted(shares)
        assert shares[-1] == 100
        assert cursors == sorted(cursors)
        told = [text for update in updates for text in update.log]
        assert told == list(updates[-1].deployment.logs)
        assert len(told) >= 5
        late = [update async for update in deployments.progress(ctx, begun.instance_id, after=cursors[1])]
        assert len(late) == 1
        before = sum(len(update.log) for update in updates[:2])
        assert list(late[0].log) == told[before:]


async def test_a_cursor_that_was_never_reached_is_refused(bots: Bots) -> None:
    async with bots.parts() as ctx:
        begun = await deploy(ctx)
        await ended(ctx, begun.instance_id)
        for after in (-1, 10_000):
            with pytest.raises(InvalidParameter):
                await anext(deployments.progress(ctx, begun.instance_id, after))


async def test_a_deployment_looks_the_same_after_a_restart_of_the_server(bots: Bots) -> None:
    async with bots.parts() as ctx:
        begun = await deploy(ctx, services=(NewService("napcat"),))
        done = await ended(ctx, begun.instance_id)
    async with bots.parts() as ctx:
        assert await deployments.get(ctx, begun.instance_id) == done
        assert await deployments.list_all(ctx) == [done]
        assert instances.get(ctx, begun.instance_id).status is State.STOPPED


async def test_the_worker_prints_to_a_terminal_of_the_instance(bots: Bots) -> None:
    async with bots.parts() as ctx:
        bots.hold("register")
        begun = await deploy(ctx)
        session = f"{begun.instance_id}_deploy"
        await outputs(ctx, session, "Fetching")
        assert [view.name for view in terminals.list_of(ctx, begun.instance_id)] == ["main", "deploy"]
        await at_step(ctx, begun.instance_id, "register")
        assert terminals.get(ctx, session).status is State.RUNNING
        bots.let_go()
        await ended(ctx, begun.instance_id)
        assert "Fetching" in await outputs(ctx, session, "Moving")
        assert not terminals.get(ctx, session).shell


async def test_an_instance_that_was_added_has_no_deployment(bots: Bots) -> None:
    async with bots.parts() as ctx:
        bot = await add_bot(ctx, bots.folder / "added")
        with pytest.raises(ResourceNotFound):
            await deployments.get(ctx, bot.id)
        with pytest.raises(TerminalNotFound):
            terminals.find(ctx, f"{bot.id}_deploy")
        with pytest.raises(InstanceNotFound):
            await deployments.get(ctx, "0" * 40)


async def test_an_instance_that_is_being_installed_takes_no_commands(bots: Bots) -> None:
    async with bots.parts() as ctx:
        bots.hold("fetch")
        begun = await deploy(ctx, services=(NewService("napcat"),))
        for command in (instances.start, instances.stop, instances.restart):
            with pytest.raises(ServiceUnavailable, match="being installed"):
                await command(ctx, begun.instance_id)
        for order in (services.start, services.stop):
            with pytest.raises(ServiceUnavailable, match="being installed"):
                await order(ctx, begun.instance_id, "napcat")
        bots.let_go()
        await ended(ctx, begun.instance_id)


async def test_no_more_are_at_work_than_the_setting_allows_and_the_rest_wait_in_order(bots: Bots) -> None:
    async with bots.parts(deployments_at_once=1) as ctx:
        bots.hold("fetch")
        first, second, third = [await deploy(ctx, name) for name in ("one", "two", "three")]
        await at_step(ctx, first.instance_id, "fetch")

        async def states() -> list[str]:
            return [(await deployments.get(ctx, d.instance_id)).status for d in (first, second, third)]

        assert await states() == ["installing", "pending", "pending"]
        assert instances.get(ctx, third.instance_id).status is State.INSTALLING
        bots.let_go()
        await ended(ctx, second.instance_id)
        assert (await states())[0] == "completed"
        last = await ended(ctx, third.instance_id)
        assert last.status == "completed"
        ends = [d.ended_at for d in await deployments.list_all(ctx)]
        assert None not in ends
        assert ends == sorted(ends, key=lambda at: at or 0)


async def test_two_deployments_at_once_get_different_ports(bots: Bots) -> None:
    async with bots.parts(deployments_at_once=2) as ctx:
        begun = [await deploy(ctx, name, services=(NewService("napcat"),)) for name in ("one", "two")]
        done: list[DeploymentView] = await asyncio.gather(*(ended(ctx, d.instance_id) for d in begun))
        assert [d.status for d in done] == ["completed"] * 2
        bots_of = [instances.get(ctx, d.instance_id) for d in done]
        ports = [port for bot in bots_of for port in (bot.port, bot.services[0].port)]
        assert len(set(ports)) == 4
        texts = [(bots.target(name) / ".env").read_text("utf-8") for name in ("one", "two")]
        for bot, text in zip(bots_of, texts, strict=True):
            assert f"PORT={bot.port}" in text
        webui = {line for text in texts for line in text.splitlines() if line.startswith("WEBUI_PORT=")}
        assert len(webui) == 2


async def test_placeholders_in_the_environment_are_ports_of_the_instance(bots: Bots) -> None:
    async with bots.parts() as ctx:
        begun = await deploy(ctx)
        await ended(ctx, begun.instance_id)
        env = (bots.target("bot") / ".env").read_text("utf-8")
        launch = ctx.live._make_launch(begun.instance_id, "main")
        assert f"WEBUI_PORT={launch.env['WEBUI_AT']}" in env
        (bots.target("bot") / ".env").write_text("PORT=1\nWEBUI_PORT=4321\n")
        assert ctx.live._make_launch(begun.instance_id, "main").env["WEBUI_AT"] == "4321"


async def test_a_deployment_is_noted_in_the_journal(bots: Bots) -> None:
    async with bots.parts() as ctx:
        begun = await deploy(ctx)
        await ended(ctx, begun.instance_id)
        async with asyncio.timeout(10):
            while "deployed" not in (kinds := [row["kind"] for row in await ctx.store.journal.after(0, 100)]):
                await asyncio.sleep(0.01)
        assert kinds == ["deploy", "deployed"]


async def test_the_plan_is_readable_by_its_owner_only(bots: Bots) -> None:
    async with bots.parts(python_index_url="https://user:secret@example.org/simple") as ctx:
        begun = await deploy(ctx)
        done = await ended(ctx, begun.instance_id)
        assert ctx.deployer.folder(begun.instance_id).stat().st_mode & 0o777 == 0o700
        assert "secret" not in str(msgspec.to_builtins(done.logs))


async def test_what_a_worker_prints_is_enough_to_follow_it(
    bots: Bots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step was seen up to a quarter of a second late, and a journal of megabytes was read four times a second."""
    monkeypatch.setattr(job, "POLL_S", 3600)
    async with bots.parts() as ctx:
        bots.hold(*STEPS)
        begun = await deploy(ctx)
        for step in STEPS:
            await at_step(ctx, begun.instance_id, step)
            bots.let_go(step)
        assert (await ended(ctx, begun.instance_id)).status == "completed"


async def test_an_entry_without_a_line_in_the_terminal_is_seen_at_the_next_poll(
    bots: Bots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "POLL_S", 0.05)
    async with bots.parts() as ctx:
        bots.hold("fetch")
        begun = await deploy(ctx)
        held = await at_step(ctx, begun.instance_id, "fetch")
        entry = journal.Entry(kind="progress", step="fetch", share=0.5)
        await asyncio.to_thread(journal.append, ctx.deployer.folder(begun.instance_id), entry)
        await until(ctx, begun.instance_id, lambda view: view.cursor > held.cursor)
        bots.let_go()
        await ended(ctx, begun.instance_id)


async def test_each_change_of_a_deployment_is_told_as_one_of_its_instance(bots: Bots) -> None:
    """A list of instances went on showing a deployment as under way that had ended."""
    async with bots.parts() as ctx:
        bots.hold("check")
        instance_id = (await deploy(ctx)).instance_id
        await at_step(ctx, instance_id, "check")
        with ctx.bus.subscribe(InstanceChanged) as changes:
            version = ctx.live.version
            bots.let_go()
            async with asyncio.timeout(DEADLINE_S):
                while (await deployments.get(ctx, instance_id)).status != "completed":
                    assert await anext(changes) == InstanceChanged(instance_id)
            assert ctx.live.version > version
