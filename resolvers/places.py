"""Where a new instance may stand."""

import os
import re
import shutil
import stat
import tempfile
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from mailauncher.bots.deploying.register import MARKER
from mailauncher.errors import InsufficientSpace, InvalidPath
from mailauncher.settings import Settings
from mailauncher.store.records import InstanceRecord

NAME_BYTES = 255
PATH_BYTES = 3072
"""Below the system's 4096 by what the longest path in an environment may take."""
_CONTROLS = ("Cc", "Zl", "Zp")
"""Categories of signs that would begin another line, or steer the terminal that shows a path."""
_HELD = re.compile(r"\..*\.mailauncher-[0-9a-f]{8}(\..*)?")


def staging(folder: Path, instance_id: str) -> Path:
    """Where an instance is made that will stand in `folder`: beside it, in the same file system."""
    return folder.with_name(f".{folder.name}.mailauncher-{instance_id[:8]}")


def former(folder: Path, instance_id: str) -> Path:
    """Where the tree goes that an upgrade replaces."""
    return folder.with_name(f".{folder.name}.mailauncher-{instance_id[:8]}.former")


def reverted(folder: Path, instance_id: str) -> Path:
    """Where the tree goes of an upgrade that was taken back, until it is removed."""
    return folder.with_name(f"{former(folder, instance_id).name}.reverted")


def deleted(folder: Path, instance_id: str) -> Path:
    """Where the tree of an instance goes that is deleted with its files, until it is removed."""
    return folder.with_name(f"{staging(folder, instance_id).name}.deleted")


def trees(folder: Path, instance_id: str) -> tuple[Path, ...]:
    """What is kept beside an instance and goes with it; last the tree whose being there says that all of this is to go."""
    return former(folder, instance_id), reverted(folder, instance_id), deleted(folder, instance_id)


def meant(workspace: Path, given: str) -> Path:
    """The absolute path that a client means: `~` is the workspace, a backslash a slash. Raises InvalidPath."""
    text = given.strip().replace("\\", "/")
    if not text or "\0" in text or len(text) > 4096:
        raise InvalidPath("路径为空或无效", "The path is empty or invalid", field="path")
    path = workspace / text[1:].lstrip("/") if text == "~" or text.startswith("~/") else Path(text)
    if not path.is_absolute():
        raise InvalidPath(
            f"请给出绝对路径（或以 ~ 开头）：{given}",
            f"Give an absolute path (or one from ~): {given}",
            field="path",
        )
    return path


def new_folder(settings: Settings, given: str) -> Path:
    """The folder that a new instance is to stand in, links above it resolved. It is not there, or empty and no link.

    Raises InvalidPath, also for the root, a home, the workspace itself and whatever is the launcher's own. Looks at files.
    """
    path = meant(settings.workspace_folder, given)
    try:
        folder = path.parent.resolve() / path.name
        str(folder).encode()  # neither the database nor JSON takes a name that is no text
        if not path.name:
            raise _refused(path, "是根目录", "is the root folder")
        if ".." in path.parts:
            raise _refused(path, "不能包含 ..", "has .. in it")
        if any(unicodedata.category(sign) in _CONTROLS for sign in str(folder)):
            raise _refused(Path(repr(str(folder))[1:-1]), "含有控制字符", "has control characters")
        longest = reverted(folder, "0" * 8)
        if len(os.fsencode(longest.name)) > NAME_BYTES or len(os.fsencode(longest)) > PATH_BYTES:
            raise _refused(path, "名称过长", "is too long")
        _require_free(folder)
        _require_apart(settings, folder)
    except (OSError, RuntimeError, ValueError) as error:
        raise _refused(path, "无法使用", "cannot be used") from error
    return folder


def _require_free(folder: Path) -> None:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode):
        raise _refused(folder, "已存在，且不是文件夹", "is there already, and is no folder")
    if any(folder.iterdir()):
        raise _refused(
            folder, "已存在且不为空，请换一个文件夹", "is there already and not empty: choose another"
        )


def _require_apart(settings: Settings, folder: Path) -> None:
    data, workspace = settings.data_folder.resolve(), settings.workspace_folder.resolve()
    if _related(folder, data):
        raise _refused(folder, "与启动器的数据文件夹重叠", "overlaps the launcher's data folder")
    if workspace.is_relative_to(folder) or Path.home().resolve().is_relative_to(folder):
        raise _refused(folder, "是工作区、主目录或其上级", "is the workspace, a home, or above one")
    if any(_HELD.fullmatch(part) for part in folder.parts):
        raise _refused(folder, "是启动器安装实例时所用的名称", "has a name that the launcher installs under")


def require_apart_from(folder: Path, records: Iterable[InstanceRecord]) -> None:
    """Raises InvalidPath for a folder that is, is in, or holds one of another instance's."""
    for record in records:
        for place in (record.path, *(service.path for service in record.services)):
            if _related(folder, Path(place)):
                raise _refused(
                    folder,
                    f"与实例 {record.name} 的文件夹重叠",
                    f"overlaps the folder of instance {record.name}",
                )


def _related(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def make_way(folder: Path) -> None:
    """Makes the folder above it where that is missing, and removes the empty one that stands there: the finished tree is
    renamed to it. Raises InvalidPath unless something can be made there."""
    parent = folder.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        if parent.resolve() != parent:
            raise _refused(folder, "所在的文件夹已变为链接", "stands in a folder that has become a link")
        Path(tempfile.mkdtemp(prefix=".mailauncher-", dir=parent)).rmdir()
        if folder.exists():
            folder.rmdir()  # not the top of another file system either: nothing can be renamed to that
    except (OSError, RuntimeError) as error:
        raise _refused(folder, f"无法创建：{error}", f"cannot be made: {error}") from error


def require_space(folder: Path, mebibytes: int) -> None:
    """Raises InsufficientSpace unless that much is free where the folder will be."""
    place = next((parent for parent in (folder, *folder.parents) if parent.exists()), folder)
    try:
        free = shutil.disk_usage(place).free >> 20
    except OSError as error:
        raise _refused(folder, "无法使用", "cannot be used") from error
    if free < mebibytes:
        raise InsufficientSpace(
            f"{place} 所在磁盘剩余 {free} MiB，安装需要 {mebibytes} MiB",
            f"The disk of {place} has {free} MiB left; the installation takes {mebibytes} MiB",
            field="path",
        )


def is_ours(folder: Path, instance_id: str) -> bool:
    """Whether this program deployed that very instance there, and neither it nor a folder above it has become a link."""
    marker = folder / MARKER
    try:
        return (
            folder.resolve(strict=True) == folder
            and stat.S_ISREG(marker.lstat().st_mode)
            and marker.read_text("utf-8").strip() == instance_id
        )
    except (OSError, RuntimeError, ValueError):
        return False


def _refused(path: Path, zh: str, en: str) -> InvalidPath:
    return InvalidPath(f"{path} {zh}", f"{path} {en}", field="path")
