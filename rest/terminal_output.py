"""Output as viewers get it: in JSON or, with the subprotocol that asks for it, in binary messages.

A client that comes back continues at the offset of the last message plus the bytes of its text. Where that is not the end of
a piece (queries were removed or, in JSON, invalid bytes are shown as U+FFFD), an empty output at the right offset follows.
"""

from collections.abc import Callable

import msgspec

from mailauncher.frames import binary_frame, text_frame
from resolvers.terminals import Piece

BINARY_PROTOCOL = "mailauncher.terminal.v1"
"""The subprotocol. A binary message is the offset, 8 bytes with the highest first, and the output as it was printed."""
OFFSET_BYTES = 8

Message = tuple[bytes, ...]
"""In parts, so that up to 64 KiB of text are copied only once more."""


def json_messages(piece: Piece) -> list[Message]:
    try:
        shown = piece.data.decode()
        exact = len(piece.data) == piece.end - piece.offset
    except UnicodeDecodeError:
        shown, exact = piece.data.decode("utf-8", "replace"), False
    return [_json(shown, piece.offset)] if exact else [_json(shown, piece.offset), _json("", piece.end)]


def _json(shown: str, offset: int) -> Message:
    return b'{"type":"output","data":', msgspec.json.encode(shown), b',"offset":%d}' % offset


def binary_messages(piece: Piece) -> list[Message]:
    found: list[Message] = [(piece.offset.to_bytes(OFFSET_BYTES), piece.data)]
    if len(piece.data) != piece.end - piece.offset:
        found.append((piece.end.to_bytes(OFFSET_BYTES),))
    return found


def json_frames(piece: Piece) -> bytes:
    """The messages as WebSocket frames, made once for all viewers of the piece."""
    if piece.json_frames is None:
        piece.json_frames = _frames(text_frame, json_messages(piece))
    return piece.json_frames


def binary_frames(piece: Piece) -> bytes:
    """The same in binary."""
    if piece.binary_frames is None:
        piece.binary_frames = _frames(binary_frame, binary_messages(piece))
    return piece.binary_frames


def _frames(frame: Callable[..., bytes], messages: list[Message]) -> bytes:
    return b"".join([frame(*parts) for parts in messages])
