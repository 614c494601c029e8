"""Terminals: find one by its session id, watch it, type into it, resize it, take it over."""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

from mailauncher.errors import InvalidParameter, InvalidSession, ResourceNotFound, TerminalNotFound
from mailauncher.grants import Grant, Scope
from resolvers import instances
from resolvers.context import Context
from resolvers.rights import needs, require
from resolvers.running import plugins
from resolvers.views import DriverView, OutputView, TerminalView
from terminals import text
from terminals.client import InputNumber
from terminals.keeper import VIEWER_CHARACTERS
from terminals.states import State
from terminals.supervisor import DEPLOY
from terminals.tail import PIECE_BYTES, Notice, Piece, Viewer
from terminals.terminal import (
    INPUT_BYTES,
    MIN_COLUMNS,
    MIN_ROWS,
    REPLAY_BYTES,
    SIZE_LIMIT,
    DriverChanged,
    Resized,
    StatusMessage,
    Terminal,
)

__all__ = [
    "INPUT_BYTES",
    "MIN_COLUMNS",
    "MIN_ROWS",
    "OUTPUT_BYTES",
    "REPLAY_BYTES",
    "SEQ_MAX",
    "SIZE_LIMIT",
    "VIEWER_CHARACTERS",
    "Attachment",
    "DriverChanged",
    "InputNumber",
    "Notice",
    "Piece",
    "Resized",
    "StatusMessage",
    "attach",
    "find",
    "get",
    "input_number",
    "list_of",
    "output",
    "resize",
    "send_input",
    "take_over",
]

OUTPUT_BYTES = 256 << 10  # in one event at most
SEQ_MAX = (1 << 53) - 1
_SESSION = re.compile(r"([0-9A-Za-z][0-9A-Za-z._-]{0,63})_([0-9A-Za-z][0-9A-Za-z.-]{0,63})")


@needs(Scope.READ)
def find(ctx: Context, session_id: str) -> Terminal:
    """The terminal `{instance id}_{type}`. Raises InvalidSession, InstanceNotFound, TerminalNotFound."""
    match = _SESSION.fullmatch(session_id)
    if match is None:
        raise InvalidSession(
            "会话 ID 无效，应为 {instance_id}_{terminal_type}",
            "Invalid session id; it should be {instance_id}_{terminal_type}",
        )
    instance_id, name = match.groups()
    found = _terminals_of(ctx, instance_id)
    own_name = ctx.bots.catalogue.service_name(name)
    for candidate in (name, own_name):
        if candidate in found:
            return found[candidate]
    version = instances.get(ctx, instance_id).version
    if plugin := plugins.about(ctx.bots.catalogue, version, own_name):
        raise TerminalNotFound(*plugin)
    raise TerminalNotFound(f"未找到终端 '{name}'", f"Terminal '{name}' not found")


@needs(Scope.READ)
def list_of(ctx: Context, instance_id: str) -> list[TerminalView]:
    """The terminals of an instance: first that of its main program, last that of its deployments. Raises
    InstanceNotFound."""
    instances.get(ctx, instance_id)
    return [_view(ctx, terminal) for terminal in _terminals_of(ctx, instance_id).values()]


def _terminals_of(ctx: Context, instance_id: str) -> dict[str, Terminal]:
    """By name. An instance that was never deployed has no terminal of deployments."""
    terminals = ctx.live.supervisor(instance_id).terminals
    if ctx.store.deployments.get(instance_id) is not None:
        return terminals
    return {name: terminal for name, terminal in terminals.items() if name != DEPLOY}


def _state(ctx: Context, instance_id: str, terminal: Terminal) -> State:
    """The state of the terminal's program. A deployment's worker is not supervised: it runs or does not."""
    program = ctx.live.supervisor(instance_id).programs.get(terminal.name)
    if program is not None:
        return program.state
    return State.RUNNING if terminal.alive else State.STOPPED


def _view(ctx: Context, terminal: Terminal) -> TerminalView:
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
        driver=_driver(terminal),
        oldest=terminal.oldest,
        end=max(terminal.end, terminal.tail.end),
    )


def _driver(terminal: Terminal) -> DriverView | None:
    viewer = terminal.driver
    return None if viewer is None else DriverView(viewer.id, *(viewer.size or (None, None)))


@needs(Scope.READ)
def get(ctx: Context, session_id: str) -> TerminalView:
    """The terminal `{instance id}_{type}` as clients see it. Raises as `find` does."""
    return _view(ctx, find(ctx, session_id))


def input_number(viewer: str | None, seq: int | None) -> InputNumber | None:
    """What marks an input that may be sent again; None if nothing does. Raises InvalidParameter."""
    if viewer is None and seq is None:
        return None
    if viewer is None or not 1 <= len(viewer) <= VIEWER_CHARACTERS:
        raise InvalidParameter(
            f"viewer 应为 1 至 {VIEWER_CHARACTERS} 个字符",
            f"viewer must have 1 to {VIEWER_CHARACTERS} characters",
            field="viewer",
        )
    if seq is None or not 0 <= seq <= SEQ_MAX:
        raise InvalidParameter(
            f"seq 应在 0 与 {SEQ_MAX} 之间", f"seq must be between 0 and {SEQ_MAX}", field="seq"
        )
    return InputNumber(viewer, seq)


@needs(Scope.OPERATE)
async def send_input(
    ctx: Context, session_id: str, data: str, number: InputNumber | None = None
) -> tuple[TerminalView, int | None]:
    """Types into a terminal. Returns what it is now and, for numbered input, what `Attachment.input_once` does.

    Raises CommandFailed if nothing runs there, InvalidParameter for more than 1 MiB, Conflict for a number out of turn.
    """
    terminal = find(ctx, session_id)
    held = None
    if number is None:
        await terminal.input(data)
    else:
        held = await terminal.input_once(data, number)
    return _view(ctx, terminal), held


