"""The last step of the worker: moves the finished tree from staging to its place in one rename.

An upgrade swaps two trees. They are identified by their inodes, which are recorded before the first of them moves, so that
an interrupted swap can be completed or reverted.
"""

import ctypes
import errno
import stat
import sys
from pathlib import Path

import msgspec

from bots.deploying import journal
from bots.deploying.plan import Plan
from bots.deploying.staging import remove
from bots.deploying.worker_context import WorkerContext
from mailauncher import files
from mailauncher.beneath import Root
from mailauncher.errors import DeploymentFailed, InvalidPath

MARKER = ".mailauncher-deployed"
"""File with the instance's id in a folder that this program deployed. Only such a folder may be deleted."""
SWAP_FILE = "swap.json"
_OCCUPIED = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)
_ID_BYTES = 100
_AT_FDCWD = -100
_EXCHANGE = 2

Identity = tuple[int, int]


class Swap(msgspec.Struct, frozen=True):
    """The trees of an upgrade: device and inode of the old and of the new one."""

    old: Identity
    new: Identity


def is_registered(folder: Path, plan: Plan) -> bool:
    """Whether the plan's tree is in its place already; for services that are added, whether all of this is done."""
    target = Path(plan.folder)
    if plan.kind == "services":
        done = ((entry.step, entry.kind, entry.component) for _, entry in journal.read(folder))
        return ("register", "done", "") in done
    if plan.kind == "upgrade":
        swap = _read_swap(folder)
        return (
            swap is not None
            and folder_identity(target) == swap.new
            and folder_identity(_former_folder(plan)) == swap.old
        )
    return deployed_id(target) == plan.id


def deployed_id(folder: Path) -> str:
    """The id in the marker of a folder; empty if there is none. A link is no marker."""
    try:
        with Root(folder) as root, root.open_regular(MARKER, follow=False) as file:
            return file.read(_ID_BYTES).decode("ascii").strip()
    except (OSError, ValueError):
        return ""


def discard_earlier_swap(folder: Path) -> None:
    """Removes the record of a swap by an earlier upgrade of the same instance, which this one must not take for its own. Call
    it when a run begins."""
    if not _register_begun(folder):
        (folder / SWAP_FILE).unlink(missing_ok=True)


def is_occupied(target: Path) -> bool:
    """Whether the path exists and is not an empty folder. Raises OSError."""
    try:
        found = target.lstat()
    except FileNotFoundError:
        return False
    return not stat.S_ISDIR(found.st_mode) or any(target.iterdir())


def register(work: WorkerContext) -> None:
    """Moves the tree to its place. For an upgrade, the old tree goes to `plan.former`, and what was there to `earlier`.

    Raises InvalidPath if something has appeared in the place meanwhile.
    """
    plan, tree = work.plan, work.staging.tree
    if is_registered(work.folder, plan):
        return
    if files.is_folder(tree):
        # In staging: were it written after the rename, a kill in between would leave a deployed folder without a marker,
        # which may never be deleted and is not recognised as registered by a retry.
        _write_marker(tree, plan.id)
    with work.interrupt.shielded():
        if plan.kind == "upgrade":
            _swap_in(work.folder, plan, tree)
        else:
            _move_in(tree, Path(plan.folder))
        files.sync_folder(Path(plan.folder).parent)


def revert(folder: Path, plan: Plan) -> bool:
    """Reverts an upgrade: the old tree returns to its place, the new one goes beside it (`reverted`), and what was in
    `plan.former` before is there again. False if the new tree
    was never put there, or was reverted before. Raises DeploymentFailed if the old tree is gone."""
    swap = _read_swap(folder)
    if plan.kind != "upgrade" or swap is None:
        return False
    target, former = Path(plan.folder), _former_folder(plan)
    was_new = folder_identity(target) != swap.old
    _arrange(target, former, front=swap.old, back=swap.new)
    if folder_identity(former) == swap.new:
        remove(reverted(plan))
        former.rename(reverted(plan))
    if files.exists(earlier(plan)) and not files.exists(former):
        earlier(plan).rename(former)
    files.sync_folder(target.parent)
    return was_new


def reverted(plan: Plan) -> Path:
    """The place of a reverted tree. It stays until the next upgrade is reverted or succeeds."""
    former = _former_folder(plan)
    return former.with_name(f"{former.name}.reverted")


def earlier(plan: Plan) -> Path:
    """The place of the tree that an earlier upgrade replaced, until this one has succeeded or was reverted."""
    former = _former_folder(plan)
    return former.with_name(f"{former.name}.earlier")


