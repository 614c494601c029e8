"""Safe extraction: the rules for writing the entries of an archive of any kind into a folder.

Nothing in an archive is trusted. Names stay inside the folder; each is written once, never through a link or over an
existing file; links are created last, and only if their target, resolved through all other links, is inside the folder.
Owners and mode bits beyond `rwxr-xr-x`, setuid included, are dropped. Bytes and entries are counted while writing.
"""

import os
import re
from collections.abc import Iterable
from typing import Literal

from mailauncher.beneath import Root
from mailauncher.errors import DeploymentFailed

NAME_BYTES = 255
PATH_BYTES = 2048
DEPTH = 64
_HOPS = 40  # links followed for one target, like Linux

Parts = tuple[str, ...]


def refused_entry(name: str, zh: str, en: str) -> DeploymentFailed:
    """The error for an entry of an archive that breaks a rule."""
    return DeploymentFailed(
        f"压缩包中的 {quoted(name)} 被拒绝：{zh}", f"{quoted(name)} in the archive is refused: {en}"
    )


def quoted(name: str) -> str:
    """A name for messages: on one line, at most 60 characters, in quotes."""
    return repr(name if len(name) <= 60 else f"{name[:40]}...{name[-17:]}")


def safe_parts(name: str) -> Parts:
    """The parts of a relative path; empty for the folder itself. Raises DeploymentFailed for a name that is not safe."""
    if re.search(r"[\x00-\x1f\x7f]", name):
        raise refused_entry(name, "名称含有控制字符", "its name contains control characters")
    if "\\" in name:
        raise refused_entry(name, "名称含有反斜杠", "its name contains a backslash")
    if name.startswith("/") or re.match(r"[A-Za-z]:", name):
        raise refused_entry(name, "名称是绝对路径", "its name is absolute")
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if ".." in parts:
        raise refused_entry(name, "名称含有 ..", "its name contains ..")
    try:
        long = len(name.encode()) > PATH_BYTES or any(len(part.encode()) > NAME_BYTES for part in parts)
    except UnicodeEncodeError:
        raise refused_entry(name, "名称不是 UTF-8", "its name is not UTF-8") from None
    if long or len(parts) > DEPTH:
        raise refused_entry(name, "名称过长", "its name is too long")
    return parts


class SafeExtractor:
    """Writes entries into an empty folder and counts them. After an error, the caller empties the folder."""

    def __init__(self, root: Root, *, strip: int, limit_bytes: int, limit_entries: int) -> None:
        self._root = root
        self._strip = strip
        self._limit_bytes = limit_bytes
        self._limit_entries = limit_entries
        self._bytes = 0
        self._entries = 0
        self._found: dict[Parts, Literal["folder", "file"]] = {(): "folder"}
        self._links: dict[Parts, tuple[str, str]] = {}
        self._private: dict[Parts, int] = {}

    def folder(self, name: str, mode: int = 0o755) -> None:
        """Permissions that `mode` denies to group and others are removed by `finish`."""
        place = self._place(name) or ()
        self._make_folder(name, place)
        if place and mode & 0o055 != 0o055:
            self._private[place] = mode & 0o755 | 0o700

    def file(self, name: str, mode: int, content: Iterable[bytes]) -> None:
        """Only permission bits of `mode` count; the owner can always read and write extracted files."""
        place = self._place(name)
        if place is None:
            for piece in content:
                self._count(len(piece))
            return
        self._require_new(name, place)
        bits = (mode & 0o755 if mode & 0o100 else mode & 0o644) | 0o600
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        descriptor = self._root.open("/".join(place), flags, bits, follow=False)
        with os.fdopen(descriptor, "wb") as file:
            for piece in content:
                self._count(len(piece))
                file.write(piece)
        self._found[place] = "file"

    def hard_link(self, name: str, target: str) -> None:
        """A link to an earlier file of the archive."""
        place = self._place(name)
        if place is None:
            return
        source = safe_parts(target)[self._strip :]
        if self._found.get(source) != "file":
            raise refused_entry(
                name, "硬链接的目标不是此前的文件", "a hard link whose target is not an earlier file"
            )
        self._require_new(name, place)
        self._root.link("/".join(source), "/".join(place))
        self._found[place] = "file"

    def symbolic_link(self, name: str, target: str) -> None:
        """Created by `finish`."""
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
        """Creates the symbolic links, after checking that none leads out of the folder, and restricts private folders."""
        for place, (name, target) in self._links.items():
            self._require_inside(name, place[:-1], target)
        for place, (_, target) in self._links.items():
            self._root.make_link(target, "/".join(place))
        for place, mode in self._private.items():
            self._root.change_mode("/".join(place), mode)

    def _place(self, name: str) -> Parts | None:
        """The place of an entry; None if it consists only of leading folders that are dropped."""
        self._entries += 1
        self._require_few()
        parts = safe_parts(name)
        place = parts[self._strip :]
        return place if place or not parts else None

    def _require_new(self, name: str, place: Parts) -> None:
        if not place:
            raise refused_entry(name, "名称为空", "its name is empty")
        self._make_folder(name, place[:-1])
        if place in self._found or place in self._links:
            raise refused_entry(name, "同名条目出现两次", "duplicate name")

    def _make_folder(self, name: str, place: Parts) -> None:
        for depth in range(1, len(place) + 1):
            above = place[:depth]
            if above in self._links:
                raise refused_entry(name, "经由链接写入", "its path leads through a link")
            kind = self._found.get(above)
            if kind == "file":
                raise refused_entry(name, "与同名文件冲突", "a file is in place of its folder")
            if kind is None:
                self._root.make_folder("/".join(above))
                self._found[above] = "folder"
                self._require_few()

    def _require_few(self) -> None:
        # Implied parent folders count as well: one name may have many of them.
        if max(self._entries, len(self._found)) > self._limit_entries:
            raise DeploymentFailed(
                f"压缩包中的条目超过 {self._limit_entries} 个",
                f"The archive has more than {self._limit_entries} entries",
            )

    def _count(self, size: int) -> None:
        self._bytes += size
        if self._bytes > self._limit_bytes:
            raise DeploymentFailed(
                f"压缩包解开后超过 {self._limit_bytes} 字节，可能是压缩炸弹",
                f"The archive extracts to more than {self._limit_bytes} bytes and may be a bomb",
            )

    def _require_inside(self, name: str, base: Parts, target: str) -> None:
        """Follows a link through the others as the system would. Raises DeploymentFailed if it leaves the folder."""
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
                    raise refused_entry(name, "链接首尾相连", "a link that leads back to itself")
                here.pop()
                ahead += link[1].split("/")[::-1]


def _leads_out(name: str) -> DeploymentFailed:
    return refused_entry(name, "链接指向文件夹之外", "a link that leads out of the folder")
