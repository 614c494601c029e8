"""What the exit of a program means: how it ended, in words, and whether it has left the bot in the background."""

import asyncio
import contextlib
import signal
import time

from mailauncher.errors import LauncherError, Text
from terminals.client import Exit
from terminals.policy import RESTART_EXIT_CODE
from terminals.states import Failure
from terminals.terminal import Terminal

SCRIPT_S = 60.0
"""A command that ends sooner, and leaves processes behind, was the start script of what it left."""
BACKGROUND_GRACE_S = 1.0
"""Parts of a program that notice its end have ended by then, one after the other, on a busy machine too."""
USE_THE_FOREGROUND = Text(
    "启动命令应在前台运行 Bot，直到 Bot 结束：不要用 `&`、`nohup`、`--daemon` 或 fork，脚本的最后一行写成 `exec python3 bot.py`",
    "The start command must run the bot in the foreground until the bot ends: no `&`, `nohup`, `--daemon` or fork, and"
    " `exec python3 bot.py` as the last line of a script",
)


async def left_in_background(terminal: Terminal, ended: Exit, *, shell_script: bool) -> int:
    """How many processes a start command that has ended with code 0 has left in the background.

    They count also if the end of its session has ended them with it: of a shell script all, of another program those that it
    has left running, because others are parts of it, which end a little later. What lives on for a while always counts.
    Nothing counts of what has run for long, which was no start command.
    """
    age_s = terminal.age_s
    if ended.code != 0 or age_s is None or age_s > SCRIPT_S:
        return 0
    left = ended.left if shell_script else ended.programs
    with contextlib.suppress(LauncherError):
        until = time.monotonic() + BACKGROUND_GRACE_S
        while alive := await terminal.signal("SIGCONT", "tree"):  # which changes nothing
            if time.monotonic() >= until:
                return max(left, alive)
            await asyncio.sleep(0.1)
    return left


def failure_of(
    ended: Exit, in_background: int, last_lines: tuple[str, ...], hint: Text | None, delay_s: float | None
) -> Failure:
    """Of a program that should run on. `delay_s`: after how many seconds it is restarted; None: it is not."""
    return Failure(
        reason=_describe(ended, in_background),
        at=ended.at,
        exit_code=ended.code,
        signal=signal.Signals(ended.signal).name if ended.signal else None,
        last_lines=last_lines,
        hint=hint,
        offset=ended.offset,
        restart_at=None if delay_s is None else int((time.time() + delay_s) * 1000),
    )


def _describe(exit: Exit, in_background: int) -> Text:
    """How a program ended, as the predicate of a sentence."""
    if in_background:
        return Text(
            f"已退出，退出码 0，它留在后台的 {in_background} 个进程随之被结束",
            f"exited with code 0, and what it had left in the background (processes: {in_background}) was ended with it",
        )
    if exit.lost:
        return Text("因其 keeper 意外退出而被结束", "was killed because its keeper died")
    if exit.signal:
        name = signal.Signals(exit.signal).name
        return Text(f"被信号 {name} 结束", f"was ended by {name}")
    if exit.code == RESTART_EXIT_CODE:
        return Text(f"要求重启（退出码 {exit.code}）", f"asked to be restarted (exit code {exit.code})")
    return Text(f"已退出，退出码 {exit.code}", f"exited with code {exit.code}")
