"""A deployment as clients see it, from its row, its plan and its journal."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from bots.deploying import journal, plan
from bots.deploying.plan import WEIGHTS, Plan, Step
from bots.launching import fill
from mailauncher.errors import Code, Text
from resolvers.deploying import estimates
from resolvers.views import ComponentProgress, DeploymentFailure, DeploymentView, Estimate, StepProgress
from store.records import DeploymentKind, DeploymentRecord, DeploymentStatus

LOGS = 1000
_SENTENCES: frozenset[journal.Kind] = frozenset(
    {"begun", "log", "skipped", "failed", "cancelled", "completed"}
)

STEPS: dict[Step, Text] = {
    "check": Text("检查环境", "Checking the environment"),
    "fetch": Text("获取代码", "Fetching the files"),
    "environment": Text("创建 Python 环境", "Creating a Python environment"),
    "dependencies": Text("安装依赖", "Installing dependencies"),
    "services": Text("安装服务", "Installing services"),
    "stop": Text("停止实例", "Stopping the instance"),
    "configure": Text("写入配置", "Writing the configuration"),
    "register": Text("放到目标位置", "Moving it into place"),
    "start": Text("启动实例", "Starting the instance"),
}
_WAITING = Text("排队等待其他部署", "Queued behind other deployments")
_BEGINNING = Text("即将开始", "Starting soon")
_DONE = Text("部署完成", "Done")
_CANCELLED = Text("已取消", "Cancelled")


@dataclass(frozen=True, slots=True)
class ProgressSnapshot:
    """A deployment's files at one moment. `plan` is None when it cannot be read; `last` is the kind of the newest entry."""

    plan: Plan | None = None
    size: int = 0
    """Bytes of the journal when it was read, or a little before."""
    cursor: int = 0
    last: journal.Kind | None = None
    state: journal.DeploymentState = field(default_factory=journal.DeploymentState)
    progress: int = 0
    active_at: int | None = None
    """When the newest entry was written, in milliseconds since 1970."""
    logs: tuple[tuple[int, Text], ...] = ()
    """The newest sentences, each with the cursor of its entry; at most LOGS."""

    def logs_after(self, cursor: int) -> tuple[Text, ...]:
        return tuple(text for at, text in self.logs if at > cursor)


def read(folder: Path) -> ProgressSnapshot:
    """Blocks. Never raises: what cannot be read counts as empty."""
    try:
        found: Plan | None = plan.read(folder)
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        found = None
    size = journal.size(
        folder
    )  # before the reading: what is added between the two shows as growth the next time
    try:
        numbered = journal.read(folder)
    except OSError:
        numbered = []
    entries = [entry for _, entry in numbered]
    sentences = [
        (at, entry.text) for at, entry in numbered if entry.kind in _SENTENCES and (entry.zh or entry.en)
    ]
    return ProgressSnapshot(
        plan=found,
        size=size,
        cursor=numbered[-1][0] if numbered else 0,
        last=entries[-1].kind if entries else None,
        active_at=entries[-1].at if entries else None,
        state=journal.state(entries),
        progress=journal.progress(entries, found.weights if found else {}),
        logs=tuple(sentences[-LOGS:]),
    )


def view(record: DeploymentRecord, snapshot: ProgressSnapshot, services: Sequence[str]) -> DeploymentView:
    """`services` are the names of the instance's services, whether they were installed or came with the bot."""
    state = snapshot.state
    components = snapshot.plan.components if snapshot.plan else ()
    todo = tuple(_todo(snapshot.plan, state.missing)) if snapshot.plan else ()
    ended = record.status in (DeploymentStatus.COMPLETED, DeploymentStatus.CANCELLED)
    installed = [component.name for component in components[1:]]
    others = [] if record.kind is DeploymentKind.SERVICES else services
    names = [*installed, *(name for name in others if name not in installed)]
    return DeploymentView(
        instance_id=record.instance_id,
        name=record.name,
        kind=record.kind,
        status=record.status,
        progress=100 if record.status is DeploymentStatus.COMPLETED else min(99, snapshot.progress),
        step=None if ended else state.step,
        message=_message(record, snapshot),
        version=record.version,
        commit=record.commit or state.commit,
        logs=tuple(text for _, text in snapshot.logs),
        services=tuple(_component(record, snapshot, name, installed) for name in names),
        created_at=record.created_at,
        ended_at=record.ended_at,
        failure=failure(record, snapshot),
        todo=todo,
        cursor=snapshot.cursor,
        active_at=snapshot.active_at,
        remaining=_remaining(record, snapshot),
        steps=tuple(_steps(snapshot)),
    )


