"""One deployment at work: its worker run, followed and ended, its journal read and added to, whatever it makes."""

import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import mailauncher
from mailauncher.bots.catalogue import Catalogue
from mailauncher.bots.deploying import journal as steps
from mailauncher.bots.deploying.plan import Plan
from mailauncher.bots.deploying.staging import remove
from mailauncher.errors import Code, DeploymentFailed, InstanceNotFound, Text
from mailauncher.events import Bus, DeploymentChanged
from mailauncher.launch import Launch, Target, child_environment
from mailauncher.store.deployments import Deployments
from mailauncher.store.journal import Journal
from mailauncher.store.records import DeploymentRecord, InstanceRecord
from mailauncher.store.registry import Registry
from resolvers import deployment_views
from resolvers.deployment_views import Reading
from resolvers.fleet import Fleet
from terminals.client import Exit
from terminals.crew import DEPLOY, Crew
from terminals.terminal import Terminal

log = logging.getLogger(__name__)
T = TypeVar("T")

POLL_S = 0.25
LOSSES = 3
"""So many keepers may be lost under one worker before the deployment is given up."""
Ending = tuple[str, Target, float]
"""A signal, whom it goes to, and how many seconds the worker has then."""
AT_ONCE: tuple[Ending, ...] = (("SIGKILL", "tree", 5.0),)
ASKED: tuple[Ending, ...] = (("SIGINT", "process", 15.0), ("SIGTERM", "process", 5.0), *AT_ONCE)
_ROOT = Path(mailauncher.__file__).resolve().parent.parent
# The package is found from here, whatever the working folder, without a variable that bots' own Pythons would inherit.
_CODE = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
    "runpy.run_module('mailauncher.bots.deploying', run_name='__main__', alter_sys=True)"
)


