"""From bytes of a terminal to text: characters kept whole, lines found, terminal queries and sequences removed."""

import re

# What a terminal answers by typing: device attributes, status and mode reports, window reports, colour and palette
# questions, ENQ. Replayed to a viewer, its terminal would answer them into the bot.
# A terminal carries out the C0 controls within a sequence and goes on with it, and takes U+009B for a CSI. In each
# pattern no two neighbours match the same byte, so that none takes more than linear time.
_C0 = rb"\x00-\x06\x08-\x17\x19\x1c-\x1f\x7f"
_CSI_QUERY = (
    rb"(?:[\x07{c0}0-9;:?>=]*[cnx]"  # DA1, DA2, DA3, DSR, DECREQTPARM
    rb"|[\x07{c0}0-9;:?]*\$[\x07{c0}]*[puw]"  # DECRQM, DECRQTSR, DECRQPSR
    rb"|[\x07{c0}0-9;:]*\*[\x07{c0}]*y"  # DECRQCRA
    rb"|[\x07{c0}]*>[\x07{c0}0-9;:]*q"  # XTVERSION
    rb"|[\x07{c0}]*\?[\x07{c0}0-9;:]*[Smu]"  # XTSMGRAPHICS, XTQMODKEYS, kitty keyboard flags
    rb"|[\x07{c0}0]*(?:1[\x07{c0}]*[1345689]|2[\x07{c0}]*[01])[\x07{c0}]*(?:[;:][\x07{c0}0-9;:]*)?t)"  # window reports
)
_OSC_QUERY = (
    rb"(?:[{c0}0-9;]*\?[^\x07\x18\x1a\x1b]{0,256}{end}"  # questions about colours
    rb"|[{c0}0]*(?:[45]|1[0-9]|21);[^\x07\x18\x1a\x1b?]{0,256}\?[^\x07\x18\x1a\x1b]{0,256}{end}"  # the same
    rb"|[{c0}0]*52[{c0}]*;[^\x07\x18\x1a\x1b]*\?{end})"  # clipboard question
)
_DCS_QUERY = rb"[{c0}]*[$+][{c0}]*q[^\x18\x1a\x1b]{0,256}(?:\x1b\\|\xc2\x9c)"  # DECRQSS, XTGETTCAP
_QUERY = re.compile(
    (
        rb"\x05"
        rb"|\x1b(?:\[{csi}|\]{osc}|P{dcs}|[\x07{c0}]*Z)"  # the last is DECID
        rb"|\xc2(?:\x9b{csi}|\x9d{bounded}|\x90{dcs})"
    )
    .replace(b"{csi}", _CSI_QUERY)
    .replace(b"{osc}", _OSC_QUERY)
    .replace(
        b"{bounded}", _OSC_QUERY.replace(rb"x1b]*\?", rb"x1b]{0,256}\?")
    )  # many may begin within one another
    .replace(b"{dcs}", _DCS_QUERY)
    .replace(b"{end}", rb"(?:\x07|\x1b\\|\xc2\x9c)")
    .replace(b"{c0}", _C0)
)
# An escape sequence that has begun and not ended, at the end of a piece.
_UNFINISHED = re.compile(
    rb"\x1b[\x00-\x06\x08-\x17\x19\x1c-\x2f\x7f]{0,64}\Z"
    rb"|(?:\x1b\[|\xc2\x9b)[\x00-\x17\x19\x1c-\x3f\x7f]{0,64}\Z"
    rb"|(?:\x1b\]|\xc2\x9d)[^\x07\x1b]{0,512}\x1b?\Z"
    rb"|(?:\x1bP|\xc2\x90)[^\x1b]{0,512}\x1b?\Z"
)
_CANCEL = b"\x18"  # CAN: ends whatever sequence has begun, and shows nothing
_SEQUENCE = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])|[\x00-\x08\x0b-\x1f\x7f]"
)


def whole_characters(data: bytes | bytearray) -> int:
    """How many bytes at the front of `data` end at a character's end: all of them, unless a UTF-8 character was cut."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte < 0x80:
            break
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if back < needed and byte < 0xF8 else len(data)
    return len(data)


def decode(data: bytes) -> str:
    """The text of terminal output; invalid bytes become U+FFFD."""
    return data.decode("utf-8", "replace")


def without_queries(data: bytes) -> bytes:
    """Output that is safe to replay to another terminal."""
    safe, removed = _QUERY.subn(b"", data)
    # Where one query stood inside another, a terminal gives the outer one up; without the inner one it would be whole.
    return _QUERY.sub(_CANCEL, data) if removed and _QUERY.search(safe) else safe


def finished(data: bytes) -> int:
    """How many bytes at the front of `data` do not end within a character or an escape sequence."""
    match = _UNFINISHED.search(data[-1024:])
    end = len(data) - (len(data[-1024:]) - match.start()) if match else len(data)
    return whole_characters(data[:end])


def from_line_start(data: bytes) -> int:
    """Where the first whole line of `data` begins; 0 when it holds no line end."""
    return data.find(b"\n") + 1


def last_lines(data: bytes, count: int) -> tuple[str, ...]:
    """The last non-empty lines a person would read: no sequences, only what stood after a carriage return."""
    text = decode(_SEQUENCE.sub(lambda m: m[0] if m[0] == b"\r" else b"", data))
    lines = [line.rstrip("\r").rpartition("\r")[2].rstrip() for line in text.split("\n")]
    return tuple([line for line in lines if line][-count:])
