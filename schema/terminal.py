"""Terminals: output, input, size."""

from collections.abc import AsyncGenerator
from typing import Annotated, cast

import strawberry

from resolvers import terminals
from resolvers.terminals import (
    INPUT_BYTES,
    MIN_COLUMNS,
    MIN_ROWS,
    OUTPUT_BYTES,
    SIZE_LIMIT,
    VIEWER_CHARACTERS,
)
from resolvers.views import TerminalView
from schema.context import Info
from schema.scalars import Long
from schema.status import Status
from terminals.terminal import REPLAY_BYTES

SESSION = "`{instance id}_{type}`; the type is `main`, `napcat`, `nonebot`, or a service's own name."
SessionId = Annotated[strawberry.ID, strawberry.argument(description=f"Which terminal: {SESSION}")]


@strawberry.type(description="The viewer whose window gives a terminal its size.")
class TerminalDriver:
    connection: strawberry.ID = strawberry.field(
        description="The id of its WebSocket, which the message `driver` tells it."
    )
    columns: int | None = strawberry.field(
        description="Width of its window in characters. Null: it has not sent its size."
    )
    rows: int | None = strawberry.field(
        description="Height of its window in lines. Null: it has not sent its size."
    )


@strawberry.type(
    description="A terminal of an instance. Its program runs in it; while the program does not run, a shell can."
)
class Terminal:
    session_id: strawberry.ID = strawberry.field(
        description=f"{SESSION} `/ws/{{session_id}}` is its WebSocket."
    )
    instance_id: strawberry.ID = strawberry.field(description="The instance it belongs to.")
    name: str = strawberry.field(description="Its type: `main`, or the name of the service.")
    status: Status = strawberry.field(description="The state of its program.")
    shell: bool = strawberry.field(description="Whether a shell runs in it instead of its program.")
    pid: int | None = strawberry.field(
        description="Process id of its program or shell. Null while nothing runs in it."
    )
    columns: int = strawberry.field(description=f"Width in characters, {MIN_COLUMNS}-{SIZE_LIMIT}.")
    rows: int = strawberry.field(description=f"Height in lines, {MIN_ROWS}-{SIZE_LIMIT}.")
    viewers: int = strawberry.field(description="Number of connections that watch it now.")
    driver: TerminalDriver | None = strawberry.field(
        description="The viewer on a WebSocket that typed last, or took over since. Null: none of those that watch has."
    )
    oldest: Long = strawberry.field(description="Offset in bytes of the oldest output kept.")
    end: Long = strawberry.field(
        description="Offset in bytes of the end of the output: the number of bytes that it has ever printed."
    )


def terminal_of(view: TerminalView) -> Terminal:
    """A view serves as the type: it has the attributes that the fields without a resolver read."""
    return cast(Terminal, view)


@strawberry.type(description="A piece of a terminal's output.")
class TerminalOutput:
    data: str = strawberry.field(
        description=f"The text with its terminal sequences, at most {OUTPUT_BYTES >> 10} KiB. Bytes that are not UTF-8 become U+FFFD."
    )
    offset: Long = strawberry.field(
        description="Offset in bytes of the start of `data` in all that the terminal has ever printed."
    )
    end: Long = strawberry.field(
        description="Offset in bytes of the end of this piece; pass it as `after` to continue from here."
    )
    missed: Long = strawberry.field(
        description="Number of requested bytes before `offset` that are no longer kept, or, after a power cut, at most so many; 0 if "
        "none are missing."
    )


@strawberry.type(description="A terminal after a change.")
class TerminalPayload:
    terminal: Terminal = strawberry.field(description="The terminal as it is now.")


@strawberry.input(description="Input for a terminal.")
class SendTerminalInputInput:
    session_id: strawberry.ID = strawberry.field(description=f"Which terminal: {SESSION}")
    data: str = strawberry.field(
        description=f"The text as a keyboard would send it (Enter is `\\r`), at most {INPUT_BYTES >> 20} MiB of UTF-8."
    )
    viewer: strawberry.ID | None = strawberry.field(
        default=None,
        description=f"With `seq`, for input that may be sent again: an id of the client's own choice, 1-{VIEWER_CHARACTERS} "
        "characters. Null: input that is sent again is typed again.",
    )
    seq: Long | None = strawberry.field(
        default=None,
        description="The number of this input among those of its viewer in this terminal, from 1 on: each is typed once. 0 "
        "types nothing, and asks for `held`. Null: without `viewer`.",
    )


