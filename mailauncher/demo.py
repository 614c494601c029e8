"""The demonstration: a folder with the sample bot in it, ready to run, and the bot brought up in a server.

A demonstration's folder holds `data/` (the server's) and `bots/demo/` (a copy of the sample), nothing else; one that is
used again keeps whatever its user changed, ports aside that somebody else has taken meanwhile.
"""

import asyncio
import hashlib
import json
import re
import shutil
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit

from mailauncher.errors import InvalidPath
from resolvers import instances, ports
from resolvers.context import Context
from resolvers.instances import NewInstance, NewService
from resolvers.views import InstanceView

NAME = "demo"
DATA, BOTS = "data", "bots"
SAMPLE = Path(__file__).with_name("bots") / "sample"
_CONSENT = {"EULA.md": "eula.confirmed", "PRIVACY.md": "privacy.confirmed"}


class Ports(NamedTuple):
    """What the sample listens on: messages and WebUI of the bot, WebUI of NapCat, the adapter's OneBot port."""

    bot: int
    webui: int
    napcat: int
    adapter: int


def prepare(folder: Path) -> None:
    """Makes the folder a demonstration's, or finds that it is one. Raises InvalidPath for any other that is not empty."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = {path.name for path in folder.iterdir()} - {DATA, BOTS}
        if others:
            raise InvalidPath(
                f"{folder} 不是空文件夹，也不是演示的文件夹（其中有 {min(others)}）",
                f"{folder} is neither empty nor the folder of a demonstration (it holds {min(others)})",
                field="keep",
            )
        (folder / DATA).mkdir(mode=0o700, exist_ok=True)
        bot = folder / BOTS / NAME
        if not bot.exists():
            _copy_sample(bot)
    except OSError as error:
        raise InvalidPath(
            f"无法使用文件夹 {folder}：{error.strerror}",
            f"The folder {folder} cannot be used: {error.strerror}",
            field="keep",
        ) from None


def _copy_sample(bot: Path) -> None:
    """All of it or nothing: a copy that was interrupted is made anew."""
    unfinished = bot.with_name(f".{bot.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(SAMPLE, unfinished, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(unfinished / "template" / "template.env", unfinished / ".env")
    (unfinished / "config").mkdir()
    for template in unfinished.glob("template/*_template.toml"):
        name = template.name.removesuffix("_template.toml")
        shutil.copyfile(template, unfinished / "config" / f"{name}.toml")
    for document, record in _CONSENT.items():
        # The demonstration's own texts, and the form in which a MaiBot keeps consent.
        text = (unfinished / document).read_text("utf-8")
        digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
        (unfinished / record).write_text(digest, "utf-8")
    unfinished.rename(bot)


async def bring_up(ctx: Context, folder: Path) -> InstanceView:
    """Adds the bot under the name `demo`, unless that was done in an earlier run, and starts it with its services.

    Raises what adding and starting raise.
    """
    bot = folder / BOTS / NAME
    view = next((view for view in ctx.fleet.views if view.name == NAME), None)
    if view is not None and await _blocked(view):
        await instances.delete(ctx, view.id)
        view = None
    if view is None:
        chosen = await asyncio.to_thread(_choose_ports)
        await asyncio.to_thread(_write_ports, bot, chosen)
        services = (
            NewService("napcat", port=chosen.napcat),
            NewService("nonebot-ada", port=chosen.adapter),
        )
        view = await instances.add(ctx, NewInstance(NAME, str(bot), chosen.bot, services=services))
        # Or the next run's server would start it before its ports could be looked at.
        await instances.supervise(ctx, view.id, autostart=False)
    return (await instances.start(ctx, view.id)).instance


async def _blocked(view: InstanceView) -> bool:
    wanted = [view.port, *(service.port for service in view.services)]
    return any([await asyncio.to_thread(ports.taken, port) for port in wanted])


def _choose_ports() -> Ports:
    """Four different ports that nothing listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in Ports._fields]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return Ports(*(probe.getsockname()[1] for probe in sockets))


def _write_ports(bot: Path, chosen: Ports) -> None:
    """The same ports in every file of the sample that names them; nothing else in those files changes."""
    env = (bot / ".env").read_text("utf-8")
    for name, port in (("PORT", chosen.bot), ("WEBUI_PORT", chosen.webui)):
        env = re.sub(rf"(?m)^{name}=.*$", f"{name}={port}", env)
    (bot / ".env").write_text(env, "utf-8")
    napcat = bot / "napcat" / "config" / "webui.json"
    napcat.write_text(json.dumps(json.loads(napcat.read_text("utf-8")) | {"port": chosen.napcat}, indent=4))
    adapter = bot / "nonebot-ada" / "config.toml"
    settings: Any = tomlkit.parse(adapter.read_text("utf-8"))
    settings["napcat_server"]["port"] = chosen.adapter
    settings["maibot_server"]["port"] = chosen.bot
    adapter.write_text(tomlkit.dumps(settings), "utf-8")
