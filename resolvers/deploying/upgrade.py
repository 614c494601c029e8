"""Upgrades and rollbacks: a complete new tree is made while the instance runs, and then replaces the old one.

If the new version does not get ready, the old one is restored automatically. The replaced tree is kept beside the new one for
a later rollback, which is an upgrade whose new tree is the former one.
"""

import asyncio
import contextlib
import logging
import time
from functools import partial
from pathlib import Path

import msgspec

from bots.deploying import copying
from bots.deploying import journal as steps
from bots.deploying.plan import Plan
from bots.deploying.register import earlier, is_registered, reverted
from bots.deploying.staging import Staging, remove
from bots.terms import accepted
from mailauncher import files
from mailauncher.errors import Code, DeploymentFailed, LauncherError, Text
from mailauncher.interruption import Check
from resolvers.archiving.backup_files import BackupFiles
from resolvers.deploying import missing, progress
from resolvers.deploying.install import INSTALLING, START_WITHIN_S, STOP_WITHIN_S, WEB_WITHIN_S
from resolvers.deploying.job import AlreadyFailed, Job, Runner, discard, failed
from resolvers.deploying.progress import ProgressSnapshot
from resolvers.running import web_pages
from resolvers.running.first_starts import FirstStarts
from resolvers.running.live_instances import StatusOverride
from resolvers.running.locks import Locks
from resolvers.running.starting import Problem, has_ended, wait_until_working
from resolvers.views import BackupReason
from store.records import DeploymentRecord, DeploymentStatus, InstanceRecord
from terminals.supervisor import MAIN

log = logging.getLogger(__name__)

