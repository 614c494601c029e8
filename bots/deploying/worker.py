"""The worker: carries out a plan step by step. Each step checks what exists already, so that the worker can be killed at any
moment and run again."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bots.deploying import components, from_backup, journal, placing, python, services
from bots.deploying import plan as plans
from bots.deploying.check import check
from bots.deploying.command import CommandRunner
from bots.deploying.configure import configure
from bots.deploying.failures import reason_of
from bots.deploying.interrupt import Cancelled, Interrupt
from bots.deploying.journal import Entry
from bots.deploying.plan import Component, Step
from bots.deploying.register import discard_earlier_swap, is_registered, register, revert
from bots.deploying.report import STEPS, ProgressCallback, Report, progress_part
from bots.deploying.staging import Staging, remove
from bots.deploying.worker_context import WorkerContext, secrets_of
from mailauncher.errors import Text

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
    if work.plan.kind == "services":
        work.placed.update(placing.placed(work.plan, work.staging))
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
    wanted = work.components
    commits = {component.name: components.fetched_commit(work, component) for component in wanted}
    main = work.plan.main.name
    if all(commit is not None for commit in commits.values()) and from_backup.is_done(work):
        work.report.skipped(commits.get(main) or "")
        return
    work.report.begin("fetch", STEPS["fetch"])
    parts = len(wanted)
    for number, component in enumerate(wanted):
        work.interrupt.check()
        on_progress = progress_part(work.report.progress, number / parts, (number + 1) / parts)
        if component is not work.plan.main:
            services.fetch(work, component, on_progress)
        elif commits[main] is None:
            commits[main] = components.fetch(work, component, on_progress, work.report.note)
    from_backup.put(work)
    work.report.done(commits.get(main) or "")


def _environment(work: WorkerContext) -> None:
    _unless_installed(work, "environment", python.create)


def _dependencies(work: WorkerContext) -> None:
    _unless_installed(work, "dependencies", python.install)


def _unless_installed(
    work: WorkerContext, step: Step, act: Callable[[WorkerContext, Component, ProgressCallback], None]
) -> None:
    if work.plan.kind == "services" or python.installed(work, work.plan.main):
        work.report.skipped()
        return
    work.report.begin(step, STEPS[step])
    act(work, work.plan.main, work.report.progress)
    work.report.done()


def _configure(work: WorkerContext) -> None:
    work.report.begin("configure", STEPS["configure"])
    configure(work)
    work.report.done()


def _register(work: WorkerContext) -> None:
    work.report.begin("register", STEPS["register"])
    if work.plan.kind == "services":
        placing.place_all(work)
    else:
        register(work)
    work.report.done()


_STEPS: dict[Step, Callable[[WorkerContext], None]] = {
    "check": _check,
    "fetch": _fetch,
    "environment": _environment,
    "dependencies": _dependencies,
    "services": services.install_all,
    "configure": _configure,
    "register": _register,
}


def _cancelled(work: WorkerContext) -> int:
    with work.interrupt.shielded():
        work.runner.print_line("━━ 正在取消 · Cancelling")
        if is_registered(work.folder, work.plan):
            return DONE  # too late: the tree is in its place already
        try:
            if work.plan.kind == "services":
                placing.remove(work.plan, placing.placed(work.plan, work.staging))
            remove(work.staging.folder)
        except OSError as error:
            work.report.note(
                Text(f"暂存文件夹未能清除：{error}", f"Cannot remove the staging folder: {error}")
            )
        work.report.end(Entry(kind="cancelled", step=work.report.step, zh="已取消", en="Cancelled"))
    return CANCELLED


def _failed(work: WorkerContext, error: Exception) -> int:
    """Writes the failure to the journal. The staging folder stays, for a retry."""
    failure = reason_of(work, error)
    reason, lines = failure.error, failure.lines
    with work.interrupt.shielded():
        work.runner.print_line(f"━━ 失败 · Failed\n   {reason.text.zh}\n   {reason.text.en}")
        work.report.end(
            Entry(
                kind="failed",
                step=work.report.step,
                code=reason.code,
                zh=reason.text.zh,
                en=reason.text.en,
                lines=lines,
            )
        )
    return FAILED


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
