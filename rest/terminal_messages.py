"""The messages of a terminal's WebSocket: JSON objects with a `type`."""

from typing import Annotated, Any

import msgspec

from mailauncher.errors import InvalidParameter, LauncherError
from mailauncher.frames import text_frame
from terminals.tail import Piece

Millis = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)] | Annotated[float, msgspec.Meta(ge=0, le=1 << 53)]


class Message(msgspec.Struct, tag_field="type"):
    """What a viewer may send. Further keys are ignored."""


class Input(Message, tag="input"):
    data: str


class Resize(Message, tag="resize"):
    cols: int
    rows: int


class Ping(Message, tag="ping"):
    """`timestamp` comes back as it is."""

    timestamp: int | float | Annotated[str, msgspec.Meta(max_length=64)] | None = None


class RequestHistory(Message, tag="request_history"):
    """Milliseconds since 1970, in either spelling."""

    from_time: Millis | None = None
    to_time: Millis | None = None
    from_time_too: Millis | None = msgspec.field(name="fromTime", default=None)
    to_time_too: Millis | None = msgspec.field(name="toTime", default=None)

    @property
    def span(self) -> tuple[int, int]:
        """Raises InvalidParameter when an end is missing or they are the wrong way round."""
        first = self.from_time if self.from_time_too is None else self.from_time_too
        last = self.to_time if self.to_time_too is None else self.to_time_too
        if first is None or last is None or first > last:
            raise InvalidParameter(
                "request_history 需要 fromTime 与 toTime（毫秒），且 fromTime 不晚于 toTime",
                "request_history needs fromTime and toTime (milliseconds), fromTime not after toTime",
            )
        return int(first), int(last)


Asked = Input | Resize | Ping | RequestHistory
_decoder: msgspec.json.Decoder[Asked] = msgspec.json.Decoder(Asked)


def decode(text: str | None) -> Asked:
    """The message in a text frame; None stands for a binary one. Raises InvalidParameter."""
    if text is None:
        raise InvalidParameter("消息应为文本，而非二进制", "Messages are text, not binary")
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidParameter(f"消息无效：{error}", f"Invalid message: {error}") from None


def encode(message: dict[str, Any]) -> str:
    return msgspec.json.encode(message).decode()


def error(failure: LauncherError, language: str) -> dict[str, Any]:
    return {"type": "error", "message": failure.text.in_language(language), "code": failure.code}


def output(piece: Piece) -> list[str]:
    """The messages that show a piece. A client goes on at `offset` plus the UTF-8 bytes of `data`.

    Where that sum is not where the piece ends (queries removed, invalid bytes shown as U+FFFD), an empty
    output follows that puts it right.
    """
    return [b"".join(parts).decode() for parts in _outputs(piece)]


def output_frames(piece: Piece) -> bytes:
    """The same as frames, made once for all viewers of the piece."""
    if piece.wire is None:
        piece.wire = b"".join([text_frame(*parts) for parts in _outputs(piece)])
    return piece.wire


def _outputs(piece: Piece) -> list[tuple[bytes, ...]]:
    """Each message in parts, so that 64 KiB are copied once."""
    try:
        shown = piece.data.decode()
        exact = len(piece.data) == piece.end - piece.offset
    except UnicodeDecodeError:
        shown, exact = piece.data.decode("utf-8", "replace"), False
    return [_output(shown, piece.offset)] if exact else [_output(shown, piece.offset), _output("", piece.end)]


def _output(shown: str, offset: int) -> tuple[bytes, ...]:
    return b'{"type":"output","data":', msgspec.json.encode(shown), b',"offset":%d}' % offset
