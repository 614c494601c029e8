"""The folders of deployed instances: which ones a new instance may have, what is kept beside them, and how they are
removed."""

import os
import re
import shutil
import stat
import tempfile
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from bots.deploying.register import deployed_id
from bots.deploying.staging import remove
from mailauncher import files
from mailauncher.errors import InsufficientSpace, InvalidPath, PermissionDenied, Text
from mailauncher.home import home
from mailauncher.interruption import Check
from mailauncher.settings import Settings
from store.records import InstanceRecord

NAME_BYTES = 255
PATH_BYTES = 3072
"""The system's limit of 4096 less what the longest path inside an environment may take."""
_CONTROLS = ("Cc", "Zl", "Zp")
"""Unicode categories of characters that would begin a new line, or control the terminal that shows a path."""
_RESERVED = re.compile(r"\..*\.mailauncher-[0-9a-f]{8}(\..*)?")


def records(settings: Settings) -> Path:
    """Where each instance that was deployed has a folder with its plan and its journal."""
    return settings.data_folder / "deployments"


def staging(folder: Path, instance_id: str) -> Path:
    """Where an instance that belongs into `folder` is made: beside it, on the same file system, so that it can be renamed."""
    return folder.with_name(f".{folder.name}.mailauncher-{instance_id[:8]}")


def former(folder: Path, instance_id: str) -> Path:
    """Where an upgrade moves the tree that it replaces."""
    return folder.with_name(f".{folder.name}.mailauncher-{instance_id[:8]}.former")


def reverted(folder: Path, instance_id: str) -> Path:
    """Where the tree of an upgrade that was reverted stays until it is removed."""
    return folder.with_name(f"{former(folder, instance_id).name}.reverted")


def earlier(folder: Path, instance_id: str) -> Path:
    """Where the tree of an earlier upgrade waits until the next one has succeeded."""
    return folder.with_name(f"{former(folder, instance_id).name}.earlier")


def deleted(folder: Path, instance_id: str) -> Path:
    """Where the tree of an instance that is deleted with its files stays until it is removed."""
    return folder.with_name(f"{staging(folder, instance_id).name}.deleted")


def trees(folder: Path, instance_id: str) -> tuple[Path, ...]:
    """What is kept beside an instance and removed with it. The last one marks the deletion, so it is removed last: a deletion
    that was interrupted is found again as long as it is there."""
    kept = former(folder, instance_id), earlier(folder, instance_id), reverted(folder, instance_id)
    return *kept, deleted(folder, instance_id)


def resolve(workspace: Path, given: str) -> Path:
    """The absolute path of what a client wrote: `~` is the workspace, a backslash is a slash. Raises InvalidPath."""
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


def existing_folder(workspace: Path, given: str) -> Path:
    """The folder that a client wrote, as `resolve` reads it, with links resolved. Raises InvalidPath."""
    path = resolve(workspace, given)
    try:
        folder = path.resolve(strict=True)
        if not files.is_folder(folder):
            raise InvalidPath(f"不是文件夹：{given}", f"Not a folder: {given}", field="path")
        next(folder.iterdir(), None)
        with suppress(FileNotFoundError):
            folder.joinpath("bot.py").lstat()  # a folder may be readable that cannot be entered
        str(folder).encode()  # a name that is not UTF-8 fits neither the database nor JSON
    except (OSError, RuntimeError, ValueError) as error:
        raise _unusable(Path(given), error) from error
    return folder


def new_folder(settings: Settings, given: str) -> Path:
    """The folder for a new instance, with links above it resolved. It does not exist, or is empty and not a link.

    Raises InvalidPath, also for the root, a home folder, the workspace itself and the launcher's own folders. Blocks.
    """
    path = resolve(settings.workspace_folder, given)
    try:
        folder = path.parent.resolve() / path.name
        str(folder).encode()  # neither the database nor JSON takes a name that is no text
        if not path.name:
            raise _refused(path, "是根目录", "is the root folder")
        if ".." in path.parts:
            raise _refused(path, "不能包含 ..", "contains ..")
        if any(unicodedata.category(sign) in _CONTROLS for sign in str(folder)):
            raise _refused(Path(repr(str(folder))[1:-1]), "含有控制字符", "contains control characters")
        longest = reverted(folder, "0" * 8)
        if len(os.fsencode(longest.name)) > NAME_BYTES or len(os.fsencode(longest)) > PATH_BYTES:
            raise _refused(path, "名称过长", "is too long")
        _require_free(folder)
        _require_apart(settings, folder)
    except (OSError, RuntimeError, ValueError) as error:
        raise _unusable(path, error) from error
    return folder


def _require_free(folder: Path) -> None:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode):
        raise _refused(folder, "已存在，且不是文件夹", "exists already and is not a folder")
    if any(folder.iterdir()):
        raise _refused(
            folder, "已存在且不为空，请换一个文件夹", "exists already and is not empty: choose another folder"
        )