@strawberry.type(description="A terminal after input.")
class SendTerminalInputPayload(TerminalPayload):
    held: Long | None = strawberry.field(
        description="The `seq` of the viewer's last input that was typed. Null without `seq`, or if the terminal was started by "
        "an earlier version, which types again what is sent again."
    )


@strawberry.input(description="A new size for a terminal.")
class ResizeTerminalInput:
    session_id: strawberry.ID = strawberry.field(description=f"Which terminal: {SESSION}")
    columns: int = strawberry.field(
        description=f"Width in characters, 1-{SIZE_LIMIT}; at least {MIN_COLUMNS} is applied."
    )
    rows: int = strawberry.field(
        description=f"Height in lines, 1-{SIZE_LIMIT}; at least {MIN_ROWS} is applied."
    )


@strawberry.input(description="A terminal, and the viewer to take it over.")
class TakeOverTerminalInput:
    session_id: strawberry.ID = strawberry.field(description=f"Which terminal: {SESSION}")
    connection: strawberry.ID = strawberry.field(
        description="The id of the viewer's WebSocket, which the message `driver` tells it."
    )


def _terminal(info: Info, session_id: SessionId) -> Terminal | None:
    return terminal_of(terminals.get(info.context.ctx, session_id))


@strawberry.type
class TerminalQuery:
    terminal: Terminal | None = strawberry.field(
        resolver=_terminal,
        description="One terminal. Null only with an error: `INVALID_SESSION`, `INSTANCE_NOT_FOUND`, "
        "`TERMINAL_NOT_FOUND`.",
    )


async def _send_input(
    info: Info,
    input: Annotated[
        SendTerminalInputInput, strawberry.argument(description="What to type, and into which terminal.")
    ],
) -> SendTerminalInputPayload | None:
    number = terminals.input_number(input.viewer, input.seq)
    typing = terminals.send_input(info.context.ctx, input.session_id, input.data, number)
    view, held = await info.context.complete(typing)
    return SendTerminalInputPayload(terminal=terminal_of(view), held=None if held is None else Long(held))


async def _resize(
    info: Info,
    input: Annotated[
        ResizeTerminalInput, strawberry.argument(description="Which terminal, and its new size.")
    ],
) -> TerminalPayload | None:
    view = await info.context.complete(
        terminals.resize(info.context.ctx, input.session_id, input.columns, input.rows)
    )
    return TerminalPayload(terminal=terminal_of(view))


async def _take_over(
    info: Info,
    input: Annotated[TakeOverTerminalInput, strawberry.argument(description="Which terminal, and by whom.")],
) -> TerminalPayload | None:
    view = await info.context.complete(
        terminals.take_over(info.context.ctx, input.session_id, input.connection)
    )
    return TerminalPayload(terminal=terminal_of(view))


@strawberry.type
class TerminalMutation:
    send_terminal_input: SendTerminalInputPayload | None = strawberry.mutation(
        resolver=_send_input,
        description="Types into a terminal. Null only with an error: `COMMAND_FAILED` if nothing runs in it "
        "(a line break opens a shell instead), `CONFLICT` for a `seq` that is not the next one, `INVALID_PARAMETER`, or as for "
        "`terminal`.",
    )
    resize_terminal: TerminalPayload | None = strawberry.mutation(
        resolver=_resize,
        description="Sets a terminal's size; all its viewers are told. Null only with an error: "
        "`INVALID_PARAMETER`, or as for `terminal`.",
    )

    take_over_terminal: TerminalPayload | None = strawberry.mutation(
        resolver=_take_over,
        description="Makes a viewer on a WebSocket the driver without typing anything, as its message `take_over` does: the "
        "terminal takes on the size of its window. Null only with an error: `RESOURCE_NOT_FOUND` if it does not watch this "
        "terminal, or as for `terminal`.",
    )


def _output(
    info: Info,
    session_id: SessionId,
    after: Annotated[
        Long | None,
        strawberry.argument(
            description="Offset in bytes to continue from (the last `end`). Null: first the recent output, at most "
            f"{REPLAY_BYTES >> 10} KiB, then all that follows."
        ),
    ] = None,
) -> AsyncGenerator[TerminalOutput, None]:
    begin = info.context.resumed(after)
    return cast(AsyncGenerator[TerminalOutput, None], terminals.output(info.context.ctx, session_id, begin))


@strawberry.type
class TerminalSubscription:
    terminal_output: AsyncGenerator[TerminalOutput, None] = strawberry.subscription(
        resolver=_output,
        description="A terminal's output as it is printed, in order and without repetition. A slow subscriber delays nobody "
        "and misses nothing that is still kept. While the program does not run, the first viewer opens a shell.",
    )
