"""Deployments and clones: a new instance is installed, and started if that was asked for, or nothing of it is left."""

import asyncio
import contextlib
import time
from pathlib import Path

import msgspec

from bots.deploying import journal as steps
from bots.terms import accepted
from mailauncher.errors import Code, LauncherError, Text
from resolvers.deploying import folders, missing, progress
from resolvers.deploying.job import AlreadyFailed, Job, Runner, now_ms
from resolvers.deploying.progress import ProgressSnapshot
from resolvers.running import web_pages
from resolvers.running.live_instances import StatusOverride
from resolvers.running.starting import Problem, wait_until_working
from store.records import DeploymentKind, DeploymentRecord, DeploymentStatus, InstanceRecord, ServiceRecord
from terminals.states import Failure, State

WEB_WITHIN_S = 60.0
"""How long the web page of a bot that is ready may take: MaiBot 1.x serves it some seconds after its port."""
START_WITHIN_S = 7.5
"""How long the restored version of a failed upgrade is waited for."""
STOP_WITHIN_S = 120.0
INSTALLING = StatusOverride(State.INSTALLING)
NO_CONSENT = Text(
    "尚未同意 Bot 的用户协议与隐私条款，没有启动",
    "Not started: the bot's licence and privacy terms are not accepted yet",
)
HOW_TO_ACCEPT = Text(
    "阅读后用 mailauncher accept 或 GraphQL 的 acceptTerms 表示同意，然后启动",
    "Read them, accept them by `mailauncher accept` or GraphQL's acceptTerms, then start it",
)
_HELD = Text(f"{NO_CONSENT.zh}。{HOW_TO_ACCEPT.zh}", f"{NO_CONSENT.en}. {HOW_TO_ACCEPT.en}")
DONE = Text("部署完成", "The deployment is complete")
_HOW_TO_GO_ON = Text("可以重试，或删除该实例", "Try again, or delete the instance")


