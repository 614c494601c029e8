"""The menu of bots and their terminals, in any terminal: drawn anew as they change, or numbered where nothing can be drawn."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass

from mailauncher import columns
from mailauncher.errors import LauncherError, Text
from mailauncher.screen import ALTERNATE, NORMAL
from mailauncher.status_words import Mood, describe
from resolvers import instances, system, terminals
from resolvers.context import Context
from resolvers.views import InstanceView, ServiceView, TerminalView
from ssh.session import Session

LINE_BYTES = 256
_PLAIN = ("", "dumb", "unknown", "emacs")
"""Types of terminals that can only print lines."""
_UP, _DOWN = (b"\x1b[A", b"\x1bOA", b"k"), (b"\x1b[B", b"\x1bOB", b"j")
_KEY = re.compile(rb"\x1b[\[O][A-Z]|.", re.DOTALL)
_LEAVE = (b"q", b"\x03", b"\x04", b"\x1d")
_ENTER = (b"\r", b"\n")
_HOME, _REST_OF_LINE, _REST, _HIDE, _SHOW = b"\x1b[H", "\x1b[K", b"\x1b[J", b"\x1b[?25l", b"\x1b[?25h"
_COLOURS = {Mood.GOOD: "\x1b[32m", Mood.WAITING: "\x1b[33m", Mood.BAD: "\x1b[31m", Mood.NONE: ""}
_TITLE = Text("Bot 与服务", "Bots and services")
_KEYS = Text(
    "↑↓ 选择   Enter 打开终端（Ctrl-] 返回）   q 离开",
    "Up/Down select   Enter opens (Ctrl-] comes back)   q leaves",
)
_EMPTY = Text("还没有 Bot", "There are no bots yet")
_PROMPT = Text("编号（回车刷新，q 离开）：", "Number (Enter refreshes, q leaves): ")

Open = Callable[[TerminalView], Awaitable[int]]


@dataclass(frozen=True, slots=True)
class _Row:
    session_id: str
    name: str
    part: InstanceView | ServiceView

    def status(self) -> tuple[Text, Mood]:
        return describe(self.part.status, self.part.ready, self.part.details.waiting_for)


def _rows(ctx: Context) -> list[_Row]:
    """Of each bot its own terminal, and those of its services below."""
    found = []
    for view in instances.list_all(ctx):
        found.append(_Row(f"{view.id}_main", view.name, view))
        found += [
            _Row(f"{view.id}_{service.name}", f"  {service.name}", service) for service in view.services
        ]
    return found


async def show(ctx: Context, session: Session, open_terminal: Open) -> int:
    """Until the user leaves. Opens the terminals that they choose. Returns the exit status."""
    menu = _Menu(ctx, session, open_terminal)
    await (menu.run_plain() if session.term in _PLAIN else menu.run())
    return 0


class _Menu:
    def __init__(self, ctx: Context, session: Session, open_terminal: Open) -> None:
        self._ctx = ctx
        self._session = session
        self._open = open_terminal
        self._chosen = 0
        self._said = ""

    async def run(self) -> None:
        chosen: _Row | None = None
        while True:
            await self._session.write(ALTERNATE + _HIDE)
            try:
                chosen = await self._choose()
            finally:
                if not self._session.ended.is_set():
                    await self._session.write(_SHOW + NORMAL)
            if chosen is None:
                return
            await self._enter(chosen)

    async def _choose(self) -> _Row | None:
        """The row that is opened; None: the user leaves. Draws whenever something changes."""
        async with aclosing(system.instance_changes(self._ctx, None)) as changes:
            key = asyncio.ensure_future(self._session.read())
            change = asyncio.ensure_future(anext(changes))
            size = asyncio.ensure_future(self._session.resized.wait())
            try:
                while True:
                    await self._draw()
                    await asyncio.wait((key, change, size), return_when=asyncio.FIRST_COMPLETED)
                    if change.done():
                        change = asyncio.ensure_future(anext(changes))
                    if size.done():
                        self._session.resized.clear()
                        size = asyncio.ensure_future(self._session.resized.wait())
                    if key.done():
                        left, row = self._pressed(key.result())
                        if left or row is not None:
                            return row
                        key = asyncio.ensure_future(self._session.read())
            finally:
                for waiting in (key, change, size):
                    waiting.cancel()
                await asyncio.wait((key, change, size))

    def _pressed(self, keys: bytes) -> tuple[bool, _Row | None]:
        """Whether the user leaves, and the row that is opened. What was typed after that is for its terminal."""
        rows = _rows(self._ctx)
        if not keys:
            return True, None
        for found in _KEY.finditer(keys):
            key = found[0]
            if key in _LEAVE:
                return True, None
            if key in _ENTER and rows:
                self._session.give_back(keys[found.end() :])
                return False, rows[self._place(rows)]
            self._chosen += (key in _DOWN) - (key in _UP)
            self._place(rows)
        self._said = ""
        return False, None

    def _place(self, rows: list[_Row]) -> int:
        self._chosen = max(0, min(self._chosen, len(rows) - 1))
        return self._chosen

    async def _draw(self) -> None:
        width, height = self._session.size or (80, 24)
        rows = _rows(self._ctx)
        chosen = self._place(rows)
        room = max(1, height - 5)
        first = max(0, min(chosen - room // 2, len(rows) - room))
        names = min(max((columns.width(row.name) for row in rows), default=0), max(8, width // 2))
        lines = [self._in_language(_TITLE), ""]
        for number, row in enumerate(rows[first : first + room], first):
            text, mood = row.status()
            name = columns.padded(columns.cut(row.name, names), names)
            status = columns.cut(self._in_language(text), max(1, width - names - 5))
            mark, style = (">", "\x1b[7m") if number == chosen else (" ", "")
            lines.append(f"{mark} {style}{name}\x1b[0m  {_COLOURS[mood]}{status}\x1b[0m")
        lines += [] if rows else [self._in_language(_EMPTY)]
        lines += ["", columns.cut(self._said or self._in_language(_KEYS), max(1, width - 1))]
        shown = "\r\n".join(line + _REST_OF_LINE for line in lines)  # over what was there: no blank moment
        await self._session.write(_HOME + shown.encode() + _REST)

    async def _enter(self, row: _Row) -> None:
        try:
            await self._open(terminals.get(self._ctx, row.session_id))
        except LauncherError as error:
            self._said = self._in_language(error.text)

    # Where nothing can be drawn

    async def run_plain(self) -> None:
        async with aclosing(_lines(self._session)) as lines:
            await self._answer(lines)

    async def _answer(self, typed_lines: AsyncGenerator[str, None]) -> None:
        while True:
            rows = _rows(self._ctx)
            lines = [self._in_language(_TITLE if rows else _EMPTY)]
            for number, row in enumerate(rows, 1):
                lines.append(f"{number:3} {row.name}  {self._in_language(row.status()[0])}")
            await self._session.write(("\r\n".join(lines) + "\r\n" + self._in_language(_PROMPT)).encode())
            typed = await anext(typed_lines, None)
            if typed is None or typed.strip() == "q":
                return
            if typed.strip().isdecimal() and 1 <= int(typed) <= len(rows):
                await self._enter(rows[int(typed) - 1])
                if self._said:
                    await self._session.write(f"{self._said}\r\n".encode())
                    self._said = ""

    def _in_language(self, text: Text) -> str:
        return text.in_language(self._session.language)


async def _lines(session: Session) -> AsyncGenerator[str, None]:
    """What is typed, line by line and echoed, until the end or a key with which one leaves."""
    line = ""
    while keys := await session.read():
        for character in keys.decode("utf-8", "replace"):
            if character in "\r\n":
                await session.write(b"\r\n")
                yield line
                line = ""
            elif character in "\x7f\b":
                await session.write(b"\b \b" if line else b"")
                line = line[:-1]
            elif character in "\x03\x04\x1d":
                return
            elif character.isprintable() and len(line) < LINE_BYTES:
                line += character
                await session.write(character.encode())
