"""Why a step failed, from the exception that says so."""

import traceback

from bots.deploying.cloning import disk_full_error
from bots.deploying.report import StepFailed
from bots.deploying.worker_context import WorkerContext
from mailauncher import files
from mailauncher.beneath import LeadsOutside
from mailauncher.errors import Code, DeploymentFailed, InvalidPath, LauncherError

_CODES = frozenset(
    {
        Code.DOWNLOAD_FAILED,
        Code.VERSION_NOT_FOUND,
        Code.INSUFFICIENT_SPACE,
        Code.INVALID_PATH,
        Code.DEPLOYMENT_FAILED,
    }
)


def reason_of(work: WorkerContext, error: Exception) -> StepFailed:
    """The reason with one of the codes of deployments, and the last lines of the failed command. What nobody expected is printed
    with its traceback."""
    if not isinstance(error, LauncherError | StepFailed | OSError):
        work.runner.print_line(traceback.format_exc())
    reason = _reason(work, error)
    lines = error.lines if isinstance(error, StepFailed) else ()
    if reason.code not in _CODES:
        reason = DeploymentFailed(reason.text.zh, reason.text.en)
    return StepFailed(reason, lines)


def _reason(work: WorkerContext, error: Exception) -> LauncherError:
    if isinstance(error, StepFailed):
        return error.error
    if isinstance(error, LauncherError):
        return error
    if isinstance(error, OSError) and files.is_full(error):
        return disk_full_error(work.staging.folder)
    if isinstance(error, LeadsOutside):
        return InvalidPath(f"{error.filename} 指向文件夹之外", f"{error.filename} leads out of its folder")
    reason = f"{type(error).__name__}: {error}"
    return DeploymentFailed(f"部署出错：{reason}", f"The deployment failed: {reason}")
