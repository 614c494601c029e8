"""Adds the services that an earlier deployment could not install to its instance, whose programs run meanwhile."""

import asyncio
import contextlib
from collections.abc import Collection
from functools import partial
from pathlib import Path

import msgspec

from bots.deploying import journal as steps
from bots.deploying.placing import placed, remove
from bots.deploying.plan import Plan
from bots.deploying.staging import Staging
from mailauncher.errors import LauncherError, Text
from mailauncher.interruption import Check
from resolvers.deploying import missing
from resolvers.deploying.install import STOP_WITHIN_S, worker_is_done
from resolvers.deploying.job import AlreadyFailed, Job, Runner, discard, log
from resolvers.deploying.progress import ProgressSnapshot
from resolvers.running.live_instances import StatusOverride
from store.records import DeploymentRecord


class AdditionHandler:
    """The instance keeps the status of its programs."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def override_for(self, _record: DeploymentRecord, _snapshot: ProgressSnapshot) -> StatusOverride | None:
        return None

    async def carry_out(self, job: Job) -> None:
        """Raises AlreadyFailed, LauncherError."""
        runner = self._runner
        await runner.attach(job)
        if runner.terminal(job).alive or not worker_is_done(job.snapshot):
            if not runner.terminal(job).alive and job.snapshot.state.ended == "failed":
                raise AlreadyFailed
            await runner.work(job)
        if job.snapshot.state.ended != "completed":
            await self._finish(job)

    async def _finish(self, job: Job) -> None:
        """The files are in place: the services become programs of the instance, and run if it does."""
        runner, lacking = self._runner, job.snapshot.state.missing
        added = [service for service in job.plan.services if service.name not in lacking]
        await runner.discard(Path(job.plan.staging))
        await self._add(job, {service.name for service in added})
        await runner.configs.record_all(job.id, "deploy")
        names = ", ".join(service.name for service in added)
        done = Text(f"已补装 {names}", f"Added {names}")
        if any(service.install.hosted for service in added) and runner.supervisor(job).main_program.lives:
            done = Text(f"{done.zh}，重启 Bot 后生效", f"{done.en}, which the bot loads once it is restarted")
        if lacking:
            still = missing.sentence(job.record.name, lacking, [entry.text for entry in lacking.values()])
            done = Text(f"{done.zh}。{still.zh}", f"{done.en}. {still.en}")
        await runner.append(job, steps.Entry(kind="completed", zh=done.zh, en=done.en))

    async def _add(self, job: Job, names: Collection[str]) -> None:
        """Can be repeated after a kill. A service that the bot runs is no program of the instance."""
        runner, plan = self._runner, job.plan
        kept = {service.name: service for service in await asyncio.to_thread(missing.read, job.folder)}
        own = [
            msgspec.structs.replace(
                kept[added.name],
                path=str(Path(plan.folder, added.place)),
                port=plan.ports.get(added.name, 0),
            )
            for added in plan.services
            if added.name in names and added.name in kept and not added.install.hosted
        ]
        if not own:
            return
        await runner.live.add_services(job.id, own)
        # As with a command of a user: the goals at once, then the record of them, so that of this and a stop the later counts.
        supervisor = runner.supervisor(job)
        if supervisor.main_program.wanted:
            programs = [service.name for service in own]
            supervisor.start(programs)
            await runner.registry.set_wanted(job.id, programs, True)

    async def failed(self, _job: Job) -> None:
        """The bot stays as it was; what was made so far stays beside it for another try."""

    async def undo(self, job: Job) -> None:
        """Also where everything was done but for the last entry of the journal."""
        if job.snapshot.plan is None:
            return
        runner, record = self._runner, self._runner.instance(job)
        names = {service.name for service in job.snapshot.plan.services}
        if added := [service.name for service in record.services if service.name in names]:
            with contextlib.suppress(LauncherError):  # then it is killed
                await runner.supervisor(job).stop(added).wait(STOP_WITHIN_S)
            await runner.live.remove_services(job.id, added)
        await runner.removals.run(partial(_remove, job.snapshot.plan, job.snapshot))


def _remove(plan: Plan, snapshot: ProgressSnapshot, check: Check) -> None:
    """What the worker has made. What cannot be removed is logged. `check` is called often, and may raise."""
    try:
        if snapshot.state.shares.get("register") == 1.0:
            names = {service.name for service in plan.services} - snapshot.state.missing.keys()
        else:
            names = placed(plan, Staging(plan))
        remove(plan, names, check)
    except OSError as error:
        log.error("%s cannot be removed: %s", error.filename or plan.folder, error.strerror)
    discard(Path(plan.staging), check)
