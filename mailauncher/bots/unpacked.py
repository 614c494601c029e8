"""What comes out of an archive, as it is written into a folder: the rules that every kind of archive is held to.

Nothing in an archive is believed. Names stay in the folder; each is written once, never through a link or over something
else; links are made last, and only those whose target, followed through all others, is in the folder. Bits beyond
`rwxr-xr-x` and owners are dropped: setuid too. Bytes and entries are counted as they are written.
"""

import errno
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from mailauncher.errors import DeploymentFailed

NAME_BYTES = 255
PATH_BYTES = 2048
DEPTH = 64
_HOPS = 40  # links followed for one target, as Linux has it

Parts = tuple[str, ...]


def refused(name: str, zh: str, en: str) -> DeploymentFailed:
    """The error for one entry of an archive."""
    return DeploymentFailed(
        f"压缩包中的 {shown(name)} 被拒绝：{zh}", f"{shown(name)} in the archive is refused: {en}"
    )


def shown(name: str) -> str:
    """A name as a message may hold it: one line, at most 60 characters, quoted."""
    return repr(name if len(name) <= 60 else f"{name[:40]}...{name[-17:]}")


def parts_of(name: str) -> Parts:
    """The folders and the file that a name means; empty for the folder itself. Raises DeploymentFailed."""
    if re.search(r"[\x00-\x1f\x7f]", name):
        raise refused(name, "名称含有控制字符", "its name has control characters")
    if "\\" in name:
        raise refused(name, "名称含有反斜杠", "its name has a backslash")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        raise refused(name, "名称是绝对路径", "its name is absolute")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise refused(name, "名称含有 ..", "its name has ..")
    try:
        long = len(name.encode()) > PATH_BYTES or any(len(part.encode()) > NAME_BYTES for part in parts)
    except UnicodeEncodeError:
        raise refused(name, "名称不是 UTF-8", "its name is no UTF-8") from None
    if long or len(parts) > DEPTH:
        raise refused(name, "名称过长", "its name is too long")
    return parts


class Unpacked:
    """Writes entries into an empty folder and counts them. Whoever uses it empties the folder after an error."""

    def __init__(self, folder: Path, *, strip: int, limit_bytes: int, limit_entries: int) -> None:
        self._folder = folder
        self._strip = strip
        self._limit_bytes = limit_bytes
        self._limit_entries = limit_entries
        self._bytes = 0
        self._entries = 0
        self._found: dict[Parts, Literal["folder", "file"]] = {(): "folder"}
        self._links: dict[Parts, tuple[str, str]] = {}
        self._private: dict[Parts, int] = {}

    def folder(self, name: str, mode: int = 0o755) -> None:
        """What `mode` denies to others than the owner is denied, once all is unpacked."""
        place = self._place(name) or ()
        self._make_folder(name, place)
        if place and mode & 0o055 != 0o055:
            self._private[place] = mode & 0o755 | 0o700

    def file(self, name: str, mode: int, content: Iterable[bytes]) -> None:
        """Only permission bits of `mode` count; the owner can always read and write what is unpacked."""
        place = self._place(name)
        if place is None:
            for piece in content:
                self._count(len(piece))
            return
        self._require_new(name, place)
        bits = (mode & 0o755 if mode & 0o100 else mode & 0o644) | 0o600
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(self._folder.joinpath(*place), flags, bits)
        with os.fdopen(descriptor, "wb") as file:
            for piece in content:
                self._count(len(piece))
                file.write(piece)
        self._found[place] = "file"

    def hard_link(self, name: str, target: str) -> None:
        """To a file that came before it in the archive."""
        place = self._place(name)
        if place is None:
            return
        source = parts_of(target)[self._strip :]
        if self._found.get(source) != "file":
            raise refused(name, "硬链接的目标不是此前的文件", "it is a hard link to no earlier file")
        self._require_new(name, place)
        os.link(self._folder.joinpath(*source), self._folder.joinpath(*place), follow_symlinks=False)
        self._found[place] = "file"

    def symbolic_link(self, name: str, target: str) -> None:
        """Made by `finish`."""
        place = self._place(name)
        if place is None:
            return
        self._require_new(name, place)
        try:
            usable = (
                0 < len(target.encode()) <= PATH_BYTES and "\0" not in target and target.count("/") <= DEPTH
            )
        except UnicodeEncodeError:
            usable = False
        if not usable or target.startswith("/") or "\\" in target or re.match(r"[A-Za-z]:", target):
            raise _leads_out(name)
        self._links[place] = (name, target)

    def finish(self) -> None:
        """Makes the symbolic links, once it is known that none leads out of the folder, and closes what is private."""
        for place, (name, target) in self._links.items():
            self._require_inside(name, place[:-1], target)
        for place, (_, target) in self._links.items():
            self._folder.joinpath(*place).symlink_to(target)
        for place, mode in self._private.items():
            self._folder.joinpath(*place).chmod(mode)

    def _place(self, name: str) -> Parts | None:
        """Where an entry goes; None if its leading folders, which are dropped, are all it has."""
        self._entries += 1
        self._require_few()
        parts = parts_of(name)
        place = parts[self._strip :]
        return place if place or not parts else None

    def _require_new(self, name: str, place: Parts) -> None:
        if not place:
            raise refused(name, "名称为空", "its name is empty")
        self._make_folder(name, place[:-1])
        if place in self._found or place in self._links:
            raise refused(name, "同名条目出现两次", "there is another of that name")

    def _make_folder(self, name: str, place: Parts) -> None:
        for depth in range(1, len(place) + 1):
            above = place[:depth]
            if above in self._links:
                raise refused(name, "经由链接写入", "it would be written through a link")
            kind = self._found.get(above)
            if kind == "file":
                raise refused(name, "与同名文件冲突", "a file stands where it needs a folder")
            if kind is None:
                self._folder.joinpath(*above).mkdir()
                self._found[above] = "folder"
                self._require_few()

    def _require_few(self) -> None:
        # Folders that are only implied count as well: each name may have many of them.
        if max(self._entries, len(self._found)) > self._limit_entries:
            raise DeploymentFailed(
                f"压缩包中的条目超过 {self._limit_entries} 个",
                f"The archive has over {self._limit_entries} entries",
            )

    def _count(self, size: int) -> None:
        self._bytes += size
        if self._bytes > self._limit_bytes:
            raise DeploymentFailed(
                f"压缩包解开后超过 {self._limit_bytes} 字节，可能是压缩炸弹",
                f"The archive unpacks to more than {self._limit_bytes} bytes: it may be a bomb",
            )

    def _require_inside(self, name: str, base: Parts, target: str) -> None:
        """Follows a link through the others, as the system would."""
        here, ahead, hops = list(base), target.split("/")[::-1], 0
        while ahead:
            part = ahead.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not here:
                    raise _leads_out(name)
                here.pop()
                continue
            here.append(part)
            if link := self._links.get(tuple(here)):
                hops += 1
                if hops > _HOPS:
                    raise refused(name, "链接首尾相连", "it is a link in a circle")
                here.pop()
                ahead += link[1].split("/")[::-1]


def _leads_out(name: str) -> DeploymentFailed:
    return refused(name, "链接指向文件夹之外", "it is a link that leads out of the folder")


def no_space(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
