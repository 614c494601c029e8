"""A stand-in for the adapter: listens for NapCat, stays connected to the bot; SIGINT ends it with 0."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

from src import ports  # noqa: E402 - found through the line above
from src.config import read_toml  # noqa: E402
from src.service import run_service  # noqa: E402

_log = logging.getLogger("Adapter")
_RETRY_S = 1


async def main() -> None:
    settings = read_toml(Path("config.toml"))
    napcat, bot = settings["napcat_server"], settings["maibot_server"]
    try:
        server = await ports.listen(ports.echo, napcat["host"], napcat["port"])
        _log.info("示例 Adapter 启动成功，等待 NapCat 连接 ws://%s:%d", napcat["host"], ports.port_of(server))
    except ports.CannotListen as error:
        _log.error("%s，收不到 NapCat 的消息", error)  # and runs on, deaf, as the real one does
    while True:
        try:
            await _stay_connected(bot["host"], bot["port"])
            _log.warning("与麦麦的连接已断开，%d 秒后重试", _RETRY_S)
        except OSError:
            _log.warning("连接不到麦麦 %s:%d，%d 秒后重试", bot["host"], bot["port"], _RETRY_S)
        await asyncio.sleep(_RETRY_S)


async def _stay_connected(host: str, port: int) -> None:
    """Returns when the bot closes the connection."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        _log.info("已连接到麦麦 %s:%d", host, port)
        writer.write(b'{"platform": "qq"}\n')
        while await reader.readline():
            pass
    finally:
        writer.close()


if __name__ == "__main__":
    run_service(FOLDER, main(), signal.SIGINT)
