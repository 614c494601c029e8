"""The worker: carries out a plan, step by step. Each step looks at what is there, so that it may be killed at any moment and
run again."""

import errno
import fcntl
import os
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mailauncher.bots.deploying import components, python
from mailauncher.bots.deploying import plan as plans
from mailauncher.bots.deploying.check import check
from mailauncher.bots.deploying.command import Runner
from mailauncher.bots.deploying.configure import configure
from mailauncher.bots.deploying.git import full
from mailauncher.bots.deploying.interrupt import Cancelled, Interrupt
from mailauncher.bots.deploying.journal import Entry
from mailauncher.bots.deploying.plan import Component, Step
from mailauncher.bots.deploying.register import forget_earlier, register, registered, revert
from mailauncher.bots.deploying.report import STEPS, Report, Share, StepFailed, part
from mailauncher.bots.deploying.staging import Staging, remove
from mailauncher.bots.deploying.work import Work, secrets_of
from mailauncher.errors import Code, DeploymentFailed, LauncherError, Text

DONE, FAILED, CANCELLED = 0, 1, 130
LOCK_FILE = "worker.lock"
LOCK_WITHIN_S = 5.0
"""A worker that was killed leaves commands that are still dying: the lock is theirs until they are gone."""
BALLAST_FILE = "ballast"
BALLAST_BYTES = 64 << 10
"""Given back when the disk is full, so that the journal can say so."""

ORDER: tuple[Step, ...] = (
    "check",
    "fetch",
    "environment",
    "dependencies",
    "services",
    "configure",
    "register",
)
_CODES = frozenset({Code.DOWNLOAD_FAILED, Code.VERSION_NOT_FOUND, Code.INSUFFICIENT_SPACE, Code.INVALID_PATH})
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Busy(Exception):
    """Another worker has the plan."""


def run(folder: Path, interrupt: Interrupt, *, until: Step = "register", back: bool = False) -> int:
    """Carries out the plan of a folder, as far as a step; `back`: takes an upgrade back instead. Returns the exit status.

    How it ended stands at the end of the journal, unless it did what it was asked to, or could not begin: another worker
    has the plan (Busy), or it cannot be read (OSError, msgspec.MsgspecError).
    """
    with _locked(folder) as lock:
        plan = plans.read(folder)
        runner = Runner(interrupt, lock, secrets_of(plan))
        report = Report(folder, runner.say)
        work = Work(folder, plan, Staging(plan), runner, report, interrupt)
        _keep_ballast(folder)
        try:
            _go_back(work) if back else _go(work, ORDER[: ORDER.index(until) + 1])
            return DONE
        except Cancelled:
            return _cancelled(work)
        except Exception as error:  # noqa: BLE001 - whatever it is, the journal must not end in the air
            return _failed(work, error)
        finally:
            with suppress(OSError):
                (folder / BALLAST_FILE).unlink(missing_ok=True)


def _go(work: Work, steps: tuple[Step, ...]) -> None:
    forget_earlier(work.folder)
    for step in steps:
        work.interrupt.check()
        work.report.step = step
        if step != "check" and registered(work.folder, work.plan):
            work.report.skipped()
        else:
            _STEPS[step](work)
    if registered(work.folder, work.plan):
        with suppress(OSError):
            remove(work.staging.folder)


def _go_back(work: Work) -> None:
    work.report.step = "register"
    with work.interrupt.shielded():
        if revert(work.folder, work.plan):
            work.report.note(Text("已换回原来的版本", "The former version stands in its place again"))
        remove(work.staging.folder)


def _check(work: Work) -> None:
    work.report.begin("check", STEPS["check"])
    check(work)
    work.report.done()


def _fetch(work: Work) -> None:
    main = work.plan.main
    if (commit := components.fetched(work, main)) is not None:
        work.report.skipped(commit)
        return
    work.report.begin("fetch", STEPS["fetch"])
    work.report.done(components.fetch(work, main, work.report.share, work.report.note))


def _environment(work: Work) -> None:
    _unless_installed(work, "environment", python.create)


def _dependencies(work: Work) -> None:
    _unless_installed(work, "dependencies", python.install)


def _unless_installed(work: Work, step: Step, act: Callable[[Work, Component, Share], None]) -> None:
    if python.installed(work, work.plan.main):
        work.report.skipped()
        return
    work.report.begin(step, STEPS[step])
    act(work, work.plan.main, work.report.share)
    work.report.done()


def _services(work: Work) -> None:
    services = work.plan.services
    if not services:
        work.report.skipped()
        return
    work.report.begin("services", STEPS["services"])
    for number, service in enumerate(services):
        work.interrupt.check()
        whole = part(work.report.share, number / len(services), (number + 1) / len(services))
        _service(work, service, whole)
    work.report.done()


def _service(work: Work, service: Component, whole: Share) -> None:
    report = work.report.of(service.name)

    def share(done: float) -> None:
        report.share(done)
        whole(done)

    fetched = components.fetched(work, service) is not None
    if fetched and python.installed(work, service):
        report.skipped()
        whole(1)
        return
    report.begin("services", Text(f"安装 {service.name}", f"Installing {service.name}"))
    if not fetched:
        components.fetch(work, service, part(share, 0, 0.4), report.note)
    python.create(work, service, part(share, 0.4, 0.5))
    python.install(work, service, part(share, 0.5, 1))
    report.done()


def _configure(work: Work) -> None:
    work.report.begin("configure", STEPS["configure"])
    configure(work)
    work.report.done()


def _register(work: Work) -> None:
    work.report.begin("register", STEPS["register"])
    register(work)
    work.report.done()


_STEPS: dict[Step, Callable[[Work], None]] = {
    "check": _check,
    "fetch": _fetch,
    "environment": _environment,
    "dependencies": _dependencies,
    "services": _services,
    "configure": _configure,
    "register": _register,
}


def _cancelled(work: Work) -> int:
    with work.interrupt.shielded():
        work.runner.say("━━ 正在取消 · Cancelling")
        if registered(work.folder, work.plan):
            return DONE  # too late: it stands there, whole
        try:
            remove(work.staging.folder)
        except OSError as error:
            work.report.note(
                Text(f"暂存文件夹未能清除：{error}", f"The staging folder could not be removed: {error}")
            )
        work.report.end(Entry(kind="cancelled", step=work.report.step, zh="已取消", en="Cancelled"))
    return CANCELLED


def _failed(work: Work, error: Exception) -> int:
    """Staging stays, for a retry."""
    reason, lines = _reason(work, error)
    code = reason.code if reason.code in _CODES else Code.DEPLOYMENT_FAILED
    with work.interrupt.shielded():
        if not isinstance(error, LauncherError | StepFailed | OSError):
            work.runner.say(traceback.format_exc())
        work.runner.say(f"━━ 失败 · Failed\n   {reason.text.zh}\n   {reason.text.en}")
        (work.folder / BALLAST_FILE).unlink(missing_ok=True)
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


def _reason(work: Work, error: Exception) -> tuple[LauncherError, tuple[str, ...]]:
    if isinstance(error, StepFailed):
        return error.error, error.lines
    if isinstance(error, LauncherError):
        return error, ()
    if isinstance(error, OSError) and error.errno in _FULL:
        return full(work.staging.folder), ()
    said = f"{type(error).__name__}: {error}"
    return DeploymentFailed(f"部署出错：{said}", f"The deployment failed: {said}"), ()


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


def _keep_ballast(folder: Path) -> None:
    with suppress(OSError):
        (folder / BALLAST_FILE).write_bytes(os.urandom(BALLAST_BYTES))
