"""What the system refuses to do with a file, told to people: what, why, and what they can do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from bots.browsing.paths import NAME_BYTES
from mailauncher import files
from mailauncher.beneath import LeadsOutside
from mailauncher.errors import (
    DuplicateResource,
    InsufficientSpace,
    InvalidPath,
    LauncherError,
    PermissionDenied,
    ResourceNotFound,
)

_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_EXISTING = (errno.EEXIST, errno.ENOTEMPTY)
_OTHER_KIND = (errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EINVAL, errno.ENXIO, errno.ENODEV)


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Turns an OSError of the block, which works on `path`, into a LauncherError."""
    try:
        yield
    except OSError as error:
        raise failure(error, path) from error


def failure(error: OSError, path: str) -> LauncherError:
    """The error to tell a client of."""
    number = error.errno
    if isinstance(error, LeadsOutside):
        return outside(path)
    if number == errno.ENOENT:
        return not_found(path)
    if number in _EXISTING:
        return existing(path)
    if number in _OTHER_KIND:
        return InvalidPath(
            f"'{path}' 的类型不适合此操作（可能是文件夹、设备、管道或循环的链接）",
            f"'{path}' is not of the kind that this needs: it may be a folder, a device, a pipe or a circle of links",
            field="path",
        )
    if number == errno.ENAMETOOLONG:
        return InvalidPath(
            f"'{path}' 过长或层数过多：名称最多 {NAME_BYTES} 字节",
            f"'{path}' is too long or too deep; a name has at most {NAME_BYTES} bytes",
            field="path",
        )
    if files.is_full(error):
        return InsufficientSpace(
            f"磁盘空间不足，'{path}' 未改动：请先腾出空间",
            f"Not enough disk space; '{path}' was not changed: free some first",
        )
    if number in _FORBIDDEN:
        return PermissionDenied(
            f"启动器没有权限访问 '{path}'：{error.strerror}。请在服务器上修改它的权限",
            f"The launcher may not access '{path}': {error.strerror}. Change its permissions on the server",
        )
    return LauncherError(f"无法访问 '{path}'：{error.strerror}", f"Cannot access '{path}': {error.strerror}")


def outside(path: str) -> InvalidPath:
    return InvalidPath(
        f"'{path}' 经链接指向实例文件夹之外，这里不能访问：请在服务器上打开它所指的位置",
        f"'{path}' leads out of the instance's folder by a link, where nothing is accessed: open its target on the server",
        field="path",
    )


def mounted(path: str) -> InvalidPath:
    return InvalidPath(
        f"'{path}' 是挂载进来的其他文件系统，这里不能访问：请在服务器上处理",
        f"'{path}' is mounted from elsewhere, where nothing is accessed: use it on the server",
        field="path",
    )


def not_found(path: str) -> ResourceNotFound:
    return ResourceNotFound(
        f"没有 '{path}'，可能已被移走", f"There is no '{path}'; it may have been moved away"
    )


def no_folder(path: str) -> ResourceNotFound:
    return ResourceNotFound(
        f"'{path}' 所在的文件夹不存在：请先新建它", f"The folder of '{path}' does not exist: create it first"
    )


def existing(path: str) -> DuplicateResource:
    return DuplicateResource(
        f"'{path}' 已存在：请换一个名称", f"'{path}' exists already: choose another name", field="path"
    )


def own(path: str) -> PermissionDenied:
    return PermissionDenied(
        f"'{path}' 是启动器自己的记录，不能在这里改动",
        f"'{path}' is a record of the launcher itself, and cannot be changed here",
    )
