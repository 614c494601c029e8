"""The end of a deployment: what was made in staging takes its place, at once and whole.

An upgrade exchanges two trees. Which is which is told by their inodes, written down before the first of them moves, so that
whatever was interrupted can be finished, and taken back.
"""

import ctypes
import errno
import os
import stat
import sys
from pathlib import Path

import msgspec

from mailauncher.bots.deploying import journal
from mailauncher.bots.deploying.plan import Plan
from mailauncher.bots.deploying.staging import remove
from mailauncher.bots.deploying.work import Work
from mailauncher.errors import DeploymentFailed, InvalidPath

MARKER = ".mailauncher-deployed"
"""File in a folder that this program deployed: it holds the instance's id. Only such a folder may be deleted."""
SWAP_FILE = "swap.json"
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)
_AT_FDCWD = -100
_EXCHANGE = 2

Identity = tuple[int, int]


class Swap(msgspec.Struct, frozen=True):
    """The trees of an upgrade: device and inode of the one that stood there and of the new one."""

    old: Identity
    new: Identity


def registered(folder: Path, plan: Plan) -> bool:
    """Whether the plan's tree stands at its place already."""
    target = Path(plan.folder)
    if plan.kind == "upgrade":
        swap = _swap(folder)
        return swap is not None and identity(target) == swap.new and identity(_former(plan)) == swap.old
    try:
        marker = target / MARKER
        return not marker.is_symlink() and marker.read_text("utf-8").strip() == plan.id
    except (OSError, ValueError):
        return False


def forget_earlier(folder: Path) -> None:
    """What an earlier upgrade of the same instance has exchanged is not this one's: its journal is a new one. Call it when a
    run begins."""
    if not _begun(folder):
        (folder / SWAP_FILE).unlink(missing_ok=True)


def occupied(target: Path) -> bool:
    """Whether anything but an empty folder stands there. Raises OSError."""
    try:
        found = target.lstat()
    except FileNotFoundError:
        return False
    return not stat.S_ISDIR(found.st_mode) or any(target.iterdir())


def register(work: Work) -> None:
    """Puts the tree into its place; for an upgrade, the old one goes to `plan.former`, and what stood there is removed.

    Raises InvalidPath when something has come into being there meanwhile.
    """
    plan, tree = work.plan, work.staging.tree
    if registered(work.folder, plan):
        return
    if tree.is_dir():
        _write_marker(tree, plan.id)
    with work.interrupt.shielded():
        if plan.kind == "upgrade":
            _swap_in(work.folder, plan, tree)
        else:
            _move_in(tree, Path(plan.folder))
        _flush(Path(plan.folder).parent)


def revert(folder: Path, plan: Plan) -> bool:
    """Takes an upgrade back: the old tree stands in its place again, the new one beside it (`reverted`). False if the new
    one was never put there, or was taken back before. Raises DeploymentFailed if the old one is gone."""
    swap = _swap(folder)
    if plan.kind != "upgrade" or swap is None:
        return False
    target, former = Path(plan.folder), _former(plan)
    was_new = identity(target) != swap.old
    _settle(target, former, front=swap.old, back=swap.new)
    if identity(former) == swap.new:
        remove(reverted(plan))
        former.rename(reverted(plan))
    _flush(target.parent)
    return was_new


def reverted(plan: Plan) -> Path:
    """Where a tree goes that was taken back; it stays until the next one is, or until an upgrade succeeds."""
    former = _former(plan)
    return former.with_name(f"{former.name}.reverted")


def _former(plan: Plan) -> Path:
    if not plan.former:
        raise DeploymentFailed("升级计划缺少 former", "The plan of an upgrade needs a place for the old tree")
    return Path(plan.former)


def _move_in(tree: Path, target: Path) -> None:
    if occupied(target):
        raise _taken(target)
    try:
        tree.rename(target)  # an empty folder gives way
    except OSError as error:
        if error.errno in _TAKEN:
            raise _taken(target) from None
        raise


def _swap_in(folder: Path, plan: Plan, tree: Path) -> None:
    target, former = Path(plan.folder), _former(plan)
    swap = _swap(folder)
    if (new := identity(tree)) is not None:
        if swap is None or swap.new != new:
            old = identity(target)
            if old is None:
                raise DeploymentFailed(
                    f"{target} 已不存在，无法升级", f"{target} is gone and cannot be upgraded"
                )
            swap = Swap(old, new)
            _write_swap(folder, swap)
        remove(former)
        remove(reverted(plan))
        tree.rename(former)
    if swap is None:
        raise DeploymentFailed("没有可放置的内容", "There is nothing to put into place")
    _settle(target, former, front=swap.new, back=swap.old)


def _settle(target: Path, former: Path, *, front: Identity, back: Identity) -> None:
    """`front` stands at `target` and `back` at `former`, wherever an interruption has left them."""
    aside = former.with_name(f"{former.name}.moving")

    def where(wanted: Identity) -> Path | None:
        return next((path for path in (target, former, aside) if identity(path) == wanted), None)

    if where(front) == target and where(back) in (former, None):
        return
    if where(front) is None:
        raise DeploymentFailed(
            f"找不到应放到 {target} 的文件夹", f"The folder that belongs to {target} is not to be found"
        )
    if where(front) == former and where(back) == target and _exchange(former, target):
        return
    if where(back) == target:
        target.rename(aside)
    if (place := where(front)) is not None and place != target:
        place.rename(target)
    if (place := where(back)) is not None and place != former:
        place.rename(former)


def identity(folder: Path) -> Identity | None:
    """What a folder keeps when it is renamed; None for what is no folder."""
    try:
        found = folder.lstat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None


def _exchange(one: Path, other: Path) -> bool:
    """Exchanges two folders in one step of the file system. False where there is no such step."""
    try:
        system = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            return int(system.renamex_np(bytes(one), bytes(other), _EXCHANGE)) == 0
        return int(system.renameat2(_AT_FDCWD, bytes(one), _AT_FDCWD, bytes(other), _EXCHANGE)) == 0
    except (OSError, AttributeError):
        return False


def _swap(folder: Path) -> Swap | None:
    """What this deployment has exchanged or was about to."""
    if not _begun(folder):
        return None
    try:
        return msgspec.json.decode((folder / SWAP_FILE).read_bytes(), type=Swap)
    except (OSError, msgspec.MsgspecError):
        return None


def _begun(folder: Path) -> bool:
    """Whether `register` was begun."""
    return any(entry.step == "register" for _, entry in journal.read(folder))


def _write_swap(folder: Path, swap: Swap) -> None:
    unfinished = folder / f".{SWAP_FILE}"
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(msgspec.json.encode(swap))
    unfinished.rename(folder / SWAP_FILE)
    _flush(folder)


def _write_marker(tree: Path, instance_id: str) -> None:
    marker = tree / MARKER
    remove(marker)
    with marker.open("x", encoding="utf-8") as file:
        file.write(instance_id)
        file.flush()
        os.fsync(file.fileno())


def _flush(folder: Path) -> None:
    """What was renamed in it outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError:
        pass  # not every file system can
    finally:
        os.close(descriptor)


def _taken(target: Path) -> InvalidPath:
    return InvalidPath(
        f"{target} 在部署期间已存在：请移走它后重试，或换一个路径",
        f"{target} has come into being meanwhile: move it away and retry, or choose another path",
    )
