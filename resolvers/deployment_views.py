"""A deployment as clients see it: its row, its plan and its journal put together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from mailauncher.bots.deploying import journal, plan
from mailauncher.bots.deploying.plan import Plan, Step
from mailauncher.errors import Code, Text
from mailauncher.store.records import DeploymentRecord, DeploymentStatus
from resolvers.views import ComponentProgress, DeploymentFailure, DeploymentView

LOGS = 1000
_SAID: frozenset[journal.Kind] = frozenset({"begun", "log", "skipped", "failed", "cancelled", "completed"})

STEPS: dict[Step, Text] = {
    "check": Text("检查环境", "Checking what is needed"),
    "fetch": Text("获取代码", "Getting the files"),
    "environment": Text("创建 Python 环境", "Making a Python environment"),
    "dependencies": Text("安装依赖", "Installing dependencies"),
    "services": Text("安装服务", "Installing services"),
    "stop": Text("停止实例", "Stopping the instance"),
    "configure": Text("写入配置", "Writing the configuration"),
    "register": Text("放到目标位置", "Putting it into its place"),
    "start": Text("启动实例", "Starting the instance"),
}
_WAITING = Text("排队等待其他部署", "Waiting for other deployments")
_BEGINNING = Text("即将开始", "About to begin")
_DONE = Text("部署完成", "Done")
_CANCELLED = Text("已取消", "Cancelled")


@dataclass(frozen=True, slots=True)
class Reading:
    """A deployment's files at one moment. `plan` is None when it cannot be read; `last` is the kind of the newest entry."""

    plan: Plan | None = None
    cursor: int = 0
    last: journal.Kind | None = None
    state: journal.State = field(default_factory=journal.State)
    progress: int = 0
    logs: tuple[tuple[int, Text], ...] = ()
    """The newest sentences, each with the cursor of its entry."""

    def logs_after(self, cursor: int) -> tuple[Text, ...]:
        return tuple(text for at, text in self.logs if at > cursor)


def read(folder: Path) -> Reading:
    """Blocks. Never raises: what cannot be read is empty."""
    try:
        found: Plan | None = plan.read(folder)
    except (OSError, msgspec.MsgspecError, ValueError, RecursionError):
        found = None
    try:
        numbered = journal.read(folder)
    except OSError:
        numbered = []
    entries = [entry for _, entry in numbered]
    said = [(at, entry.text) for at, entry in numbered if entry.kind in _SAID and (entry.zh or entry.en)]
    return Reading(
        plan=found,
        cursor=numbered[-1][0] if numbered else 0,
        last=entries[-1].kind if entries else None,
        state=journal.state(entries),
        progress=journal.progress(entries, found.weights if found else {}),
        logs=tuple(said[-LOGS:]),
    )


def view(record: DeploymentRecord, reading: Reading, services: Sequence[str]) -> DeploymentView:
    """`services` are the names of those that the instance has, whether they are installed or came with the bot."""
    state = reading.state
    components = reading.plan.components if reading.plan else ()
    todo = tuple(c.install.todo.text for c in components if c.install.todo)
    ended = record.status in (DeploymentStatus.COMPLETED, DeploymentStatus.CANCELLED)
    installed = [component.name for component in components[1:]]
    names = [*installed, *(name for name in services if name not in installed)]
    return DeploymentView(
        instance_id=record.instance_id,
        name=record.name,
        kind=record.kind,
        status=record.status,
        progress=100 if record.status is DeploymentStatus.COMPLETED else min(99, reading.progress),
        step=None if ended else state.step,
        message=_message(record, reading),
        version=record.version,
        commit=record.commit or state.commit,
        logs=tuple(text for _, text in reading.logs),
        services=tuple(_component(record, reading, name, installed) for name in names),
        created_at=record.created_at,
        ended_at=record.ended_at,
        failure=failure(record, reading),
        todo=todo,
        cursor=reading.cursor,
    )


def failure(record: DeploymentRecord, reading: Reading) -> DeploymentFailure | None:
    if record.status is not DeploymentStatus.FAILED:
        return None
    entry = reading.state.failure
    if entry is None:
        unknown = Text(
            "部署中断，原因未能记录", "It was interrupted, and the cause could not be written down"
        )
        return DeploymentFailure(reading.state.step, Code.DEPLOYMENT_FAILED, unknown, ())
    return DeploymentFailure(
        entry.step or reading.state.step, entry.code or Code.DEPLOYMENT_FAILED, entry.text, entry.lines
    )


def _message(record: DeploymentRecord, reading: Reading) -> Text:
    match record.status:
        case DeploymentStatus.PENDING:
            return _WAITING
        case DeploymentStatus.COMPLETED:
            return _DONE
        case DeploymentStatus.CANCELLED:
            return _CANCELLED
        case DeploymentStatus.FAILED:
            found = failure(record, reading)
            assert found is not None
            return found.text
        case _:
            step = reading.state.step
            return STEPS[step] if step else _BEGINNING


def _component(
    record: DeploymentRecord, reading: Reading, name: str, installed: Sequence[str]
) -> ComponentProgress:
    """One that came in the bot's own tree is there when that is."""
    own = reading.state.components.get(name, journal.ComponentState())
    share, text = own.share, own.text
    status = DeploymentStatus(own.status)
    if name not in installed:
        share = reading.state.shares.get("fetch", 0.0)
        status = DeploymentStatus.INSTALLING if share else DeploymentStatus.PENDING
        if share == 1.0:
            status = DeploymentStatus.COMPLETED
    if record.status is DeploymentStatus.COMPLETED:
        share, status = 1.0, DeploymentStatus.COMPLETED
    elif record.status in (DeploymentStatus.CANCELLED, DeploymentStatus.FAILED) and share < 1.0:
        status = record.status if share or record.status is DeploymentStatus.CANCELLED else status
    elif record.under_way and status in (DeploymentStatus.FAILED, DeploymentStatus.CANCELLED):
        status = DeploymentStatus.PENDING  # it is tried again
    return ComponentProgress(name, status, int(100 * share), text if any(text) else _STATES[status])


_STATES = {
    DeploymentStatus.PENDING: Text("等待安装", "Waiting"),
    DeploymentStatus.INSTALLING: Text("正在安装", "Being installed"),
    DeploymentStatus.COMPLETED: Text("已安装", "Installed"),
    DeploymentStatus.FAILED: Text("安装失败", "Failed"),
    DeploymentStatus.CANCELLED: Text("已取消", "Cancelled"),
}
