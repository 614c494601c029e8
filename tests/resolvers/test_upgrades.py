"""Upgrades: another version in the same place, with the same data and ports, or the old one as if nothing had been."""

import asyncio
import os
import signal
import tomllib
from pathlib import Path

import psutil
import pytest

from mailauncher.errors import (
    DuplicateResource,
    InstanceAlreadyRunning,
    InstanceNotFound,
    InvalidParameter,
    PermissionDenied,
    ResourceNotFound,
    ServiceUnavailable,
    VersionNotFound,
)
from resolvers import backups, deployments, instances, upgrades
from resolvers.context import Context
from resolvers.instances import NewService
from resolvers.views import InstanceView
from terminals.states import State
from tests.support.context import add_bot, lives, outputs
from tests.support.deployable import on_other_ports
from tests.support.deploying import RECIPE, STEPS, Bots, at_step, deploy, ended, until
from tests.support.git import released
from tests.support.stress import sized

pytestmark = pytest.mark.slow
CRASH = {"sample.args": "--crash-at-start\n", "VERSION": "broken"}
SLOW = {"sample.args": "--slow-start 1000\n", "VERSION": "slow"}
ASKS = {"bot.py": "input('Your key? ')\n", "VERSION": "asks"}


async def installed(
    ctx: Context, bots: Bots, *, running: bool = True, version: str = "0.12.0"
) -> InstanceView:
    """A bot of an earlier version that has something to lose."""
    wanted = (NewService("napcat"),)
    begun = await deploy(ctx, version=version, services=wanted, auto_start=running, accept_terms=True)
    done = await ended(ctx, begun.instance_id)
    assert done.status == "completed", done
    if running:
        await ready(ctx, begun.instance_id)
    (bots.target("bot") / "data").mkdir(exist_ok=True)
    (bots.target("bot") / "data" / "mine").write_text("kept")
    return instances.get(ctx, begun.instance_id)


async def ready(ctx: Context, instance_id: str) -> None:
    async with asyncio.timeout(30):
        while not instances.get(ctx, instance_id).ready:
            await asyncio.sleep(0.01)


def version(bots: Bots) -> str:
    return (bots.target("bot") / "VERSION").read_text()


def former(bots: Bots, bot: InstanceView) -> Path:
    return bots.target("bot").with_name(f".bot.mailauncher-{bot.id[:8]}.former")


async def as_before(ctx: Context, bots: Bots, before: InstanceView) -> None:
    """The old version stands and runs as it did; nobody would notice but for its pid."""
    async with asyncio.timeout(30):
        while (now := instances.get(ctx, before.id)).status is not before.status:
            await asyncio.sleep(0.01)
    assert (now.version, now.port, now.name) == (before.version, before.port, before.name)
    assert [(s.name, s.port) for s in now.services] == [(s.name, s.port) for s in before.services]
    assert version(bots) == before.version
    assert (bots.target("bot") / "data" / "mine").read_text() == "kept"


async def test_an_upgrade_replaces_the_version_and_keeps_the_users_files(bots: Bots) -> None:
    async with bots.parts() as ctx:
        before = await installed(ctx, bots)
        env = (bots.target("bot") / ".env").read_text("utf-8")
        begun = await upgrades.upgrade(ctx, before.id, "latest")
        assert (begun.kind, begun.version) == ("upgrade", "0.12.1")
        done = await ended(ctx, before.id)
        assert (done.status, done.progress, done.failure) == ("completed", 100, None)
        now = instances.get(ctx, before.id)
        assert (now.version, now.status, now.port) == ("0.12.1", State.RUNNING, before.port)
        assert now.ready
        assert now.pid != before.pid
        assert not lives(before.pid)
        assert [service.status for service in now.services] == [State.RUNNING]
        assert version(bots) == "0.12.1"
        assert (bots.target("bot") / "data" / "mine").read_text() == "kept"
        assert (bots.target("bot") / ".env").read_text("utf-8") == env
        assert (former(bots, before) / "VERSION").read_text() == "0.12.0"
        made = await backups.list_of(ctx, before.id)
        assert [(backup.reason, backup.version) for backup in made] == [("upgrade", "0.12.0")]
        assert (await instances.delete(ctx, before.id, files=True)).complete
        assert bots.left("bot") == []


