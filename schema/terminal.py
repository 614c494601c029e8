"""Terminals: what they show, typing into them, their size."""

from collections.abc import AsyncGenerator
from typing import Annotated, cast

import strawberry

from resolvers import terminals
from resolvers.views import TerminalView
from schema.context import Info
from schema.scalars import Long
from schema.status import Status

SESSION = "`{instance id}_{type}`; the type is `main`, `napcat`, `nonebot`, or a service's own name."
SessionId = Annotated[strawberry.ID, strawberry.argument(description=f"Which terminal: {SESSION}")]


@strawberry.type(
    description="A terminal of an instance: its program runs in it, or a shell while the program does not."
)
class Terminal:
    session_id: strawberry.ID = strawberry.field(
        description=f"{SESSION} The same id leads to `/ws/{{session_id}}`."
    )
    instance_id: strawberry.ID = strawberry.field(description="The instance that it belongs to.")
    name: str = strawberry.field(description="Its type: `main`, or the service's own name.")
    status: Status = strawberry.field(description="What its program is doing.")
    shell: bool = strawberry.field(description="Whether a shell runs in it instead of its program.")
    pid: int | None = strawberry.field(
        description="Process id of what runs in it. Null while nothing runs there."
    )
    columns: int = strawberry.field(description="Width in characters, 20-1000.")
    rows: int = strawberry.field(description="Height in lines, 5-1000.")
    viewers: int = strawberry.field(description="How many connections are watching it now.")
    oldest: Long = strawberry.field(description="Offset in bytes of the oldest output that is kept.")
    end: Long = strawberry.field(
        description="Offset in bytes after the last output: all that it ever printed."
    )


def shown(view: TerminalView) -> Terminal:
    """The view stands for the type: it has the attributes that plain fields read."""
    return cast(Terminal, view)


@strawberry.type(description="A piece of a terminal's output.")
class TerminalOutput:
    data: str = strawberry.field(
        description="The text, terminal sequences included, of at most 256 KiB. Bytes that are no UTF-8 are U+FFFD."
    )
    offset: Long = strawberry.field(
        description="Offset in bytes of the start of `data` in everything that the terminal ever printed."
    )
    end: Long = strawberry.field(
        description="Offset in bytes after this piece; give it as `after` to go on from here."
    )
    missed: Long = strawberry.field(
        description="Bytes before `offset` that were asked for and are no longer kept. 0: nothing was missed."
    )


@strawberry.type(description="A terminal after a change.")
class TerminalPayload:
    terminal: Terminal = strawberry.field(description="The terminal as it is now.")


@strawberry.input(description="What to type into which terminal.")
class SendTerminalInputInput:
    session_id: strawberry.ID = strawberry.field(description=f"Which terminal: {SESSION}")
    data: str = strawberry.field(
        description="The text as a keyboard would send it (Enter is `\\r`), at most 1 MiB of UTF-8."
    )


@strawberry.input(description="The size that a terminal is to have.")
class ResizeTerminalInput:
    session_id: strawberry.ID = strawberry.field(description=f"Which terminal: {SESSION}")
    columns: int = strawberry.field(description="Width in characters, 1-1000; at least 20 is applied.")
    rows: int = strawberry.field(description="Height in lines, 1-1000; at least 5 is applied.")


def _terminal(info: Info, session_id: SessionId) -> Terminal | None:
    ctx = info.context.ctx
    return shown(terminals.view(ctx, terminals.find(ctx, session_id)))


@strawberry.type
class TerminalQuery:
    terminal: Terminal | None = strawberry.field(
        resolver=_terminal,
        description="One terminal. Null only together with an error: `INVALID_SESSION`, `INSTANCE_NOT_FOUND`, "
        "`TERMINAL_NOT_FOUND`.",
    )


async def _send_input(
    info: Info,
    input: Annotated[SendTerminalInputInput, strawberry.argument(description="What to type, and where.")],
) -> TerminalPayload | None:
    view = await info.context.carry_out(terminals.send_input(info.context.ctx, input.session_id, input.data))
    return TerminalPayload(terminal=shown(view))


async def _resize(
    info: Info,
    input: Annotated[ResizeTerminalInput, strawberry.argument(description="Which terminal, which size.")],
) -> TerminalPayload | None:
    view = await info.context.carry_out(
        terminals.resize(info.context.ctx, input.session_id, input.columns, input.rows)
    )
    return TerminalPayload(terminal=shown(view))


@strawberry.type
class TerminalMutation:
    send_terminal_input: TerminalPayload | None = strawberry.mutation(
        resolver=_send_input,
        description="Types into a terminal. Null only together with an error: `COMMAND_FAILED` when nothing runs there "
        "(a line break opens a shell then), `INVALID_PARAMETER`, or as for `terminal`.",
    )
    resize_terminal: TerminalPayload | None = strawberry.mutation(
        resolver=_resize,
        description="Sets a terminal's size; everyone who watches it is told. Null only together with an error: "
        "`INVALID_PARAMETER`, or as for `terminal`.",
    )


def _output(
    info: Info,
    session_id: SessionId,
    after: Annotated[
        Long | None,
        strawberry.argument(
            description="Offset in bytes to go on from (the last `end`). Null: first the recent output, at most 64 KiB, "
            "then what follows."
        ),
    ] = None,
) -> AsyncGenerator[TerminalOutput, None]:
    return cast(AsyncGenerator[TerminalOutput, None], terminals.output(info.context.ctx, session_id, after))


@strawberry.type
class TerminalSubscription:
    terminal_output: AsyncGenerator[TerminalOutput, None] = strawberry.subscription(
        resolver=_output,
        description="A terminal's output as it is printed, in order, nothing twice. A subscriber that reads slowly slows "
        "nobody and misses nothing that is still kept. While the program does not run, the first viewer opens a shell.",
    )
