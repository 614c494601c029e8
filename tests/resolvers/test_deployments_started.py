"""Deployments that start the bot end with the truth about it: it works, it died, it asks something, it is not ready."""

import asyncio

import pytest

from mailauncher.errors import Code
from resolvers import instances, upgrades, web_pages
from resolvers.deploying import install, upgrade
from resolvers.deploying.job import Job
from terminals.states import State
from tests.support.deploying import RECIPE, Bots, at_step, deploy, ended

pytestmark = pytest.mark.slow

PAGE = """web = { port = "webui", health = "/api/webui/health", token_file = "data/webui.json", token = "access_token" }"""
WITH_PAGE = RECIPE.replace("consent =", f"{PAGE}\nconsent =")
LISTENS = """
import re, socket
port = re.search(r"(?m)^PORT=(\\d+)", open(".env").read())[1]
server = socket.create_server(("127.0.0.1", int(port)))
while True:
    server.accept()
"""


async def test_a_bot_that_dies_at_once_is_a_failure_of_its_own_not_of_the_deployment(bots: Bots) -> None:
    bots.repository.commit({"bot.py": "raise SystemExit('no luck')\n"})
    bots.repository.tag("0.12.2")
    async with bots.parts() as ctx:
        begun = await deploy(ctx, auto_start=True, accept_terms=True)
        after = await ended(ctx, begun.instance_id)
        assert after.status == "completed"
        assert after.failure is not None
        assert (after.failure.step, after.failure.code) == ("start", Code.COMMAND_FAILED)
        assert after.failure.last_lines == ("no luck",)
        assert after.message.en == "It is installed, but: The main program exited with code 1"
        bot = instances.get(ctx, begun.instance_id)
        assert bot.status is State.FAILED
        assert bot.failure is not None
        assert bot.failure.last_lines == ("no luck",)


@pytest.mark.parametrize(
    "script, recipe, code, told",
    [
        # It was "complete", and the bot died a moment later.
        (
            "import time; time.sleep(1); import no_such_module",
            RECIPE,
            Code.COMMAND_FAILED,
            "exited with code 1 (The Python module no_such_module is missing",
        ),
        (
            "import time; time.sleep(1); import bot.worker",
            RECIPE,
            Code.COMMAND_FAILED,
            "exited with code 1 (The program's own module bot.worker is missing",
        ),
        (
            "import time; time.sleep(1); raise SystemExit('no luck')",
            RECIPE.replace("ready =", "# ready ="),
            Code.COMMAND_FAILED,
            "exited with code 1",
        ),
        ("input('Your key? ')", RECIPE, Code.INCOMPLETE, "mailauncher attach bot"),
        (
            "import time; time.sleep(600)",
            RECIPE.replace("within_s = 20", "within_s = 0.5"),
            Code.INCOMPLETE,
            "was not ready within 0.5 s: it does not listen on port",
        ),
    ],
)
async def test_a_deployment_that_starts_the_bot_ends_with_how_that_fares(
    bots: Bots, script: str, recipe: str, code: Code, told: str
) -> None:
    bots.recipe(recipe)
    bots.repository.commit({"bot.py": f"{script}\n"})
    bots.repository.tag("0.12.2")
    async with bots.parts() as ctx:
        begun = await deploy(ctx, auto_start=True, accept_terms=True)
        await at_step(ctx, begun.instance_id, "start")
        await instances.supervise(ctx, begun.instance_id, crash_limit=2, restart_delay_s=0.1)
        after = await ended(ctx, begun.instance_id)
        assert after.status == "completed"
        assert after.failure is not None
        assert (after.failure.step, after.failure.code) == ("start", code)
        assert told in after.failure.text.en
        assert after.message.en == f"It is installed, but: {after.failure.text.en}"
        assert [text for text in after.logs if told in text.en] == [after.message]


