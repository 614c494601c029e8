"""Before anything is made: what the plan needs is there."""

import errno
import os
import shutil
from pathlib import Path

from mailauncher.bots.deploying import components, copying, python
from mailauncher.bots.deploying.plan import Component
from mailauncher.bots.deploying.register import occupied, registered
from mailauncher.bots.deploying.work import Work
from mailauncher.bots.sources import check_ref, check_url
from mailauncher.errors import DeploymentFailed, InsufficientSpace, InvalidPath

_MIB = 1 << 20
UNUSABLE = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.ENOENT,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.EEXIST,
)


def check(work: Work) -> None:
    """Programs, names, place and room. Makes the staging folder. Raises LauncherError, OSError (a full disk)."""
    _programs(work)
    for component in work.plan.components:
        if component.source.git:
            check_ref(component.source.ref)
            for url in component.source.git:
                check_url(url, work.plan.git_schemes)
    _place(work)
    try:
        work.staging.make()
    except OSError as error:
        if error.errno in UNUSABLE:
            raise _unusable(work.staging.folder.parent, error) from None
        raise
    _room(work)


def _programs(work: Work) -> None:
    if any(c.source.git for c in work.plan.components) and shutil.which("git") is None:
        raise DeploymentFailed("找不到 git：请先安装 git", "git is not to be found: install it first")
    if not os.access(work.plan.uv, os.X_OK):
        raise DeploymentFailed(
            f"无法运行 uv（{work.plan.uv}）：请重新安装 MaiLauncher",
            f"uv cannot be run ({work.plan.uv}): install MaiLauncher anew",
        )


def _place(work: Work) -> None:
    target = Path(work.plan.folder)
    if registered(work.folder, work.plan):
        return
    if work.plan.kind == "upgrade" and not target.is_dir():
        raise InvalidPath(f"要升级的文件夹不存在：{target}", f"There is no folder to upgrade: {target}")
    try:
        if work.plan.kind != "upgrade" and occupied(target):
            raise InvalidPath(
                f"{target} 已存在且不为空：请移走它后重试，或换一个路径",
                f"{target} exists already and is not empty: move it away and retry, or choose another path",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.parent.resolve() != target.parent:
            raise InvalidPath(
                f"{target.parent} 已变为链接：请恢复原样后重试，或换一个路径",
                f"{target.parent} has become a link: put it back and retry, or choose another path",
            )
    except OSError as error:
        raise _unusable(target.parent, error) from None


def _room(work: Work) -> None:
    needed = sum(_needed(work, component) for component in work.plan.components)
    free = shutil.disk_usage(work.staging.folder).free
    if free < needed:
        raise InsufficientSpace(
            f"磁盘空间不足：需要 {_mib(needed)} MiB，{work.staging.folder.parent} 仅剩 {_mib(free)} MiB",
            f"Not enough room: {_mib(needed)} MiB are needed, {work.staging.folder.parent} has {_mib(free)} MiB",
        )


def _needed(work: Work, component: Component) -> int:
    """Bytes that are still to come."""
    if components.fetched(work, component) is not None and python.installed(work, component):
        return 0
    source = component.source.folder
    return component.install.space_mb * _MIB + (copying.size(Path(source)) if source else 0)


def _mib(size: int) -> int:
    return -(-size // _MIB)


def _unusable(folder: Path, error: OSError) -> InvalidPath:
    return InvalidPath(
        f"文件夹 {folder} 无法使用：{error.strerror}", f"The folder {folder} cannot be used: {error.strerror}"
    )
