"""Terminals: find one by its session id, type into it, resize it, see its output."""

import re
from collections.abc import AsyncGenerator

from mailauncher.errors import InvalidParameter, InvalidSession, TerminalNotFound
from resolvers import instances
from resolvers.context import Context
from resolvers.views import OutputView, TerminalView
from terminals import text
from terminals.tail import Piece
from terminals.terminal import Terminal

INPUT_BYTES = 1 << 20
_SESSION = re.compile(r"([0-9A-Za-z][0-9A-Za-z._-]{0,63})_([0-9A-Za-z][0-9A-Za-z.-]{0,63})")


def find(ctx: Context, session_id: str) -> Terminal:
    """The terminal `{instance id}_{type}`. Raises InvalidSession, InstanceNotFound, TerminalNotFound."""
    match = _SESSION.fullmatch(session_id)
    if match is None:
        raise InvalidSession(
            "会话 ID 无效，应为 {instance_id}_{terminal_type}",
            "Invalid session id; it should be {instance_id}_{terminal_type}",
        )
    instance_id, name = match.groups()
    crew = ctx.fleet.crew(instance_id)
    for candidate in (name, ctx.catalogue.service_name(name)):
        if candidate in crew.terminals:
            return crew.terminals[candidate]
    raise TerminalNotFound(f"未找到终端 '{name}'", f"Terminal '{name}' not found")


def list_of(ctx: Context, instance_id: str) -> list[TerminalView]:
    """The terminals of an instance: its main program's first. Raises InstanceNotFound."""
    instances.get(ctx, instance_id)
    return [view(ctx, terminal) for terminal in ctx.fleet.crew(instance_id).terminals.values()]


def view(ctx: Context, terminal: Terminal) -> TerminalView:
    instance_id = terminal.session_id.rpartition("_")[0]
    return TerminalView(
        session_id=terminal.session_id,
        instance_id=instance_id,
        name=terminal.name,
        status=ctx.fleet.crew(instance_id).programs[terminal.name].state,
        shell=terminal.alive and terminal.is_shell,
        pid=terminal.pid,
        columns=terminal.columns,
        rows=terminal.rows,
        viewers=len(terminal.tail.viewers),
        oldest=terminal.oldest,
        end=max(terminal.end, terminal.tail.end),
    )


async def send_input(ctx: Context, session_id: str, data: str) -> TerminalView:
    """Types into a terminal. Raises CommandFailed when nothing runs there, InvalidParameter for over 1 MiB."""
    terminal = find(ctx, session_id)
    if len(data.encode("utf-8", "replace")) > INPUT_BYTES:
        raise InvalidParameter("输入超过 1 MiB", "The input is over 1 MiB", field="data")
    await terminal.input(data)
    return view(ctx, terminal)


async def resize(ctx: Context, session_id: str, columns: int, rows: int) -> TerminalView:
    """Sets a terminal's size. Raises InvalidParameter outside 1-1000; at least 20 x 5 is applied."""
    terminal = find(ctx, session_id)
    await terminal.resize(columns, rows)
    return view(ctx, terminal)


def output(ctx: Context, session_id: str, after: int | None) -> AsyncGenerator[OutputView, None]:
    """A terminal's output, from `after` on or beginning with the recent part of it, for as long as it is asked for.

    Raises as `find` does; an `after` that no output has reached raises InvalidParameter at the first piece.
    """
    return _output(find(ctx, session_id), after)


async def _output(terminal: Terminal, after: int | None) -> AsyncGenerator[OutputView, None]:
    async with terminal.watch(after) as (viewer, first):
        if after is None:
            yield shown(first)
        async for item in viewer:
            if isinstance(item, Piece):
                yield shown(item)


def shown(piece: Piece) -> OutputView:
    return OutputView(data=text.decode(piece.data), offset=piece.offset, end=piece.end, missed=piece.missed)
