"""The messages on a terminal's WebSocket: JSON objects with a `type`. Output is in `terminal_output`."""

from typing import Annotated, Any

import msgspec

from mailauncher.errors import InvalidParameter, LauncherError, Text
from mailauncher.system_text import to_json

Milliseconds = (
    Annotated[int, msgspec.Meta(ge=0, le=1 << 53)] | Annotated[float, msgspec.Meta(ge=0, le=1 << 53)]
)


class Message(msgspec.Struct, tag_field="type"):
    """A message of the client. Unknown keys are ignored."""


class Input(Message, tag="input"):
    data: str
    viewer: str | None = None
    seq: int | None = None


class Resize(Message, tag="resize"):
    cols: int
    rows: int


class TakeOver(Message, tag="take_over"):
    """The sender becomes the driver, as if it had typed."""


class Driver(Message, tag="driver"):
    """Asks who the driver is, and to be told of changes from now on."""


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


ClientMessage = Input | Resize | TakeOver | Driver | Ping | RequestHistory
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


def status(sentence: Text, language: str) -> dict[str, Any]:
    return {"type": "status", "message": sentence.in_language(language)}


def resize(columns: int, rows: int) -> dict[str, Any]:
    return {"type": "resize", "cols": columns, "rows": rows}


def driver(connection: str, driver: str | None) -> dict[str, Any]:
    """Who drives, and who the receiver is."""
    return {"type": "driver", "connection": connection, "driver": driver}
