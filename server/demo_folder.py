"""The folder of a demonstration: `data/` of its server, and in `bots/` a copy of the sample for each of its bots.

A folder that is used again keeps all changes of its user, except for ports that are in use by now.
"""

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
from mailauncher import files
from mailauncher.errors import InvalidPath

DATA, BOTS = "data", "bots"
WORKING, BROKEN, ASKING = "demo", "demo-broken", "demo-asking"
"""The names of the bots: one works, one does not start for a fault in its configuration, and one asks for consent."""
NAMES = (WORKING, BROKEN, ASKING)
_CONSENT = {"EULA.md": "eula.confirmed", "PRIVACY.md": "privacy.confirmed"}


class SamplePorts(NamedTuple):
    """The ports of the sample: messages and WebUI of the bot, WebUI of NapCat, OneBot of the adapter."""

    bot: int
    webui: int
    napcat: int
    adapter: int


def prepare(folder: Path) -> frozenset[str]:
    """Creates the folder of a demonstration, unless it is one, and returns the names of the bots that are new in it. Raises
    InvalidPath for any other folder that is not empty."""
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
        new = frozenset(name for name in NAMES if not files.exists(folder / BOTS / name))
        for name in new:
            _copy_sample(folder / BOTS / name, consent=name != ASKING)
    except OSError as error:
        raise InvalidPath(
            f"无法使用文件夹 {folder}：{error.strerror}",
            f"Cannot use the folder {folder}: {error.strerror}",
            field="keep",
        ) from None
    return new


def _copy_sample(bot: Path, *, consent: bool) -> None:
    """Copies completely or not at all: an interrupted copy is repeated."""
    unfinished = bot.with_name(f".{bot.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(SAMPLE, unfinished, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(unfinished / "template" / "template.env", unfinished / ".env")
    (unfinished / "config").mkdir()
    for template in unfinished.glob("template/*_template.toml"):
        name = template.name.removesuffix("_template.toml")
        shutil.copyfile(template, unfinished / "config" / f"{name}.toml")
    for document, record in _CONSENT.items() if consent else ():
        # Consent to the terms of the sample, recorded as MaiBot records it.
        text = (unfinished / document).read_text("utf-8")
        digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
        (unfinished / record).write_text(digest, "utf-8")
    unfinished.rename(bot)


def choose_ports() -> SamplePorts:
    """Four different free ports."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in SamplePorts._fields]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        return SamplePorts(*(probe.getsockname()[1] for probe in sockets))


def write_ports(bot: Path, chosen: SamplePorts) -> None:
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


def break_configuration(bot: Path) -> None:
    """Forgets a quotation mark, as somebody might who edits the file."""
    config = bot / "config" / "bot_config.toml"
    text = config.read_text("utf-8")
    config.write_text(re.sub(r'(?m)^(nickname = "[^"\n]*)"', r"\1", text), "utf-8")