async def test_the_bot_runs_until_the_new_version_is_made(bots: Bots) -> None:
    async with bots.parts() as ctx:
        before = await installed(ctx, bots)
        bots.hold("fetch", "configure")
        await upgrades.upgrade(ctx, before.id, "0.12.1")
        await at_step(ctx, before.id, "fetch")
        now = instances.get(ctx, before.id)
        assert (now.pid, now.version, now.status) == (before.pid, before.version, State.RUNNING)
        assert [service.pid for service in now.services] == [service.pid for service in before.services]
        await instances.restart(ctx, before.id)
        with pytest.raises(InstanceAlreadyRunning):
            await upgrades.upgrade(ctx, before.id, "0.12.1")
        with pytest.raises(InstanceAlreadyRunning):
            await upgrades.rollback(ctx, before.id)
        bots.let_go("fetch")
        await at_step(ctx, before.id, "configure")
        assert instances.get(ctx, before.id).status is State.INSTALLING
        with pytest.raises(ServiceUnavailable):
            await instances.start(ctx, before.id)
        bots.let_go()
        assert (await ended(ctx, before.id)).status == "completed"


async def test_a_stopped_instance_is_not_started_by_an_upgrade(bots: Bots) -> None:
    async with bots.parts() as ctx:
        before = await installed(ctx, bots, running=False)
        await upgrades.upgrade(ctx, before.id, "0.12.1")
        assert (await ended(ctx, before.id)).status == "completed"
        now = instances.get(ctx, before.id)
        assert (now.status, now.version) == (State.STOPPED, "0.12.1")
        await instances.start(ctx, before.id)
        await ready(ctx, before.id)


@pytest.mark.parametrize(
    "broken, why",
    [
        (CRASH, "exited with code 1"),
        (SLOW, "was not ready within 6 s: it does not listen on port"),
        (ASKS, "it waits for an answer in its terminal"),
    ],
    ids=["crash", "slow", "asks"],
)
async def test_a_version_that_never_gets_ready_is_replaced_by_the_old_one(
    bots: Bots, broken: dict[str, str], why: str
) -> None:
    bots.recipe(RECIPE.replace("within_s = 20", "within_s = 6"))
    async with bots.parts() as ctx:
        before = await installed(ctx, bots)
        bots.repository.commit(broken)
        bots.repository.tag("0.12.2")
        await fresh(ctx)
        await upgrades.upgrade(ctx, before.id, "latest")
        after = await ended(ctx, before.id)
        assert after.status == "failed"
        assert after.failure is not None
        assert after.failure.step == "start"
        assert "0.12.2 did not get ready" in after.failure.text.en
        assert why in after.failure.text.en
        await as_before(ctx, bots, before)
        assert not former(bots, before).exists()
        await ready(ctx, before.id)
    async with bots.parts() as ctx:
        assert (await deployments.get(ctx, before.id)).status == "failed"
        assert instances.get(ctx, before.id).version == "0.12.0"


async def test_the_version_that_last_worked_is_kept_until_a_newer_one_works(bots: Bots) -> None:
    """A failed upgrade threw away what a rollback returns to, and so did one to a version that was never started."""
    for files, name in (({"VERSION": "0.12.2"}, "0.12.2"), (CRASH, "0.12.3")):
        bots.repository.commit(files)
        bots.repository.tag(name)
    async with bots.parts() as ctx:
        before = await installed(ctx, bots)
        await upgrades.upgrade(ctx, before.id, "0.12.1")
        assert (await ended(ctx, before.id)).status == "completed"
        await upgrades.upgrade(ctx, before.id, "0.12.3")
        assert (await ended(ctx, before.id)).status == "failed"
        assert version(bots) == "0.12.1"
        assert (former(bots, before) / "VERSION").read_text() == "0.12.0"
        await instances.stop(ctx, before.id)
        await upgrades.upgrade(ctx, before.id, "0.12.3")
        assert (await ended(ctx, before.id)).status == "completed"  # it is not started, so nobody knows
        assert (former(bots, before) / "VERSION").read_text() == "0.12.1"
        await upgrades.upgrade(ctx, before.id, "0.12.2", force=True)
        assert (await ended(ctx, before.id)).status == "completed"
        assert (version(bots), (former(bots, before) / "VERSION").read_text()) == ("0.12.2", "0.12.1")
        assert not any("earlier" in path.name for path in bots.left("bot"))
        await upgrades.rollback(ctx, before.id)
        assert (await ended(ctx, before.id)).status == "completed"
        assert (version(bots), instances.get(ctx, before.id).version) == ("0.12.1", "0.12.1")


