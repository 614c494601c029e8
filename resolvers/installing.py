"""What becomes of a new instance: installed, started when asked, or nothing at all."""

import asyncio
import contextlib
import time
from pathlib import Path

from mailauncher.bots import consent
from mailauncher.bots.deploying import journal as steps
from mailauncher.errors import LauncherError, Text
from mailauncher.store.records import DeploymentRecord, DeploymentStatus
from resolvers import deployment_views, places
from resolvers.deployment_views import Reading
from resolvers.fleet import Mark
from resolvers.jobs import Carrier, Ended, Job, now_ms, removed
from terminals.states import Failure, State

START_WITHIN_S = 7.5
STOP_WITHIN_S = 120.0
INSTALLING = Mark(State.INSTALLING)
NO_CONSENT = Text(
    "尚未同意 Bot 的用户协议与隐私条款，没有启动",
    "Not started: the bot's licence and privacy terms are not accepted yet",
)
HOW_TO_ACCEPT = Text(
    "阅读后用 mailauncher accept 或 GraphQL 的 acceptTerms 表示同意，然后启动",
    "Read them, accept them by `mailauncher accept` or GraphQL's acceptTerms, then start it",
)
_HOW_TO_GO_ON = Text("可以重试，或删除该实例", "Try again, or delete the instance")


class Installing:
    """Deployments and clones. Until the end the instance is listed as `installing`, or as `failed`."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier

    def recall(self, record: DeploymentRecord, reading: Reading) -> Mark | None:
        """What the instance is listed as when a server starts."""
        if record.status is DeploymentStatus.FAILED:
            return _failed(record, reading)
        return None if record.status is DeploymentStatus.COMPLETED else INSTALLING

    async def carry_out(self, job: Job) -> None:
        """From the start, or from wherever it is. Raises Ended, LauncherError."""
        await self._carrier.meet(job)
        if self._carrier.terminal(job).alive or not _built(job.reading):
            if not self._carrier.terminal(job).alive and job.reading.state.ended == "failed":
                raise Ended
            await self._carrier.work(job)
        if job.reading.state.ended != "completed":
            await self._finish(job)
        self._carrier.fleet.mark(job.id, None)

    async def _finish(self, job: Job) -> None:
        """The instance stands where it should: from here on it is one like any other."""
        plan = job.plan
        # Its worker may have been killed after it had put everything into place.
        await asyncio.to_thread(removed, Path(plan.staging))
        if plan.consent:  # they may have been accepted after the worker read the plan
            await asyncio.to_thread(consent.accept, Path(plan.folder), plan.consent)
        self._carrier.fleet.mark(job.id, None)
        if job.record.start:
            await self._start(job)
        done = Text("部署完成", "The deployment is complete")
        await self._carrier.say(job, steps.Entry(kind="completed", zh=done.zh, en=done.en))

    async def _start(self, job: Job) -> None:
        """The last step. What keeps the bot from starting is no failure of the deployment, but the instance's own."""
        carrier, began = self._carrier, time.monotonic()
        words = deployment_views.STEPS["start"]
        await carrier.say(job, steps.Entry(kind="begun", step="start", zh=words.zh, en=words.en))
        crew = carrier.crew(job)
        recipe = carrier.catalogue.get(carrier.instance(job).recipe).of(job.record.version)
        if await asyncio.to_thread(consent.missing, Path(job.plan.folder), recipe.consent):
            crew.main.refuse(Failure(reason=NO_CONSENT, at=now_ms(), hint=HOW_TO_ACCEPT))
            zh, en = f"{NO_CONSENT.zh}。{HOW_TO_ACCEPT.zh}", f"{NO_CONSENT.en}. {HOW_TO_ACCEPT.en}"
            await carrier.say(job, steps.Entry(kind="skipped", step="start", zh=zh, en=en))
            return
        await carrier.registry.set_wanted(job.id, list(crew.programs), True)
        order = crew.start()
        try:
            await order.wait(START_WITHIN_S)
        except LauncherError as error:
            zh, en = f"未能启动：{error.text.zh}", f"It did not start: {error.text.en}"
            await carrier.say(job, steps.Entry(kind="log", step="start", zh=zh, en=en))
        seconds = time.monotonic() - began
        await carrier.say(job, steps.Entry(kind="done", step="start", seconds=seconds))

    async def failed(self, _job: Job) -> None:
        """It stays listed, with what is made so far, until it is tried again or deleted."""

    async def undo(self, job: Job) -> None:
        """Removes everything, the instance included."""
        if job.id in self._carrier.fleet:
            with contextlib.suppress(LauncherError):
                await self._carrier.crew(job).stop().wait(STOP_WITHIN_S)
            target = Path(self._carrier.instance(job).path)
            await asyncio.to_thread(removed, places.staging(target, job.id))
            if await asyncio.to_thread(places.is_ours, target, job.id):
                await asyncio.to_thread(removed, target)
            await self._carrier.fleet.remove(job.id)


def _built(reading: Reading) -> bool:
    """Whether the worker has done all it had to do."""
    state = reading.state
    return state.ended == "completed" or (state.ended is None and state.shares.get("register") == 1.0)


def _failed(record: DeploymentRecord, reading: Reading) -> Mark:
    why = deployment_views.failure(record, reading)
    reason = why.text if why else _HOW_TO_GO_ON
    lines = why.last_lines if why else ()
    at = record.ended_at or now_ms()
    return Mark(State.FAILED, Failure(reason=reason, at=at, last_lines=lines, hint=_HOW_TO_GO_ON))
