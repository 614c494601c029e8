"""From the bytes of a terminal to text: whole characters, lines, and output without terminal queries or sequences."""

import re

# Queries: sequences that a terminal answers as if the user typed. Device attributes, status and mode reports, window
# reports, colour and palette queries, ENQ. If they were replayed to a viewer, its terminal would answer them into the bot.
# A terminal executes C0 controls within a sequence and continues it, and accepts U+009B as a CSI. In each pattern no two
# neighbours match the same byte, and no text is within two sequences: the next beginning of one ends what is within it, as a
# terminal that knows U+0090 and U+009D would have it. So matching takes linear time.
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
    rb"(?:[{c0}0-9;]*\?{inner}{0,256}{end}"  # colour queries
    rb"|[{c0}0]*(?:[45]|1[0-9]|21);{before}{0,256}\?{inner}{0,256}{end}"  # the same
    rb"|[{c0}0]*52[{c0}]*;{inner}*\?{end})"  # clipboard query
)
_DCS_QUERY = rb"[{c0}]*[$+][{c0}]*q{dcs_inner}{0,256}(?:\x1b\\|\xc2\x9c)"  # DECRQSS, XTGETTCAP
_QUERY = re.compile(
    (
        rb"\x05"
        rb"|(?:\x1b\[|\xc2\x9b){csi}|(?:\x1b\]|\xc2\x9d){osc}|(?:\x1bP|\xc2\x90){dcs}"
        rb"|\x1b[\x07{c0}]*Z"  # DECID
    )
    .replace(b"{csi}", _CSI_QUERY)
    .replace(b"{osc}", _OSC_QUERY)
    .replace(b"{dcs}", _DCS_QUERY)
    .replace(b"{end}", rb"(?:\x07|\x1b\\|\xc2\x9c)")
    .replace(b"{inner}", rb"(?:[^\x07\x18\x1a\x1b\xc2]|\xc2(?![\x90\x9d]))")
    .replace(b"{before}", rb"(?:[^\x07\x18\x1a\x1b?\xc2]|\xc2(?![\x90\x9d]))")
    .replace(b"{dcs_inner}", rb"(?:[^\x18\x1a\x1b\xc2]|\xc2(?![\x90\x9d]))")
    .replace(b"{c0}", _C0)
)
# An incomplete escape sequence at the end of a piece.
_UNFINISHED = re.compile(
    rb"\x1b[\x00-\x06\x08-\x17\x19\x1c-\x2f\x7f]{0,64}\Z"
    rb"|(?:\x1b\[|\xc2\x9b)[\x00-\x17\x19\x1c-\x3f\x7f]{0,64}\Z"
    rb"|(?:\x1b\]|\xc2\x9d)[^\x07\x1b]{0,512}\x1b?\Z"
    rb"|(?:\x1bP|\xc2\x90)[^\x1b]{0,512}\x1b?\Z"
)
_CANCEL = b"\x18"  # CAN: aborts the current sequence, and shows nothing
# Control characters, and what follows an ESC if that makes a sequence. It never goes beyond its line, so that the lines of a
# text can be cleaned together or one by one. It begins with a set, for which Python's `re` passes quickly over all else.
_SEQUENCE = re.compile(
    rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
    rb"(?:(?<=\x1b)(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[PX^_][^\x1b\n]*(?:\x1b\\)?|[ -/]*[0-~]))?"
)


def whole_characters_length(data: bytes | bytearray) -> int:
    """The length of `data` without a UTF-8 character that is cut at its end."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte < 0x80:
            break
        if byte >= 0xC0:
            needed = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if back < needed and byte < 0xF8 else len(data)
    return len(data)


def decode(data: bytes) -> str:
    """Terminal output as text; invalid bytes become U+FFFD."""
    return data.decode("utf-8", "replace")


def without_queries(data: bytes) -> bytes:
    """Output that is safe to replay to another terminal."""
    safe, removed = _QUERY.subn(b"", data)
    # If one query is inside another, a terminal aborts the outer one. Without the inner one it would be complete.
    return _QUERY.sub(_CANCEL, data) if removed and _QUERY.search(safe) else safe


def complete_length(data: bytes) -> int:
    """The length of `data` without a character or an escape sequence that is incomplete at its end."""
    match = _UNFINISHED.search(data[-1024:])
    end = len(data) - (len(data[-1024:]) - match.start()) if match else len(data)
    return whole_characters_length(data[:end])


def first_line_start(data: bytes) -> int:
    """Where the first whole line of `data` begins; 0 if it contains no line end."""
    return data.find(b"\n") + 1


def first_character(data: bytes) -> int:
    """Where the first whole character of `data` begins."""
    return next((at for at in range(min(3, len(data))) if data[at] & 0xC0 != 0x80), min(3, len(data)))


def plain(data: bytes) -> str:
    """Text without sequences and control characters, except for line breaks, carriage returns and tabs."""
    return decode(_SEQUENCE.sub(b"", data))


def shown_line(line: str) -> str:
    """A line of plain text as a person would read it: what follows its last carriage return."""
    return line.rstrip("\r").rpartition("\r")[2].rstrip()


def last_lines(data: bytes, count: int) -> tuple[str, ...]:
    """The last non-empty lines as a person would read them."""
    lines = [shown_line(line) for line in plain(data).split("\n")]
    return tuple([line for line in lines if line][-count:])
