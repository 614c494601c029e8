"""The program in the terminal.

`ascii` and `mixed` print, for each line `COUNT` typed, so many bytes and then a mark. `flood` starts, for each line
typed, a child that prints until Ctrl-C ends it. `sink` prints nothing: what is typed is echoed by the terminal itself.
"""

import os
import signal
import sys
import time

MARK = b"=THE-END="
QUIET_S = 0.2  # before the mark, so that it comes alone
ASCII = b"2026-01-01 12:00:00.000 | INFO | chat.heart_flow:142 - message from group 123456 weighs 0.37, no answer\n"
MIXED = "\x1b[32m01-01 12:00:00\x1b[0m | \x1b[1mINFO\x1b[0m | \x1b[36m聊天\x1b[0m - 群 123456 的消息“今天天气真好 😀”兴趣值 0.37\n"


def main() -> None:
    kind = sys.argv[1]
    line = MIXED.encode() if kind == "mixed" else ASCII
    block = line * (65536 // len(line))
    os.write(1, b"ready\n")
    for typed in sys.stdin:
        if kind == "flood":
            flood(block)
        elif kind != "sink":
            count(int(typed), block)


def count(left: int, block: bytes) -> None:
    while left > 0:
        left -= os.write(1, block[:left])
    time.sleep(QUIET_S)
    os.write(1, MARK + b"\n")


def flood(block: bytes) -> None:
    former = signal.signal(signal.SIGINT, lambda *_: None)
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        while True:
            os.write(1, block)
    os.waitpid(child, 0)
    signal.signal(signal.SIGINT, former)


if __name__ == "__main__":
    main()