class InstallHandler:
    """Until the end the instance has the status `installing`, or `failed`."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def override_for(self, record: DeploymentRecord, snapshot: ProgressSnapshot) -> StatusOverride | None:
        """The status of the instance when a server starts; None for that of its programs."""
        if record.status is DeploymentStatus.FAILED:
            return _failed(record, snapshot)
        return None if record.status is DeploymentStatus.COMPLETED else INSTALLING

    async def carry_out(self, job: Job) -> None:
        """Raises AlreadyFailed, LauncherError."""
        await self._runner.attach(job)
        if self._runner.terminal(job).alive or not worker_is_done(job.snapshot):
            if not self._runner.terminal(job).alive and job.snapshot.state.ended == "failed":
                raise AlreadyFailed
            await self._runner.work(job)
        if job.snapshot.state.ended == "completed":
            await self._runner.live.release(job.id)
            await self.hold_again(job.record)
        else:
            await self._finish(job)

    async def _finish(self, job: Job) -> None:
        """The files are in place: from here on the instance is like any other."""
        plan = job.plan
        # The worker may have been killed after it moved the tree into place and before it removed the rest.
        await self._runner.discard(Path(plan.staging))
        if plan.consent:  # they may have been accepted after the worker read the plan
            await asyncio.to_thread(accepted.accept, Path(plan.folder), plan.consent)
        await self._runner.configs.record_all(job.id, "deploy")  # before the bot may rewrite them
        lacking = await self._leave_out(job)
        self._runner.live.override(job.id, None)
        done = await self._start(job) if job.record.start else DONE
        if lacking is not None:
            done = (
                _but(lacking)
                if done is DONE
                else Text(f"{done.zh}。{lacking.zh}", f"{done.en}. {lacking.en}")
            )
        await self._runner.append(job, steps.Entry(kind="completed", zh=done.zh, en=done.en))

    async def _leave_out(self, job: Job) -> Text | None:
        """Takes the services that could not be installed out of the instance. Returns what to say of them, None without any."""
        lacking = job.snapshot.state.missing
        if not lacking:
            return None
        record = self._runner.instance(job)
        # After a kill the first of these lines may have been carried out before.
        earlier = {service.name: service for service in await asyncio.to_thread(missing.read, job.folder)}
        gone = [
            record.service(name) or earlier.get(name) or ServiceRecord(name=name, path="", port=0)
            for name in lacking
        ]
        await asyncio.to_thread(missing.write, job.folder, gone)
        kept = tuple(service for service in record.services if service.name not in lacking)
        if kept != record.services:
            await self._runner.live.replace(msgspec.structs.replace(record, services=kept))
        return missing.sentence(record.name, lacking, [entry.text for entry in lacking.values()])

    async def _start(self, job: Job) -> Text:
        """The last step: starts the instance, and waits until it works. Returns how the deployment ended. A bot that does not work
        is installed nevertheless, so that is no failure of the deployment, and the journal says why."""
        runner, began = self._runner, time.monotonic()
        words = progress.STEPS["start"]
        await runner.append(job, steps.Entry(kind="begun", step="start", zh=words.zh, en=words.en))
        record, supervisor = runner.instance(job), runner.supervisor(job)
        if await self._is_held(record):
            await runner.append(job, steps.Entry(kind="skipped", step="start"))
            return _but(_HELD)
        await runner.registry.set_wanted(job.id, list(supervisor.programs), True)
        supervisor.start()
        problem = await wait_until_working(
            supervisor, supervisor.programs, record.name, runner.ready_within_s(record)
        )
        done = steps.Entry(kind="done", step="start", seconds=time.monotonic() - began)
        problem = problem or await self._web_problem(job)
        if problem is not None:
            text = problem.text
            done = msgspec.structs.replace(
                done, code=problem.code, zh=text.zh, en=text.en, lines=problem.lines
            )
        await runner.append(job, done)
        if problem is not None:
            return _but(problem.text)
        silent = await runner.not_loaded(job)
        return _but(silent) if silent else DONE

    async def _web_problem(self, job: Job) -> Problem | None:
        """A bot without its WebUI listens on its port like any other, and logs what is wrong with the page."""
        if job.record.kind is not DeploymentKind.DEPLOY:
            return None  # of a copy, the page may have been turned off
        text = await web_pages.problem(self._runner.instance(job), self._runner.catalogue, WEB_WITHIN_S)
        return None if text is None else Problem(Code.INCOMPLETE, text)

    async def _is_held(self, record: InstanceRecord) -> bool:
        """Whether its terms are not accepted; then that is shown as the reason why it was not started."""
        recipe = self._runner.catalogue.get(record.recipe).of(record.version)
        if not await asyncio.to_thread(accepted.not_accepted, Path(record.path), recipe.consent):
            return False
        self._runner.live.supervisor(record.id).main_program.hold(_HELD)
        return True

    async def hold_again(self, deployment: DeploymentRecord) -> None:
        """After a restart of the server: shows again why a bot that was to be started after its deployment was not."""
        record = self._runner.registry.get(deployment.instance_id)
        if record is not None and not record.wanted and deployment.start:
            with contextlib.suppress(LauncherError):  # its recipe is gone, or its folder cannot be read
                await self._is_held(record)

    async def failed(self, _job: Job) -> None:
        """The instance stays, with what was made so far, until the deployment is retried or the instance deleted."""

    async def undo(self, job: Job) -> None:
        """Removes everything, the instance included."""
        if job.id in self._runner.live:
            with contextlib.suppress(LauncherError):
                await self._runner.supervisor(job).stop().wait(STOP_WITHIN_S)
            target = Path(self._runner.instance(job).path)
            await self._runner.discard(folders.staging(target, job.id))
            if await asyncio.to_thread(folders.is_ours, target, job.id):
                await self._runner.discard(target)
            await self._runner.live.remove(job.id)


def _but(problem: Text) -> Text:
    return Text(f"已安装，但{problem.zh}", f"It is installed, but: {problem.en}")


def worker_is_done(snapshot: ProgressSnapshot) -> bool:
    """Whether nothing is left for the worker to do."""
    state = snapshot.state
    return state.ended == "completed" or (state.ended is None and state.shares.get("register") == 1.0)


def _failed(record: DeploymentRecord, snapshot: ProgressSnapshot) -> StatusOverride:
    why = progress.failure(record, snapshot)
    reason = why.text if why else _HOW_TO_GO_ON
    lines = why.last_lines if why else ()
    at = record.ended_at or now_ms()
    return StatusOverride(State.FAILED, Failure(reason=reason, at=at, last_lines=lines, hint=_HOW_TO_GO_ON))
