"""Every command that gives a port agrees on who has it."""

import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from mailauncher.errors import PortInUse
from resolvers import configuration, deployments, instances, upgrades
from resolvers.context import Context
from resolvers.deployments import NewDeployment
from resolvers.instances import NewInstance, NewService
from resolvers.views import InstanceView
from tests.support.context import PATIENT_BOT, add_bot, free_port, outputs
from tests.support.deploying import Bots, at_step, deploy

pytestmark = pytest.mark.slow


async def add(ctx: Context, _bot: InstanceView, port: int, folder: Path) -> None:
    folder.mkdir()
    await instances.add(ctx, NewInstance("other", str(folder), port, "true", ()))


async def add_with_service(ctx: Context, _bot: InstanceView, port: int, folder: Path) -> None:
    folder.mkdir()
    service = NewService("extra", str(folder), port, "true")
    await instances.add(ctx, NewInstance("other", str(folder), free_port(), "true", (service,)))


async def deploy_on(ctx: Context, _bot: InstanceView, port: int, _folder: Path) -> None:
    await deployments.deploy(ctx, NewDeployment("other", port=port))


async def clone(ctx: Context, bot: InstanceView, port: int, _folder: Path) -> None:
    await upgrades.clone(ctx, bot.id, "other", port=port)


async def configure(ctx: Context, bot: InstanceView, port: int, _folder: Path) -> None:
    await configuration.set_value(ctx, bot.id, "env", ["PORT"], str(port))


async def configure_and_start(ctx: Context, bot: InstanceView, port: int, _folder: Path) -> None:
    """As if the port had been given while nobody had it."""
    await ctx.live.set_ports(bot.id, {"main": port})
    await instances.start(ctx, bot.id)


Give = Callable[[Context, InstanceView, int, Path], Awaitable[None]]
GIVING = [add, add_with_service, deploy_on, clone, configure]


LISTENING_BOT = """
import pathlib, socket, sys
port = int(pathlib.Path(".env").read_text().strip().removeprefix("PORT="))
with socket.create_server(("127.0.0.1", port)):
    print("listening", flush=True)
    sys.stdin.read()
"""


async def installed(ctx: Context, bots: Bots) -> InstanceView:
    """An instance whose recipe can be deployed, and has a port in a configuration file."""
    bot = await add_bot(ctx, bots.folder / "bot", LISTENING_BOT)
    (bots.folder / "bot" / ".env").write_text(f"PORT={bot.port}\n")
    record = ctx.store.registry.get(bot.id)
    assert record is not None
    assert record.recipe == "maibot"
    return bot


def named(caught: pytest.ExceptionInfo[PortInUse], port: int) -> str:
    assert str(port) in caught.value.text.zh
    assert str(port) in caught.value.text.en
    return caught.value.text.en


@pytest.mark.parametrize("give", [*GIVING, configure_and_start])
async def test_a_port_that_a_process_listens_on_is_refused_by_every_command(bots: Bots, give: Give) -> None:
    async with bots.parts() as ctx:
        bot = await installed(ctx, bots)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            with pytest.raises(PortInUse) as caught:
                await give(ctx, bot, port, bots.folder / "other")
        process = psutil.Process()
        words = named(caught, port).partition(": stop that")[0]
        assert words == f"Port {port} is in use by {process.name()} (pid {process.pid})"


UNLISTED = """
import pathlib, socket, subprocess, sys
code = "import socket, sys; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); sys.stdin.read()"
child = subprocess.Popen([sys.executable, "-I", "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
pathlib.Path("port").write_text(child.stdout.readline().decode())
print("listening", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("which", ["main", "napcat"])
async def test_the_instance_of_a_process_that_has_a_port_is_named_by_every_command(
    bots: Bots, which: str
) -> None:
    """ "python (pid N)" was the WebUI of another bot, whose configuration says nothing of that port."""
    async with bots.parts() as ctx:
        bot = await installed(ctx, bots)
        scripts = {"main": PATIENT_BOT, "napcat": PATIENT_BOT} | {which: UNLISTED}
        holder = await add_bot(ctx, bots.folder / "holder", scripts["main"], napcat=scripts["napcat"])
        await instances.start(ctx, holder.id)
        await outputs(ctx, f"{holder.id}_{which}", "listening")
        place = bots.folder / "holder" / ("" if which == "main" else which)
        port = int((place / "port").read_text())
        whose = "instance holder" if which == "main" else "napcat of instance holder"
        for give in (*GIVING, configure_and_start):
            with pytest.raises(PortInUse) as caught:
                await give(ctx, bot, port, bots.folder / give.__name__)
            words = named(caught, port)
            assert whose in words
            assert "pid" in words


@pytest.mark.parametrize("which", ["main", "service", "file"])
@pytest.mark.parametrize("give", GIVING)
async def test_a_port_of_another_instance_is_refused_by_every_command(
    bots: Bots, give: Give, which: str
) -> None:
    async with bots.parts() as ctx:
        bot = await installed(ctx, bots)
        holder = await add_bot(ctx, bots.folder / "holder", napcat="")
        port = {"main": holder.port, "service": holder.services[0].port, "file": free_port()}[which]
        if which == "file":
            (bots.folder / "holder" / ".env").write_text(f"WEBUI_PORT={port}\n")
        with pytest.raises(PortInUse) as caught:
            await give(ctx, bot, port, bots.folder / "other")
        assert named(caught, port) == f"Port {port} is in use by instance holder"


@pytest.mark.parametrize("give", GIVING)
async def test_a_port_that_a_deployment_will_use_is_refused_by_every_command(bots: Bots, give: Give) -> None:
    """Its files do not say so yet."""
    async with bots.parts() as ctx:
        bot = await installed(ctx, bots)
        bots.hold("fetch")
        under_way = await deploy(ctx, "new", port=free_port())
        await at_step(ctx, under_way.instance_id, "fetch")
        job = ctx.deployer.job(under_way.instance_id)
        assert job is not None
        webui = job.plan.ports["webui"]
        with pytest.raises(PortInUse) as caught:
            await give(ctx, bot, webui, bots.folder / "other")
        assert named(caught, webui) == f"Port {webui} is in use by the deployment of instance new"
        await deployments.cancel(ctx, under_way.instance_id)
        await configure(ctx, bot, webui, bots.folder)


async def test_an_instance_may_have_the_port_that_its_own_process_listens_on(bots: Bots) -> None:
    """A port was changed and changed back while the bot ran: the second change was refused."""
    async with bots.parts() as ctx:
        bot = await installed(ctx, bots)
        await instances.start(ctx, bot.id)
        await outputs(ctx, f"{bot.id}_main", "listening")
        await configure(ctx, bot, free_port(), bots.folder)
        await configure(ctx, bot, bot.port, bots.folder)
        assert instances.get(ctx, bot.id).port == bot.port
