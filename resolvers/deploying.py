"""Carries deployments out: a few at a time, each by a worker in its instance's `deploy` terminal.

The worker is the keeper's, so it goes on when this server ends; the next one finds it, or its journal, and goes on from
there. What is on disk decides: the row says that a deployment is under way, the journal how far it is.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from mailauncher.bots.catalogue import Catalogue
from mailauncher.bots.deploying import journal as steps
from mailauncher.bots.deploying.plan import write as write_plan
from mailauncher.errors import (
    Code,
    InstanceAlreadyRunning,
    InstanceNotRunning,
    InvalidParameter,
    LauncherError,
    ServiceUnavailable,
    Text,
)
from mailauncher.events import Bus
from mailauncher.settings import Settings
from mailauncher.store.deployments import Deployments
from mailauncher.store.journal import Journal
from mailauncher.store.records import DeploymentKind, DeploymentRecord, DeploymentStatus, InstanceRecord
from mailauncher.store.registry import Registry
from resolvers import deployment_views, places
from resolvers.deployment_views import Reading
from resolvers.fleet import Fleet, Mark
from resolvers.installing import Installing
from resolvers.jobs import AT_ONCE, Carrier, Ended, Job, append, failed, now_ms, removed
from resolvers.upgrading import Backup, Upgrading

log = logging.getLogger(__name__)


class Procedure(Protocol):
    """How one kind of deployment is carried out. At whatever moment it is cut short, the same method goes on from there."""

    def recall(self, record: DeploymentRecord, reading: Reading) -> Mark | None: ...
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
        fleet: Fleet,
        bus: Bus,
        journal: Journal,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._rows = rows
        self._fleet = fleet
        self._carrier = Carrier(registry, rows, catalogue, fleet, bus, journal)
        self._jobs = self._carrier.jobs
        installing = Installing(self._carrier)
        self._upgrading = Upgrading(self._carrier, self.folder)
        self._procedures: dict[DeploymentKind, Procedure] = {
            DeploymentKind.DEPLOY: installing,
            DeploymentKind.CLONE: installing,
            DeploymentKind.UPGRADE: self._upgrading,
        }
        self._slots = asyncio.Semaphore(settings.deployments_at_once)
        self._commands = asyncio.Lock()
        """Held while a command decides what becomes of a deployment."""

    def folder(self, instance_id: str) -> Path:
        """Where an instance's plan and journal are."""
        return self._settings.data_folder / "deployments" / instance_id

    def job(self, instance_id: str) -> Job | None:
        return self._jobs.get(instance_id)

    def require_not_copied(self, record: InstanceRecord) -> None:
        """Raises ServiceUnavailable while a copy of an instance is being made: what it takes must stay as it is."""
        for job in self._jobs.values():
            plan = job.reading.plan
            if job.record.kind is DeploymentKind.CLONE and plan and plan.main.source.folder == record.path:
                name = job.record.name
                raise ServiceUnavailable(
                    f"实例 {record.name} 正在被复制为 {name}，请等待完成或取消该部署",
                    f"Instance {record.name} is being cloned as {name}: wait for that, or cancel its deployment",
                )

    # Life

    async def recall(self) -> None:
        """Before anything is taken over: lists as what they are the instances that are not there to be run."""
        for record in self._rows:
            folder, reading = self.folder(record.instance_id), Reading()
            if record.status is not DeploymentStatus.COMPLETED:
                reading = await asyncio.to_thread(deployment_views.read, folder)
            mark = self._procedures[record.kind].recall(record, reading)
            if mark is not None and self._registry.get(record.instance_id) is not None:
                self._fleet.mark(record.instance_id, mark)
            if record.kind is DeploymentKind.UPGRADE:
                await self._upgrading.recall_first_start(record.instance_id, folder)

    async def open(self, gone: Iterable[str], backup: Backup) -> None:
        """Goes on with what a former server left: queues it, follows its worker, or completes its cancel. Then removes what
        deployments of instances that are `gone` left on disk. `backup` makes one of an instance, before an upgrade."""
        self._upgrading.backup = backup
        unfinished = [record for record in self._rows if record.ended_at is None]
        unfinished.sort(key=lambda record: record.status is DeploymentStatus.PENDING)
        for record in unfinished:
            if record.status is DeploymentStatus.CANCELLED:
                job = await self._enter(record)
                job.cancelling = asyncio.create_task(self._cancel(job, again=True))
            elif record.under_way:
                await self.begin(record)
        self._fleet.chore(self._tidy(list(gone)))

    async def close(self) -> None:
        """Lets go: workers go on, unless the settings say that everything stops with the server."""
        jobs = list(self._jobs.values())
        tasks = [job.task for job in jobs if job.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(job.cancelling for job in jobs if job.cancelling), return_exceptions=True)
        if self._settings.stop_bots_at_exit:
            # Not asked, or it would clear up: the next server goes on from what it has made.
            left = [job for job in jobs if job.met and not job.cancelling]
            ends = (self._carrier.end_worker(job, AT_ONCE) for job in left)
            await asyncio.gather(*ends, return_exceptions=True)

    # Commands

    async def begin(self, record: DeploymentRecord) -> None:
        """Queues a deployment whose plan is written."""
        job = await self._enter(record)
        job.task = asyncio.create_task(self._carry_out(job), name=f"deployment {record.instance_id}")

    async def _enter(self, record: DeploymentRecord) -> Job:
        folder = self.folder(record.instance_id)
        job = Job(record, folder, await asyncio.to_thread(deployment_views.read, folder))
        self._jobs[job.id] = job
        self._carrier.publish(job.id)
        return job

    async def cancel(self, instance_id: str) -> "asyncio.Task[None]":
        """Marks a deployment as cancelled, and begins to end it and to remove what it made: the task does that, and may take
        as long as a command of the worker's needs to end. Raises InstanceNotRunning when none is under way."""
        async with self._commands:
            job = self._jobs.get(instance_id)
            if job is None:
                raise InstanceNotRunning("没有正在进行的部署", "No deployment is under way")
            if job.cancelling is None:
                await _end(job.task)
                # It may have ended by itself meanwhile.
                if not job.record.under_way:
                    raise InstanceNotRunning("部署刚刚结束", "The deployment has just ended")
                await self._carrier.change(job, status=DeploymentStatus.CANCELLED)
                job.cancelling = asyncio.create_task(self._cancel(job))
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
            # With a step begun the journal is open again: what failed in it is the past.
            entry = steps.Entry(kind="begun", step="check", zh="重试", en="Trying again")
            folder = self.folder(record.instance_id)
            await asyncio.to_thread(steps.shorten, folder)
            await asyncio.to_thread(append, folder, entry)
            changed = await self._rows.change(now, status=DeploymentStatus.PENDING, ended_at=None)
            if (mark := self._procedures[changed.kind].recall(changed, Reading())) is not None:
                self._fleet.mark(changed.instance_id, mark)
            await self.begin(changed)

    async def accept(self, instance_id: str, texts: Mapping[str, str]) -> None:
        """Has the deployment of an instance that is not there yet record the user's consent to these texts."""
        folder, record = self.folder(instance_id), self._rows.get(instance_id)
        if record is None or record.status is DeploymentStatus.COMPLETED:
            return
        reading = await asyncio.to_thread(deployment_views.read, folder)
        if reading.plan is not None:
            changed = msgspec.structs.replace(reading.plan, consent=dict(texts))
            await asyncio.to_thread(write_plan, folder, changed)
        if (job := self._jobs.get(instance_id)) is not None:
            await self._carrier.look(job)

    async def forget(self, instance_id: str, *, clear: bool = True) -> None:
        """The instance was removed. `clear`: and so is what its deployments left but the instance itself; else the next
        server does that, unless this is called again."""
        self._rows.forget(instance_id)
        self._carrier.publish(instance_id)
        if clear:
            await self._tidy([instance_id])

    # One deployment

    async def _carry_out(self, job: Job) -> None:
        procedure = self._procedures[job.record.kind]
        try:
            async with self._slots:
                if job.record.status is DeploymentStatus.PENDING:
                    await self._carrier.change(job, status=DeploymentStatus.INSTALLING)
                entry = await self._tried(procedure, job)
                if entry is None:
                    await self._completed(job)
                else:
                    await self._failed(procedure, job, entry)
        except (LauncherError, OSError) as error:
            log.error("the end of %s is not written down: %s", job.record.name, error)
        finally:
            if job.cancelling is None and not _stopping(job.task):
                self._carrier.leave(job)

    async def _tried(self, procedure: Procedure, job: Job) -> steps.Entry | None:
        """None, or what the journal is to say of why it failed."""
        try:
            await procedure.carry_out(job)
        except Ended:
            assert job.reading.state.failure is not None
            return job.reading.state.failure
        except LauncherError as error:
            return failed(error.text, error.code, step=job.reading.state.step)
        except Exception as error:
            log.exception("deploying %s", job.record.name)
            words = Text(f"内部错误：{error}", f"Internal error: {error}")
            return failed(words, Code.INTERNAL_ERROR, step=job.reading.state.step)
        return None

    async def _completed(self, job: Job) -> None:
        state = job.reading.state
        await self._carrier.change(
            job,
            status=DeploymentStatus.COMPLETED,
            ended_at=now_ms(),
            commit=state.commit,
            seconds={step: round(seconds, 2) for step, seconds in state.seconds.items()},
        )
        self._carrier.note(job, "deployed", Text("部署完成", "deployed"))

    async def _failed(self, procedure: Procedure, job: Job, entry: steps.Entry) -> None:
        try:
            if job.reading.state.ended != "failed":
                await self._carrier.say(job, entry)
            try:
                await procedure.failed(job)
            except (LauncherError, OSError) as error:
                log.error("after the failure of %s: %s", job.record.name, error)
            await self._carrier.change(job, status=DeploymentStatus.FAILED, ended_at=now_ms())
        finally:
            words = Text(f"部署失败：{entry.zh}", f"deployment failed: {entry.en}")
            self._carrier.note(job, "deployment_failed", words)
            told = msgspec.structs.replace(job.record, status=DeploymentStatus.FAILED)
            self._fleet.mark(job.id, procedure.recall(told, job.reading))

    async def _cancel(self, job: Job, *, again: bool = False) -> None:
        """Undoes a deployment that is marked as cancelled. At whatever moment this is cut short, the next server does it
        `again`."""
        if again:
            await self._carrier.meet(job)
        if job.met:
            await self._carrier.end_worker(job)
        await self._carrier.look(job)
        if job.reading.last != "cancelled":
            await self._carrier.say(job, steps.Entry(kind="cancelled", zh="已取消", en="Cancelled"))
        await self._procedures[job.record.kind].undo(job)
        await self._carrier.change(job, ended_at=now_ms())
        self._carrier.note(job, "cancelled", Text("取消部署", "deployment cancelled"))
        present = [record.id for record in self._registry]
        await self._tidy(self._rows.drop_surplus(present))

    async def _tidy(self, instance_ids: Iterable[str]) -> None:
        """Removes plans, journals and unfinished trees of instances that are no more, and all that belonged to one whose
        files were to be deleted with it."""
        for instance_id in instance_ids:
            await asyncio.to_thread(self._clear, instance_id)

    def _clear(self, instance_id: str) -> None:
        folder = self.folder(instance_id)
        reading = deployment_views.read(folder)
        if reading.plan is not None:
            target = Path(reading.plan.folder)
            removed(places.staging(target, instance_id))
            if places.deleted(target, instance_id).exists():
                removed(self._settings.data_folder / "backups" / instance_id)
                for tree in places.trees(target, instance_id):
                    removed(tree)
        removed(folder)


async def _end(task: "asyncio.Task[None] | None") -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _stopping(task: "asyncio.Task[None] | None") -> bool:
    """Whether somebody wants the task to end: that is no end of its deployment."""
    return task is not None and task.cancelling() > 0
