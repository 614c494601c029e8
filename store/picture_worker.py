"""The process that decodes pictures: hostile ones can cost no more than its time and memory, and killing it ends the work.

Requests come on standard input and answers go to standard output, one after the other; the end of the input ends it.

Request: SIZE (4 bytes), STILL (1 byte), LENGTH (4 bytes), the picture. Size 0 validates the picture, any other makes its thumbnail.
Answer: STATUS (1 byte), LENGTH (4 bytes), content: the name or the thumbnail, or JSON of [code, zh, en].
"""

import json
import os
import resource
import struct
import sys
import time
from typing import BinaryIO

from mailauncher.errors import InvalidImageFormat, LauncherError
from store import pictures, thumbnails

CPU_S = 10
"""CPU time of one picture. The largest that are accepted take two or three seconds."""
MEMORY_BYTES = 1 << 30
"""Address space: the largest that are accepted need half of it."""
REQUEST = struct.Struct(">I?I")
ANSWER = struct.Struct(">BI")


def answer(size: int, still: bool, data: bytes) -> tuple[int, bytes]:
    """(status, content)."""
    try:
        if size:
            return 0, thumbnails.make(data, size, still=still)
        return 0, pictures.examine(data).name.encode()
    except LauncherError as error:
        return 1, json.dumps([error.code, *error.text]).encode()
    except Exception as error:  # noqa: BLE001 - of a stored picture that a former version accepted, Pillow may raise anything
        return 1, json.dumps(
            [InvalidImageFormat.code, "图片无法解码", f"The image cannot be decoded: {error}"]
        ).encode()


def main(source: BinaryIO, target: BinaryIO) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard == resource.RLIM_INFINITY or hard > MEMORY_BYTES:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, hard))
    while head := source.read(REQUEST.size):
        size, still, length = REQUEST.unpack(head)
        data = source.read(length)
        if len(data) < length:
            return
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        most = int(time.process_time()) + 1 + CPU_S
        resource.setrlimit(
            resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
        )
        status, content = answer(size, still, data)
        target.write(ANSWER.pack(status, len(content)) + content)
        target.flush()


if __name__ == "__main__":
    # Nothing that a library prints may come between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    main(sys.stdin.buffer, answers)
