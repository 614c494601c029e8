"""What becomes of an instance that gets another version: a whole new tree is made while it runs, then the two change places.

The new one must get ready, else the old one comes back by itself. The tree that was replaced stays beside it, so that an
upgrade can be taken back by hand: that is the same with the former tree for a new one.
"""

import asyncio
import contextlib
import logging
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from mailauncher.bots import consent
from mailauncher.bots.deploying import journal as steps
from mailauncher.bots.deploying.plan import Plan
from mailauncher.bots.deploying.register import registered, reverted
from mailauncher.bots.deploying.staging import Staging, remove
from mailauncher.errors import DeploymentFailed, LauncherError, Text
from mailauncher.launch import Readiness
from mailauncher.store.records import DeploymentRecord, DeploymentStatus, InstanceRecord
from resolvers import deployment_views
from resolvers.deployment_views import Reading
from resolvers.fleet import Mark
from resolvers.installing import INSTALLING, START_WITHIN_S, STOP_WITHIN_S
from resolvers.jobs import Carrier, Ended, Job, failed, removed
from terminals import readiness
from terminals.crew import MAIN
from terminals.states import State

log = logging.getLogger(__name__)

STARTS = 4
"""MaiBot up to 0.9 ends with code 0 at the first start of another version, once it has rewritten its configuration."""
CHANGE_FILE = "change.json"
FORMER_FILE = "former.json"
ENVIRONMENT_FILE = "first_start.json"

Backup = Callable[[str], Awaitable[str]]
"""Makes a backup of an instance, and returns its id."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An instance before and after. `environment` is that of the first start; `back`: the new tree is the former one."""

    before: InstanceRecord
    after: InstanceRecord
    environment: dict[str, str] = {}
    back: bool = False
    backup: str = ""
    """The backup that was made before anything else; empty until it was."""


def write(file: Path, value: object) -> None:
    """Whole or not at all. Raises OSError."""
    unfinished = file.with_name(f".{file.name}")
    unfinished.touch(mode=0o600)
    unfinished.write_bytes(msgspec.json.encode(value))
    unfinished.rename(file)


def read_change(folder: Path) -> Change:
    """Raises DeploymentFailed."""
    try:
        return msgspec.json.decode((folder / CHANGE_FILE).read_bytes(), type=Change)
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise DeploymentFailed(
            f"无法读取升级记录：{error}", f"The record of the upgrade cannot be read: {error}"
        ) from error


def read_former(folder: Path) -> InstanceRecord | None:
    """What the instance was when the tree that is kept was its own; None when none is kept."""
    try:
        return msgspec.json.decode((folder / FORMER_FILE).read_bytes(), type=InstanceRecord)
    except (OSError, msgspec.MsgspecError, ValueError):
        return None