async def test_a_deployment_that_starts_the_bot_ends_once_it_is_ready_and_its_web_page_answers(
    bots: Bots,
) -> None:
    """The WebUI of 0.11 was broken by its deployment, which said nothing; and no answer had the page's address."""
    bots.recipe(WITH_PAGE)
    async with bots.parts() as ctx:
        begun = await deploy(ctx, auto_start=True, accept_terms=True)
        after = await ended(ctx, begun.instance_id)
        assert (after.status, after.failure, after.message.en) == (
            "completed",
            None,
            "The deployment is complete",
        )
        bot = instances.get(ctx, begun.instance_id)
        assert bot.ready is True
        (page,) = await web_pages.list_of(ctx, bot.id)
        assert (page.program, page.url) == ("main", f"http://127.0.0.1:{page.port}/")
        assert page.port != bot.port
        assert await web_pages.token(ctx, page) is None
        (bots.target("bot") / "data" / "webui.json").write_text('{"access_token": "sesame"}')
        assert await web_pages.token(ctx, page) == "sesame"


@pytest.mark.parametrize(
    "path, told",
    [("/other", "answers with something other than JSON"), ("/api/webui/health", "does not answer")],
)
async def test_a_web_page_that_does_not_work_is_the_end_of_a_deployment(
    bots: Bots, monkeypatch: pytest.MonkeyPatch, path: str, told: str
) -> None:
    monkeypatch.setattr(install, "WEB_WITHIN_S", 0.0)
    bots.recipe(WITH_PAGE.replace("/api/webui/health", path))
    if told == "does not answer":
        bots.repository.commit({"src/options.py": "", "bot.py": LISTENS})
        bots.repository.tag("0.12.2")
    async with bots.parts() as ctx:
        begun = await deploy(ctx, auto_start=True, accept_terms=True)
        after = await ended(ctx, begun.instance_id)
        assert after.status == "completed"
        assert after.failure is not None
        assert (after.failure.step, after.failure.code) == ("start", Code.INCOMPLETE)
        assert told in after.failure.text.en
        assert instances.get(ctx, begun.instance_id).status is State.RUNNING


async def test_an_upgrade_says_that_the_web_page_no_longer_answers(
    bots: Bots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It said only that the version was now another one; a page that did not answer before is not missed."""
    monkeypatch.setattr(upgrade, "WEB_WITHIN_S", 0.0)
    bots.recipe(WITH_PAGE)
    bots.repository.commit({"src/options.py": "", "bot.py": LISTENS, "VERSION": "0.12.2"})
    bots.repository.tag("0.12.2")
    bots.repository.commit({"VERSION": "0.12.3"})
    bots.repository.tag("0.12.3")
    async with bots.parts() as ctx:
        bot = (await deploy(ctx, version="0.12.1", auto_start=True, accept_terms=True)).instance_id
        assert (await ended(ctx, bot)).failure is None
        await upgrades.upgrade(ctx, bot, "0.12.2")
        after = await ended(ctx, bot)
        assert after.status == "completed"
        assert after.message.en.startswith("The version is now 0.12.2, but: its web page http://127.0.0.1:")
        assert after.failure is not None
        assert (after.failure.step, after.failure.code) == ("start", Code.INCOMPLETE)
        assert "does not answer" in after.failure.text.en
        await upgrades.upgrade(ctx, bot, "0.12.3")
        after = await ended(ctx, bot)
        assert (after.message.en, after.failure) == ("The version is now 0.12.3", None)


async def test_an_upgrade_whose_server_ended_while_it_stopped_the_bot_still_misses_the_web_page(
    bots: Bots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next server asked the page of a bot that was stopped, and took it for one that had never answered."""
    monkeypatch.setattr(upgrade, "WEB_WITHIN_S", 0.0)
    stop = upgrade.UpgradeHandler._stop
    stopped = asyncio.Event()

    async def stop_and_wait(handler: upgrade.UpgradeHandler, job: Job) -> None:
        await stop(handler, job)
        stopped.set()
        await asyncio.Event().wait()

    bots.recipe(WITH_PAGE)
    bots.repository.commit({"src/options.py": "", "bot.py": LISTENS, "VERSION": "0.12.2"})
    bots.repository.tag("0.12.2")
    with monkeypatch.context() as held:
        held.setattr(upgrade.UpgradeHandler, "_stop", stop_and_wait)
        async with bots.parts() as ctx:
            bot = (await deploy(ctx, version="0.12.1", auto_start=True, accept_terms=True)).instance_id
            assert (await ended(ctx, bot)).failure is None
            await upgrades.upgrade(ctx, bot, "0.12.2")
            await stopped.wait()
    async with bots.parts() as ctx:
        after = await ended(ctx, bot)
        assert after.message.en.startswith("The version is now 0.12.2, but: its web page http://127.0.0.1:")
