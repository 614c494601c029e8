"""The real MaiBot, with its adapter and without, in every situation that a user brings them into, from the repositories that
`MAILAUNCHER_REAL_MAIBOT` and `MAILAUNCHER_REAL_ADAPTER` name. Some minutes for each test: choose with `-k`, such as
`-k "0.12.3-to-1.2.1 and without-adapter"`."""

import asyncio
import json
import os
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from resolvers import backups, configuration, deployments, instances, upgrades, web_pages
from resolvers.context import Context
from resolvers.deployments import NewDeployment
from resolvers.instances import NewService
from resolvers.running.web_pages import problem_of
from resolvers.views import DeploymentView, InstanceView
from terminals.states import State
from tests.real.napcat import GROUP, telling
from tests.real.recipes import write_recipes
from tests.support.context import parts, processes_in

SOURCE = os.environ.get("MAILAUNCHER_REAL_MAIBOT", "")
ADAPTER = os.environ.get("MAILAUNCHER_REAL_ADAPTER", "")
VERSIONS = ("0.11.6-beta", "0.12.0", "0.12.3", "1.0.12", "1.1.4", "1.2.1")
UPGRADES = (
    ("0.11.6-beta", "0.12.3"),
    ("0.12.0", "0.12.3"),
    ("0.11.6-beta", "1.2.1"),
    ("0.12.0", "1.2.1"),
    ("0.12.3", "1.2.1"),
    ("1.0.12", "1.2.1"),
    ("1.1.4", "1.2.1"),
)
WITH_OR_WITHOUT_ADAPTER = pytest.mark.parametrize(
    "adapter", [False, True], ids=["without-adapter", "with-adapter"]
)
NICKNAME = "麦麦 of the test"
DEADLINE_S = 900
HEARD_WITHIN_S = 120
PAGE_WITHIN_S = 60.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (SOURCE and ADAPTER), reason="MAILAUNCHER_REAL_MAIBOT and MAILAUNCHER_REAL_ADAPTER are not set"
    ),
]


@pytest_asyncio.fixture
async def ctx(tmp_path: Path) -> AsyncIterator[Context]:
    async with launcher(tmp_path, ADAPTER) as context:
        yield context


@asynccontextmanager
async def launcher(tmp_path: Path, adapter: str) -> AsyncIterator[Context]:
    """A context that fetches the adapter from this URL, and leaves no process."""
    write_recipes(tmp_path / "data" / "recipes")
    sources = [f"nonebot-ada={adapter}"]
    async with parts(
        tmp_path, sources_maibot=[SOURCE], sources=sources, stop_timeout_s=30.0, deployments_at_once=2
    ) as context:
        yield context
    assert processes_in(tmp_path) == []


async def begin(ctx: Context, name: str, version: str, *, adapter: bool) -> str:
    services = (NewService("nonebot-ada"),) if adapter else ()
    wanted = NewDeployment(name, version=version, services=services, auto_start=True, accept_terms=True)
    return (await deployments.deploy(ctx, wanted)).instance_id


async def ended(ctx: Context, bot: str, said: str) -> None:
    assert await end_of(ctx, bot) == said


async def end_of(ctx: Context, bot: str) -> str:
    """What a deployment that completes says at its end."""
    last: DeploymentView | None = None
    async with asyncio.timeout(DEADLINE_S):
        async for update in deployments.progress(ctx, bot, None):
            last = update.deployment
    assert last is not None
    assert last.status == "completed", last.failure
    return last.message.en


def port_of_napcat(bot: InstanceView) -> dict[str, int]:
    """Where the adapter of a bot meets NapCat."""
    if bot.services:
        return {"adapter": bot.services[0].port}
    plugin = Path(bot.path, "plugins/napcat_adapter/config.toml").read_text("utf-8")
    return {"listen": tomllib.loads(plugin)["napcat_server"]["port"]}


async def hears(ctx: Context, bot: str, text: str) -> None:
    """A message in a group that is listed reaches the bot through its adapter."""
    main = ctx.live.supervisor(bot).terminals["main"]
    async with telling(text, **port_of_napcat(instances.get(ctx, bot))), asyncio.timeout(HEARD_WITHIN_S):
        while text not in "\n".join(await main.last_lines(200)):
            await asyncio.sleep(0.5)


async def allow(ctx: Context, bot: str) -> None:
    listed = [GROUP] if instances.get(ctx, bot).services else [str(GROUP)]
    await configuration.set_value(ctx, bot, "adapter", ["chat", "group_list"], listed)


