"""One deployment under way, of whatever kind: runs, follows and ends its worker, reads and extends its journal."""

import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import mailauncher
from bots.catalogue import Catalogue
from bots.deploying import journal as steps
from bots.deploying.plan import Plan
from bots.deploying.staging import remove
from mailauncher.errors import Code, ConnectionFailed, DeploymentFailed, InstanceNotFound, LauncherError, Text
from mailauncher.events import Bus, DeploymentChanged
from mailauncher.interruption import Check
from mailauncher.launch import Launch, Target, child_environment
from mailauncher.tasks import Tasks
from mailauncher.threads import LongWork
from resolvers.configuring.files import Configs
from resolvers.deploying import progress
from resolvers.deploying.progress import ProgressSnapshot
from resolvers.running.live_instances import LiveInstances
from resolvers.running.plugins import not_loaded
from store.deployments import Deployments
from store.journal import Journal, Kind
from store.records import DeploymentRecord, InstanceRecord
from store.registry import Registry
from terminals.client import Exit
from terminals.supervisor import DEPLOY, Supervisor
from terminals.terminal import Terminal

log = logging.getLogger(__name__)
T = TypeVar("T")

POLL_S = 1.0
"""How often a journal is looked at without being told: entries that come without a line in the terminal wait so long."""
PAUSE_S = 0.02
"""How long after a line of the terminal the journal is read: of a command that prints a lot, the lines come in thousands."""
UNKNOWN_READY_WITHIN_S = 30.0
"""How long a start may take of a bot of which its recipe does not say how to tell that it is ready."""
KEEPER_LOSSES_MAX = 3
"""A deployment is given up when so many keepers have died under its worker."""
SignalStep = tuple[str, Target, float]
"""A signal, its target, and how many seconds the worker then has to end."""
KILL: tuple[SignalStep, ...] = (("SIGKILL", "tree", 5.0),)
INTERRUPT_FIRST: tuple[SignalStep, ...] = (("SIGINT", "process", 15.0), ("SIGTERM", "process", 5.0), *KILL)
_ROOT = Path(mailauncher.__file__).resolve().parent.parent
# Finds the package whatever the working folder is. An environment variable would be inherited by the bots' own Pythons.
_CODE = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); import mailauncher; "
    "runpy.run_module('bots.deploying', run_name='__main__', alter_sys=True)"
)


