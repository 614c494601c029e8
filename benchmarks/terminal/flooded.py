"""Floods its terminal at a given speed, and takes the time from a key until the viewer has drawn something that is newer.

    flooded.py MIB_PER_SECOND FILE

It asks the terminal for its cursor behind each block that it prints after a key, until the terminal answers: then all before
that question has been drawn. FILE gets a line for each key: when it came, and when it was answered, by `time.monotonic()`.
It ends with Ctrl-C.
"""

import os
import select
import sys
import termios
import time
import tty
from pathlib import Path
from typing import TextIO

LINE = b"2026-01-01 12:00:00.000 | INFO | chat.heart_flow:142 - message from group 123456 weighs 0.37, no answer\n"
BLOCK = LINE * (200_000 // len(LINE))
QUESTION = b"\x1b[6n"
KEY = b"k"


def main() -> None:
    speed, path = float(sys.argv[1]) * (1 << 20), sys.argv[2]
    mode = termios.tcgetattr(0)
    tty.setcbreak(0)
    try:
        with Path(path).open("a", buffering=1, encoding="utf-8") as found:
            flood(speed, found)
    except KeyboardInterrupt:
        pass
    finally:
        termios.tcsetattr(0, termios.TCSANOW, mode)


def flood(speed: float, found: TextIO) -> None:
    begin = time.monotonic()
    printed = 0
    pressed: float | None = None
    while True:
        early = printed / speed - (time.monotonic() - begin)
        if select.select([0], [], [], max(0.0, early))[0]:
            typed = os.read(0, 4096)
            now = time.monotonic()
            if pressed is not None and typed.endswith(b"R"):
                print(pressed, now, file=found)
                pressed = None
            elif pressed is None and KEY in typed:
                pressed = now
        block = BLOCK if pressed is None else BLOCK + QUESTION
        while block:
            block = block[os.write(1, block) :]
        printed += len(BLOCK)
        if time.monotonic() - begin > printed / speed + 1:  # it cannot print so fast
            begin = time.monotonic() - printed / speed


if __name__ == "__main__":
    main()
