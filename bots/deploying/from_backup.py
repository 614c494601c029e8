"""Puts the files of a backup into a clone, in the place of those that its original has now."""

from pathlib import Path

from bots.backups.restore import restore
from bots.deploying.worker_context import WorkerContext
from mailauncher import files
from mailauncher.errors import DeploymentFailed

_MARK = "backup"


def is_done(work: WorkerContext) -> bool:
    """Whether nothing is left to put into the tree."""
    return work.plan.backup is None or work.staging.read_mark(_MARK) is not None


def put(work: WorkerContext) -> None:
    """Once everything else is in the tree. Raises LauncherError."""
    backup = work.plan.backup
    if backup is None or is_done(work):
        return
    file = Path(backup.file)
    if not files.exists(file):
        raise DeploymentFailed(
            f"备份 {file.name} 已被删除：请删除此实例，再从另一个备份复制",
            f"The backup {file.name} has been deleted: delete this instance, and clone from another backup",
        )
    try:
        restore(work.staging.tree, file, backup.patterns, work.interrupt.check)
    except DeploymentFailed as error:
        raise DeploymentFailed(
            f"备份 {file.name} 无法使用：{error.text.zh}",
            f"The backup {file.name} cannot be used: {error.text.en}",
        ) from error
    work.staging.write_mark(_MARK, "")