@needs(Scope.OPERATE)
async def resize(ctx: Context, session_id: str, columns: int, rows: int) -> TerminalView:
    """Sets a terminal's size. Raises InvalidParameter outside 1-1000; at least 20 x 5 is applied."""
    terminal = find(ctx, session_id)
    await terminal.resize(columns, rows)
    return _view(ctx, terminal)


@needs(Scope.OPERATE)
async def take_over(ctx: Context, session_id: str, connection: str) -> TerminalView:
    """Makes a viewer the driver, as if it had typed: the terminal takes on the size of its window.

    Raises as `find` does, ResourceNotFound if it does not watch this terminal.
    """
    terminal = find(ctx, session_id)
    viewer = next((viewer for viewer in terminal.tail.viewers if viewer.id == connection), None)
    if viewer is None:
        raise ResourceNotFound(
            "该连接没有在查看此终端", "That connection does not watch this terminal", field="connection"
        )
    await terminal.take_over(viewer)
    return _view(ctx, terminal)


class Attachment:
    """An interactive viewer of a terminal, which also types and has a window.

    Iterating gives what to show, in order: each `Piece` of output, `StatusMessage`, `Resized` and `DriverChanged`. It ends
    when the terminal no longer exists.
    """

    def __init__(self, terminal: Terminal, viewer: Viewer, grant: Grant) -> None:
        self._terminal = terminal
        self._viewer = viewer
        self._grant = grant

    def __aiter__(self) -> AsyncIterator[Piece | Notice]:
        return self._viewer

    def following(self, size: int) -> list[Piece]:
        """The pieces that are ready after the last one, of `size` bytes at most; they count as taken."""
        return _ready(self._viewer, size)

    @property
    def connection(self) -> str:
        """The id of this viewer."""
        return self._viewer.id

    @property
    def driver(self) -> str | None:
        """The id of the viewer whose window gives the terminal its size: the one that typed last, or took over since."""
        return self._terminal.driver.id if self._terminal.driver else None

    async def take_over(self) -> None:
        """Makes this viewer the driver."""
        require(self._grant, Scope.OPERATE)
        await self._terminal.take_over(self._viewer)

    async def input(self, data: str) -> None:
        """Types into the terminal, which takes on the size of this viewer's window. Raises as `send_input` does; what
        the keeper refuses comes as a StatusMessage."""
        require(self._grant, Scope.OPERATE)
        await self._terminal.input(data, self._viewer)

    async def input_once(self, data: str, number: InputNumber) -> int | None:
        """The same for input that may be sent again: what has that number is typed once. Returns the number of the last input
        that was typed, or None where a keeper of an earlier version would type it again. Raises as `send_input` does."""
        require(self._grant, Scope.OPERATE)
        return await self._terminal.input_once(data, number, self._viewer)

    async def resize(self, columns: int, rows: int) -> tuple[int, int]:
        """Notes the size of the viewer's window, and applies it if this viewer typed last or nobody has typed yet; not that of one
        who may only look. Returns the terminal's size, which others are told. Raises as `resize` does."""
        if self._grant.scope.includes(Scope.OPERATE):
            await self._terminal.resize(columns, rows, self._viewer)
        return self._terminal.columns, self._terminal.rows


@needs(Scope.READ)
@asynccontextmanager
async def attach(ctx: Context, session_id: str, after: int | None) -> AsyncIterator[tuple[Attachment, Piece]]:
    """Attaches a viewer, and gives what it should show first: the recent output, or nothing if it continues from the
    offset `after`. While no program runs, a shell is opened for it, unless it may only look.

    Raises as `find` does, InvalidParameter for an `after` that the output has not reached.
    """
    terminal = find(ctx, session_id)
    operates = ctx.grant.scope.includes(Scope.OPERATE)
    async with terminal.watch(after, shell=operates) as (viewer, recent):
        yield Attachment(terminal, viewer, ctx.grant), recent


@needs(Scope.READ)
def output(ctx: Context, session_id: str, after: int | None) -> AsyncGenerator[OutputView, None]:
    """A terminal's output, from the offset `after` on or beginning with the recent output, until the terminal no longer
    exists.

    Raises as `find` does; an `after` that the output has not reached raises InvalidParameter at the first piece.
    """
    return _output(find(ctx, session_id), after, shell=ctx.grant.scope.includes(Scope.OPERATE))


async def _output(terminal: Terminal, after: int | None, *, shell: bool) -> AsyncGenerator[OutputView, None]:
    async with terminal.watch(after, shell=shell) as (viewer, recent):
        if after is None:
            yield _output_view(recent)
        async for item in viewer:
            if isinstance(item, Piece):
                yield _output_view(_joined(item, viewer))


def _ready(viewer: Viewer, size: int) -> list[Piece]:
    """The pieces that are ready for a viewer, of `size` bytes at most; they count as taken."""
    found = []
    while size >= PIECE_BYTES and (piece := viewer.next_ready()):
        found.append(piece)
        size -= len(piece.data)
    return found


def _joined(first: Piece, viewer: Viewer) -> Piece:
    """The piece and those that are ready after it: an event costs the same whatever its size."""
    following = _ready(viewer, OUTPUT_BYTES - len(first.data))
    if not following:
        return first
    data = b"".join([first.data, *(piece.data for piece in following)])
    return Piece(first.offset, following[-1].end, data, first.missed)


def _output_view(piece: Piece) -> OutputView:
    return OutputView(data=text.decode(piece.data), offset=piece.offset, end=piece.end, missed=piece.missed)