def _former_folder(plan: Plan) -> Path:
    if not plan.former:
        raise DeploymentFailed(
            "升级计划缺少 former", "The plan of an upgrade lacks `former`, the place for the old tree"
        )
    return Path(plan.former)


def _move_in(tree: Path, target: Path) -> None:
    if is_occupied(target):
        raise _occupied_meanwhile(target)
    try:
        tree.rename(target)  # replaces an empty folder
    except OSError as error:
        if error.errno in _OCCUPIED:
            raise _occupied_meanwhile(target) from None
        raise


def _swap_in(folder: Path, plan: Plan, tree: Path) -> None:
    target, former = Path(plan.folder), _former_folder(plan)
    swap = _read_swap(folder)
    if (new := folder_identity(tree)) is not None:
        if swap is None or swap.new != new:
            old = folder_identity(target)
            if old is None:
                raise DeploymentFailed(
                    f"{target} 已不存在，无法升级", f"{target} no longer exists and cannot be upgraded"
                )
            swap = Swap(old, new)
            # Before anything moves: after a kill between the renames below, only this record tells the two trees apart.
            _write_swap(folder, swap)
        _move_aside(plan)
        remove(reverted(plan))
        tree.rename(former)
    if swap is None:
        raise DeploymentFailed("没有可放置的内容", "There is no tree to put into place")
    _arrange(target, former, front=swap.new, back=swap.old)


def _move_aside(plan: Plan) -> None:
    """Frees the place for the old tree. A kill after the rename leaves the place free and `earlier` as it must be; what is
    there while the place is not free was left by an upgrade that had succeeded."""
    former = _former_folder(plan)
    if not plan.keep_former:
        remove(former)
    elif files.exists(former):
        remove(earlier(plan))
        former.rename(earlier(plan))


def _arrange(target: Path, former: Path, *, front: Identity, back: Identity) -> None:
    """Moves `front` to `target` and `back` to `former`, from wherever an interruption has left them. Raises DeploymentFailed."""
    aside = former.with_name(f"{former.name}.moving")

    def where(wanted: Identity) -> Path | None:
        return next((path for path in (target, former, aside) if folder_identity(path) == wanted), None)

    if where(front) == target and where(back) in (former, None):
        return
    if where(front) is None:
        raise DeploymentFailed(
            f"找不到应放到 {target} 的文件夹", f"The folder that belongs at {target} was not found"
        )
    if where(front) == former and where(back) == target and _exchange(former, target):
        return
    if where(back) == target:
        # `aside` holds `front` if a swap was killed before its last rename and is now reverted: then `former` is free.
        target.rename(former if where(front) == aside else aside)
    if (place := where(front)) is not None and place != target:
        place.rename(target)
    if (place := where(back)) is not None and place != former:
        place.rename(former)


def folder_identity(folder: Path) -> Identity | None:
    """Device and inode of a folder, which a rename does not change; None if it is not a folder."""
    try:
        found = folder.lstat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None


def _exchange(one: Path, other: Path) -> bool:
    """Exchanges two folders atomically. False if the system or the file system cannot."""
    try:
        system = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            return int(system.renamex_np(bytes(one), bytes(other), _EXCHANGE)) == 0
        return int(system.renameat2(_AT_FDCWD, bytes(one), _AT_FDCWD, bytes(other), _EXCHANGE)) == 0
    except (OSError, AttributeError):
        return False


def _read_swap(folder: Path) -> Swap | None:
    """The recorded swap of this deployment; None if it has not begun."""
    if not _register_begun(folder):
        return None
    try:
        return msgspec.json.decode(files.read(folder / SWAP_FILE), type=Swap)
    except (OSError, msgspec.MsgspecError):
        return None


def _register_begun(folder: Path) -> bool:
    """Whether the step `register` has begun."""
    return any(entry.step == "register" for _, entry in journal.read(folder))


def _write_swap(folder: Path, swap: Swap) -> None:
    files.write(folder / SWAP_FILE, msgspec.json.encode(swap))


def _write_marker(tree: Path, instance_id: str) -> None:
    remove(tree / MARKER)  # the repository may have anything there, even a folder
    files.write(tree / MARKER, instance_id.encode(), mode=0o644)


def _occupied_meanwhile(target: Path) -> InvalidPath:
    return InvalidPath(
        f"{target} 在部署期间已存在：请移走它后重试，或换一个路径",
        f"{target} has appeared during the deployment: move it away and retry, or choose another path",
    )