class Upgrading:
    """Upgrades and ways back. From its stop until the end the instance is listed as `installing`; before it runs as ever."""

    def __init__(self, carrier: Carrier, folder: Callable[[str], Path]) -> None:
        self._carrier = carrier
        self._folder = folder
        self.backup: Backup
        carrier.fleet.on_first_start = self._started

    def recall(self, record: DeploymentRecord, reading: Reading) -> Mark | None:
        """What the instance is listed as when a server starts."""
        halted = "stop" in reading.state.shares
        unfinished = record.under_way or (
            record.status is DeploymentStatus.CANCELLED and record.ended_at is None
        )
        return INSTALLING if halted and unfinished else None

    async def recall_first_start(self, instance_id: str, folder: Path) -> None:
        """The environment of a first start that has not been yet."""
        with contextlib.suppress(OSError, msgspec.MsgspecError, ValueError):
            content = await asyncio.to_thread((folder / ENVIRONMENT_FILE).read_bytes)
            self._carrier.fleet.first_start[instance_id] = msgspec.json.decode(content, type=dict[str, str])

    def _started(self, instance_id: str) -> None:
        file = self._folder(instance_id) / ENVIRONMENT_FILE
        self._carrier.fleet.chore(asyncio.to_thread(removed, file))

    # Forward

    async def carry_out(self, job: Job) -> None:
        """From the start, or from wherever it is. Raises Ended, LauncherError."""
        carrier = self._carrier
        await carrier.meet(job)
        state = job.reading.state
        if state.ended == "failed":
            raise Ended
        if state.ended == "completed":
            carrier.fleet.mark(job.id, None)
            return
        change = await asyncio.to_thread(read_change, job.folder)
        if not await asyncio.to_thread(registered, job.folder, job.plan):
            await self._build(job, change)
            await self._require_consent(job, change)
            await self._halt(job)
            await carrier.work(job)
        await self._take_effect(job, change)
        await self._try_out(job)
        done = Text(f"已换到 {change.after.version}", f"It is {change.after.version} now")
        await carrier.say(job, steps.Entry(kind="completed", zh=done.zh, en=done.en))
        carrier.fleet.mark(job.id, None)

    async def _build(self, job: Job, change: Change) -> None:
        """A whole tree beside the one that may run meanwhile."""
        carrier = self._carrier
        if change.back:
            await asyncio.to_thread(_bring_former, job.plan)
            return
        if not change.backup and not carrier.terminal(job).alive:
            made = msgspec.structs.replace(change, backup=await self.backup(job.id))
            await asyncio.to_thread(write, job.folder / CHANGE_FILE, made)
            zh, en = f"已备份：{made.backup}", f"Backup made: {made.backup}"
            await carrier.say(job, steps.Entry(kind="log", step="check", zh=zh, en=en))
        await carrier.work(job, "--until", "services")

    async def _require_consent(self, job: Job, change: Change) -> None:
        """A version with other terms would not start without a word of the user's. Raises DeploymentFailed."""
        plan = job.plan
        if plan.consent or change.back or not self._carrier.instance(job).wanted:
            return
        recipe = self._carrier.catalogue.get(change.after.recipe).of(change.after.version)
        new = await asyncio.to_thread(consent.changed, Staging(plan).tree, Path(plan.folder), recipe.consent)
        if new:
            names = ", ".join(new)
            raise DeploymentFailed(
                f"版本 {change.after.version} 的条款（{names}）与已同意的不同：阅读后用 mailauncher accept 或 acceptTerms 表示同意，再重试",
                f"Version {change.after.version} has other terms than those accepted ({names}): read them, accept them by "
                "`mailauncher accept` or acceptTerms, and try again",
            )

    async def _halt(self, job: Job) -> None:
        """Stops the instance, and lets nobody start it. Raises DeploymentFailed."""
        carrier, began = self._carrier, time.monotonic()
        words = deployment_views.STEPS["stop"]
        await carrier.say(job, steps.Entry(kind="begun", step="stop", zh=words.zh, en=words.en))
        carrier.fleet.mark(job.id, INSTALLING)
        await self._stop(job)
        seconds = time.monotonic() - began
        await carrier.say(job, steps.Entry(kind="done", step="stop", seconds=seconds))

    async def _stop(self, job: Job) -> None:
        crew = self._carrier.crew(job)
        if not await crew.stop().wait(STOP_WITHIN_S):
            raise DeploymentFailed("实例没有停止", "The instance does not stop")

    async def _take_effect(self, job: Job, change: Change) -> None:
        """The new tree is in its place: it is what is known of the instance from now on."""
        # Its worker may have been killed after it had put the tree there.
        await asyncio.to_thread(removed, Path(job.plan.staging))
        await asyncio.to_thread(write, job.folder / FORMER_FILE, change.before)
        await self._adopt(job, change.after)
        if change.environment:
            await asyncio.to_thread(write, job.folder / ENVIRONMENT_FILE, change.environment)
            self._carrier.fleet.first_start[job.id] = change.environment
        else:
            await self._forget_environment(job)

    async def _adopt(self, job: Job, record: InstanceRecord) -> None:
        """What was wanted to run still is; a service that is new, when the main program is."""
        now = self._carrier.instance(job)
        services = tuple(
            msgspec.structs.replace(new, wanted=old.wanted if (old := now.service(new.name)) else now.wanted)
            for new in record.services
        )
        changed = msgspec.structs.replace(now, version=record.version, services=services)
        if changed != now:
            await self._carrier.fleet.replace(changed)

    async def _forget_environment(self, job: Job) -> None:
        self._carrier.fleet.first_start.pop(job.id, None)
        await asyncio.to_thread(removed, job.folder / ENVIRONMENT_FILE)

    # Trying it out

    async def _try_out(self, job: Job) -> None:
        """Starts what was meant to run, and waits for it to get ready. Raises Ended."""
        carrier, began = self._carrier, time.monotonic()
        if not self._wanted(job):
            await carrier.say(job, steps.Entry(kind="skipped", step="start"))
            return
        words = deployment_views.STEPS["start"]
        await carrier.say(job, steps.Entry(kind="begun", step="start", zh=words.zh, en=words.en))
        problem = await self._start(job)
        if problem is not None:
            reason, lines = problem
            version = carrier.instance(job).version
            text = Text(
                f"{version} 没有就绪：{reason.zh}。正在换回原来的版本",
                f"{version} did not get ready: {reason.en}. The former version comes back",
            )
            await carrier.say(job, failed(text, step="start", lines=lines))
            raise Ended
        seconds = time.monotonic() - began
        await carrier.say(job, steps.Entry(kind="done", step="start", seconds=seconds))

    def _wanted(self, job: Job) -> list[str]:
        record = self._carrier.instance(job)
        services = [service.name for service in record.services if service.wanted]
        return [*([MAIN] if record.wanted else []), *services]

    async def _start(self, job: Job) -> tuple[Text, tuple[str, ...]] | None:
        """None once it is ready; else why it is not, and what it printed last."""
        carrier = self._carrier
        record, crew = carrier.instance(job), carrier.crew(job)
        wanted = carrier.catalogue.get(record.recipe).of(record.version).ready
        within_s = wanted.within_s if wanted else START_WITHIN_S
        deadline = time.monotonic() + within_s
        main = crew.main
        for _ in range(STARTS):
            was_running = main.alive
            with contextlib.suppress(
                LauncherError
            ):  # its failure says more; that of a service is the service's own
                await crew.start(self._wanted(job)).wait(max(0.0, deadline - time.monotonic()))
            if main.state is State.FAILED and main.failure is not None and main.failure.exit_code == 0:
                continue
            if not record.wanted or (main.state is State.RUNNING and wanted is None):
                return None
            if was_running and main.ready is None and wanted is not None:  # a former server had started it
                port = record.port if wanted.port else 0
                again = Readiness(port=port, line=wanted.line, within_s=within_s)
                if await readiness.reached(crew.client, MAIN, main.terminal.start, again):
                    return None
            await crew.pulse.until(
                lambda: main.ready is True or main.state in (State.FAILED, State.STOPPED),
                max(0.0, deadline - time.monotonic()),
            )
            if main.ready:
                return None
            if main.state is not State.STOPPED:
                break
        if main.failure is not None:
            return main.failure.reason, main.failure.last_lines
        late = Text(f"{within_s:g} 秒内没有就绪", f"it was not ready within {within_s:g} s")
        return late, await main.terminal.last_lines()

    # Back

    async def failed(self, job: Job) -> None:
        """The old tree stands where it stood, and what ran runs again."""
        await self._restore(job)
        if job.reading.plan is not None:
            await asyncio.to_thread(removed, reverted(job.reading.plan))

    async def undo(self, job: Job) -> None:
        """The same, and nothing of the new tree is left."""
        await self._restore(job)
        plan = job.reading.plan
        if plan is not None:
            await asyncio.to_thread(removed, Path(plan.staging))
            await asyncio.to_thread(removed, reverted(plan))

    async def _restore(self, job: Job) -> None:
        carrier, state = self._carrier, job.reading.state
        change = await asyncio.to_thread(read_change, job.folder)
        halted = carrier.fleet.marked(job.id) is not None
        if halted:
            await self._stop(job)
        if "register" in state.shares:
            with contextlib.suppress(Ended):  # the journal says why
                await carrier.work(job, "--revert")
        if change.back and job.reading.plan is not None:
            await asyncio.to_thread(_keep_former, job.reading.plan)
        if halted:
            await self._adopt(job, change.before)
            await self._forget_environment(job)
            carrier.fleet.mark(job.id, None)
            if wanted := self._wanted(job):
                with contextlib.suppress(LauncherError):  # a failure of the instance's own
                    await carrier.crew(job).start(wanted).wait(START_WITHIN_S)


def _bring_former(plan: Plan) -> None:
    """A tree of links to the files of the one that is kept, as if it had been fetched. Nothing writes to them before it is
    in its place, and then the kept one is gone. Raises OSError, shutil.Error."""
    staging = Staging(plan)
    staging.make()
    if staging.marked("main.files") is None or not staging.tree.is_dir():
        made = staging.part()
        shutil.copytree(plan.former, made, symlinks=True, copy_function=_link)
        remove(staging.tree)
        made.rename(staging.tree)
        staging.mark("main.files", "")


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without such links
        shutil.copy2(source, target)


def _keep_former(plan: Plan) -> None:
    """After a way back that led nowhere the former tree is kept again. Raises OSError."""
    former, place = Path(plan.former), reverted(plan)
    if place.exists() and not former.exists():
        place.rename(former)
