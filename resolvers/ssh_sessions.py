"""What the journal says of sessions over SSH: who opened a terminal, typed into it and left. What is typed is not in it."""

from mailauncher.errors import Text
from mailauncher.grants import Scope
from resolvers import instances
from resolvers.context import Context
from resolvers.rights import needs
from store.journal import Kind


@needs(Scope.READ)
async def opened(ctx: Context, session_id: str) -> None:
    await _note(ctx, session_id, "attach", Text("打开", "opened"))


@needs(Scope.OPERATE)
async def drove(ctx: Context, session_id: str) -> None:
    """The caller has typed for the first time in this session."""
    await _note(ctx, session_id, "drive", Text("开始在此输入：", "began to type into"))


@needs(Scope.READ)
async def left(ctx: Context, session_id: str) -> None:
    await _note(ctx, session_id, "detach", Text("离开", "left"))


async def _note(ctx: Context, session_id: str, kind: Kind, did: Text) -> None:
    instance_id, _, terminal = session_id.rpartition("_")
    view = next((view for view in instances.list_all(ctx) if view.id == instance_id), None)
    name = view.name if view else instance_id
    who = ctx.caller.removeprefix("ssh:")
    text = Text(
        f"{who} 经 SSH {did.zh} {name} 的 {terminal} 终端",
        f"{who} {did.en} the terminal {terminal} of {name} over SSH",
    )
    await ctx.store.journal.note(kind, ctx.caller, text, instance_id)
