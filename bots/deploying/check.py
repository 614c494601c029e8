"""The first step: checks that everything the plan needs is available."""

import errno
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from bots.deploying import components, copying, python
from bots.deploying.plan import Component
from bots.deploying.register import is_occupied, is_registered
from bots.deploying.worker_context import WorkerContext
from bots.fetching.ref_name import check_ref
from bots.fetching.repository_url import check_url
from mailauncher import files, mounts
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


def check(work: WorkerContext) -> None:
    """Checks programs, names, the target folder and disk space, and that there is a Python. Creates the staging folder. Raises LauncherError, OSError (the
    disk is full)."""
    _check_programs(work)
    for component in work.components:
        if component.source.git:
            check_ref(component.source.ref)
            for url in component.source.git:
                check_url(url, work.plan.git_schemes)
    _check_target(work)
    try:
        work.staging.make()
    except OSError as error:
        if error.errno in UNUSABLE:
            raise _unusable_folder(work.staging.folder.parent, error) from None
        raise
    _check_space(work)
    python.announce(work)


def require_git(components: Iterable[Component]) -> None:
    """Raises DeploymentFailed if any of these comes from a repository and there is no git."""
    if any(component.source.git for component in components) and shutil.which("git") is None:
        raise DeploymentFailed("找不到 git：请先安装 git", "git not found: install it first")


def _check_programs(work: WorkerContext) -> None:
    require_git(work.components)
    if not os.access(work.plan.uv, os.X_OK):
        raise DeploymentFailed(
            f"无法运行 uv（{work.plan.uv}）：请重新安装 MaiLauncher",
            f"Cannot run uv ({work.plan.uv}): reinstall MaiLauncher",
        )


def _check_target(work: WorkerContext) -> None:
    target = Path(work.plan.folder)
    if is_registered(work.folder, work.plan):
        return
    if work.plan.kind in ("upgrade", "services") and not files.may_be_folder(target):
        raise InvalidPath(f"要更改的文件夹不存在：{target}", f"The folder to change does not exist: {target}")
    if work.plan.kind == "upgrade":
        _require_unmounted(target)
    try:
        if work.plan.kind in ("deploy", "clone") and is_occupied(target):
            raise InvalidPath(
                f"{target} 已存在且不为空：请移走它后重试，或换一个路径",
                f"{target} already exists and is not empty: move it away and retry, or choose another path",
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.parent.resolve() != target.parent:
            raise InvalidPath(
                f"{target.parent} 已变为链接：请恢复原样后重试，或换一个路径",
                f"{target.parent} has become a link: restore it and retry, or choose another path",
            )
    except OSError as error:
        raise _unusable_folder(target.parent, error) from None


def _require_unmounted(target: Path) -> None:
    """Raises InvalidPath for a folder with mounts, which the tree that is replaced would take along."""
    if found := mounts.beneath(target):
        raise InvalidPath(
            f"{target / found[0]} 是单独挂载的，升级无法替换它所在的文件夹：请先卸载，升级后再挂载",
            f"{target / found[0]} is a mount of its own, and an upgrade replaces the folder that it is in: unmount it, "
            "upgrade, then mount it again",
        )


def _check_space(work: WorkerContext) -> None:
    needed = sum(_space_needed(work, component) for component in work.components)
    free = shutil.disk_usage(work.staging.folder).free
    if free < needed:
        raise InsufficientSpace(
            f"磁盘空间不足：需要 {_mib(needed)} MiB，{work.staging.folder.parent} 仅剩 {_mib(free)} MiB",
            f"Not enough disk space: {_mib(needed)} MiB are needed, {work.staging.folder.parent} has {_mib(free)} MiB",
        )


def _space_needed(work: WorkerContext, component: Component) -> int:
    """Bytes that the component still needs."""
    if components.fetched_commit(work, component) is not None and python.installed(work, component):
        return 0
    source = component.source.folder
    return component.install.space_mb * _MIB + (copying.size(Path(source)) if source else 0)


def _mib(size: int) -> int:
    return -(-size // _MIB)


def _unusable_folder(folder: Path, error: OSError) -> InvalidPath:
    return InvalidPath(
        f"文件夹 {folder} 无法使用：{error.strerror}", f"The folder {folder} cannot be used: {error.strerror}"
    )
