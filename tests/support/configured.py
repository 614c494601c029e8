"""A bot whose recipe names configuration files, with a service that has one too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from resolvers import instances
from resolvers.context import Context
from resolvers.views import InstanceView
from tests.support.context import PATIENT_BOT, free_port

PORT = free_port()
"""The bot's: a port that a program of this machine listens on cannot be written to it again."""
RECIPE = """
name = "talker"
kind = "bot"
run = [["{python}", "bot.py"]]
detect = ["bot.py", "talker.txt"]
ports = { webui = 8001 }
[title]
zh = "主程序"
en = "The main program"
[description]
zh = "某物"
en = "Something"
[[config]]
name = "bot"
path = "config/bot_config.toml"
restart = false
set = { "server.port" = "{main}", "webui.port" = "{webui}" }
[[config]]
name = "model"
path = "config/model_config.toml"
fixed = ["inner.version"]
[[config]]
name = "extra"
path = "plugins/*/config.toml"
[[config]]
name = "env"
path = ".env"
set = { PORT = "{main}" }
"""
SERVICE = """
name = "napcat"
kind = "service"
run = [["{python}", "main.py"]]
detect = ["main.py"]
folders = ["napcat"]
port = 6099
[title]
zh = "NapCat服务"
en = "The NapCat service"
[description]
zh = "某物"
en = "Something"
[[config]]
name = "adapter"
path = "config/webui.json"
set = { port = "{napcat}", "main.port" = "{main}" }
"""
PLUGIN = """
name = "plugin"
kind = "service"
run = []
[title]
zh = "插件"
en = "The plugin"
[description]
zh = "由主程序运行"
en = "Run by the main program"
[install]
git = ["https://plugin.example/plugin"]
place = "plugins/plugin"
hosted = true
[[config]]
name = "plugin"
path = "config.toml"
"""
BOT = f"""# 给人看的说明
version = "1.0.0"

[server] # 服务
port = {PORT} # 端口
hosts = [
    "127.0.0.1", # 本机
]

[webui]
port = 8001

[ai]
api_key = "sk-very-secret" # 密钥
"""
ENV = f"# 变量\nHOST=127.0.0.1\nPORT={PORT}\nAPI_KEY='very secret' # 密钥\n"


def write_recipes(data: Path) -> None:
    """Before the server opens its data folder."""
    (data / "recipes").mkdir(parents=True)
    (data / "recipes" / "talker.toml").write_text(RECIPE, "utf-8")
    (data / "recipes" / "napcat.toml").write_text(SERVICE, "utf-8")
    (data / "recipes" / "plugin.toml").write_text(PLUGIN, "utf-8")


def write_configs(folder: Path) -> None:
    """What makes a folder one of that recipe, and two of its files."""
    (folder / "config").mkdir(parents=True, exist_ok=True)
    (folder / "talker.txt").touch()
    (folder / "config" / "bot_config.toml").write_text(BOT, "utf-8")
    (folder / ".env").write_text(ENV, "utf-8")


async def add_on_its_port(ctx: Context, folder: Path, port: int) -> InstanceView:
    """With a service, on the port that stands in its files."""
    for place, name in ((folder, "bot.py"), (folder / "napcat", "main.py")):
        place.mkdir(exist_ok=True)
        (place / name).write_text(PATIENT_BOT, "utf-8")
    service = instances.NewService("napcat", port=free_port(), run_command="{python} -I -S main.py")
    new = instances.NewInstance(folder.name, str(folder), port, "{python} -I -S bot.py", (service,))
    added = await instances.add(ctx, new)
    return await instances.supervise(ctx, added.id, restart="no")


@asynccontextmanager
async def listening(port: int) -> AsyncIterator[None]:
    async with await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", port):
        yield