async def fresh(ctx: Context) -> None:
    """The list of versions is fetched anew."""
    await ctx.bots.versions.known(ctx.bots.catalogue.get("maibot"), refresh=True)


async def test_a_version_that_cannot_be_made_leaves_the_bot_running_undisturbed(bots: Bots) -> None:
    async with bots.parts() as ctx:
        before = await installed(ctx, bots)
        bots.hold("fetch")
        await upgrades.upgrade(ctx, before.id, "0.12.1")
        await at_step(ctx, before.id, "fetch")
        away = bots.folder / "away"
        bots.repository.folder.rename(away)
        bots.let_go()
        after = await ended(ctx, before.id)
        assert (after.status, after.failure and after.failure.code) == ("failed", "DOWNLOAD_FAILED")
        assert instances.get(ctx, before.id) == before
        away.rename(bots.repository.folder)
        await deployments.retry(ctx, before.id)
        assert (await ended(ctx, before.id)).status == "completed"
        assert version(bots) == "0.12.1"


@pytest.mark.stress
async def test_an_upgrade_cancelled_in_any_step_leaves_everything_as_it_was(bots: Bots) -> None:
    async with bots.parts() as ctx:
        before = await installed(ctx, bots)
        for step in sized(("fetch", "register"), STEPS):
            bots.hold(step)
            await upgrades.upgrade(ctx, before.id, "0.12.1")
            await at_step(ctx, before.id, step)
            after = await deployments.cancel(ctx, before.id)
            assert (after.status, after.kind) == ("cancelled", "upgrade")
            await as_before(ctx, bots, before)
            assert bots.left("bot") == [bots.target("bot")]
            bots.let_go()
        await upgrades.upgrade(ctx, before.id, "0.12.1")
        assert (await ended(ctx, before.id)).status == "completed"


async def test_an_upgrade_cancelled_while_it_starts_is_reverted(bots: Bots) -> None:
    async with bots.parts() as ctx:
        before = await installed(ctx, bots)
        bots.repository.commit(SLOW)
        bots.repository.tag("0.12.2")
        await fresh(ctx)
        await upgrades.upgrade(ctx, before.id, "0.12.2")
        await at_step(ctx, before.id, "start")
        assert version(bots) == "slow"
        assert (await deployments.cancel(ctx, before.id)).status == "cancelled"
        await as_before(ctx, bots, before)
        assert bots.left("bot") == [bots.target("bot")]


async def test_deleting_an_instance_in_the_middle_of_an_upgrade_leaves_nothing(bots: Bots) -> None:
    async with bots.parts() as ctx:
        before = await installed(ctx, bots)
        bots.hold("configure")
        await upgrades.upgrade(ctx, before.id, "0.12.1")
        await at_step(ctx, before.id, "configure")
        assert (await instances.delete(ctx, before.id, files=True)).complete
        assert bots.left("bot") == []
        assert instances.list_all(ctx) == []


# Servers that end in the middle


@pytest.mark.stress
@pytest.mark.parametrize(
    "step, stop",
    sized(
        [("configure", True), ("register", False), ("start", True)],
        [(step, stop) for step in (*STEPS[1:], "start") for stop in (False, True)],
    ),
)
async def test_an_upgrade_is_resumed_by_the_next_server_in_any_step(
    bots: Bots, step: str, stop: bool
) -> None:
    async with bots.parts(stop_bots_at_exit=stop) as ctx:
        before = await installed(ctx, bots)
        bots.hold(step)
        await upgrades.upgrade(ctx, before.id, "0.12.1")
        await at_step(ctx, before.id, step)
    async with bots.parts() as ctx:
        bots.let_go()
        done = await ended(ctx, before.id)
        assert (done.status, done.failure) == ("completed", None)
        await ready(ctx, before.id)
        now = instances.get(ctx, before.id)
        assert (now.status, now.version) == (State.RUNNING, "0.12.1")
        assert (bots.target("bot") / "data" / "mine").read_text() == "kept"