STARTS = 4
"""Attempts to start. MaiBot up to 0.9 exits with code 0 at the first start of another version, after it has rewritten its
configuration."""
CHANGE_FILE = "change.json"
FORMER_FILE = "former.json"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An instance before and after. `environment` is for its first start; `back` means that the new tree is the former one."""

    before: InstanceRecord
    after: InstanceRecord
    environment: dict[str, str] = {}
    back: bool = False
    backup: str = ""
    """The id of the backup that is made before anything else; empty until then."""
    unproven: bool = False
    """Whether the version that is replaced had not got ready since it was installed by an upgrade."""
    had_page: bool = False
    """Whether its web pages answered until it was stopped, so that those of the new version have to."""


def write(file: Path, value: object) -> None:
    """As JSON, completely or not at all. Raises OSError."""
    files.write(file, msgspec.json.encode(value))


def read_change(folder: Path) -> Change:
    """Raises DeploymentFailed."""
    try:
        return msgspec.json.decode(files.read(folder / CHANGE_FILE), type=Change)
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise DeploymentFailed(
            f"无法读取升级记录：{error}", f"The record of the upgrade cannot be read: {error}"
        ) from error


def read_former(folder: Path) -> InstanceRecord | None:
    """The instance as it was with the former tree; None when no former tree is kept."""
    try:
        return msgspec.json.decode(files.read(folder / FORMER_FILE), type=InstanceRecord)
    except (OSError, msgspec.MsgspecError, ValueError):
        return None


class UpgradeHandler:
    """Before the step `stop` the instance runs as usual; from then until the end it has the status `installing`."""

    def __init__(self, runner: Runner, first_starts: FirstStarts, backups: BackupFiles, locks: Locks) -> None:
        self._runner = runner
        self._first_starts = first_starts
        self._backups = backups
        self._locks = locks

    def override_for(self, record: DeploymentRecord, snapshot: ProgressSnapshot) -> StatusOverride | None:
        """The status of the instance when a server starts; None for that of its programs."""
        halted = "stop" in snapshot.state.shares
        unfinished = record.under_way or (
            record.status is DeploymentStatus.CANCELLED and record.ended_at is None
        )
        return INSTALLING if halted and unfinished else None

    # Forward

    async def carry_out(self, job: Job) -> None:
        """Raises AlreadyFailed, LauncherError."""
        runner = self._runner
        await runner.attach(job)
        state = job.snapshot.state
        if state.ended == "failed":
            raise AlreadyFailed
        if state.ended == "completed":
            await runner.removals.run(partial(_settle, job.folder, job.plan))
            await runner.live.release(job.id)
            return
        change = await asyncio.to_thread(read_change, job.folder)
        if not await asyncio.to_thread(is_registered, job.folder, job.plan):
            await self._build(job, change)
            await self._require_consent(job, change)
            change = await asyncio.to_thread(read_change, job.folder)
            if "stop" not in job.snapshot.state.shares:
                # Written before the stop begins: a server that comes after a kill would ask a page that is gone.
                silent = await web_pages.problem(runner.instance(job), runner.catalogue, 0.0)
                change = msgspec.structs.replace(change, had_page=silent is None)
                await asyncio.to_thread(write, job.folder / CHANGE_FILE, change)
            await self._stop_step(job)
            change = msgspec.structs.replace(change, unproven=job.id in self._first_starts)
            await asyncio.to_thread(write, job.folder / CHANGE_FILE, change)
            await runner.work(job)
        await self._apply_change(job, change)
        problems = [await self._start_step(job, change), await runner.not_loaded(job)]
        # As carried over, and as the new version has rewritten them.
        await runner.configs.record_all(job.id, "deploy")
        done = Text(f"已换到 {change.after.version}", f"The version is now {change.after.version}")
        for problem in filter(None, problems):
            done = Text(f"{done.zh}，但{problem.zh}", f"{done.en}, but: {problem.en}")
        record = runner.instance(job)
        if lacking := await asyncio.to_thread(missing.lacking, job.folder, runner.catalogue, record):
            still = missing.sentence(record.name, lacking)
            done = Text(f"{done.zh}。{still.zh}", f"{done.en}. {still.en}")
        await runner.append(job, steps.Entry(kind="completed", zh=done.zh, en=done.en))
        await runner.removals.run(partial(_settle, job.folder, job.plan))
        runner.live.override(job.id, None)

    async def _build(self, job: Job, change: Change) -> None:
        """Makes the new tree beside the old one, from which the bot may run meanwhile."""
        runner = self._runner
        if change.back:
            await runner.removals.run(partial(_stage_former, job.plan))
            return
        if not change.backup and not runner.terminal(job).alive:
            made = msgspec.structs.replace(change, backup=await self._backup(job))
            await asyncio.to_thread(write, job.folder / CHANGE_FILE, made)
            zh, en = f"已备份：{made.backup}", f"Backup made: {made.backup}"
            await runner.append(job, steps.Entry(kind="log", step="check", zh=zh, en=en))
        await runner.work(job, "--until", "services")

    async def _backup(self, job: Job) -> str:
        """The id of a backup of the instance as it is."""
        record = self._runner.instance(job)
        async with self._locks.of(job.id):
            made = await self._backups.create(record, BackupReason.UPGRADE)
        words = Text(f"{record.name}：备份 {made.id}", f"{record.name}: backup {made.id}")
        await self._runner.journal.note("backup", "server", words, job.id)
        return made.id

    async def _require_consent(self, job: Job, change: Change) -> None:
        """A version with new terms would not start before the user accepts them. Raises DeploymentFailed."""
        plan = job.plan
        if plan.consent or change.back or not self._runner.instance(job).wanted:
            return
        recipe = self._runner.catalogue.get(change.after.recipe).of(change.after.version)
        new = await asyncio.to_thread(
            accepted.changed_texts, Staging(plan).tree, Path(plan.folder), recipe.consent
        )
        if new:
            names = ", ".join(new)
            raise DeploymentFailed(
                f"版本 {change.after.version} 的条款（{names}）与已同意的不同：阅读后用 mailauncher accept 或 acceptTerms 表示同意，再重试",
                f"The terms of version {change.after.version} ({names}) differ from the accepted ones: read them, accept them by "
                "`mailauncher accept` or acceptTerms, and try again",
            )

    async def _stop_step(self, job: Job) -> None:
        """Stops the instance and keeps it from being started. Raises DeploymentFailed."""
        runner, began = self._runner, time.monotonic()
        words = progress.STEPS["stop"]
        await runner.append(job, steps.Entry(kind="begun", step="stop", zh=words.zh, en=words.en))
        # The status first: it makes a start that comes between these two lines fail. The other way round, the instance would
        # run again while its tree is replaced.
        async with self._locks.changes(job.id):
            runner.live.override(job.id, INSTALLING)
        await self._stop(job)
        seconds = time.monotonic() - began
        await runner.append(job, steps.Entry(kind="done", step="stop", seconds=seconds))

    async def _stop(self, job: Job) -> None:
        supervisor = self._runner.supervisor(job)
        if not await supervisor.stop().wait(STOP_WITHIN_S):
            raise DeploymentFailed("实例没有停止", "The instance did not stop")

    async def _apply_change(self, job: Job, change: Change) -> None:
        """The new tree is in place: from now on the instance is what it holds."""
        # The worker may have been killed after it moved the tree into place and before it removed the rest.
        await self._runner.discard(Path(job.plan.staging))
        await self._update_record(job, change.after)
        if change.back:
            await self._first_starts.forget(job.id)
        else:
            await self._first_starts.set(job.id, change.environment)

    async def _update_record(self, job: Job, record: InstanceRecord) -> None:
        """What was meant to run still is; a new service is if the main program is."""
        now = self._runner.instance(job)
        services = tuple(
            msgspec.structs.replace(new, wanted=old.wanted if (old := now.service(new.name)) else now.wanted)
            for new in record.services
        )
        changed = msgspec.structs.replace(now, version=record.version, services=services)
        if changed != now:
            await self._runner.live.replace(changed)

    # Starting it

    async def _start_step(self, job: Job, change: Change) -> Text | None:
        """Starts what was meant to run, and waits until it is ready. Returns why its web page does not answer, None if it does.
        Raises AlreadyFailed."""
        runner, began = self._runner, time.monotonic()
        if not self._wanted(job):
            await runner.append(job, steps.Entry(kind="skipped", step="start"))
            return None
        words = progress.STEPS["start"]
        await runner.append(job, steps.Entry(kind="begun", step="start", zh=words.zh, en=words.en))
        problem = await self._start(job)
        if problem is not None:
            version, reason = runner.instance(job).version, problem.text
            text = Text(
                f"{version} 没有就绪：{reason.zh}。正在换回原来的版本",
                f"{version} did not get ready: {reason.en}. The former version is being restored",
            )
            await runner.append(job, failed(text, step="start", lines=problem.lines))
            raise AlreadyFailed
        done = steps.Entry(kind="done", step="start", seconds=time.monotonic() - began)
        silent = None
        if change.had_page and (record := runner.instance(job)).wanted:
            silent = await web_pages.problem(record, runner.catalogue, WEB_WITHIN_S)
        if silent is not None:
            done = msgspec.structs.replace(done, code=Code.INCOMPLETE, zh=silent.zh, en=silent.en)
        await runner.append(job, done)
        return silent

    def _wanted(self, job: Job) -> list[str]:
        record = self._runner.instance(job)
        services = [service.name for service in record.services if service.wanted]
        return [*([MAIN] if record.wanted else []), *services]

    async def _start(self, job: Job) -> Problem | None:
        """None once the main program works, or if only services are meant to run: a failure of those is their own."""
        runner = self._runner
        record, supervisor = runner.instance(job), runner.supervisor(job)
        deadline = time.monotonic() + (within_s := runner.ready_within_s(record))
        main = supervisor.main_program
        problem: Problem | None = None
        for _ in range(STARTS):
            supervisor.start(self._wanted(job))
            if not record.wanted:
                return None
            problem = await wait_until_working(supervisor, (MAIN,), record.name, within_s)
            exited = main.failure is None or main.failure.exit_code == 0
            if problem is None or not (has_ended(main) and exited):
                break
            within_s = max(0.0, deadline - time.monotonic())
        return problem

    # Back

    async def failed(self, job: Job) -> None:
        """Restores the old tree, and starts what ran."""
        await self._restore(job)
        if job.snapshot.plan is not None:
            await self._runner.discard(reverted(job.snapshot.plan))

    async def undo(self, job: Job) -> None:
        """The same, and removes everything of the new tree."""
        await self._restore(job)
        plan = job.snapshot.plan
        if plan is not None:
            await self._runner.discard(Path(plan.staging))
            await self._runner.discard(reverted(plan))

    async def _restore(self, job: Job) -> None:
        runner, state = self._runner, job.snapshot.state
        change = await asyncio.to_thread(read_change, job.folder)
        halted = runner.live.overridden(job.id) is not None
        if halted:
            await self._stop(job)
        if "register" in state.shares:
            with contextlib.suppress(AlreadyFailed):  # the journal says why
                await runner.work(job, "--revert")
        if change.back and job.snapshot.plan is not None:
            await asyncio.to_thread(_restore_former, job.snapshot.plan)
        if halted:
            await self._update_record(job, change.before)
            await self._first_starts.forget(job.id)
            runner.live.override(job.id, None)
            if wanted := self._wanted(job):
                with contextlib.suppress(LauncherError):  # a failure of the instance's own
                    await runner.supervisor(job).start(wanted).wait(START_WITHIN_S)


def _stage_former(plan: Plan, check: Check) -> None:
    """Makes a tree of hard links to the former tree's files, as if it had been fetched. Nothing writes to them before the new
    tree is in place, and by then the former one is gone. Raises OSError."""
    staging = Staging(plan)
    staging.make()
    if staging.read_mark("main.files") is None or not files.is_folder(staging.tree):
        made = staging.new_part()
        copying.linked_tree(Path(plan.former), made, check)
        remove(staging.tree, check)
        made.rename(staging.tree)
        staging.write_mark("main.files", "")


def _settle(folder: Path, plan: Plan, check: Check) -> None:
    """Once an upgrade has succeeded, keeps one former tree: the replaced one, or the earlier one if the replaced one never got
    ready. Can be repeated after a kill. Raises OSError, DeploymentFailed."""
    change = read_change(folder)
    if is_registered(folder, plan):  # else it is settled already
        if not (change.unproven and files.is_folder(earlier(plan))):
            write(folder / FORMER_FILE, change.before)
            discard(earlier(plan), check)
            return
        remove(Path(plan.former), check)
    if files.is_folder(earlier(plan)) and not files.exists(Path(plan.former)):
        earlier(plan).rename(plan.former)


def _restore_former(plan: Plan) -> None:
    """After a failed rollback: keeps the former tree again. Raises OSError."""
    former, place = Path(plan.former), reverted(plan)
    if files.exists(place) and not files.exists(former):
        place.rename(former)
