"""Deployments with everything that a real one has: environments made by uv, a service from a repository of its own."""

import os
from pathlib import Path

import psutil
import pytest

from resolvers import deployments, instances
from resolvers.instances import NewService
from terminals.states import State
from tests.support.context import outputs, processes_in
from tests.support.deployable import on_other_ports
from tests.support.deploying import RECIPE, Bots, at_step, deploy, ended
from tests.support.git import released

pytestmark = pytest.mark.slow

ENVIRONMENT = RECIPE.replace(
    "install = { space_mb = 1,", 'install = { space_mb = 1, python = ">=3.10", requirements = "needs.txt",'
).replace('brings = ["napcat", "nonebot-ada"]', "")
SERVICE = """
name = "napcat"
kind = "service"
run = [["{python}", "main.py"]]
detect = ["main.py"]
needs = ["main"]
port = 8095
ports = { ws = 3001 }
install = { git = ["URL"], place = "services/napcat", space_mb = 1 }

[title]
zh = "服务"
en = "The service"

[description]
zh = "示例服务"
en = "A service of a repository of its own"

[[config]]
name = "net"
path = "net.json"
content = "{}"
set = { port = "{napcat}", to = "{main}", ws = "{napcat.ws}" }
"""
PROGRAM = "import time\nprint('serving', flush=True)\ntime.sleep(1000)\n"


@pytest.fixture
def whole(bots: Bots) -> Bots:
    """A bot with an environment, and a service that comes from elsewhere."""
    bots.recipe(ENVIRONMENT)
    bots.repository.commit({"needs.txt": "six==1.17.0\n"})
    bots.repository.tag("0.12.2")
    service = released(bots.folder / "service", tags={"1.0": {"main.py": PROGRAM}, "2.0-beta": {"x": "x"}})
    text = on_other_ports(SERVICE.replace("URL", service.url))
    (bots.folder / "data" / "recipes" / "napcat.toml").write_text(text, "utf-8")
    return bots


async def test_a_bot_with_an_environment_and_a_service_of_its_own(whole: Bots) -> None:
    async with whole.parts() as ctx:
        begun = await deploy(ctx, services=(NewService("napcat"),), auto_start=True, accept_terms=True)
        done = await ended(ctx, begun.instance_id)
        assert (done.status, done.failure) == ("completed", None)
        bot = instances.get(ctx, begun.instance_id)
        assert (bot.status, bot.services[0].status) == (State.RUNNING, State.RUNNING)
        assert bot.services[0].path == str(whole.target("bot") / "services" / "napcat")
        await outputs(ctx, f"{bot.id}_napcat", "serving")
        assert bot.pid is not None
        assert psutil.Process(bot.pid).cmdline()[0] == str(whole.target("bot") / ".venv" / "bin" / "python")
        assert list((whole.target("bot") / ".venv").glob("lib/python*/site-packages/six.py"))
        net = (whole.target("bot") / "services" / "napcat" / "net.json").read_text()
        assert str(bot.services[0].port) in net
        assert str(bot.port) in net
        await instances.delete(ctx, bot.id, files=True)
        assert whole.left("bot") == []


@pytest.mark.parametrize("step", ["environment", "dependencies", "services"])
async def test_cancelled_in_the_middle_of_it_nothing_is_left(whole: Bots, step: str) -> None:
    async with whole.parts() as ctx:
        whole.hold(step)
        begun = await deploy(ctx, services=(NewService("napcat"),))
        await at_step(ctx, begun.instance_id, step)
        assert (await deployments.cancel(ctx, begun.instance_id)).status == "cancelled"
        assert whole.left("bot") == []
        assert processes_in(ctx.deployer.folder(begun.instance_id)) == []


async def test_a_missing_python_is_a_failure_that_can_be_retried(whole: Bots) -> None:
    good = (whole.folder / "data" / "recipes" / "maibot.toml").read_text("utf-8")
    whole.recipe(ENVIRONMENT.replace(">=3.10", "==3.99.*"))
    async with whole.parts(python_downloads=False) as ctx:
        begun = await deploy(ctx)
        after = await ended(ctx, begun.instance_id)
        assert (after.status, after.failure and after.failure.step) == ("failed", "check")
        assert (await instances.delete(ctx, begun.instance_id)).complete
        assert whole.left("bot") == []
    (whole.folder / "data" / "recipes" / "maibot.toml").write_text(good, "utf-8")
    async with whole.parts() as ctx:
        assert (await ended(ctx, (await deploy(ctx)).instance_id)).status == "completed"


async def test_a_service_whose_packages_cannot_be_installed_is_left_out(whole: Bots) -> None:
    file = whole.folder / "data" / "recipes" / "napcat.toml"
    needs = 'python = ">=3.10", requirements = "needs.txt", space_mb = 1'
    file.write_text(file.read_text("utf-8").replace("space_mb = 1", needs), "utf-8")
    async with whole.parts() as ctx:
        done = await ended(ctx, (await deploy(ctx, services=(NewService("napcat"),))).instance_id)
        assert done.status == "completed"
        assert done.failure is not None
        assert (done.failure.step, done.failure.text.en) == ("services", "napcat has no needs.txt")
        assert instances.get(ctx, done.instance_id).services == ()
        assert (whole.target("bot") / ".venv").exists()
        assert not (whole.target("bot") / "services" / "napcat").exists()
        assert [path.name for path in whole.left("bot")] == ["bot"]


async def test_the_worker_is_found_whatever_folder_the_server_runs_in(
    bots: Bots, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.devnull)
    async with bots.parts() as ctx:
        assert (await ended(ctx, (await deploy(ctx)).instance_id)).status == "completed"
