"""Every instance as clients see it: its record and its supervisor in one view, kept current and published on the bus."""

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import partial
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bots import diagnosis, launching
from bots.catalogue import Catalogue
from bots.recipe import Recipe
from bots.terms import accepted
from mailauncher import listeners
from mailauncher.errors import DatabaseError, InstanceNotFound, LauncherError, ServiceUnavailable, Text
from mailauncher.events import Bus, InstanceChanged
from mailauncher.launch import Launch
from mailauncher.outage import Outage
from mailauncher.tasks import Tasks
from resolvers.running import port_holders, port_plan
from resolvers.running.details import details
from resolvers.running.first_starts import FirstStarts
from resolvers.views import Details, InstanceView, ServiceView
from store.journal import Journal, Kind, Place
from store.records import InstanceRecord, ServiceRecord
from store.registry import Registry
from terminals.client import Exit
from terminals.policy import Supervision
from terminals.states import Failure, State
from terminals.supervisor import MAIN, ProgramSpec, Supervisor
from terminals.supervisors import Supervisors

log = logging.getLogger(__name__)
T = TypeVar("T")

ADOPTION_RETRY_S = 2.0
ADOPTION_WAIT_S = 2.0

Hook = Callable[[str], Coroutine[Any, Any, None]]
ProgramHook = Callable[[str, str], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class StatusOverride:
    """The status of an instance that cannot be run: `installing`, or `failed` with a failure."""

    status: State
    failure: Failure | None = None


class LiveInstances:
    """Views by id, rebuilt when a record or a program changes. `version` grows with every visible change."""

    def __init__(
        self,
        registry: Registry,
        catalogue: Catalogue,
        supervisors: Supervisors,
        first_starts: FirstStarts,
        bus: Bus,
        journal: Journal,
    ) -> None:
        self.version = 0
        self._registry = registry
        self._journal = journal
        self._tasks = Tasks()
        self._retries = Tasks()
        self._catalogue = catalogue
        self._supervisors = supervisors
        self._first_starts = first_starts
        self._bus = bus
        self._views: dict[str, InstanceView] = {}
        self._overrides: dict[str, StatusOverride] = {}
        self._adopting: dict[str, asyncio.Event] = {}
        self._memory = diagnosis.MemoryWatch()
        self._before_start: list[Hook] = []
        self._before_program: list[ProgramHook] = []
        self._when_working: list[Hook] = []

    def call_before_start(self, hook: Hook) -> None:
        """From now on `hook` is awaited with the id of an instance of whose main program nothing runs and which is about to
        be started. It takes a few seconds at most, because a command that starts is answered within 8 s."""
        self._before_start.append(hook)

    def call_before_program(self, hook: ProgramHook) -> None:
        """As `call_before_start`, for every program: `hook` is also given its name, `main` or that of a service."""
        self._before_program.append(hook)

    def call_when_working(self, hook: Hook) -> None:
        """From now on `hook` is called in the background with the id of an instance whose main program has just got ready, or,
        where nothing says when it is, has just started."""
        self._when_working.append(hook)

    async def open(self) -> None:
        """Supervises every known instance, adopts what still runs of it, and starts what was meant to run and does not.

        A keeper that has not answered after ADOPTION_WAIT_S holds up nobody else: its adoption goes on in the background,
        and what lives of its programs is shown as lost until then, since nothing that lives may be called stopped.
        """
        for record in self._registry:
            self._supervise(record)
        adoptions = {
            self._retries.spawn(self._adopt(record, _adoption(record)), f"adoption of {record.name}"): record
            for record in self._registry
        }
        if not adoptions:
            return
        done, late = await asyncio.wait(adoptions, timeout=ADOPTION_WAIT_S)
        for adoption in done:
            adoption.result()
        await asyncio.gather(*(self._show_late(adoptions[adoption]) for adoption in late))

    async def _show_late(self, record: InstanceRecord) -> None:
        """Its adoption has not ended. With 1,000 stopped instances those of the last ones have not even begun: there is nothing
        to say of a keeper that does not exist."""
        supervisor = self._supervisors.supervisor(record.id)
        if await supervisor.keeper_lives():
            log.warning("keeper of %s has not answered yet", record.name)
        await supervisor.mark_lost()

    async def _adopt(self, record: InstanceRecord, outage: Outage) -> None:
        """Adopts what runs, then starts what should run. A keeper that does not answer is asked again in the background, and
        nothing is started before it does: it may be running the very programs, which would then run twice."""
        taken = self._adopting.setdefault(record.id, asyncio.Event())
        try:
            await self._supervisors.supervisor(record.id).adopt()
        except LauncherError as error:
            outage.failed(error)
            if record.wanted or any(service.wanted for service in record.services):
                with contextlib.suppress(LauncherError):  # it holds something, or cannot be ended
                    async with self._supervisors.supervisor(record.id).keeper_for_start():
                        pass
            self._retries.spawn(self._adopt_later(record, outage), f"adoption of {record.name}")
        else:
            outage.worked()
            self._adopting.pop(record.id, None)
            taken.set()
            self._refresh(record.id)
            if record.id not in self._overrides:
                await self._resume(record.id)

    async def adopted(self, instance_id: str) -> None:
        """Waits until it is known what still runs of an instance."""
        if instance_id in self._adopting:
            await self._adopting[instance_id].wait()

    async def _adopt_later(self, record: InstanceRecord, outage: Outage) -> None:
        await asyncio.sleep(ADOPTION_RETRY_S)
        if record.id in self._views:
            await self._adopt(record, outage)

    async def close(self) -> None:
        """Waits for background work to end."""
        await self._retries.close()
        await self._tasks.finish()

    async def kill(self) -> None:
        """Kills whatever runs in any terminal, with its children."""
        for supervisor in list(self._supervisors):
            for terminal in supervisor.terminals.values():
                if terminal.alive:
                    with contextlib.suppress(LauncherError):  # its keeper has ended, and it with its keeper
                        await terminal.signal("SIGKILL", "tree")

    async def _resume(self, instance_id: str) -> None:
        """Starts what was meant to run: after a reboot, or when it died while no server ran. What exited with code 0 meant to."""
        supervisor = self._supervisors.supervisor(instance_id)
        record = self._registry.get(instance_id)  # now: the keeper may have been silent for long
        if record is None:
            return
        wanted = [MAIN] if record.wanted else []
        wanted += [service.name for service in record.services if service.wanted]
        idle = [name for name in wanted if not supervisor.programs[name].alive]
        ended = [name for name in idle if (last := supervisor.terminals[name].last_exit) and last.code == 0]
        if ended:
            await self._registry.set_wanted(record.id, ended, False)
        died = [name for name in idle if name not in ended]
        if died and supervisor.main_program.policy.supervision.autostart:
            words = Text(
                f"{record.name}：重新启动 {', '.join(died)}",
                f"{record.name}: started {', '.join(died)} again",
            )
            supervisor.start(died)
            await self._journal.note("autostart", "supervisor", words, record.id)

    @property
    def views(self) -> list[InstanceView]:
        """All instances, in the order they were added."""
        return list(self._views.values())

    def __contains__(self, instance_id: str) -> bool:
        return instance_id in self._views

    def view(self, instance_id: str) -> InstanceView:
        """Raises InstanceNotFound."""
        try:
            return self._views[instance_id]
        except KeyError:
            raise InstanceNotFound(instance_id) from None

    def override(self, instance_id: str, override: StatusOverride | None) -> None:
        """Gives an instance another status than that of its programs; None ends that."""
        if override is None:
            self._overrides.pop(instance_id, None)
        else:
            self._overrides[instance_id] = override
        if instance_id in self._views:
            self._refresh(instance_id)

    async def release(self, instance_id: str) -> None:
        """Ends the override of a deployment that was complete before this server started, and starts what was meant to run.

        While an instance has an override, its adoption starts nothing. Without this, a power cut between the last line of a
        deployment and the row that says so would leave a bot that ran stopped for ever."""
        await self.adopted(instance_id)
        self.override(instance_id, None)
        if instance_id in self._views:
            await self._resume(instance_id)

    def changed(self, instance_id: str) -> None:
        """Tells that something of an instance has changed which is in no view: its deployment, say."""
        if instance_id in self._views:
            self.version += 1
            self._bus.publish(InstanceChanged(instance_id))

    def overridden(self, instance_id: str) -> StatusOverride | None:
        return self._overrides.get(instance_id)

    def supervisor(self, instance_id: str) -> Supervisor:
        """Raises InstanceNotFound."""
        return self._supervisors.supervisor(instance_id)

    async def add(self, record: InstanceRecord) -> InstanceView:
        """Stores a new instance and supervises it."""
        await self._registry.add(record)
        self._supervise(record)
        return self._views[record.id]

    async def replace(self, record: InstanceRecord) -> None:
        """Replaces the record of a stopped instance whose folder now holds another version, perhaps with other services. If its
        programs differ, viewers of their terminals end. A caller that is cancelled goes on once that is done: in between, nobody
        supervises the instance."""
        await self._tasks.uninterrupted(self._replace(record), f"another version of {record.name}")

    async def _replace(self, record: InstanceRecord) -> None:
        before = self._registry.get(record.id)
        await self._registry.replace(record)
        if before is not None and self._programs(before) != self._programs(record):
            await self._supervisors.supervisor(record.id).close(
                ServiceUnavailable(
                    f"实例 {record.name} 已换成另一版本，该命令没有执行完；请查看状态后重试",
                    f"Instance {record.name} now holds another version, and the command was not completed; see its status and try"
                    " again",
                )
            )
            self._supervise(record)
        self._refresh(record.id)

    async def add_services(self, instance_id: str, services: Collection[ServiceRecord]) -> None:
        """Adds those of these services that the instance, which may run, does not have. Its other programs are not touched: a
        command to one of them goes on. A caller that is cancelled goes on once that is done."""
        change = self._registry.add_services(instance_id, services)
        await self._tasks.uninterrupted(
            self._change_services(instance_id, change), f"new services of {instance_id}"
        )

    async def remove_services(self, instance_id: str, names: Collection[str]) -> None:
        """Takes services out of an instance, which may run, in the same way. What still runs of them is killed."""
        change = self._registry.remove_services(instance_id, names)
        await self._tasks.uninterrupted(
            self._change_services(instance_id, change), f"removal of services of {instance_id}"
        )

    async def _change_services(self, instance_id: str, change: Coroutine[Any, Any, None]) -> None:
        """Nothing is awaited between the change of the record and that of the programs: a view is made of both, and a start of
        all programs takes each command from the record."""
        await change
        if (record := self._registry.get(instance_id)) is None:
            return
        supervisor = self._supervisors.supervisor(instance_id)
        gone = supervisor.arrange(self._specs(record))
        self._refresh(instance_id)
        await supervisor.discard(gone)

    def _programs(self, record: InstanceRecord) -> list[tuple[ServiceRecord, tuple[str, ...]]]:
        """What the programs of a supervisor depend on."""
        ordered = self._ordered(record)
        return [
            (msgspec.structs.replace(service, wanted=False), self._recipe(record, service.name).needs)
            for service in ordered
        ]

    async def remove(self, instance_id: str) -> None:
        """Removes a stopped instance."""
        await self._supervisors.remove(instance_id)
        record = self._registry.get(instance_id)
        try:
            await self._registry.remove(instance_id)
        except DatabaseError:  # a full disk: it is there as before, and can be removed another time
            if record is not None:
                self._supervise(record)
            raise
        self._overrides.pop(instance_id, None)
        if (taken := self._adopting.pop(instance_id, None)) is not None:
            taken.set()  # it will never be known what ran of it, and nothing does
        if self._views.pop(instance_id, None) is not None:
            self.version += 1
            self._bus.publish(InstanceChanged(instance_id, removed=True))
        await self._first_starts.forget(instance_id)

    async def set_labels(self, instance_id: str, name: str, notes: str, tags: tuple[str, ...]) -> None:
        """What people call an instance and note about it. Raises InstanceNotFound."""
        await self._registry.set_labels(instance_id, name, notes, tags)
        self._refresh(instance_id)

    async def set_ports(self, instance_id: str, ports: Mapping[str, int]) -> None:
        """The ports of programs, by name, from their next start on."""
        await self._registry.set_ports(instance_id, ports)
        self._refresh(instance_id)

    def _supervise(self, record: InstanceRecord) -> None:
        try:
            supervision = msgspec.convert(record.supervision or {}, Supervision)
        except msgspec.ValidationError as error:
            log.error("supervision of %s is invalid, and not used: %s", record.name, error)
            supervision = Supervision()
        self._supervisors.add(record.id, self._specs(record), supervision, lambda: self._refresh(record.id))
        self._refresh(record.id)

    def _specs(self, record: InstanceRecord) -> list[ProgramSpec]:
        services = [
            self._spec(record, self._recipe(record, service.name), service)
            for service in self._ordered(record)
        ]
        return [self._spec(record, self._main_recipe(record), None), *services]

    def _ordered(self, record: InstanceRecord) -> list[ServiceRecord]:
        """The services, each after those that it needs; in any order if they need each other in a circle."""
        services = {service.name: service for service in record.services}
        order = TopologicalSorter({name: self._recipe(record, name).needs for name in services})
        try:
            return [services[name] for name in order.static_order() if name in services]
        except CycleError as error:
            log.error("services of %s need each other in a circle: %s", record.name, error.args[1])
            return list(services.values())

    def _main_recipe(self, record: InstanceRecord) -> Recipe:
        """The main program's recipe for its version. If its file is gone or broken, that of `custom`, so that a run command may
        still work."""
        found = self._catalogue.recipes.get(record.recipe)
        if found is None:
            log.error("recipe %s of %s is not in the catalogue", record.recipe, record.name)
        return (found or self._catalogue.get("custom")).of(record.version)

    def _recipe(self, record: InstanceRecord, service: str) -> Recipe:
        """A service's recipe for the bot's version; that of `custom`, which needs a run command, for an unknown service."""
        return (self._catalogue.recipes.get(service) or self._catalogue.get("custom")).of(record.version)

    def _spec(self, record: InstanceRecord, recipe: Recipe, service: ServiceRecord | None) -> ProgramSpec:
        part = service or record
        folder = Path(part.path)
        name = service.name if service else MAIN

        def port() -> int:
            """Read anew: a change of the configuration may have changed it."""
            now = self._registry.get(record.id) or record
            found = now.service(service.name) if service else now
            return found.port if found else part.port

        async def plan(*, adopting: bool = False) -> Launch:
            if not adopting:
                await self._require_ports(self._registry.get(record.id) or record, service)
                await self._call_before(record.id, name)
            return await asyncio.to_thread(self._make_launch, record.id, name)

        def is_own(module: str) -> bool:
            files = (*recipe.detect, *(place.file for place in recipe.release))
            return diagnosis.is_own_module(module, folder, files)

        async def explain(last_lines: tuple[str, ...], ended: Exit) -> Text | None:
            if ended.signal == signal.SIGKILL:
                return await asyncio.to_thread(self._memory.cause)
            holder = await asyncio.to_thread(port_holders.describe, port(), self.views)
            return await asyncio.to_thread(diagnosis.cause, last_lines, holder, is_own)

        async def lacks_consent() -> bool:
            try:
                return bool(await asyncio.to_thread(accepted.not_accepted, folder, recipe.consent))
            except LauncherError:  # the texts cannot be read: what it asks about is not known
                return False

        return ProgramSpec(
            name,
            recipe.title.text,
            folder,
            plan,
            explain,
            lacks_consent,
            recipe.needs,
        )

    async def _call_before(self, instance_id: str, program: str) -> None:
        if program == MAIN:
            for hook in self._before_start:
                await hook(instance_id)
        for program_hook in self._before_program:
            await program_hook(instance_id, program)

    def _make_launch(self, instance_id: str, name: str) -> Launch:
        """The command of a program by its record and the catalogue, read anew because an upgrade changes them. Reads files."""
        record = self._registry.get(instance_id)
        if record is None:
            raise InstanceNotFound(instance_id)
        service = record.service(name)
        part = service or record
        recipe = self._recipe(record, name) if service else self._main_recipe(record)
        extra = {} if service else self._first_starts.environment(instance_id)
        given = port_plan.of_instance(record, self._catalogue)
        return launching.launch(recipe, Path(part.path), part.port, part.run_command, given, extra)

    async def _require_ports(self, record: InstanceRecord, service: ServiceRecord | None) -> None:
        """Raises PortInUse. The main program also checks the ports of the services that wait for it, so that a conflict is noticed
        before anything of the instance runs."""
        part = (record.service(service.name) or service) if service else record
        describe = partial(port_holders.describe, instances=self.views)
        await listeners.require_free(part.port, describe)
        if service is None:
            programs = self._supervisors.supervisor(record.id).programs
            for other in record.services:
                program = programs.get(other.name)  # it may have been taken out meanwhile
                if program is not None and program.wanted and not program.alive:
                    await listeners.require_free(other.port, describe)

    def _refresh(self, instance_id: str) -> None:
        record = self._registry.get(instance_id)
        if record is None:
            return
        supervisor = self._supervisors.supervisor(instance_id)
        if (
            instance_id in self._first_starts
            and supervisor.main_program.state is State.RUNNING
            and supervisor.main_program.ready is not False
        ):
            self.spawn(self._first_starts.forget(instance_id), f"first start of {record.name}")
        view = _view(record, supervisor)
        override = self._overrides.get(instance_id)
        if override is not None:
            why = Details(reason=override.failure.told if override.failure else None)
            view = replace(view, status=override.status, failure=override.failure, ready=None, details=why)
        before = self._views.get(instance_id)
        if view != before:
            self._views[instance_id] = view
            self.version += 1
            self._bus.publish(InstanceChanged(instance_id))
            if before is not None and override is None:
                self._record_ends(before, view, supervisor)
                if _works(view) and not _works(before):
                    for hook in self._when_working:
                        self.spawn(hook(instance_id), f"after the start of {record.name}")

    def _record_ends(self, before: InstanceView, now: InstanceView, supervisor: Supervisor) -> None:
        """Records deaths in the journal, and that a program that ended by itself is no longer meant to run."""
        parts: list[tuple[str, InstanceView | ServiceView | None, InstanceView | ServiceView]]
        parts = [(MAIN, before, now), *((s.name, before.service(s.name), s) for s in now.services)]
        for name, then, part in parts:
            if then is None:
                continue
            if part.failure is not None and part.failure != then.failure:
                program = supervisor.programs[name]
                self.spawn(
                    self._note_death(now, program.title, part.failure, program.terminal.session_id),
                    f"death of {now.name}",
                )
            if then.status is State.RUNNING and part.status is State.STOPPED:
                self.spawn(self._registry.set_wanted(now.id, [name], False), f"end of {now.name}")

    async def _note_death(
        self, instance: InstanceView, title: Text, failure: Failure, session_id: str
    ) -> None:
        kind: Kind = "failed" if failure.restart_at is None else "died"
        hint = failure.hint or Text("", "")
        who = Text(f"{title.zh} ", f"{title.en} ")
        if failure.sentence:
            named = failure.reason.en.startswith(title.en)
            who = Text("", "") if named else Text(f"{title.zh}：", f"{title.en}: ")
        words = Text(
            f"{instance.name}：{who.zh}{failure.reason.zh} {hint.zh}".strip(),
            f"{instance.name}: {who.en}{failure.reason.en} {hint.en}".strip(),
        )
        place = None if failure.offset is None else Place(session_id, failure.offset)
        await self._journal.note(kind, "supervisor", words, instance.id, place)

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> "asyncio.Task[T]":
        """Starts work that nobody needs to wait for but the end of the server. A failure is logged."""
        return self._tasks.spawn(work, name)


def _adoption(record: InstanceRecord) -> Outage:
    return Outage(log, f"connecting to the keeper of {record.name}")


def _works(view: InstanceView) -> bool:
    return view.status is State.RUNNING and view.ready is not False


def _view(record: InstanceRecord, supervisor: Supervisor) -> InstanceView:
    main = supervisor.main_program
    return InstanceView(
        id=record.id,
        name=record.name,
        status=main.state,
        installed_at=str(record.installed_at),
        path=record.path,
        port=record.port,
        version=record.version,
        recipe=record.recipe,
        pid=main.pid,
        started_at=main.started_at,
        began=main.began,
        ready=main.ready,
        restarts=main.restarts,
        failure=main.failure,
        details=details(main, record.name, record.port),
        services=tuple(_service(record, service, supervisor) for service in record.services),
        notes=record.notes,
        tags=record.tags,
    )


def _service(instance: InstanceRecord, service: ServiceRecord, supervisor: Supervisor) -> ServiceView:
    program = supervisor.programs[service.name]
    return ServiceView(
        instance_id=instance.id,
        name=service.name,
        alias=service.alias,
        path=service.path,
        status=program.state,
        port=service.port,
        pid=program.pid,
        started_at=program.started_at,
        began=program.began,
        ready=program.ready,
        restarts=program.restarts,
        failure=program.failure,
        details=details(program, instance.name, service.port),
    )
