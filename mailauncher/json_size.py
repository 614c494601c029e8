"""The limit on the number of values in a JSON text from outside, counted before it is parsed.

A parser written in C lets no other thread run before it has finished, and half a million small values take it a tenth of a
second. Counting is done in steps.
"""

from mailauncher.errors import InvalidParameter

VALUES_MAX = 200_000
"""Of a request's body, which is counted and parsed in a thread."""
MESSAGE_VALUES_MAX = 20_000
"""Of a message on a socket, which is parsed on the event loop."""
_STEP_BYTES = 64 << 10
_BEGINS = (b",", b"[", b"{")
"""Each value but the first begins behind one of them, if an empty list or object counts twice."""


def require_few_values(text: bytes, most: int = VALUES_MAX) -> None:
    """Raises InvalidParameter for a text of more than about `most` values. Blocks, for a thread if the text is long."""
    possible = sum(
        text.count(sign, at, at + _STEP_BYTES) for at in range(0, len(text), _STEP_BYTES) for sign in _BEGINS
    )
    if possible > most and _has_more_values(text, most):
        raise InvalidParameter(
            f"请求含有超过 {most} 个值，请分几次发送",
            f"The request has more than {most} values: send them in several requests",
        )


def _has_more_values(text: bytes, most: int) -> bool:
    """Whether more than so many values begin outside strings.

    Escapes are removed first, so that each quotation mark that is left begins or ends a string. A backslash at the end of a
    step belongs to the next one, unless it is the second of an escape.
    """
    found, in_string, rest = 0, False, b""
    for at in range(0, len(text), _STEP_BYTES):
        step = (rest + text[at : at + _STEP_BYTES]).replace(rb"\\", b"")
        rest = step[len(step.rstrip(b"\\")) :]
        parts = step.removesuffix(rest).replace(rb"\"", b"").split(b'"')
        outside = b"".join(parts[in_string::2])
        in_string ^= len(parts) % 2 == 0
        found += sum(outside.count(sign) for sign in _BEGINS)
        if found > most:
            return True
    return False
