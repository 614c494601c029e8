"""The messages on a terminal's WebSocket: JSON objects with a `type`."""

from typing import Annotated, Any

import msgspec

from mailauncher.errors import InvalidParameter, LauncherError
from mailauncher.frames import text_frame
from mailauncher.system_text import to_json
from resolvers.terminals import Piece

Milliseconds = (
    Annotated[int, msgspec.Meta(ge=0, le=1 << 53)] | Annotated[float, msgspec.Meta(ge=0, le=1 << 53)]
)


class Message(msgspec.Struct, tag_field="type"):
    """A message of the client. Unknown keys are ignored."""


class Input(Message, tag="input"):
    data: str


class Resize(Message, tag="resize"):
    cols: int
    rows: int


class Ping(Message, tag="ping"):
    """The reply contains `timestamp` unchanged."""

    timestamp: int | float | Annotated[str, msgspec.Meta(max_length=64)] | None = None


class RequestHistory(Message, tag="request_history"):
    """Asks for the output between two times, in milliseconds since 1970. Each key is accepted in either spelling."""

    from_time: Milliseconds | None = None
    to_time: Milliseconds | None = None
    from_time_camel: Milliseconds | None = msgspec.field(name="fromTime", default=None)
    to_time_camel: Milliseconds | None = msgspec.field(name="toTime", default=None)

    @property
    def span(self) -> tuple[int, int]:
        """Raises InvalidParameter if a time is missing."""
        first = self.from_time if self.from_time_camel is None else self.from_time_camel
        last = self.to_time if self.to_time_camel is None else self.to_time_camel
        if first is None or last is None:
            raise InvalidParameter(
                "request_history 需要 fromTime 与 toTime（毫秒）",
                "request_history needs fromTime and toTime (milliseconds)",
            )
        return int(first), int(last)


ClientMessage = Input | Resize | Ping | RequestHistory
_decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(ClientMessage)


def decode(text: str | None) -> ClientMessage:
    """The message in a text frame; None stands for a binary frame. Raises InvalidParameter."""
    if text is None:
        raise InvalidParameter("消息应为文本，而非二进制", "Messages must be text, not binary")
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidParameter(f"消息无效：{error}", f"Invalid message: {error}") from None


def encode(message: dict[str, Any]) -> str:
    return to_json(message).decode()


def error(failure: LauncherError, language: str) -> dict[str, Any]:
    return {"type": "error", "message": failure.text.in_language(language), "code": failure.code}


def resize(columns: int, rows: int) -> dict[str, Any]:
    return {"type": "resize", "cols": columns, "rows": rows}


def output(piece: Piece) -> list[str]:
    """The messages that show a piece. A client that comes back continues at `offset` plus the UTF-8 bytes of `data`.

    Where that is not the end of the piece (queries were removed, or invalid bytes are shown as U+FFFD), an empty output
    at the right offset follows.
    """
    return [b"".join(parts).decode() for parts in _outputs(piece)]


def output_frames(piece: Piece) -> bytes:
    """The same as WebSocket frames, made once for all viewers of the piece."""
    if piece.wire is None:
        piece.wire = b"".join([text_frame(*parts) for parts in _outputs(piece)])
    return piece.wire


def _outputs(piece: Piece) -> list[tuple[bytes, ...]]:
    """Each message in parts, so that up to 64 KiB of text are copied only once more."""
    try:
        shown = piece.data.decode()
        exact = len(piece.data) == piece.end - piece.offset
    except UnicodeDecodeError:
        shown, exact = piece.data.decode("utf-8", "replace"), False
    return [_output(shown, piece.offset)] if exact else [_output(shown, piece.offset), _output("", piece.end)]


def _output(shown: str, offset: int) -> tuple[bytes, ...]:
    return b'{"type":"output","data":', msgspec.json.encode(shown), b',"offset":%d}' % offset
