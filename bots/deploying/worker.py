"""The worker: carries out a plan step by step. Each step checks what exists already, so that the worker can be killed at any
moment and run again."""

import fcntl
import os
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bots.deploying import components, journal, python
from bots.deploying import plan as plans
from bots.deploying.check import check
from bots.deploying.cloning import disk_full_error
from bots.deploying.command import CommandRunner
from bots.deploying.configure import configure
from bots.deploying.interrupt import Cancelled, Interrupt
from bots.deploying.journal import Entry
from bots.deploying.plan import Component, Step
from bots.deploying.register import discard_earlier_swap, is_registered, register, revert
from bots.deploying.report import STEPS, ProgressCallback, Report, StepFailed, progress_part
from bots.deploying.staging import Staging, remove
from bots.deploying.worker_context import WorkerContext, secrets_of
from mailauncher import files
from mailauncher.beneath import LeadsOutside
from mailauncher.errors import Code, DeploymentFailed, InvalidPath, LauncherError, Text

DONE, FAILED, CANCELLED = 0, 1, 130
LOCK_FILE = "worker.lock"
LOCK_WITHIN_S = 5.0
"""The commands of a killed worker may still be ending: they hold the lock until they are gone."""

ORDER: tuple[Step, ...] = (
    "check",
    "fetch",
    "environment",
    "dependencies",
    "services",
    "configure",
    "register",
)
_FETCHED = 0.4
"""The share of a service that is done once it is fetched."""
_CODES = frozenset({Code.DOWNLOAD_FAILED, Code.VERSION_NOT_FOUND, Code.INSUFFICIENT_SPACE, Code.INVALID_PATH})


class Busy(Exception):
    """Another worker is carrying out the plan."""


def run(folder: Path, interrupt: Interrupt, *, until: Step = "register", revert_upgrade: bool = False) -> int:
    """Carries out the plan in a folder up to a step, or reverts an upgrade. Returns the exit status.

    Writes a failure or a cancellation to the end of the journal. Raises Busy if another worker has the plan, OSError or
    msgspec.MsgspecError if the plan cannot be read.
    """
    with _locked(folder) as lock:
        plan = plans.read(folder)
        runner = CommandRunner(interrupt, lock, secrets_of(plan))
        report = Report(folder, runner.print_line)
        work = WorkerContext(folder, plan, Staging(plan), runner, report, interrupt)
        with suppress(OSError):
            journal.reserve(folder)
        try:
            _revert(work) if revert_upgrade else _carry_out(work, ORDER[: ORDER.index(until) + 1])
            return DONE
        except Cancelled:
            return _cancelled(work)
        except Exception as error:  # noqa: BLE001 - the journal must record any failure
            return _failed(work, error)
        finally:
            with suppress(OSError):
                journal.release(folder)


def _carry_out(work: WorkerContext, steps: tuple[Step, ...]) -> None:
    discard_earlier_swap(work.folder)
    for step in steps:
        work.interrupt.check()
        work.report.step = step
        if step != "check" and is_registered(work.folder, work.plan):
            work.report.skipped()
        else:
            _STEPS[step](work)
    if is_registered(work.folder, work.plan):
        with suppress(OSError):
            remove(work.staging.folder)


def _revert(work: WorkerContext) -> None:
    work.report.step = "register"
    with work.interrupt.shielded():
        if revert(work.folder, work.plan):
            work.report.note(Text("已换回原来的版本", "The former version is back in its place"))
        remove(work.staging.folder)


def _check(work: WorkerContext) -> None:
    work.report.begin("check", STEPS["check"])
    check(work)
    work.report.done()


def _fetch(work: WorkerContext) -> None:
    """Everything that is downloaded from a source, also for services: what cannot be had is known before minutes of other work.
    The main program comes first, because the services lie in its folder."""
    commit = components.fetched_commit(work, work.plan.main)
    if commit is not None and all(components.fetched_commit(work, s) is not None for s in work.plan.services):
        work.report.skipped(commit)
        return
    work.report.begin("fetch", STEPS["fetch"])
    parts = len(work.plan.components)
    for number, component in enumerate(work.plan.components):
        work.interrupt.check()
        on_progress = progress_part(work.report.progress, number / parts, (number + 1) / parts)
        if component is not work.plan.main:
            _fetch_service(work, component, on_progress)
        elif commit is None:
            commit = components.fetch(work, component, on_progress, work.report.note)
    work.report.done(commit or "")