@dataclass(eq=False, slots=True)
class Job:
    """A deployment under way. `woken` is set when its worker ends."""

    record: DeploymentRecord
    folder: Path
    reading: Reading
    task: "asyncio.Task[None] | None" = None
    cancelling: "asyncio.Task[None] | None" = None
    met: bool = False
    """Whether it is known what runs in the terminal; before that nothing was started in it by this server."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def id(self) -> str:
        return self.record.instance_id

    @property
    def plan(self) -> Plan:
        """Raises DeploymentFailed."""
        if self.reading.plan is None:
            raise DeploymentFailed(
                f"无法读取部署计划 {self.folder}，请删除该实例后重新部署",
                f"The plan in {self.folder} cannot be read: delete the instance and deploy it again",
            )
        return self.reading.plan


class Ended(Exception):
    """The deployment has failed, and the journal says why."""


class Carrier:
    """What every kind of deployment is carried out with."""

    def __init__(
        self,
        registry: Registry,
        rows: Deployments,
        catalogue: Catalogue,
        fleet: Fleet,
        bus: Bus,
        journal: Journal,
    ) -> None:
        self.registry = registry
        self.rows = rows
        self.catalogue = catalogue
        self.fleet = fleet
        self.bus = bus
        self.journal = journal
        self.jobs: dict[str, Job] = {}
        """Every deployment under way, by instance."""

    # Where it is

    def crew(self, job: Job) -> Crew:
        return self.fleet.crew(job.id)

    def terminal(self, job: Job) -> Terminal:
        return self.crew(job).deploy

    def instance(self, job: Job) -> InstanceRecord:
        """Raises InstanceNotFound."""
        record = self.registry.get(job.id)
        if record is None:
            raise InstanceNotFound(job.id)
        return record

    async def look(self, job: Job) -> None:
        """Reads the journal, and tells when it has grown."""
        before = job.reading
        job.reading = await asyncio.to_thread(deployment_views.read, job.folder)
        if job.reading.cursor != before.cursor:
            self.publish(job.id)

    async def say(self, job: Job, entry: steps.Entry) -> None:
        """Adds to the journal; nobody else does while no worker runs. Raises OSError."""
        await asyncio.to_thread(append, job.folder, entry)
        await self.look(job)

    async def change(self, job: Job, **columns: Any) -> None:
        job.record = await self.rows.change(job.record, **columns)
        if job.record.ended_at is not None:
            self.leave(job)
        self.publish(job.id)

    def leave(self, job: Job) -> None:
        """It is under way no more."""
        if self.jobs.get(job.id) is job:
            del self.jobs[job.id]
            self.publish(job.id)

    def note(self, job: Job, kind: str, words: Text) -> None:
        name = job.record.name
        text = Text(f"{name}：{words.zh}", f"{name}: {words.en}")
        self.fleet.chore(self.journal.note(kind, "server", text, job.id))

    def publish(self, instance_id: str) -> None:
        self.bus.publish(DeploymentChanged(instance_id))

    # The worker

    async def meet(self, job: Job) -> None:
        """Finds out whether a worker runs, and how far it is."""
        await self.fleet.taken_over(job.id)
        crew = self.crew(job)
        crew.deploy.adopt(await _whole(crew.client.status(DEPLOY)))
        job.met = True
        await self.look(job)

    async def work(self, job: Job, *arguments: str) -> None:
        """Has the worker do its part, or waits for the one that is at it. Raises Ended or DeploymentFailed."""
        ended = None
        for _ in range(LOSSES):
            ended = await self._follow(job, arguments)
            if ended is not None and not ended.lost:
                break
            await self.meet(job)  # a new keeper ends whatever is left of the worker
        if ended is not None and ended.code == 0:
            return
        if job.reading.last == "failed":
            raise Ended
        await self._crashed(job, ended)
        raise Ended

    async def _follow(self, job: Job, arguments: tuple[str, ...]) -> Exit | None:
        """Runs the worker, unless one runs, and reads its journal until it ends."""
        terminal = self.terminal(job)
        terminal.on_exit = lambda _: job.woken.set()
        if not terminal.alive:
            await _whole(terminal.spawn(_launch(job.folder, *arguments)))
        while terminal.alive:
            job.woken.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_S):
                    await job.woken.wait()
            await self.look(job)
        await self.look(job)
        return terminal.last_exit

    async def _crashed(self, job: Job, ended: Exit | None) -> None:
        """The worker ended without a word: it was killed, or interrupted by somebody at its terminal."""
        if ended is None or ended.lost:
            how = Text("其 keeper 一再丢失", "its keeper was lost again and again")
        elif ended.signal:
            name = signal.Signals(ended.signal).name
            how = Text(f"被信号 {name} 结束", f"it was ended by {name}")
        elif job.reading.last == "cancelled":
            how = Text("有人在其终端中断了它", "somebody interrupted it in its terminal")
        else:
            how = Text(f"退出码 {ended.code}", f"exit code {ended.code}")
        lines = () if ended is None or ended.lost else await self.terminal(job).last_lines()
        text = Text(f"部署中断：{how.zh}", f"The deployment was cut short: {how.en}")
        await self.say(job, failed(text, step=job.reading.state.step, lines=lines))

    async def end_worker(self, job: Job, signals: tuple[Ending, ...] = ASKED) -> None:
        """Ends the worker, signal by signal. Nothing that it started is left."""
        crew = self.crew(job)
        terminal = crew.deploy
        terminal.on_exit = lambda _: job.woken.set()
        terminal.adopt(await crew.client.status(DEPLOY))  # a start may have been cut short here, not there
        for name, to, patience_s in signals:
            if terminal.alive:
                await terminal.signal(name, to)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    while terminal.alive:
                        job.woken.clear()
                        await job.woken.wait()
        if terminal.run:
            await terminal.signal("SIGKILL", "tree")


def failed(text: Text, code: Code = Code.DEPLOYMENT_FAILED, **more: Any) -> steps.Entry:
    return steps.Entry(kind="failed", code=code, zh=text.zh, en=text.en, **more)


def append(folder: Path, entry: steps.Entry) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    steps.append(folder, entry)


def removed(folder: Path) -> None:
    """Removes a tree; what cannot be removed is logged."""
    try:
        remove(folder)
    except OSError as error:
        log.error("%s cannot be removed: %s", error.filename or folder, error.strerror)


def _launch(folder: Path, *arguments: str) -> Launch:
    argv = (sys.executable, "-P", "-c", _CODE, str(_ROOT), str(folder), *arguments)
    return Launch(argv=argv, cwd=str(folder), env=child_environment())


async def _whole(work: Coroutine[Any, Any, T]) -> T:
    """Sees it through even when nobody waits for it any more: a keeper is started whole, or not at all."""
    task = asyncio.create_task(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


def now_ms() -> int:
    return int(time.time() * 1000)
