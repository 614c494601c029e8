"""What the bot answers to a line typed at its terminal."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable

_REPLIES = ("收到「{}」", "「{}」？让我想想……", "嗯嗯，「{}」，记住了", "「{}」听起来很有意思")
_HELP = """可用命令:
  /help       显示这些命令
  /exit N     以退出码 N 退出（默认 0）
  /restart    以退出码 42 退出，请求重启
  /crash      抛出异常，以退出码 1 退出
  /flood N    输出 N 行带编号的内容
  /size       显示终端的列数 x 行数
其他内容都会当作聊天消息。"""


class Chat:
    """`leave(code)` ends the bot, `flood(lines)` prints that many numbered lines."""

    def __init__(self, nickname: str, leave: Callable[[int], None], flood: Callable[[int], None]) -> None:
        self._nickname = nickname
        self._leave = leave
        self._flood = flood
        self._replies = itertools.cycle(_REPLIES)

    def hear(self, line: str) -> None:
        """Answers one line; raises RuntimeError for /crash."""
        text = line.strip()
        command, _, argument = text.partition(" ")
        if command == "/exit":
            self._with_number(argument or "0", self._leave)
        elif command == "/flood":
            self._with_number(argument, self._flood)
        elif command == "/restart":
            self._leave(42)
        elif command == "/crash":
            raise RuntimeError("按要求崩溃 (/crash)")
        elif command == "/size":
            self._say(_terminal_size())
        elif command.startswith("/"):
            print(_HELP, flush=True)
        elif text:
            self._say(next(self._replies).format(text))

    def _with_number(self, argument: str, act: Callable[[int], None]) -> None:
        if argument.isascii() and argument.isdigit():
            act(int(argument))
        else:
            self._say(f"需要一个非负整数，而不是“{argument}”")

    def _say(self, text: str) -> None:
        print(f"{self._nickname}: {text}", flush=True)


def _terminal_size() -> str:
    try:
        size = os.get_terminal_size(1)
    except OSError:
        return "这里不是终端"
    return f"{size.columns} x {size.lines}"