def _fetch_service(work: WorkerContext, service: Component, on_whole_progress: ProgressCallback) -> None:
    if components.fetched_commit(work, service) is not None:
        return
    report = work.report.of(service.name)

    def on_progress(done: float) -> None:
        report.progress(_FETCHED * done)
        on_whole_progress(done)

    report.begin("fetch", Text(f"获取 {service.name}", f"Fetching {service.name}"))
    components.fetch(work, service, on_progress, report.note)
    report.progress(_FETCHED)


def _environment(work: WorkerContext) -> None:
    _unless_installed(work, "environment", python.create)


def _dependencies(work: WorkerContext) -> None:
    _unless_installed(work, "dependencies", python.install)


def _unless_installed(
    work: WorkerContext, step: Step, act: Callable[[WorkerContext, Component, ProgressCallback], None]
) -> None:
    if python.installed(work, work.plan.main):
        work.report.skipped()
        return
    work.report.begin(step, STEPS[step])
    act(work, work.plan.main, work.report.progress)
    work.report.done()


def _services(work: WorkerContext) -> None:
    services = work.plan.services
    if not services:
        work.report.skipped()
        return
    work.report.begin("services", STEPS["services"])
    for number, service in enumerate(services):
        work.interrupt.check()
        on_whole_progress = progress_part(
            work.report.progress, number / len(services), (number + 1) / len(services)
        )
        _service(work, service, on_whole_progress)
    work.report.done()


def _service(work: WorkerContext, service: Component, on_whole_progress: ProgressCallback) -> None:
    report = work.report.of(service.name)

    def on_progress(done: float) -> None:
        report.progress(done)
        on_whole_progress(done)

    if python.installed(work, service):
        report.skipped()
        on_whole_progress(1)
        return
    report.begin("services", Text(f"安装 {service.name}", f"Installing {service.name}"))
    python.create(work, service, progress_part(on_progress, _FETCHED, 0.5))
    python.install(work, service, progress_part(on_progress, 0.5, 1))
    report.done()


def _configure(work: WorkerContext) -> None:
    work.report.begin("configure", STEPS["configure"])
    configure(work)
    work.report.done()


def _register(work: WorkerContext) -> None:
    work.report.begin("register", STEPS["register"])
    register(work)
    work.report.done()


_STEPS: dict[Step, Callable[[WorkerContext], None]] = {
    "check": _check,
    "fetch": _fetch,
    "environment": _environment,
    "dependencies": _dependencies,
    "services": _services,
    "configure": _configure,
    "register": _register,
}


def _cancelled(work: WorkerContext) -> int:
    with work.interrupt.shielded():
        work.runner.print_line("━━ 正在取消 · Cancelling")
        if is_registered(work.folder, work.plan):
            return DONE  # too late: the tree is in its place already
        try:
            remove(work.staging.folder)
        except OSError as error:
            work.report.note(
                Text(f"暂存文件夹未能清除：{error}", f"Cannot remove the staging folder: {error}")
            )
        work.report.end(Entry(kind="cancelled", step=work.report.step, zh="已取消", en="Cancelled"))
    return CANCELLED


def _failed(work: WorkerContext, error: Exception) -> int:
    """Writes the failure to the journal. The staging folder stays, for a retry."""
    reason, lines = _reason(work, error)
    code = reason.code if reason.code in _CODES else Code.DEPLOYMENT_FAILED
    with work.interrupt.shielded():
        if not isinstance(error, LauncherError | StepFailed | OSError):
            work.runner.print_line(traceback.format_exc())
        work.runner.print_line(f"━━ 失败 · Failed\n   {reason.text.zh}\n   {reason.text.en}")
        work.report.end(
            Entry(
                kind="failed",
                step=work.report.step,
                code=code,
                zh=reason.text.zh,
                en=reason.text.en,
                lines=lines,
            )
        )
    return FAILED


def _reason(work: WorkerContext, error: Exception) -> tuple[LauncherError, tuple[str, ...]]:
    if isinstance(error, StepFailed):
        return error.error, error.lines
    if isinstance(error, LauncherError):
        return error, ()
    if isinstance(error, OSError) and files.is_full(error):
        return disk_full_error(work.staging.folder), ()
    if isinstance(error, LeadsOutside):
        return InvalidPath(
            f"{error.filename} 指向文件夹之外", f"{error.filename} leads out of its folder"
        ), ()
    reason = f"{type(error).__name__}: {error}"
    return DeploymentFailed(f"部署出错：{reason}", f"The deployment failed: {reason}"), ()


@contextmanager
def _locked(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + LOCK_WITHIN_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Busy from None
                time.sleep(0.05)
        yield descriptor
    finally:
        os.close(descriptor)
