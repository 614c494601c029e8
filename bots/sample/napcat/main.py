"""A stand-in for NapCat: prints a login code, is logged in a moment later, listens on its WebUI port; SIGINT and SIGTERM end it with 0."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import secrets
import signal
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

from src import ports  # noqa: E402 - found through the line above
from src.service import run_service  # noqa: E402

_log = logging.getLogger("NapCat")
_MODULES = 33
_LOGIN_S = 0.5
_PORTS_TRIED = 100  # a busy WebUI port is no error: the next free one is taken and printed


async def main() -> None:
    settings = json.loads((FOLDER / "config" / "webui.json").read_bytes())
    token = settings.get("token") or secrets.token_hex(6)
    _log.info("示例 NapCat 正在启动")
    server = await _listen(settings["host"], settings["port"])
    _log.info("WebUI 已启动")
    print(f"WebUI: http://127.0.0.1:{ports.port_of(server)}/webui?token={token}", flush=True)
    print(f"请扫描二维码登录（示例：会自动登录）:\n{_code(token)}", flush=True)
    print(f"二维码内容: sample://login/{token}", flush=True)
    await asyncio.sleep(_LOGIN_S)
    _log.info("登录成功（示例账号）")
    await asyncio.Event().wait()


async def _listen(host: str, first: int) -> asyncio.Server:
    for port in range(first, first + _PORTS_TRIED):
        with contextlib.suppress(ports.CannotListen):
            return await ports.listen(ports.webui, host, port)
    _log.error("没有可用的 WebUI 端口")
    sys.exit(1)


def _code(seed: str) -> str:
    """A square that looks like a QR code, 35 columns wide, two rows of it in a line of text."""
    noise = random.Random(seed)
    size = _MODULES + 2

    def dark(row: int, column: int) -> bool:
        if not (0 < row <= _MODULES and 0 < column <= _MODULES):
            return False
        for top, left in ((1, 1), (1, size - 8), (size - 8, 1)):
            down, across = abs(row - top - 3), abs(column - left - 3)
            if max(down, across) <= 4:
                return max(down, across) in (0, 1, 3)
        return noise.random() < 0.5

    cells = [[dark(row, column) for column in range(size)] for row in range(size)] + [[False] * size]
    blocks = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
    pairs = range(0, size, 2)
    return "\n".join("".join(blocks[cells[row][c], cells[row + 1][c]] for c in range(size)) for row in pairs)


if __name__ == "__main__":
    run_service(FOLDER, main(), signal.SIGINT, signal.SIGTERM)
