"""Cloning from the first source that has the right commit."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from bots.deploying.command import CommandResult
from bots.deploying.plan import Source
from bots.deploying.report import ProgressCallback, StepFailed, progress_part
from bots.deploying.staging import remove
from bots.deploying.worker_context import WorkerContext
from bots.fetching.git_environment import git_environment, git_options
from bots.fetching.ref_name import check_ref
from bots.fetching.repository_url import check_url, redacted, without_login
from mailauncher.errors import DownloadFailed, InsufficientSpace, LauncherError, Text, VersionNotFound

SILENCE_S = 120.0
LEAST_BYTES = 1 << 20
_ASK_S = 30
_PHASES = {
    "Counting objects": (0.0, 0.02),
    "Compressing objects": (0.02, 0.1),
    "Receiving objects": (0.1, 0.9),
    "Resolving deltas": (0.9, 0.96),
    "Updating files": (0.96, 1.0),
}
_PROGRESS = re.compile(rf"({'|'.join(_PHASES)}):\s+(\d+)%")
_NO_SUCH_REF = (
    r"remote branch .* not found",
    r"could not find remote (?:branch|ref)",
    r"couldn't find remote ref",
)


def clone(
    work: WorkerContext, source: Source, on_progress: ProgressCallback, note: Callable[[Text], None]
) -> tuple[Path, str]:
    """Clones the commit of `source.ref` into a new folder; returns the folder and the commit. Sources are tried in order.

    Raises StepFailed: DOWNLOAD_FAILED, VERSION_NOT_FOUND if the first source or every source lacks the version,
    INSUFFICIENT_SPACE.
    """
    check_ref(source.ref)
    reasons: list[tuple[Text, bool]] = []
    lines: tuple[str, ...] = ()
    for url in source.git:
        check_url(url, work.plan.git_schemes)
        into = work.staging.new_part()
        result = _clone(work, source, url, into, on_progress)
        if result.ok and source.pinned and head_commit(into) != source.commit:
            result = _check_out(work, source.commit, url, into)
        if result.disk_full or not (result.ok or _has_room(into.parent)):
            remove(into)
            raise StepFailed(disk_full_error(into), result.lines)
        reason, missing = _failure(result, source), result.mentions(*_NO_SUCH_REF)
        if reason is None:
            commit = head_commit(into)
            if commit and source.commit in ("", commit):
                return into, commit
            reason, missing = _wrong_commit(commit, source), True
        remove(into)
        reasons.append((reason, missing))
        lines = result.lines or lines
        note(
            Text(
                f"来源 {redacted(url)} 不可用：{reason.zh}",
                f"The source {redacted(url)} cannot be used: {reason.en}",
            )
        )
    raise StepFailed(_all_failed(source, reasons), lines)


def head_commit(repository: Path) -> str:
    """The checked-out commit; empty if it cannot be determined."""
    try:
        done = subprocess.run(
            ["git", *git_options(), "-C", str(repository), "rev-parse", "--verify", "HEAD"],
            env=git_environment(()) | {"GIT_CEILING_DIRECTORIES": str(repository.parent)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=_ASK_S,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def disk_full_error(place: Path) -> LauncherError:
    return InsufficientSpace(
        f"磁盘空间不足：请清理 {place.parent} 所在的磁盘后重试",
        f"Not enough space on the disk of {place.parent}: make room there and retry",
    )


def _has_room(folder: Path) -> bool:
    """Whether there is room left: git does not report a full disk when it cannot write a file during checkout."""
    return shutil.disk_usage(folder).free >= LEAST_BYTES


def _clone(
    work: WorkerContext, source: Source, url: str, into: Path, on_progress: ProgressCallback
) -> CommandResult:
    def read(line: str) -> None:
        if found := _PROGRESS.search(line):
            progress_part(on_progress, *_PHASES[found[1]])(int(found[2]) / 100)

    return work.runner.run(
        [
            "git",
            *git_options(),
            *("-c", "advice.detachedHead=false"),
            *("clone", "--depth", "1", "--branch", source.ref, "--single-branch"),
            *("--no-recurse-submodules", "--template=", "--progress"),
            *("--", without_login(url), str(into)),
        ],
        env=git_environment(work.plan.git_schemes, url),
        cwd=into.parent,
        on_line=read,
        silence_s=SILENCE_S,
    )


def _check_out(work: WorkerContext, commit: str, url: str, repository: Path) -> CommandResult:
    """Replaces the newest commit of a branch by an earlier one."""
    git = ["git", *git_options(), "-C", str(repository), "-c", "advice.detachedHead=false"]
    # Not from `origin`: the address in its configuration has no password.
    words = ["fetch", "--depth", "1", "--no-tags", "--progress", "--", without_login(url), commit]
    env = git_environment(work.plan.git_schemes, url) | {"GIT_CEILING_DIRECTORIES": str(repository.parent)}
    result = work.runner.run([*git, *words], env=env, cwd=repository.parent, silence_s=SILENCE_S)
    if not result.ok:
        return result
    return work.runner.run([*git, "checkout", "--detach", commit], env=env, cwd=repository.parent)


def _failure(result: CommandResult, source: Source) -> Text | None:
    """Why a clone failed; None if it succeeded."""
    if result.ok:
        return None
    if result.mentions(*_NO_SUCH_REF):
        return Text(f"没有版本 {source.ref}", f"no version {source.ref}")
    if result.silent:
        return Text(f"{SILENCE_S:.0f} 秒没有响应", f"no output for {SILENCE_S:.0f} s")
    reason = next((line for line in result.lines if line.startswith(("fatal:", "error:"))), "")
    reason = reason or (result.lines[-1] if result.lines else f"git: {result.status}")
    return Text(reason, reason)


def _wrong_commit(commit: str, source: Source) -> Text:
    return Text(
        f"{source.ref} 在此处是另一个提交（{commit[:12] or '?'}，应为 {source.commit[:12]}）",
        f"{source.ref} is another commit there ({commit[:12] or '?'}, expected {source.commit[:12]})",
    )


def _all_failed(source: Source, reasons: list[tuple[Text, bool]]) -> LauncherError:
    zh = "；".join(reason.zh for reason, _ in reasons) or "没有来源"
    en = "; ".join(reason.en for reason, _ in reasons) or "no sources"
    if reasons and (reasons[0][1] or all(missing for _, missing in reasons)):
        return VersionNotFound(
            f"找不到版本 {source.ref}：{zh}。请选择另一个版本",
            f"Version {source.ref} not found: {en}. Choose another version",
        )
    return DownloadFailed(
        f"没有可用的来源：{zh}。请检查网络与代理后重试",
        f"No source could be used: {en}. Check network and proxy, then retry",
    )
