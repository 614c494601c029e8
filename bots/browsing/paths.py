"""Paths in a bot's folder as clients write them: relative to it, with `/`, and empty for the folder itself.

Names are bytes to the system, and text to clients. A byte that is not UTF-8 is `\\xNN` there, such as `caf\\xe9` of an archive
that was packed in Latin-1, and a backslash is doubled. So every file can be named, and every other name stands as it is.
"""

import os
import re
import secrets
from typing import Literal

from mailauncher.errors import InvalidPath
from mailauncher.files import OWN_PREFIX

PATH_CHARACTERS = 4096
"""The system takes no longer path."""
NAME_BYTES = 255
_UNFINISHED = re.compile(re.escape(OWN_PREFIX) + r"(upload|removed)-([0-9a-f]{8})-[0-9a-f]{16}")
_ESCAPE = re.compile(r"\\(?:x([89a-f][0-9a-f])|(\\)|)")


def decoded(text: str) -> str:
    """The system's path; `.` for the folder itself. Raises InvalidPath for what no file can be called, and for `..`."""
    if len(text) > PATH_CHARACTERS:
        raise InvalidPath(
            f"路径超过 {PATH_CHARACTERS} 个字符",
            f"The path has more than {PATH_CHARACTERS} characters",
            field="path",
        )
    shown = text[:200]
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidPath("路径不是有效的文本", "The path is not valid text", field="path") from None
    if text.startswith("/"):
        raise InvalidPath(
            f"'{shown}' 是绝对路径：请给出实例文件夹内的相对路径",
            f"'{shown}' is absolute: give a path relative to the instance's folder",
            field="path",
        )
    names = [name for name in text.split("/") if name not in ("", ".")]
    if ".." in names:
        raise InvalidPath(
            f"'{shown}' 含有 ..：请给出不经过上级文件夹的路径",
            f"'{shown}' contains '..': give a path that does not go up",
            field="path",
        )
    if "\0" in text:
        raise InvalidPath("路径含有空字符", "The path contains a null character", field="path")
    return "/".join(map(_name, names)) or "."


def named(text: str) -> str:
    """The same of something in the folder. Raises InvalidPath for the folder itself as well."""
    path = decoded(text)
    if path == ".":
        raise InvalidPath(
            "请给出文件的路径：空路径是实例文件夹本身",
            "Give the path of a file: an empty one is the instance's folder itself",
            field="path",
        )
    return path


def encoded(path: str) -> str:
    """A system's path as text, which `decoded` takes back."""
    text = path.replace("\\", "\\\\")
    return "".join(f"\\x{ord(sign) - 0xDC00:02x}" if "\udc80" <= sign <= "\udcff" else sign for sign in text)


def is_own(path: str) -> bool:
    """Whether it is, or is in, something that the launcher keeps in the folder for itself."""
    return any(name.startswith(OWN_PREFIX) for name in path.split("/"))


def unfinished(kind: Literal["upload", "removed"], server: str) -> str:
    """A new name at the top of the folder, for what is not there yet, or not any more. `server` are eight hexadecimal digits, by
    which the next server knows that an earlier one has left it."""
    return f"{OWN_PREFIX}{kind}-{server}-{secrets.token_hex(8)}"


def is_unfinished(name: str, other_than: str = "") -> bool:
    """Whether it is such a name, of another server than that one."""
    found = _UNFINISHED.fullmatch(name)
    return found is not None and found[2] != other_than


def _name(text: str) -> str:
    """Raises InvalidPath."""
    name = _ESCAPE.sub(_unescaped, text)
    if len(data := os.fsencode(name)) > NAME_BYTES:
        raise InvalidPath(
            f"名称 '{text[:64]}…' 超过 {NAME_BYTES} 字节",
            f"The name '{text[:64]}…' has more than {NAME_BYTES} bytes",
            field="path",
        )
    return os.fsdecode(data)


def _unescaped(found: re.Match[str]) -> str:
    if found[1]:
        return chr(0xDC00 + int(found[1], 16))
    if found[2]:
        return "\\"
    raise InvalidPath(
        "路径中的反斜杠应写成 \\\\；\\xNN 表示一个不是 UTF-8 的字节（80-ff）",
        "A backslash in a path is written twice; \\xNN is a byte that is not UTF-8 (80-ff)",
        field="path",
    )
