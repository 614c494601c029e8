"""The worker: the bot itself."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from src import output, ports
from src.chat import Chat
from src.children import start_children
from src.config import Settings, load
from src.consent import require_consent
from src.database import open_database
from src.keyboard import Keyboard
from src.log import start_log

_log = logging.getLogger("main")
_LINES_AHEAD = 100


def work(options: argparse.Namespace) -> int:
    """Runs the bot to its end and returns the exit code; a crash leaves as an exception."""
    # SIGINT kills at once until the bot itself takes it over.
    signal.signal(signal.SIGINT, signal.SIG_IGN if options.ignore_sigint else signal.SIG_DFL)
    if options.ignore_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    start_log(Path("logs"), quiet=options.quiet)
    if not options.quiet:
        print(output.BANNER, flush=True)
    if options.crash_at_start:
        raise RuntimeError("按要求在启动时崩溃 (--crash-at-start)")
    settings = load()
    keyboard = Keyboard()
    if not options.no_consent:
        require_consent(keyboard)
    if options.fork:
        start_children(options.fork, escape=options.fork_escape)
    with contextlib.closing(open_database()):
        return asyncio.run(_Bot(options, settings, keyboard).run())


class _Bot:
    def __init__(self, options: argparse.Namespace, settings: Settings, keyboard: Keyboard) -> None:
        self._options = options
        self._settings = settings
        self._keyboard = keyboard
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._interrupted = False

    async def run(self) -> int:
        """The exit code; raises what made the bot crash."""
        self._loop = asyncio.get_running_loop()
        self._end: asyncio.Future[int] = self._loop.create_future()
        if not self._options.ignore_sigint:
            signal.signal(signal.SIGINT, lambda *_: self._loop.call_soon_threadsafe(self._interrupt))
        self._begin(self._live())
        try:
            return await self._end
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second one changes nothing
            for task in self._tasks:
                task.cancel()
            for server in self._servers:
                server.close()
            if self._interrupted:
                _log.info("收到中断信号，正在保存并关闭……")
                await asyncio.sleep(self._options.slow_stop)
                print("麦麦已经优雅关闭完成，下次见", flush=True)

    async def _live(self) -> None:
        options = self._options
        await output.progress(options.slow_start, visible=not options.quiet)
        _log.info("麦麦的各个系统初始化完成，神经元开始放电")  # before the ports are bound, as in MaiBot
        try:
            await self._open_ports()
        except ports.CannotListen as error:
            _log.error("%s，启动失败", error)
            self._leave(1)
            return
        if self._keyboard.is_interactive():
            self._begin(self._chat())
        if options.chatter and not options.quiet:
            self._begin(output.chatter(options.chatter))
        if options.flood is not None:
            self._begin(output.flood(options.flood))
        if options.count is not None:
            self._begin(output.count(options.count))
        if options.exit is not None:
            self._leave(options.exit)
        if options.crash_after is not None:
            await asyncio.sleep(options.crash_after)
            raise RuntimeError("按要求崩溃 (--crash-after)")

    async def _open_ports(self) -> None:
        here = self._settings
        messages = await ports.listen(ports.echo, here.host, here.port)
        self._servers.append(messages)
        logging.getLogger("server").info("已监听 %s:%d", here.host, ports.port_of(messages))
        if here.webui_port is not None:
            webui = await ports.listen(ports.webui, here.webui_host, here.webui_port)
            self._servers.append(webui)
            logging.getLogger("WebUI").info("http://%s:%d", here.webui_host, ports.port_of(webui))

    async def _chat(self) -> None:
        lines: asyncio.Queue[str] = asyncio.Queue()
        room = threading.Semaphore(_LINES_AHEAD)

        def read() -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
                while room.acquire() and (line := self._keyboard.line()) is not None:
                    self._loop.call_soon_threadsafe(lines.put_nowait, line)

        threading.Thread(target=read, daemon=True).start()
        chat = Chat(self._settings.nickname, self._leave, lambda last: self._begin(output.count(0, last)))
        while True:
            chat.hear(await lines.get())
            room.release()

    def _begin(self, job: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(job)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) and not self._end.done():
            self._end.set_exception(error)

    def _interrupt(self) -> None:
        self._interrupted = True
        self._leave(0)

    def _leave(self, code: int) -> None:
        if not self._end.done():
            self._end.set_result(code)
