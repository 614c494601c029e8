"""Cloning: the first source that has the right commit, whatever else it may hold."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from mailauncher.bots.deploying.command import Finished
from mailauncher.bots.deploying.plan import Source
from mailauncher.bots.deploying.report import Share, StepFailed, part
from mailauncher.bots.deploying.staging import remove
from mailauncher.bots.deploying.work import Work
from mailauncher.bots.sources import bare, check_ref, check_url, git_environment, git_options, shown
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
_GONE = (r"remote branch .* not found", r"could not find remote (?:branch|ref)", r"couldn't find remote ref")


def clone(work: Work, source: Source, share: Share, note: Callable[[Text], None]) -> tuple[Path, str]:
    """A new clone of one commit, of `source.ref`, and that commit. Sources are tried in order.

    Raises StepFailed: DOWNLOAD_FAILED, VERSION_NOT_FOUND when the first source or every source says that there is no such
    version, INSUFFICIENT_SPACE.
    """
    check_ref(source.ref)
    reasons: list[tuple[Text, bool]] = []
    lines: tuple[str, ...] = ()
    for url in source.git:
        check_url(url, work.plan.git_schemes)
        into = work.staging.part()
        finished = _clone(work, source, url, into, share)
        if finished.disk_full or not (finished.ok or _room(into.parent)):
            remove(into)
            raise StepFailed(full(into), finished.lines)
        why, gone = _why(finished, source), finished.said(*_GONE)
        if why is None:
            commit = head(into)
            if commit and source.commit in ("", commit):
                return into, commit
            why, gone = _other(commit, source), True
        remove(into)
        reasons.append((why, gone))
        lines = finished.lines or lines
        note(Text(f"来源 {shown(url)} 不可用：{why.zh}", f"The source {shown(url)} cannot be used: {why.en}"))
    raise StepFailed(_error(source, reasons), lines)


def head(repository: Path) -> str:
    """The commit that is checked out; empty where that cannot be told."""
    try:
        done = subprocess.run(
            ["git", *git_options(), "-C", str(repository), "rev-parse", "--verify", "HEAD"],
            env=git_environment(()) | {"GIT_CEILING_DIRECTORIES": str(repository.parent)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_ASK_S,
            check=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def full(place: Path) -> LauncherError:
    return InsufficientSpace(
        f"磁盘空间不足：请清理 {place.parent} 所在的磁盘后重试",
        f"The disk of {place.parent} is full: make room there and retry",
    )


def _room(folder: Path) -> bool:
    """Of a file that it cannot write while it checks out, git does not say why."""
    return shutil.disk_usage(folder).free >= LEAST_BYTES


def _clone(work: Work, source: Source, url: str, into: Path, share: Share) -> Finished:
    def read(line: str) -> None:
        if found := _PROGRESS.search(line):
            part(share, *_PHASES[found[1]])(int(found[2]) / 100)

    return work.runner.run(
        [
            "git",
            *git_options(),
            *("-c", "advice.detachedHead=false"),
            *("clone", "--depth", "1", "--branch", source.ref, "--single-branch"),
            *("--no-recurse-submodules", "--template=", "--progress"),
            *("--", bare(url), str(into)),
        ],
        env=git_environment(work.plan.git_schemes, url),
        cwd=into.parent,
        on_line=read,
        silence_s=SILENCE_S,
    )


def _why(finished: Finished, source: Source) -> Text | None:
    """Why a clone failed; None if it did not."""
    if finished.ok:
        return None
    if finished.said(*_GONE):
        return Text(f"没有版本 {source.ref}", f"it has no version {source.ref}")
    if finished.silent:
        return Text(f"{SILENCE_S:.0f} 秒没有响应", f"silent for {SILENCE_S:.0f} s")
    said = next((line for line in finished.lines if line.startswith(("fatal:", "error:"))), "")
    reason = said or (finished.lines[-1] if finished.lines else f"git: {finished.status}")
    return Text(reason, reason)


def _other(commit: str, source: Source) -> Text:
    return Text(
        f"{source.ref} 在此处是另一个提交（{commit[:12] or '?'}，应为 {source.commit[:12]}）",
        f"{source.ref} is another commit there ({commit[:12] or '?'}, not {source.commit[:12]})",
    )


def _error(source: Source, reasons: list[tuple[Text, bool]]) -> LauncherError:
    zh = "；".join(why.zh for why, _ in reasons) or "没有来源"
    en = "; ".join(why.en for why, _ in reasons) or "there is none"
    if reasons and (reasons[0][1] or all(gone for _, gone in reasons)):
        return VersionNotFound(
            f"找不到版本 {source.ref}：{zh}。请选择另一个版本",
            f"There is no version {source.ref}: {en}. Choose another version",
        )
    return DownloadFailed(
        f"没有可用的来源：{zh}。请检查网络与代理后重试",
        f"No source could be used: {en}. Check network and proxy, then retry",
    )
