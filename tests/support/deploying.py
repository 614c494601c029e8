"""Deployments of the sample bot out of a real git repository, and workers that can be held at a step.

A worker of these tests is the real one; it only waits, after it has begun a step, for as long as a file of that step's
name stands in the folder `held`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from resolvers import deployments
from resolvers.context import Context
from resolvers.deploying import job
from resolvers.deployments import NewDeployment
from resolvers.views import DeploymentView
from tests.support.context import first_port, free_port, parts
from tests.support.deployable import write_services
from tests.support.git import Repository, released

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "bots" / "sample"
DEADLINE_S = 120
STEPS = ("check", "fetch", "configure", "register")
"""Those that every deployment has."""

RECIPE = """
name = "maibot"
kind = "bot"
run = [["{python}", "bot.py"]]
detect = ["bot.py", "VERSION", "src/chat.py", "src/keyboard.py", "napcat/main.py"]
port = PORT
ports = { webui = WEBUI }
brings = ["napcat", "nonebot-ada"]
env = { MAIBOT_WORKER_PROCESS = "1", WEBUI_AT = "{webui}" }
stop = [{ signal = "SIGINT", to = "process", wait_s = 5 }, { signal = "SIGKILL", to = "tree" }]
ready = { port = true, within_s = 20 }
consent = { "EULA.md" = "eula.confirmed", "PRIVACY.md" = "privacy.confirmed" }
keep = [".env", "config", "data", "eula.confirmed", "privacy.confirmed"]
install = { space_mb = 1, todo = { zh = "填写密钥", en = "Fill in the keys" }, copied = { zh = "同一账号，{main}", en = "One account, {main}" } }

[title]
zh = "主程序"
en = "The main program"

[description]
zh = "示例"
en = "The sample"

[[config]]
name = "env"
path = ".env"
template = "template/template.env"
set = { PORT = "{main}", WEBUI_PORT = "{webui}" }

[[config]]
name = "bot"
path = "config/bot_config.toml"
template = "template/bot_config_template.toml"

[[config]]
name = "model"
path = "config/model_config.toml"
template = "template/model_config_template.toml"
"""


class Bots:
    """A repository of the sample bot with the tags 0.12.0 and 0.12.1, and a server's folder whose recipe comes from it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.held = folder / "held"
        self.held.mkdir()
        self.port = first_port()
        """Where the recipe's ports begin."""
        self.webui = first_port()
        # What the services listen on where no recipe writes it: not what those of other tests do.
        listening = {"napcat/config/webui.json": "6099", "nonebot-ada/config.toml": "8095"}
        moved = {
            path: (SAMPLE / path).read_text("utf-8").replace(port, str(free_port()))
            for path, port in listening.items()
        }
        tags = {"0.12.0": {"VERSION": "0.12.0", **moved}, "0.12.1": {"VERSION": "0.12.1"}}
        self.repository: Repository = released(folder / "repository", SAMPLE, tags)
        recipes = folder / "data" / "recipes"
        recipes.mkdir(parents=True)
        write_services(recipes)
        self.recipe(RECIPE)
        code = job._CODE.replace(
            "runpy.run", f"from tests.support import held; held.at({str(self.held)!r}); runpy.run"
        )
        monkeypatch.setattr(job, "_CODE", code)

    def recipe(self, text: str) -> None:
        """Replaces the recipe, for contexts that are opened later."""
        filled = text.replace("PORT", str(self.port), 1).replace("WEBUI", str(self.webui), 1)
        (self.folder / "data" / "recipes" / "maibot.toml").write_text(filled, "utf-8")

    @asynccontextmanager
    async def parts(self, **given: object) -> AsyncIterator[Context]:
        """A running context. Installed bots stay afterwards; running bots continue only if a setting says so."""
        settings: dict[str, Any] = {"sources_maibot": [self.repository.url], **given}
        async with parts(self.folder, **settings) as ctx:
            yield ctx

    def hold(self, *steps: str) -> None:
        """Makes workers wait in these steps from now on."""
        for step in steps:
            (self.held / step).touch()

    def let_go(self, *steps: str) -> None:
        """Lets workers continue in these steps, or in all of them."""
        for step in steps or [path.name for path in self.held.iterdir()]:
            (self.held / step).unlink()

    def target(self, name: str) -> Path:
        return self.folder / "workspace" / name

    def left(self, name: str) -> list[Path]:
        """The paths of a deployment of that name, its target included."""
        parent = self.folder / "workspace"
        return [path for path in parent.iterdir() if path.name == name or path.name.startswith(f".{name}.")]


async def deploy(ctx: Context, name: str = "bot", **wishes: Any) -> DeploymentView:
    return await deployments.deploy(ctx, NewDeployment(name, **wishes))


async def until(ctx: Context, instance_id: str, wanted: Callable[[DeploymentView], bool]) -> DeploymentView:
    """The first state of a deployment that meets a condition."""
    updates = deployments.progress(ctx, instance_id)
    view = None
    async with AsyncExitStack() as stack:
        stack.push_async_callback(updates.aclose)
        async with asyncio.timeout(DEADLINE_S):
            async for update in updates:
                view = update.deployment
                if wanted(view):
                    return view
    raise AssertionError(view)


async def ended(ctx: Context, instance_id: str) -> DeploymentView:
    return await until(ctx, instance_id, lambda view: view.ended_at is not None)


async def at_step(ctx: Context, instance_id: str, step: str) -> DeploymentView:
    """Waits until a deployment is held in a step."""
    return await until(ctx, instance_id, lambda view: view.step == step)