async def works(ctx: Context, bot: InstanceView) -> None:
    """What is shown of a bot is true: it runs, listens on its port, and its page is there, with the token to log in."""
    assert (bot.status, bot.ready, bot.details.reason) == (State.RUNNING, True, None)
    assert bot.pid is not None
    root = psutil.Process(bot.pid)
    (page,) = await web_pages.list_of(ctx, bot.id)
    assert await problem_of(page, PAGE_WITHIN_S) is None  # 1.x serves it some seconds after its port
    listening = {
        connection.laddr.port
        for process in (root, *root.children(recursive=True))
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert {bot.port, page.port} <= listening
    assert await web_pages.token(ctx, page)


async def restarted(ctx: Context, bot: str) -> None:
    before = instances.get(ctx, bot).pid
    await instances.restart(ctx, bot)
    async with asyncio.timeout(DEADLINE_S):
        while not ((now := instances.get(ctx, bot)).ready and now.pid != before):
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("version", VERSIONS)
async def test_two_fresh_bots_at_once_have_ports_and_a_configuration_of_their_own(
    ctx: Context, version: str
) -> None:
    bots = [await begin(ctx, name, version, adapter=False) for name in ("one", "two")]
    await asyncio.gather(*(ended(ctx, bot, "The deployment is complete") for bot in bots))
    found = [instances.get(ctx, bot) for bot in bots]
    for bot in found:
        await works(ctx, bot)
    planned = [plan_ports(ctx, bot.id) for bot in found]
    assert set(planned[0]).isdisjoint(planned[1])
    for bot in found:
        text = Path(bot.path, "config/bot_config.toml").read_text("utf-8")
        assert {"qq_account", "nickname"} <= tomllib.loads(text)["bot"].keys()
        await instances.stop(ctx, bot.id)


def plan_ports(ctx: Context, bot: str) -> list[int]:
    job = json.loads((ctx.deployer.folder(bot) / "plan.json").read_bytes())
    return [job["ports"][name] for name in ("main", "webui")]


@WITH_OR_WITHOUT_ADAPTER
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_fresh_bot_its_clone_and_what_a_backup_restores_work(
    ctx: Context, version: str, adapter: bool
) -> None:
    bot = await fresh(ctx, version, adapter=adapter)
    saved = await backups.create(ctx, bot)
    await rename(ctx, bot, "later")
    await stopped(ctx, bot)
    clone = (await upgrades.clone(ctx, bot, "clone")).instance_id
    await ended(ctx, clone, "The deployment is complete")
    await restarted(ctx, clone)
    await does_its_work(ctx, clone, f"to a clone of {version}", adapter=adapter)
    assert nickname(ctx, clone) == "later"
    await stopped(ctx, clone)
    await backups.restore(ctx, bot, saved.id)
    await restarted(ctx, bot)
    await does_its_work(ctx, bot, f"to a restored {version}", adapter=adapter)
    assert nickname(ctx, bot) == NICKNAME


@WITH_OR_WITHOUT_ADAPTER
@pytest.mark.parametrize("before, after", UPGRADES, ids=["-to-".join(pair) for pair in UPGRADES])
async def test_a_bot_works_after_its_upgrade_and_after_its_rollback(
    ctx: Context, before: str, after: str, adapter: bool
) -> None:
    """From 0.x to 1.x the list of groups was lost, and no message came through."""
    bot = await fresh(ctx, before, adapter=adapter)
    await upgrades.upgrade(ctx, bot, after, accept_terms=True)
    await ended(ctx, bot, f"The version is now {after}")
    await does_its_work(ctx, bot, f"to {after}", adapter=adapter)
    assert nickname(ctx, bot) == NICKNAME
    await rename(ctx, bot, "later")
    await upgrades.rollback(ctx, bot)
    await ended(ctx, bot, f"The version is now {before}")
    await does_its_work(ctx, bot, f"to {before} again", adapter=adapter)
    assert nickname(ctx, bot) == NICKNAME


async def test_an_adapter_that_could_not_be_fetched_is_added_after_an_upgrade_to_1_x(tmp_path: Path) -> None:
    source = tmp_path / "adapter.git"
    async with launcher(tmp_path, source.as_uri()) as ctx:
        bot = await begin(ctx, "bot", "0.12.3", adapter=True)
        assert (await end_of(ctx, bot)).startswith("It is installed, but: nonebot-ada is missing (")
        await upgrades.upgrade(ctx, bot, "1.2.1", accept_terms=True)
        assert (await end_of(ctx, bot)).startswith("The version is now 1.2.1. nonebot-ada is missing. ")
        git = await asyncio.create_subprocess_exec("git", "clone", "-q", "--bare", ADAPTER, source)
        assert await git.wait() == 0
        await deployments.retry(ctx, bot)
        await ended(ctx, bot, "Added nonebot-ada, which the bot loads once it is restarted")
        await allow(ctx, bot)
        await restarted(ctx, bot)
        await does_its_work(ctx, bot, "to an added adapter", adapter=True)


async def fresh(ctx: Context, version: str, *, adapter: bool) -> str:
    """A new bot with a name that a user has entered, and with a group in the adapter's list if it has one."""
    bot = await begin(ctx, "bot", version, adapter=adapter)
    await ended(ctx, bot, "The deployment is complete")
    await rename(ctx, bot, NICKNAME)
    if adapter:
        await allow(ctx, bot)
    await restarted(ctx, bot)
    await does_its_work(ctx, bot, f"to a fresh {version}", adapter=adapter)
    return bot


async def does_its_work(ctx: Context, bot: str, text: str, *, adapter: bool) -> None:
    await works(ctx, instances.get(ctx, bot))
    if adapter:
        await hears(ctx, bot, text)


async def rename(ctx: Context, bot: str, name: str) -> None:
    await configuration.set_value(ctx, bot, "bot", ["bot", "nickname"], name)


def nickname(ctx: Context, bot: str) -> str:
    text = Path(instances.get(ctx, bot).path, "config/bot_config.toml").read_text("utf-8")
    return str(tomllib.loads(text)["bot"]["nickname"])


async def stopped(ctx: Context, bot: str) -> None:
    await instances.stop(ctx, bot)
    async with asyncio.timeout(DEADLINE_S):
        while instances.get(ctx, bot).status is not State.STOPPED:
            await asyncio.sleep(0.1)
