"""Carries out deployments, a few at a time, each by a worker in its instance's `deploy` terminal.

The worker is a child of the keeper, so it outlives this server; the next server finds the worker, or its journal, and resumes
from there. What is on disk decides: the row says that a deployment is under way, the journal how far it is.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from bots.catalogue import Catalogue
from bots.deploying import journal as steps
from bots.deploying.plan import write as write_plan
from mailauncher.errors import (
    Code,
    InstanceAlreadyRunning,
    InstanceNotRunning,
    InvalidParameter,
    LauncherError,
    ServiceUnavailable,
    Text,
    as_known,
)
from mailauncher.events import Bus
from mailauncher.files import exists
from mailauncher.interruption import Check
from mailauncher.settings import Settings
from mailauncher.tasks import Tasks
from mailauncher.threads import LongWork
from resolvers.archiving.backup_files import BackupFiles, backup_id_of
from resolvers.configuring.files import Configs
from resolvers.deploying import folders, progress
from resolvers.deploying.addition import AdditionHandler
from resolvers.deploying.install import InstallHandler
from resolvers.deploying.job import KILL, AlreadyFailed, Job, Runner, append, discard, failed, now_ms
from resolvers.deploying.progress import ProgressSnapshot
from resolvers.deploying.upgrade import UpgradeHandler
from resolvers.running.first_starts import FirstStarts
from resolvers.running.live_instances import LiveInstances, StatusOverride
from resolvers.running.locks import Locks
from store.deployments import Deployments
from store.journal import Journal
from store.records import DeploymentKind, DeploymentRecord, DeploymentStatus, InstanceRecord
from store.registry import Registry

log = logging.getLogger(__name__)


class Handler(Protocol):
    """Carries out one kind of deployment. Whenever a method is interrupted, calling it again resumes from there."""

    def override_for(self, record: DeploymentRecord, snapshot: ProgressSnapshot) -> StatusOverride | None: ...
    async def carry_out(self, job: Job) -> None: ...
    async def failed(self, job: Job) -> None: ...
    async def undo(self, job: Job) -> None: ...


class Deployer:
    """Every deployment under way, by instance."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        rows: Deployments,
        catalogue: Catalogue,
        live: LiveInstances,
        first_starts: FirstStarts,
        backups: BackupFiles,
        locks: Locks,
        configs: Configs,
        bus: Bus,
        journal: Journal,
    ) -> None:
        self.removals = LongWork()
        """Where trees of files are removed, which may take minutes."""
        self.measurements = LongWork()
        """Where their sizes are added up, which need not wait for removals."""
        self._settings = settings
        self._first_starts = first_starts
        self._backups = backups
        self._registry = registry
        self._rows = rows
        self._live = live
        self._runner = Runner(registry, rows, catalogue, live, configs, bus, journal, self.removals)
        self._jobs = self._runner.jobs
        installing = InstallHandler(self._runner)
        upgrading = UpgradeHandler(self._runner, first_starts, backups, locks)
        self._handlers: dict[DeploymentKind, Handler] = {
            DeploymentKind.DEPLOY: installing,
            DeploymentKind.CLONE: installing,
            DeploymentKind.UPGRADE: upgrading,
            DeploymentKind.SERVICES: AdditionHandler(self._runner),
        }
        self._installing = installing
        self._tasks = Tasks()
        self._slots = asyncio.Semaphore(settings.deployments_at_once)
        self._commands = asyncio.Lock()
        """Held while a command changes the state of a deployment: of a cancel and a retry at once, one sees what the other did."""

    def folder(self, instance_id: str) -> Path:
        """Where the plan and the journal of an instance are."""
        return folders.records(self._settings) / instance_id

    def job(self, instance_id: str) -> Job | None:
        return self._jobs.get(instance_id)

    def require_not_copied(self, record: InstanceRecord) -> None:
        """Raises ServiceUnavailable while the instance is being cloned: the files that are copied must not change."""
        for job in self._jobs.values():
            plan = job.snapshot.plan
            if job.record.kind is DeploymentKind.CLONE and plan and plan.main.source.folder == record.path:
                name = job.record.name
                raise ServiceUnavailable(
                    f"实例 {record.name} 正在被复制为 {name}，请等待完成或取消该部署",
                    f"Instance {record.name} is being cloned as {name}: wait for that, or cancel its deployment",
                )

    def cloned_backups(self) -> list[str]:
        """The ids of backups from which clones are being made."""
        found = [job.snapshot.plan.backup for job in self._jobs.values() if job.snapshot.plan]
        return [backup_id_of(backup) for backup in found if backup]

    # Life

    async def restore_overrides(self) -> None:
        """Sets the status of instances that cannot be run: `installing`, or `failed`. To be called before running programs are
        adopted, or an instance that is half installed would be started."""
        for record in self._rows:
            folder, snapshot = self.folder(record.instance_id), ProgressSnapshot()
            if record.status is not DeploymentStatus.COMPLETED:
                snapshot = await asyncio.to_thread(progress.read, folder)
            override = self._handlers[record.kind].override_for(record, snapshot)
            if override is not None and self._registry.get(record.instance_id) is not None:
                self._live.override(record.instance_id, override)
            await self._first_starts.load(record.instance_id)

    async def open(self, gone: Iterable[str]) -> None:
        """Resumes what an earlier server left: queues it, follows its worker, or completes its cancellation. Says again which bots
        were not started, and why. Then removes what deployments of deleted instances (`gone`) left on disk."""
        unfinished = [record for record in self._rows if record.ended_at is None]
        unfinished.sort(key=lambda record: record.status is DeploymentStatus.PENDING)
        for record in unfinished:
            if record.status is DeploymentStatus.CANCELLED:
                job = await self._open_job(record)
                job.cancelling = self._tasks.spawn(self._cancel(job, again=True), f"cancel of {record.name}")
            elif record.under_way:
                await self.begin(record)
        for record in self._rows:
            installed = record.kind is DeploymentKind.SERVICES or (
                record.status is DeploymentStatus.COMPLETED
                and self._handlers[record.kind] is self._installing
            )
            if installed:
                await self._installing.hold_again(record)
        self._live.spawn(self._remove_leftovers(list(gone)), "removal of what deleted instances left")

    async def close(self) -> None:
        """Stops following. Workers continue, unless the settings say that everything stops with the server. What is being removed
        is removed by the next server."""
        await self.removals.close()
        await self.measurements.close()
        jobs = list(self._jobs.values())
        await asyncio.gather(*(_end(job) for job in jobs))
        await asyncio.gather(*(job.cancelling for job in jobs if job.cancelling), return_exceptions=True)
        if self._settings.stop_bots_at_exit:
            # Killed, not interrupted: an interrupted worker removes what it has made, and the next server could not resume.
            left = [job for job in jobs if job.attached and not job.cancelling]
            ends = (self._runner.end_worker(job, KILL) for job in left)
            await asyncio.gather(*ends, return_exceptions=True)

    # Commands

    async def begin(self, record: DeploymentRecord) -> None:
        """Queues a deployment whose plan is written."""
        job = await self._open_job(record)
        job.task = self._tasks.spawn(self._carry_out(job), f"deployment of {record.name}")

    async def _open_job(self, record: DeploymentRecord) -> Job:
        folder = self.folder(record.instance_id)
        job = Job(record, folder, await asyncio.to_thread(progress.read, folder))
        self._jobs[job.id] = job
        self._runner.publish(job.id)
        self._live.changed(job.id)
        return job

    async def cancel(self, instance_id: str) -> "asyncio.Task[None]":
        """Marks a deployment as cancelled. The returned task ends its worker and removes what it made, which may take as long as
        the worker's current command needs to end. Raises InstanceNotRunning when none is under way."""
        async with self._commands:
            job = self._jobs.get(instance_id)
            if job is None:
                raise InstanceNotRunning("没有正在进行的部署", "No deployment is under way")
            if job.cancelling is None:
                await _end(job)
                # It may have ended by itself while its task was being cancelled: then the row says so, and there is nothing
                # left to undo.
                if not job.record.under_way:
                    raise InstanceNotRunning("部署刚刚结束", "The deployment has just ended")
                await self._runner.change(job, status=DeploymentStatus.CANCELLED)
                job.cancelling = self._tasks.spawn(self._cancel(job), f"cancel of {job.record.name}")
            return job.cancelling

    async def retry(self, record: DeploymentRecord) -> None:
        """Queues a failed deployment again. Raises InstanceAlreadyRunning, InvalidParameter."""
        async with self._commands:
            now = self._rows.get(record.instance_id)
            if record.instance_id in self._jobs or now is None or now.under_way:
                raise InstanceAlreadyRunning("部署正在进行", "The deployment is under way")
            if now.status is not DeploymentStatus.FAILED:
                raise InvalidParameter(
                    "部署没有失败，无需重试", "The deployment did not fail: there is nothing to try again"
                )
            # A `begun` entry reopens the journal: readers no longer take the failure before it for the result.
            entry = steps.Entry(kind="begun", step="check", zh="重试", en="Trying again")
            folder = self.folder(record.instance_id)
            await asyncio.to_thread(steps.shorten, folder)
            await asyncio.to_thread(append, folder, entry)
            changed = await self._rows.change(now, status=DeploymentStatus.PENDING, ended_at=None)
            if (
                override := self._handlers[changed.kind].override_for(changed, ProgressSnapshot())
            ) is not None:
                self._live.override(changed.instance_id, override)
            await self.begin(changed)

    async def accept(self, instance_id: str, texts: Mapping[str, str]) -> None:
        """Makes an unfinished deployment record the user's consent to these texts when it writes the instance's files."""
        folder, record = self.folder(instance_id), self._rows.get(instance_id)
        if record is None or record.status is DeploymentStatus.COMPLETED:
            return
        snapshot = await asyncio.to_thread(progress.read, folder)
        if snapshot.plan is not None:
            changed = msgspec.structs.replace(snapshot.plan, consent=dict(texts))
            await asyncio.to_thread(write_plan, folder, changed)
        if (job := self._jobs.get(instance_id)) is not None:
            await self._runner.poll(job)

    async def forget(self, instance_id: str, *, clear: bool = True) -> None:
        """The instance was removed. With `clear`, what its deployments left beside it is removed as well; without, the next server
        does that, or another call."""
        self._rows.forget(instance_id)
        self._runner.publish(instance_id)
        if clear:
            await self._remove_leftovers([instance_id])

    # One deployment

    async def _carry_out(self, job: Job) -> None:
        handler = self._handlers[job.record.kind]
        try:
            async with self._slots:
                if job.record.status is DeploymentStatus.PENDING:
                    await self._runner.change(job, status=DeploymentStatus.INSTALLING)
                entry = await self._attempt(handler, job)
                if entry is None:
                    await self._completed(job)
                else:
                    await self._failed(handler, job, entry)
        except (LauncherError, OSError) as error:
            log.error("the result of deploying %s could not be stored: %s", job.record.name, error)
        finally:
            if job.cancelling is None and not _stopping(job.task):
                self._runner.finish(job)

    async def _attempt(self, handler: Handler, job: Job) -> steps.Entry | None:
        """None for success; else the journal entry that says why it failed."""
        try:
            await handler.carry_out(job)
        except AlreadyFailed:
            assert job.snapshot.state.failure is not None
            return job.snapshot.state.failure
        except Exception as error:
            if (known := as_known(error)) is not None:
                return failed(known.text, known.code, step=job.snapshot.state.step)
            log.exception("deploying %s", job.record.name)
            words = Text(f"内部错误：{error}", f"Internal error: {error}")
            return failed(words, Code.INTERNAL_ERROR, step=job.snapshot.state.step)
        return None

    async def _completed(self, job: Job) -> None:
        state = job.snapshot.state
        await self._runner.change(
            job,
            status=DeploymentStatus.COMPLETED,
            ended_at=now_ms(),
            commit=state.commit,
            seconds={step: round(seconds, 2) for step, seconds in state.seconds.items()},
        )
        self._runner.note(job, "deployed", _result(job))

    async def _failed(self, handler: Handler, job: Job, entry: steps.Entry) -> None:
        try:
            if job.snapshot.state.ended != "failed":
                await self._runner.append(job, entry)
            try:
                await handler.failed(job)
            except (LauncherError, OSError) as error:
                log.error("after the failure of %s: %s", job.record.name, error)
            await self._runner.change(job, status=DeploymentStatus.FAILED, ended_at=now_ms())
        finally:
            words = Text(f"部署失败：{entry.zh}", f"deployment failed: {entry.en}")
            self._runner.note(job, "deployment-failed", words)
            failed_record = msgspec.structs.replace(job.record, status=DeploymentStatus.FAILED)
            self._live.override(job.id, handler.override_for(failed_record, job.snapshot))

    async def _cancel(self, job: Job, *, again: bool = False) -> None:
        """Undoes a deployment that is marked as cancelled. Whenever this is interrupted, the next server does it `again`."""
        if again:
            await self._runner.attach(job)
        if job.attached:
            await self._runner.end_worker(job)
        await self._runner.poll(job)
        if job.snapshot.last != "cancelled":
            await self._runner.append(job, steps.Entry(kind="cancelled", zh="已取消", en="Cancelled"))
        await self._handlers[job.record.kind].undo(job)
        await self._runner.change(job, ended_at=now_ms())
        self._runner.note(job, "cancelled", Text("取消部署", "deployment cancelled"))
        present = [record.id for record in self._registry]
        await self._remove_leftovers(self._rows.prune_cancelled(present))

    async def _remove_leftovers(self, instance_ids: Iterable[str]) -> None:
        """Removes plans, journals and unfinished trees of instances that no longer exist. Of one that was being deleted with its
        files, everything is removed."""
        for instance_id in instance_ids:
            await self.removals.run(partial(self._clear, instance_id))

    def _clear(self, instance_id: str, check: Check) -> None:
        folder = self.folder(instance_id)
        snapshot = progress.read(folder)
        if snapshot.plan is not None:
            target = Path(snapshot.plan.folder)
            discard(folders.staging(target, instance_id), check)
            if exists(folders.deleted(target, instance_id)):
                discard(self._backups.folder(instance_id), check)
                for tree in folders.trees(target, instance_id):
                    discard(tree, check)
        discard(folder, check)


def _result(job: Job) -> Text:
    lacking = job.snapshot.state.missing
    if job.record.kind is DeploymentKind.SERVICES:
        added = ", ".join(service.name for service in job.plan.services if service.name not in lacking)
        return Text(f"已补装 {added}", f"added {added}")
    if lacking:
        names = ", ".join(lacking)
        return Text(f"部署完成，缺少 {names}", f"deployed without {names}")
    return Text("部署完成", "deployed")


async def _end(job: Job) -> None:
    """Ends the task of a deployment, and waits for what it has asked the keeper: see `Job.calls`."""
    if job.task is not None:
        job.task.cancel()
        await asyncio.wait([job.task])
    await job.calls.finish()


def _stopping(task: "asyncio.Task[None] | None") -> bool:
    """Whether the task was cancelled, by a cancel or by the end of the server: its deployment has not ended with it."""
    return task is not None and task.cancelling() > 0