def _steps(snapshot: ProgressSnapshot) -> Iterator[StepProgress]:
    planned = snapshot.plan.weights if snapshot.plan else {}
    for step in WEIGHTS:
        if step in planned:
            share = snapshot.state.shares.get(step, 0.0)
            yield StepProgress(step, int(100 * share), snapshot.state.seconds.get(step))


def _remaining(record: DeploymentRecord, snapshot: ProgressSnapshot) -> Estimate | None:
    """Of one that waits for others it is not known: theirs come first."""
    if record.status is not DeploymentStatus.INSTALLING or snapshot.plan is None:
        return None
    return estimates.remaining(snapshot.plan, snapshot.state)


def _todo(plan: Plan, missing: Collection[str]) -> Iterator[Text]:
    """What is left for the user to do. A clone has the keys and lists of its original, and shares things with it; after an
    upgrade it is only what could not be carried over, and a bot to which services were added has what it needs."""
    if plan.kind == "upgrade":
        yield from (task.text for task in plan.tasks)
        return
    for component in plan.services if plan.kind == "services" else plan.components:
        if plan.kind != "clone" and component.install.todo and component.name not in missing:
            yield component.install.todo.text
        if plan.kind == "clone" and (copied := component.install.copied):
            yield Text(fill(copied.zh, plan.ports), fill(copied.en, plan.ports))


def failure(record: DeploymentRecord, snapshot: ProgressSnapshot) -> DeploymentFailure | None:
    """Why it failed, or why the bot that it installed did not start, or lacks a service."""
    if record.status is DeploymentStatus.FAILED:
        entry = snapshot.state.failure
    elif record.status is DeploymentStatus.COMPLETED:
        entry = snapshot.state.problem or next(iter(snapshot.state.missing.values()), None)
        if entry is None:
            return None
    else:
        return None
    if entry is None:
        unknown = Text("部署中断，原因未能记录", "It was interrupted, and the cause could not be stored")
        return DeploymentFailure(snapshot.state.step, Code.DEPLOYMENT_FAILED, unknown, ())
    return DeploymentFailure(
        entry.step or snapshot.state.step, entry.code or Code.DEPLOYMENT_FAILED, entry.text, entry.lines
    )


def _message(record: DeploymentRecord, snapshot: ProgressSnapshot) -> Text:
    match record.status:
        case DeploymentStatus.PENDING:
            return _WAITING
        case DeploymentStatus.COMPLETED:
            return snapshot.state.text if snapshot.state.ended == "completed" else _DONE
        case DeploymentStatus.CANCELLED:
            return _CANCELLED
        case DeploymentStatus.FAILED:
            found = failure(record, snapshot)
            assert found is not None  # of one that has failed
            return found.text
        case _:
            step = snapshot.state.step
            return STEPS[step] if step else _BEGINNING


def _component(
    record: DeploymentRecord, snapshot: ProgressSnapshot, name: str, installed: Sequence[str]
) -> ComponentProgress:
    """The progress of one service. One that is part of the bot's own tree is installed as soon as that is fetched."""
    own = snapshot.state.components.get(name, journal.ComponentState())
    share, text = own.share, own.text
    status = DeploymentStatus(own.status)
    if name not in installed:
        share = snapshot.state.shares.get("fetch", 0.0)
        status = DeploymentStatus.INSTALLING if share else DeploymentStatus.PENDING
        if share == 1.0:
            status = DeploymentStatus.COMPLETED
    if record.status is DeploymentStatus.COMPLETED and own.missing is None:
        share, status = 1.0, DeploymentStatus.COMPLETED
    elif record.status in (DeploymentStatus.CANCELLED, DeploymentStatus.FAILED) and share < 1.0:
        status = record.status if share or record.status is DeploymentStatus.CANCELLED else status
    elif (
        record.under_way
        and own.missing is None
        and status in (DeploymentStatus.FAILED, DeploymentStatus.CANCELLED)
    ):
        status = DeploymentStatus.PENDING  # it is tried again
    return ComponentProgress(name, status, int(100 * share), text if any(text) else _STATES[status])


_STATES = {
    DeploymentStatus.PENDING: Text("等待安装", "Waiting"),
    DeploymentStatus.INSTALLING: Text("正在安装", "Installing"),
    DeploymentStatus.COMPLETED: Text("已安装", "Installed"),
    DeploymentStatus.FAILED: Text("安装失败", "Failed"),
    DeploymentStatus.CANCELLED: Text("已取消", "Cancelled"),
}