def _require_apart(settings: Settings, folder: Path) -> None:
    data, workspace = settings.data_folder.resolve(), settings.workspace_folder.resolve()
    if _related(folder, data):
        raise _refused(folder, "与启动器的数据文件夹重叠", "overlaps the launcher's data folder")
    own = home()
    if workspace.is_relative_to(folder) or (own is not None and own.resolve().is_relative_to(folder)):
        raise _refused(
            folder, "是工作区、主目录或其上级", "is the workspace, a home folder, or a parent of one"
        )
    if any(_RESERVED.fullmatch(part) for part in folder.parts):
        raise _refused(
            folder, "是启动器安装实例时所用的名称", "has a name that is reserved for installations"
        )


def require_apart_from(folder: Path, records: Iterable[InstanceRecord]) -> None:
    """Raises InvalidPath for a folder that is, contains or lies in a folder of another instance."""
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


def prepare(folder: Path) -> None:
    """Makes its parent where that is missing, and removes an empty folder in its place, because the finished tree is renamed
    to it. Raises InvalidPath if nothing can be made there."""
    parent = folder.parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        if parent.resolve() != parent:
            raise _refused(folder, "所在的文件夹已变为链接", "lies in a folder that has become a link")
        Path(tempfile.mkdtemp(prefix=".mailauncher-", dir=parent)).rmdir()
        if files.exists(folder):
            folder.rmdir()  # fails for a mount point as well, to which nothing can be renamed
    except (OSError, RuntimeError) as error:
        raise _unusable(folder, error) from error


def require_space(folder: Path, mebibytes: int) -> None:
    """Raises InsufficientSpace unless that much is free on the disk of the folder."""
    free = free_space(folder) >> 20
    if free < mebibytes:
        place = _existing(folder)
        raise InsufficientSpace(
            f"{place} 所在磁盘剩余 {free} MiB，安装需要 {mebibytes} MiB",
            f"The disk of {place} has {free} MiB left; the installation needs {mebibytes} MiB",
            field="path",
        )


def free_space(folder: Path) -> int:
    """Bytes that are free on the disk of a folder, which need not exist. Raises InvalidPath."""
    try:
        return shutil.disk_usage(_existing(folder)).free
    except OSError as error:
        raise _unusable(folder, error) from error


def _existing(folder: Path) -> Path:
    return next((parent for parent in (folder, *folder.parents) if files.exists(parent)), folder)


def is_ours(folder: Path, instance_id: str) -> bool:
    """Whether this program deployed that very instance there, and neither the folder nor a parent of it has become a link."""
    try:
        return folder.resolve(strict=True) == folder and deployed_id(folder) == instance_id
    except (OSError, RuntimeError):
        return False


def require_ours(folder: Path, instance_id: str) -> None:
    """Raises PermissionDenied. A folder that an interrupted deletion moved aside is still this program's."""
    if not any(is_ours(place, instance_id) for place in (folder, deleted(folder, instance_id))):
        raise PermissionDenied(
            f"{folder} 不是由本程序部署的，文件不会被删除",
            f"{folder} was not deployed by this program, so its files are not deleted",
            field="files",
        )


def move_aside(folder: Path, instance_id: str) -> None:
    """Renames the folder before its files are removed. A kill in the middle of the removal would otherwise leave half a bot in
    its place; the deployer of the next server removes what was moved aside. Raises PermissionDenied, also for a folder that
    has been replaced since."""
    if not os.path.lexists(folder):
        return
    require_ours(folder, instance_id)
    try:
        folder.rename(deleted(folder, instance_id))
    except OSError as error:
        raise PermissionDenied(
            f"{folder} 无法删除：{error.strerror}",
            f"{folder} cannot be deleted: {error.strerror}",
            field="files",
        ) from error


def remove_deleted(folder: Path, instance_id: str, check: Check) -> None:
    """Removes what `move_aside` moved, and what upgrades kept. `check` is called often, and may raise. Raises
    PermissionDenied."""
    try:
        for tree in trees(folder, instance_id):
            remove(tree, check)
    except OSError as error:
        raise PermissionDenied(
            f"实例已删除，但 {error.filename} 无法删除：{error.strerror}",
            f"The instance is deleted, but {error.filename} cannot be removed: {error.strerror}",
            field="files",
        ) from error


def _unusable(path: Path, error: Exception) -> InvalidPath:
    """The error for a path that the system refuses, with its reason."""
    why = Text("链接成环，或名称不是 UTF-8", "a loop of links, or a name that is not UTF-8")
    if isinstance(error, OSError):
        why = Text(str(error.strerror), str(error.strerror))
    return _refused(
        path, f"无法使用（{why.zh}），请换一个文件夹", f"cannot be used ({why.en}): choose another folder"
    )


def _refused(path: Path, zh: str, en: str) -> InvalidPath:
    return InvalidPath(f"{path} {zh}", f"{path} {en}", field="path")
