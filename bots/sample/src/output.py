"""What the bot prints of its own accord: banner, progress bar, signs of life, floods."""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import time
from collections.abc import AsyncIterator

from src.log import console_line

BANNER = """\
 __  __       _ __  __       _
|  \\/  | __ _(_)  \\/  | __ _(_)    示例机器人 0.12.0
| |\\/| |/ _` | | |\\/| |/ _` | |    只在本机说话，不连接任何平台
|_|  |_|\\__,_|_|_|  |_|\\__,_|_|    输入 /help 查看命令
"""
_MOMENTS = (
    ("chat", "[示例群] 小林: 今天吃什么？"),
    ("chat", "[示例群] 阿树: 猫又上桌了"),
    ("chat", "决定不回复：大家聊得正热闹"),
    ("emoji", "学会了新表情：一只打哈欠的猫"),
    ("memory", "整理了 3 条记忆并保存"),
    ("person", "更新了对 Echo 的印象"),
)
_BATCH = 1000


async def progress(seconds: float, *, visible: bool) -> None:
    """Takes that long; `visible` on a terminal, a bar is drawn over its own line meanwhile."""
    for tenth in range(11):
        if visible and sys.stderr.isatty():
            sys.stderr.write(f"\r加载记忆 {tenth * 10:3}% |{'███' * tenth:<30}|" + "\n" * (tenth == 10))
            sys.stderr.flush()
        if tenth < 10:
            await asyncio.sleep(seconds / 10)


async def chatter(interval: float) -> None:
    """Logs one plausible moment of a bot's life every `interval` seconds."""
    while True:
        await asyncio.sleep(interval)
        name, text = random.choice(_MOMENTS)
        logging.getLogger(name).info(text)


async def count(rate: float, last: float = float("inf")) -> None:
    """Prints 1 to `last`, a line each, `rate` lines a second or without pause for 0.

    Printing blocks while nobody reads the terminal, and the whole bot with it, as MaiBot's own prints do.
    """
    async for numbers in _paced(rate, last):
        sys.stdout.write("".join(f"{number}\n" for number in numbers))
        sys.stdout.flush()


async def flood(rate: float) -> None:
    """Prints coloured log lines on standard error, paced like `count`; they stay out of the log file."""
    async for numbers in _paced(rate, float("inf")):
        lines = (console_line("INFO", "洪水", f"🌊 第 {number} 行{'~' * 40}\n") for number in numbers)
        sys.stderr.write("".join(lines))
        sys.stderr.flush()


async def _paced(rate: float, last: float) -> AsyncIterator[range]:
    """The numbers that are due, at most 1000 at a time, so that a late reader is not buried at once."""
    printed, started = 0, time.monotonic()
    while printed < last:
        due = int((time.monotonic() - started) * rate) if rate else printed + _BATCH
        numbers = range(printed + 1, int(min(due, printed + _BATCH, last)) + 1)
        if numbers:
            yield numbers
            printed = numbers[-1]
        await asyncio.sleep(max(0.02, 1 / rate) if rate else 0)