async def test_an_upgrade_survives_a_keeper_that_dies_while_trees_are_exchanged(
    bots: Bots,
) -> None:
    async with bots.parts() as ctx:
        before = await installed(ctx, bots)
        bots.hold("register")
        await upgrades.upgrade(ctx, before.id, "0.12.1")
        await at_step(ctx, before.id, "register")
        worker = ctx.live.supervisor(before.id).deploy_terminal.pid
        assert worker is not None
        keeper = psutil.Process(worker).parent()
        assert keeper is not None
        os.kill(keeper.pid, signal.SIGKILL)
        bots.let_go()
        assert (await ended(ctx, before.id)).status == "completed"
        assert version(bots) == "0.12.1"


# Terms


async def test_a_version_with_new_terms_waits_for_consent_while_the_old_one_runs(bots: Bots) -> None:
    async with bots.parts() as ctx:
        before = await installed(ctx, bots)
        bots.repository.commit({"EULA.md": "Other terms\n", "VERSION": "0.12.2"})
        bots.repository.tag("0.12.2")
        await fresh(ctx)
        await upgrades.upgrade(ctx, before.id, "0.12.2")
        after = await ended(ctx, before.id)
        assert after.status == "failed"
        assert after.failure is not None
        assert "EULA.md" in after.failure.text.en
        assert instances.get(ctx, before.id) == before
        await deployments.accept_terms(ctx, before.id)
        await deployments.retry(ctx, before.id)
        assert (await ended(ctx, before.id)).status == "completed"
        assert version(bots) == "0.12.2"
        await upgrades.rollback(ctx, before.id)
        assert (await ended(ctx, before.id)).status == "completed"
        await upgrades.upgrade(ctx, before.id, "0.12.2", accept_terms=True)
        assert (await ended(ctx, before.id)).status == "completed"


# Families


async def test_the_first_start_of_another_family_has_an_environment_of_its_own(bots: Bots) -> None:
    families = """
[[families]]
versions = "<0.12.1"

[[families]]
versions = ">=0.12.1"
install = { upgrade_env = { CONFIRMED = "{main}" } }
"""
    bots.recipe(f"{RECIPE}\n{families}")
    shown = "import os; print('CONFIRMED', os.environ.get('CONFIRMED'), flush=True)\n"
    script = (bots.repository.folder / "bot.py").read_text("utf-8").replace("import os\n", shown, 1)
    bots.repository.commit({"bot.py": f"{script}", "VERSION": "0.12.2"})
    bots.repository.tag("0.12.2")
    async with bots.parts() as ctx:
        before = await installed(ctx, bots, running=False)
        await upgrades.upgrade(ctx, before.id, "0.12.2")
        assert (await ended(ctx, before.id)).status == "completed"
    async with bots.parts() as ctx:
        await instances.start(ctx, before.id)
        await outputs(ctx, f"{before.id}_main", f"CONFIRMED {before.port}")
        await ready(ctx, before.id)
        await instances.restart(ctx, before.id)
        await outputs(ctx, f"{before.id}_main", "CONFIRMED None")
        await ready(ctx, before.id)
    async with bots.parts() as ctx:
        assert not (ctx.deployer.folder(before.id) / "first_start.json").exists()
        assert (ctx.deployer.folder(before.id) / "former.json").exists()


# Back by hand


async def test_a_rollback_restores_the_former_version_with_its_data_and_can_be_reverted(
    bots: Bots,
) -> None:
    async with bots.parts() as ctx:
        before = await installed(ctx, bots)
        with pytest.raises(ResourceNotFound):
            await upgrades.rollback(ctx, before.id)
        await upgrades.upgrade(ctx, before.id, "0.12.1")
        await ended(ctx, before.id)
        (bots.target("bot") / "data" / "mine").write_text("later")
        begun = await upgrades.rollback(ctx, before.id)
        assert (begun.kind, begun.version) == ("upgrade", "0.12.0")
        done = await ended(ctx, before.id)
        assert (done.status, done.progress, done.failure) == ("completed", 100, None)
        await as_before(ctx, bots, before)
        assert (former(bots, before) / "data" / "mine").read_text() == "later"
        await upgrades.rollback(ctx, before.id)
        await ended(ctx, before.id)
        assert version(bots) == "0.12.1"
        assert instances.get(ctx, before.id).version == "0.12.1"
        assert (bots.target("bot") / "data" / "mine").read_text() == "later"


