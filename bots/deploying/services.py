"""The services of a deployment: fetched and installed one by one. One that fails is left out."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bots.deploying import components, python
from bots.deploying.failures import reason_of
from bots.deploying.plan import Component
from bots.deploying.register import is_occupied
from bots.deploying.report import STEPS, ProgressCallback, progress_part
from bots.deploying.worker_context import WorkerContext
from mailauncher.errors import Code, InvalidPath, LauncherError, Text

_FETCHED = 0.4
"""The share of a service that is done once it is fetched."""


@contextmanager
def optional(work: WorkerContext, component: Component) -> Iterator[None]:
    """A service that fails in the block is left out of the deployment, and the journal says why: a bot without NapCat is better
    than none, and the service can be added later.

    Not for a full disk, which fails whatever comes next as well; nor for upgrades and clones, whose originals have the service;
    nor for a service that is part of the bot's own tree.
    """
    try:
        yield
    except Exception as error:
        failure = reason_of(work, error)
        if not _may_be_missing(work, component) or failure.error.code is Code.INSUFFICIENT_SPACE:
            raise
        if work.components == (component,) and not work.placed:  # there is nothing else to go on with
            raise
        with suppress(LauncherError):  # a link leads out of the tree, so nothing was put there
            work.staging.discard(component)
        work.missing[component.name] = failure
        work.report.of(component.name).missing(failure)


def _may_be_missing(work: WorkerContext, component: Component) -> bool:
    install, source = component.install, component.source
    own_files = source.git or source.folder or install.archives or install.bundled
    return bool(component.place and own_files) and work.plan.kind in ("deploy", "services")


def fetch(work: WorkerContext, service: Component, on_whole_progress: ProgressCallback) -> None:
    """Puts the service's files into the tree."""
    if components.fetched_commit(work, service) is not None:
        return
    report = work.report.of(service.name)

    def on_progress(done: float) -> None:
        report.progress(_FETCHED * done)
        on_whole_progress(done)

    report.begin("fetch", Text(f"获取 {service.name}", f"Fetching {service.name}"))
    with optional(work, service):
        if work.plan.kind == "services" and is_occupied(Path(work.plan.folder, service.place)):
            raise place_taken(work, service)  # the last step would say so, too late
        components.fetch(work, service, on_progress, report.note)
        report.progress(_FETCHED)


def place_taken(work: WorkerContext, service: Component) -> InvalidPath:
    """An installed bot has something in the place of a service that is added to it."""
    place = Path(work.plan.folder, service.place)
    return InvalidPath(
        f"{place} 已存在且不为空：请移走它后重试",
        f"{place} already exists and is not empty: move it away and retry",
    )


def install_all(work: WorkerContext) -> None:
    """The step `services`."""
    services = work.services
    if not services:
        work.report.skipped()
        return
    work.report.begin("services", STEPS["services"])
    for number, service in enumerate(services):
        work.interrupt.check()
        on_whole_progress = progress_part(
            work.report.progress, number / len(services), (number + 1) / len(services)
        )
        with optional(work, service):
            _install(work, service, on_whole_progress)
    work.report.done()


def _install(work: WorkerContext, service: Component, on_whole_progress: ProgressCallback) -> None:
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
