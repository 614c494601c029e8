"""A terminal over SSH: shows its output, types what is typed, until the user detaches or the terminal is gone."""

import asyncio
import codecs
from collections import OrderedDict

from mailauncher.errors import LauncherError, TerminalNotFound, Text
from mailauncher.grants import Scope
from mailauncher.screen import ScreenModes, aside
from resolvers import ssh_sessions, terminals
from resolvers.context import Context
from resolvers.terminals import OUTPUT_BYTES, SIZE_LIMIT, Attachment, Notice, Piece, StatusMessage
from resolvers.views import TerminalView
from ssh.session import Session

DETACH = b"\x1d"
PLACES = 256
"""How many are remembered, of users whose connections were lost."""

Place = tuple[str, str]
"""Of a key, and a terminal."""


class Places:
    """How far the output had certainly been shown to users whose connections were lost."""

    def __init__(self) -> None:
        self._offsets: OrderedDict[Place, int] = OrderedDict()

    def note(self, place: Place, offset: int) -> None:
        self._offsets.pop(place, None)
        self._offsets[place] = offset
        if len(self._offsets) > PLACES:
            self._offsets.popitem(last=False)

    def take(self, place: Place) -> int | None:
        return self._offsets.pop(place, None)


class Detached(Exception):
    """The user has left."""


async def attach(ctx: Context, session: Session, terminal: TerminalView, places: Places, place: Place) -> int:
    """Serves one viewer. Returns the exit status."""
    after = _resumed(places.take(place), terminals.get(ctx, terminal.session_id))
    try:
        async with terminals.attach(ctx, terminal.session_id, after) as (attachment, recent):
            viewing = _Viewing(ctx, session, terminal, attachment)
            await ssh_sessions.opened(ctx, terminal.session_id)
            try:
                await viewing.begin(recent, resumed=after is not None)
                recent.data = b""  # else held until the viewer leaves
                await viewing.run()
            finally:
                if not viewing.detached:
                    places.note(place, max(0, viewing.shown - session.unseen))
                await ssh_sessions.left(ctx, terminal.session_id)
    except LauncherError as error:
        session.error(error.text)
        return error.info.exit
    return 0


def _resumed(shown: int | None, terminal: TerminalView) -> int | None:
    """Where to begin: where the user was, if more has been printed since than the recent output has, so that nothing is missed. Else
    with the recent output, since a screen that stays empty would tell less."""
    if shown is None or not terminal.end - shown > terminals.REPLAY_BYTES:
        return None
    return shown


class _Viewing:
    def __init__(
        self, ctx: Context, session: Session, terminal: TerminalView, attachment: Attachment
    ) -> None:
        self.detached = False
        self.shown = 0
        """The offset up to which output was sent."""
        self._ctx = ctx
        self._session = session
        self._terminal = terminal
        self._attachment = attachment
        self._modes = ScreenModes()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._may_type = ctx.grant.scope.includes(Scope.OPERATE)
        self._has_driven = False
        self._has_refused = False

    async def begin(self, recent: Piece, *, resumed: bool) -> None:
        await self._resize()
        self.shown = recent.end
        await self._session.write(recent.data)
        self._modes.show(recent.data)
        if resumed:
            await self._say(Text("从断开之处继续", "continued where the connection was lost"))
        elif not self._may_type:
            await self._say(Text("此密钥只能查看；按 Ctrl-] 离开", "this key may only look; Ctrl-] detaches"))

    async def run(self) -> None:
        """Returns when the user has left. Raises LauncherError."""
        ended: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send_output())
                tasks.create_task(self._follow_size())
                await self._type()
        except* (Detached, LauncherError, BrokenPipeError) as group:
            ended = group.exceptions[0]
        if isinstance(ended, BrokenPipeError):
            return
        self.detached = True
        if not self._session.ended.is_set():
            await self._session.write(self._modes.undo())
        if isinstance(ended, LauncherError):
            raise ended

    async def _send_output(self) -> None:
        async for item in self._attachment:
            if not isinstance(item, Piece):
                await self._notice(item)
                continue
            if item.missed:
                await self._say(
                    Text(
                        f"至多 {item.missed} 字节输出已不再保留",
                        f"up to {item.missed} bytes of output are no longer kept",
                    )
                )
            pieces = [item, *self._attachment.following(OUTPUT_BYTES)]
            data = b"".join([piece.data for piece in pieces])
            self.shown = pieces[-1].end
            self._modes.show(data)
            await self._session.write(data)
        raise TerminalNotFound("终端已不存在", "The terminal no longer exists")

    async def _notice(self, notice: Notice) -> None:
        if isinstance(notice, StatusMessage):
            await self._say(notice.text)

    async def _follow_size(self) -> None:
        while True:
            await self._session.resized.wait()
            if self._session.ended.is_set():
                raise BrokenPipeError
            await self._resize()

    async def _resize(self) -> None:
        self._session.resized.clear()
        if self._session.size is not None:
            await self._attachment.resize(*(min(side, SIZE_LIMIT) for side in self._session.size))

    async def _type(self) -> None:
        """Types what comes. Raises Detached, BrokenPipeError if the connection is lost."""
        while keys := await self._session.read():
            typed, leave, _ = keys.partition(DETACH)
            if text := self._decoder.decode(typed):
                await self._type_text(text)
            if leave:
                raise Detached
        if self._session.ended.is_set():
            raise BrokenPipeError
        raise Detached

    async def _type_text(self, text: str) -> None:
        if not self._may_type:
            if not self._has_refused:
                self._has_refused = True
                await self._say(
                    Text("此密钥只能查看，输入已忽略", "this key may only look: input is ignored")
                )
            return
        try:
            await self._attachment.input(text)
        except LauncherError as error:
            await self._say(error.text)
            return
        if not self._has_driven:
            self._has_driven = True
            await ssh_sessions.drove(self._ctx, self._terminal.session_id)

    async def _say(self, text: Text) -> None:
        await self._session.write(aside(text.in_language(self._session.language)))