@pytest.mark.stress
async def test_a_rollback_cancelled_in_any_step_still_has_the_former_tree(bots: Bots) -> None:
    async with bots.parts() as ctx:
        before = await installed(ctx, bots)
        await upgrades.upgrade(ctx, before.id, "0.12.1")
        await ended(ctx, before.id)
        for step in sized(("configure",), ("check", "configure", "register")):
            bots.hold(step)
            await upgrades.rollback(ctx, before.id)
            await at_step(ctx, before.id, step)
            assert (await deployments.cancel(ctx, before.id)).status == "cancelled"
            assert version(bots) == "0.12.1"
            bots.let_go()
        await upgrades.rollback(ctx, before.id)
        assert (await ended(ctx, before.id)).status == "completed"
        await as_before(ctx, bots, before)


async def test_a_rollback_to_a_version_that_no_longer_works_is_reverted(bots: Bots) -> None:
    async with bots.parts() as ctx:
        before = await installed(ctx, bots)
        await upgrades.upgrade(ctx, before.id, "0.12.1")
        await ended(ctx, before.id)
        (former(bots, before) / "bot.py").write_text("raise SystemExit(3)\n")
        await upgrades.rollback(ctx, before.id)
        after = await ended(ctx, before.id)
        assert after.status == "failed"
        assert version(bots) == "0.12.1"
        assert instances.get(ctx, before.id).version == "0.12.1"
        await ready(ctx, before.id)
        assert (former(bots, before) / "VERSION").read_text() == "0.12.0"


# Refused


async def test_a_refused_upgrade_changes_nothing(bots: Bots) -> None:
    async with bots.parts() as ctx:
        with pytest.raises(InstanceNotFound):
            await upgrades.upgrade(ctx, "0" * 40, "0.12.1")
        added = await add_bot(ctx, bots.folder / "added")
        with pytest.raises(PermissionDenied, match="clone"):
            await upgrades.upgrade(ctx, added.id, "0.12.1")
        before = await installed(ctx, bots, running=False)
        with pytest.raises(VersionNotFound):
            await upgrades.upgrade(ctx, before.id, "9.9.9")
        assert (await deployments.get(ctx, before.id)).kind == "deploy"
        both = await asyncio.gather(
            *(upgrades.upgrade(ctx, before.id, "0.12.1") for _ in range(2)), return_exceptions=True
        )
        assert sum(isinstance(answer, InstanceAlreadyRunning) for answer in both) == 1
        assert (await ended(ctx, before.id)).status == "completed"


async def test_only_a_newer_version_is_taken_without_being_asked_twice(bots: Bots) -> None:
    """`upgrade` put 0.12 under the data of 1.x, built the present version anew, and a backup of 0.12 went into 1.x, each
    without a word."""
    async with bots.parts() as ctx:
        before = await installed(ctx, bots, running=False, version="0.12.1")
        older = await backups.create(ctx, before.id)
        with pytest.raises(DuplicateResource, match=r"is 0\.12\.1 already.*--force"):
            await upgrades.upgrade(ctx, before.id, "0.12.1")
        with pytest.raises(
            InvalidParameter, match=r"0\.12\.0 is older than 0\.12\.1.*rollback.*--force"
        ) as caught:
            await upgrades.upgrade(ctx, before.id, "0.12.0")
        assert caught.value.field == "force"
        assert instances.get(ctx, before.id) == before
        await upgrades.upgrade(ctx, before.id, "0.12.0", force=True)
        assert (await ended(ctx, before.id)).status == "completed"
        assert version(bots) == "0.12.0"
        with pytest.raises(InvalidParameter, match=r"is of version 0\.12\.1.*is 0\.12\.0.*--force") as caught:
            await backups.restore(ctx, before.id, older.id)
        assert caught.value.field == "force"
        assert (await backups.restore(ctx, before.id, older.id, force=True)).version == "0.12.0"
        for _ in range(2):  # a branch moves: its version says nothing of what is there
            await upgrades.upgrade(ctx, before.id, "main")
            assert (await ended(ctx, before.id)).status == "completed"