@dataclass(eq=False, slots=True)
class Job:
    """A deployment under way. `woken` is set when its worker prints something or ends."""

    record: DeploymentRecord
    folder: Path
    snapshot: ProgressSnapshot
    task: "asyncio.Task[None] | None" = None
    cancelling: "asyncio.Task[None] | None" = None
    attached: bool = False
    """Whether it is known what runs in the terminal; before that nothing was started in it by this server."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    calls: Tasks = field(default_factory=Tasks)
    """What its keeper is being asked. A start that is under way when the deployment is cancelled goes on to its end, so
    whoever cancels waits for these before asking what runs: the worker would else begin after everyone had looked."""

    @property
    def id(self) -> str:
        return self.record.instance_id

    @property
    def plan(self) -> Plan:
        """Raises DeploymentFailed."""
        if self.snapshot.plan is None:
            raise DeploymentFailed(
                f"无法读取部署计划 {self.folder}，请删除该实例后重新部署",
                f"The plan in {self.folder} cannot be read: delete the instance and deploy it again",
            )
        return self.snapshot.plan


class AlreadyFailed(Exception):
    """The deployment has failed, and the journal says why."""


class Runner:
    """What the handlers of all kinds of deployments share."""

    def __init__(
        self,
        registry: Registry,
        rows: Deployments,
        catalogue: Catalogue,
        live: LiveInstances,
        configs: Configs,
        bus: Bus,
        journal: Journal,
        removals: LongWork,
    ) -> None:
        self.registry = registry
        self.removals = removals
        self.rows = rows
        self.catalogue = catalogue
        self.live = live
        self.configs = configs
        self.bus = bus
        self.journal = journal
        self.jobs: dict[str, Job] = {}
        """Every deployment under way, by instance."""

    async def discard(self, folder: Path) -> None:
        await self.removals.run(partial(discard, folder))

    # State

    def supervisor(self, job: Job) -> Supervisor:
        return self.live.supervisor(job.id)

    def terminal(self, job: Job) -> Terminal:
        return self.supervisor(job).deploy_terminal

    def instance(self, job: Job) -> InstanceRecord:
        """Raises InstanceNotFound."""
        record = self.registry.get(job.id)
        if record is None:
            raise InstanceNotFound(job.id)
        return record

    def ready_within_s(self, record: InstanceRecord) -> float:
        """How long a start of the instance may take until it is ready."""
        ready = self.catalogue.get(record.recipe).of(record.version).ready
        return ready.within_s if ready else UNKNOWN_READY_WITHIN_S

    async def not_loaded(self, job: Job) -> Text | None:
        """The service of the deployment that the main program could not load, and why; None without one, or if it is not
        running."""
        main = self.supervisor(job).main_program
        hosted = [service.name for service in job.plan.services if service.install.hosted]
        if not hosted or not main.lives:
            return None
        recipes = [self.catalogue.recipes[name] for name in hosted if name in self.catalogue.recipes]
        return await not_loaded(main.terminal, recipes)

    async def poll(self, job: Job) -> None:
        """Reads the journal, and publishes an event if it has grown."""
        before = job.snapshot
        job.snapshot = await asyncio.to_thread(progress.read, job.folder)
        if job.snapshot.cursor != before.cursor:
            self.publish(job.id)

    async def append(self, job: Job, entry: steps.Entry) -> None:
        """Adds to the journal. Only while no worker runs, which would write at the same time. Raises OSError."""
        await asyncio.to_thread(append, job.folder, entry)
        await self.poll(job)

    async def change(self, job: Job, **columns: Any) -> None:
        job.record = await self.rows.change(job.record, **columns)
        if job.record.ended_at is not None:
            self.finish(job)
        self.publish(job.id)
        self.live.changed(job.id)

    def finish(self, job: Job) -> None:
        """The deployment is no longer under way."""
        if self.jobs.get(job.id) is job:
            del self.jobs[job.id]
            self.publish(job.id)

    def note(self, job: Job, kind: Kind, words: Text) -> None:
        name = job.record.name
        text = Text(f"{name}：{words.zh}", f"{name}: {words.en}")
        self.live.spawn(self.journal.note(kind, "server", text, job.id), f"journal of {name}")

    def publish(self, instance_id: str) -> None:
        self.bus.publish(DeploymentChanged(instance_id))

    # The worker

    async def attach(self, job: Job) -> None:
        """Finds out whether a worker runs, and how far the deployment is."""
        await self.live.adopted(job.id)
        supervisor = self.supervisor(job)
        status = await self._ask_keeper(job, lambda: supervisor.client.status(DEPLOY))
        supervisor.deploy_terminal.adopt(status)
        job.attached = True
        await self.poll(job)

    async def work(self, job: Job, *arguments: str) -> None:
        """Runs the worker to its end, or follows the one that runs already. Raises AlreadyFailed or DeploymentFailed."""
        ended = None
        for _ in range(KEEPER_LOSSES_MAX):
            ended = await self._follow(job, arguments)
            if ended is not None and not ended.lost:
                break
            await self.attach(job)  # a new keeper ends whatever is left of the worker
        if ended is not None and ended.code == 0:
            return
        if job.snapshot.last == "failed":
            raise AlreadyFailed
        await self._crashed(job, ended)
        raise AlreadyFailed

    async def _follow(self, job: Job, arguments: tuple[str, ...]) -> Exit | None:
        """Runs the worker, unless one runs, and reads its journal until it ends."""
        terminal = self.terminal(job)
        terminal.on_exit = lambda _: job.woken.set()
        if not terminal.alive:
            await self._ask_keeper(job, lambda: terminal.spawn(_worker_launch(job.folder, *arguments)))
        async with self._watched(job, terminal):
            while terminal.alive:
                # Cleared before the journal is read: an entry that comes after that wakes the next round.
                job.woken.clear()
                await self._poll_grown(job)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_S):
                        await job.woken.wait()
                if terminal.alive:
                    await asyncio.sleep(PAUSE_S)
        await self.poll(job)
        return terminal.last_exit

    async def _ask_keeper(self, job: Job, request: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer to a request, made again where the keeper dies before it has answered: while it starts, with the worker
        just started, or after a loss, when its socket still accepts while the kernel closes what the process had open."""
        for _ in range(KEEPER_LOSSES_MAX - 1):
            with contextlib.suppress(ConnectionFailed):
                return await job.calls.complete(request(), f"keeper of {job.record.name}")
        return await job.calls.complete(request(), f"keeper of {job.record.name}")

    @contextlib.asynccontextmanager
    async def _watched(self, job: Job, terminal: Terminal) -> AsyncIterator[None]:
        """The worker's output wakes the job: it prints a line for most entries, after the entry. Without a keeper to follow,
        the journal is still looked at every POLL_S."""
        follow = None
        with contextlib.suppress(LauncherError):
            follow = await terminal.client.follow(
                DEPLOY, terminal.end, lambda _offset, _data: job.woken.set(), job.woken.set
            )
        try:
            yield
        finally:
            if follow is not None:
                follow.close()

    async def _poll_grown(self, job: Job) -> None:
        """Reads the journal if it has another size than at the last reading: most of what a worker prints is not in it."""
        size = await asyncio.to_thread(steps.size, job.folder)
        if size != job.snapshot.size:
            await self.poll(job)

    async def _crashed(self, job: Job, ended: Exit | None) -> None:
        """The worker ended without saying why: it was killed, or somebody interrupted it in its terminal."""
        if ended is None or ended.lost:
            how = Text("其 keeper 一再丢失", "its keeper died repeatedly")
        elif ended.signal:
            name = signal.Signals(ended.signal).name
            how = Text(f"被信号 {name} 结束", f"it was killed by {name}")
        elif job.snapshot.last == "cancelled":
            how = Text("有人在其终端中断了它", "somebody interrupted it in its terminal")
        else:
            how = Text(f"退出码 {ended.code}", f"exit code {ended.code}")
        lines = () if ended is None or ended.lost else await self.terminal(job).last_lines()
        text = Text(f"部署中断：{how.zh}", f"The deployment was interrupted: {how.en}")
        await self.append(job, failed(text, step=job.snapshot.state.step, lines=lines))

    async def end_worker(self, job: Job, signals: tuple[SignalStep, ...] = INTERRUPT_FIRST) -> None:
        """Ends the worker, signal by signal, and then everything that it started."""
        supervisor = self.supervisor(job)
        terminal = supervisor.deploy_terminal
        terminal.on_exit = lambda _: job.woken.set()
        # Asked anew: the task that started the worker may have been cancelled before it heard that the keeper had done so.
        terminal.adopt(await supervisor.client.status(DEPLOY))
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


def discard(folder: Path, check: Check) -> None:
    """Removes a tree. What cannot be removed is logged. `check` is called often, and may raise."""
    try:
        remove(folder, check)
    except OSError as error:
        log.error("%s cannot be removed: %s", error.filename or folder, error.strerror)


def _worker_launch(folder: Path, *arguments: str) -> Launch:
    argv = (sys.executable, "-P", "-c", _CODE, str(_ROOT), str(folder), *arguments)
    return Launch(argv=argv, cwd=str(folder), env=child_environment())


def now_ms() -> int:
    return int(time.time() * 1000)
