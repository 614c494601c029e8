"""The demonstration: a folder with a copy of the sample bot, and starting that bot in a server.

The folder contains only `data/` (of the server) and `bots/demo/` (a copy of the sample). A folder that is used again keeps
all changes of its user, except for ports that are in use by now.
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

from bots.catalogue import SAMPLE
from mailauncher import files, listeners
from mailauncher.errors import InvalidPath
from resolvers import instances
from resolvers.context import Context
from resolvers.instances import NewInstance, NewService
from resolvers.views import InstanceView

NAME = "demo"
DATA, BOTS = "data", "bots"
_CONSENT = {"EULA.md": "eula.confirmed", "PRIVACY.md": "privacy.confirmed"}


class SamplePorts(NamedTuple):
    """The ports of the sample: messages and WebUI of the bot, WebUI of NapCat, OneBot of the adapter."""

    bot: int
    webui: int
    napcat: int
    adapter: int


def prepare(folder: Path) -> None:
    """Creates the folder of a demonstration, unless it is one. Raises InvalidPath for any other folder that is not empty."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = {path.name for path in folder.iterdir()} - {DATA, BOTS}
        if others:
            raise InvalidPath(
                f"{folder} 不是空文件夹，也不是演示的文件夹（其中有 {min(others)}）",
                f"{folder} is neither empty nor the folder of a demonstration (it contains {min(others)})",
                field="keep",
            )
        (folder / DATA).mkdir(mode=0o700, exist_ok=True)
        bot = folder / BOTS / NAME
        if not files.exists(bot):
            _copy_sample(bot)
    except OSError as error:
        raise InvalidPath(
            f"无法使用文件夹 {folder}：{error.strerror}",
            f"Cannot use the folder {folder}: {error.strerror}",
            field="keep",
        ) from None


def _copy_sample(bot: Path) -> None:
    """Copies completely or not at all: an interrupted copy is repeated."""
    unfinished = bot.with_name(f".{bot.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(SAMPLE, unfinished, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(unfinished / "template" / "template.env", unfinished / ".env")
    (unfinished / "config").mkdir()
    for template in unfinished.glob("template/*_template.toml"):
        name = template.name.removesuffix("_template.toml")
        shutil.copyfile(template, unfinished / "config" / f"{name}.toml")
    for document, record in _CONSENT.items():
        # Consent to the terms of the sample, recorded as MaiBot records it.
        text = (unfinished / document).read_text("utf-8")
        digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
        (unfinished / record).write_text(digest, "utf-8")
    unfinished.rename(bot)


async def start_bot(ctx: Context, folder: Path) -> InstanceView:
    """Adds the bot under the name `demo`, unless an earlier run did, and starts it with its services.

    Raises what adding and starting raise.
    """
    bot = folder / BOTS / NAME
    view = next((view for view in ctx.live.views if view.name == NAME), None)
    if view is not None and await _has_port_in_use(view):
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
        # Otherwise the server of the next run would start it before its ports are checked.
        await instances.supervise(ctx, view.id, autostart=False)
    return (await instances.start(ctx, view.id)).instance


async def _has_port_in_use(view: InstanceView) -> bool:
    wanted = [view.port, *(service.port for service in view.services)]
    return any([await asyncio.to_thread(listeners.is_taken, port) for port in wanted])


def _choose_ports() -> SamplePorts:
    """Four different free ports."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in SamplePorts._fields]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return SamplePorts(*(probe.getsockname()[1] for probe in sockets))


def _write_ports(bot: Path, chosen: SamplePorts) -> None:
    """Sets the ports in every file of the sample that names them; nothing else in those files changes."""
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