async def test_an_instance_whose_deployment_failed_cannot_be_upgraded(bots: Bots) -> None:
    async with bots.parts() as ctx:
        bots.hold("fetch")
        begun = await deploy(ctx)
        await at_step(ctx, begun.instance_id, "fetch")
        for command in (
            upgrades.rollback(ctx, begun.instance_id),
            upgrades.upgrade(ctx, begun.instance_id, "0.12.0"),
        ):
            with pytest.raises(ServiceUnavailable):
                await command
        bots.let_go()
        await until(ctx, begun.instance_id, lambda view: view.ended_at is not None)


SERVICE = """
name = "napcat"
kind = "service"
run = [["{python}", "main.py"]]
detect = ["main.py"]
needs = ["main"]
port = 8095
keep = ["mine"]
install = { git = ["URL"], ref = "1.0", place = "services/napcat", space_mb = 1 }

[title]
zh = "服务"
en = "The service"

[description]
zh = "先是独立的程序，后来由主程序运行"
en = "A program of its own at first, run by the main program later"

[[families]]
versions = "<0.12.1"

[[families]]
versions = ">=0.12.1, <0.12.2"
install = { ref = "2.0", todo = { zh = "填写名单", en = "Enter the lists" } }

[[families.config]]
name = "mine"
path = "config.toml"
content = "token = ''\\n[chat]\\ngroups = []\\n"

[[families]]
versions = ">=0.12.2"
port = 0
install = { ref = "2.0", place = "plugins/napcat", hosted = true, upgrade_todo = { zh = "去", en = "Go to {main}" } }

[[families.config]]
name = "mine"
path = "own.toml"
content = "[plugin]\\nenabled = true\\n"
carry = { "chat.groups" = { text = true }, "server.token" = { path = "token" }, "absent" = {} }
"""
PROGRAM = "import time\nprint('serving', flush=True)\ntime.sleep(1000)\n"


async def test_services_change_with_the_version_and_are_restored_by_a_rollback(bots: Bots) -> None:
    bots.recipe(RECIPE.replace('brings = ["napcat", "nonebot-ada"]', ""))
    tags = {"1.0": {"main.py": PROGRAM, "RELEASE": "1.0"}, "2.0": {"RELEASE": "2.0"}}
    service = released(bots.folder / "service", tags=tags)
    text = on_other_ports(SERVICE.replace("URL", service.url))
    (bots.folder / "data" / "recipes" / "napcat.toml").write_text(text, "utf-8")
    bots.repository.commit({"VERSION": "0.12.2"})
    bots.repository.tag("0.12.2")
    place = bots.target("bot") / "services" / "napcat"
    async with bots.parts() as ctx:
        before = await installed(ctx, bots)
        assert (place / "RELEASE").read_text() == "1.0"
        (place / "mine").write_text("kept")
        await upgrades.upgrade(ctx, before.id, "0.12.1")
        done = await ended(ctx, before.id)
        assert (done.status, [s.name for s in done.services]) == ("completed", ["napcat"])
        assert (place / "RELEASE").read_text() == "2.0"
        assert (place / "mine").read_text() == "kept"
        now = instances.get(ctx, before.id)
        assert now.services[0].status is State.RUNNING
        assert now.services[0].port == before.services[0].port
        assert done.todo == ()
        (place / "config.toml").write_text("token = 'secret'\n[chat]\ngroups = [1, 2]\nother = 3\n")
        await upgrades.upgrade(ctx, before.id, "0.12.2")
        done = await ended(ctx, before.id)
        assert (done.status, [task.en for task in done.todo]) == ("completed", [f"Go to {before.port}"])
        # The lists and the token were lost: a bot that had been upgraded answered nobody.
        assert tomllib.loads((bots.target("bot") / "plugins" / "napcat" / "own.toml").read_text()) == {
            "plugin": {"enabled": True},
            "chat": {"groups": ["1", "2"]},
            "server": {"token": "secret"},
        }
        assert instances.get(ctx, before.id).services == ()
        assert (bots.target("bot") / "plugins" / "napcat" / "RELEASE").read_text() == "2.0"
    async with bots.parts() as ctx:
        await ready(ctx, before.id)
        await upgrades.rollback(ctx, before.id)
        assert (await ended(ctx, before.id)).status == "completed"
        again = instances.get(ctx, before.id)
        assert again.version == "0.12.1"
        assert [(s.name, s.port, s.status) for s in again.services] == [
            ("napcat", before.services[0].port, State.RUNNING)
        ]
        await outputs(ctx, f"{before.id}_napcat", "serving")
