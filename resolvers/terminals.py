"""Terminals: find one by its session id, type into it, resize it, see its output."""

import re
from collections.abc import AsyncGenerator

from mailauncher.errors import InvalidParameter, InvalidSession, TerminalNotFound
from resolvers import instances
from resolvers.context import Context
from resolvers.views import OutputView, TerminalView
from terminals import text
from terminals.crew import DEPLOY
from terminals.states import State
from terminals.tail import PIECE_BYTES, Piece, Viewer
from terminals.terminal import Terminal

INPUT_BYTES = 1 << 20
OUTPUT_BYTES = 256 << 10  # in one event at most
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
    found = _of(ctx, instance_id)
    for candidate in (name, ctx.catalogue.service_name(name)):
        if candidate in found:
            return found[candidate]
    raise TerminalNotFound(f"未找到终端 '{name}'", f"Terminal '{name}' not found")


def list_of(ctx: Context, instance_id: str) -> list[TerminalView]:
    """The terminals of an instance: its main program's first, that of its deployment last. Raises InstanceNotFound."""
    instances.get(ctx, instance_id)
    return [view(ctx, terminal) for terminal in _of(ctx, instance_id).values()]


def _of(ctx: Context, instance_id: str) -> dict[str, Terminal]:
    """One that was never deployed has no terminal for that."""
    terminals = ctx.fleet.crew(instance_id).terminals
    if ctx.deployments.get(instance_id) is not None:
        return terminals
    return {name: terminal for name, terminal in terminals.items() if name != DEPLOY}


def _state(ctx: Context, instance_id: str, terminal: Terminal) -> State:
    """What the program in it does; a worker at a deployment only runs or does not."""
    program = ctx.fleet.crew(instance_id).programs.get(terminal.name)
    if program is not None:
        return program.state
    return State.RUNNING if terminal.alive else State.STOPPED


def view(ctx: Context, terminal: Terminal) -> TerminalView:
    instance_id = terminal.session_id.rpartition("_")[0]
    return TerminalView(
        session_id=terminal.session_id,
        instance_id=instance_id,
        name=terminal.name,
        status=_state(ctx, instance_id, terminal),
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
                yield shown(_joined(item, viewer))


def _joined(first: Piece, viewer: Viewer) -> Piece:
    """The piece and what lies ready behind it: an event costs the same whatever its size."""
    parts, size, end = [first.data], len(first.data), first.end
    while size <= OUTPUT_BYTES - PIECE_BYTES and (following := viewer.ready()):
        parts.append(following.data)
        size, end = size + len(following.data), following.end
    return first if len(parts) == 1 else Piece(first.offset, end, b"".join(parts), first.missed)


def shown(piece: Piece) -> OutputView:
    return OutputView(data=text.decode(piece.data), offset=piece.offset, end=piece.end, missed=piece.missed)
