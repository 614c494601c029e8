"""Every instance as clients see it: records and crews put together, kept current, told to the bus."""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import msgspec

from mailauncher.bots import diagnosis, launching
from mailauncher.bots.catalogue import Catalogue
from mailauncher.bots.recipe import Recipe
from mailauncher.errors import InstanceNotFound, LauncherError, Text
from mailauncher.events import Bus, InstanceChanged
from mailauncher.launch import Launch
from mailauncher.store.journal import Journal
from mailauncher.store.records import InstanceRecord, ServiceRecord
from mailauncher.store.registry import Registry
from resolvers import port_plan, ports
from resolvers.views import InstanceView, ServiceView
from terminals.client import Exit
from terminals.crew import MAIN, Crew, Member
from terminals.house import House
from terminals.policy import Supervision
from terminals.states import Failure, State

log = logging.getLogger(__name__)


ADOPTION_RETRY_S = 2.0


@dataclass(frozen=True, slots=True)
class Mark:
    """What an instance is listed as while it is not there to be run: `installing`, or `failed` and why."""

    status: State
    failure: Failure | None = None


class Fleet:
    """Views by id, rebuilt when a record or a program changes. `version` rises with every visible change."""

    def __init__(
        self, registry: Registry, catalogue: Catalogue, house: House, bus: Bus, journal: Journal
    ) -> None:
        self.version = 0
        self._registry = registry
        self._journal = journal
        self._chores: set[asyncio.Task[None]] = set()
        self._retries: set[asyncio.Task[None]] = set()
        self._catalogue = catalogue
        self._house = house
        self._bus = bus
        self._views: dict[str, InstanceView] = {}
        self._marks: dict[str, Mark] = {}
        self._untaken: dict[str, asyncio.Event] = {}
        self.first_start: dict[str, dict[str, str]] = {}
        """Environment of an instance's main program alone, by id, until it has got ready once: that after an upgrade."""
        self.on_first_start: Callable[[str], None] = lambda _: None
        self._memory = diagnosis.MemoryWatch()
        self.adding = asyncio.Lock()
        """Held while an instance is checked and added, so that two requests cannot add the same."""
        self.before_start: Callable[[str], Awaitable[None]] = _nothing
        """Awaited when nothing of a main program runs and it is about to be started; takes a few seconds at most."""

    async def open(self) -> None:
        """Enrols every known instance with whatever of it still runs, and starts what was meant to run and does not."""
        for record in self._registry:
            self._enrol(record)
        await asyncio.gather(*(self._take_over(record) for record in self._registry))

    async def _take_over(self, record: InstanceRecord) -> None:
        """Finds what runs and starts what should. A keeper that does not answer is asked again in the background: what it
        runs must not be started a second time."""
        taken = self._untaken.setdefault(record.id, asyncio.Event())
        try:
            await self._house.crew(record.id).adopt()
        except LauncherError as error:
            log.error("keeper of %s: %s", record.name, error.text.en)
            task = asyncio.get_running_loop().create_task(self._take_over_later(record))
            self._retries.add(task)
            task.add_done_callback(self._retries.discard)
        else:
            self._untaken.pop(record.id, None)
            taken.set()
            self._refresh(record.id)
            if record.id not in self._marks:
                await self._resume(record)

    async def taken_over(self, instance_id: str) -> None:
        """Returns once it is known what of an instance still runs."""
        if instance_id in self._untaken:
            await self._untaken[instance_id].wait()

    async def _take_over_later(self, record: InstanceRecord) -> None:
        await asyncio.sleep(ADOPTION_RETRY_S)
        if record.id in self._views:
            await self._take_over(record)

    async def close(self) -> None:
        """Waits for what is still being written down."""
        for retry in self._retries:
            retry.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)

    async def _resume(self, record: InstanceRecord) -> None:
        """After a reboot, or when it died while no server was there. What ended with code 0 meant to end."""
        crew = self._house.crew(record.id)
        wanted = [MAIN] if record.wanted else []
        wanted += [service.name for service in record.services if service.wanted]
        idle = [name for name in wanted if not crew.programs[name].alive]
        ended = [name for name in idle if (last := crew.terminals[name].last_exit) and last.code == 0]
        if ended:
            await self._registry.set_wanted(record.id, ended, False)
        lost = [name for name in idle if name not in ended]
        if lost and crew.main.care.supervision.autostart:
            words = Text(
                f"{record.name}：重新启动 {', '.join(lost)}",
                f"{record.name}: started {', '.join(lost)} again",
            )
            await self._journal.note("autostart", "supervisor", words, record.id)
            crew.start(lost)

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

    def mark(self, instance_id: str, mark: Mark | None) -> None:
        """Lists an instance as something else than its programs are; None ends that."""
        if mark is None:
            self._marks.pop(instance_id, None)
        else:
            self._marks[instance_id] = mark
        if instance_id in self._views:
            self._refresh(instance_id)

    def marked(self, instance_id: str) -> Mark | None:
        return self._marks.get(instance_id)

    def crew(self, instance_id: str) -> Crew:
        """Raises InstanceNotFound."""
        return self._house.crew(instance_id)

    async def add(self, record: InstanceRecord) -> InstanceView:
        """Stores a new instance and enrols its crew."""
        await self._registry.add(record)
        self._enrol(record)
        return self._views[record.id]

    async def replace(self, record: InstanceRecord) -> None:
        """Another version of a stopped instance stands in its folder, perhaps with other services: what is known of it is
        this from now on. Where its programs are others, viewers of their terminals end."""
        before = self._registry.get(record.id)
        await self._registry.replace(record)
        if before is not None and self._programs(before) != self._programs(record):
            await self._house.crew(record.id).close()
            self._enrol(record)
        self._refresh(record.id)

    def _programs(self, record: InstanceRecord) -> list[tuple[ServiceRecord, tuple[str, ...]]]:
        """What a crew is made of."""
        ordered = self._ordered(record)
        return [
            (msgspec.structs.replace(service, wanted=False), self._recipe(record, service.name).needs)
            for service in ordered
        ]

    async def remove(self, instance_id: str) -> None:
        """Forgets a stopped instance."""
        await self._house.dismiss(instance_id)
        await self._registry.remove(instance_id)
        self._marks.pop(instance_id, None)
        self.first_start.pop(instance_id, None)
        if self._views.pop(instance_id, None) is not None:
            self.version += 1
            self._bus.publish(InstanceChanged(instance_id, removed=True))

    async def set_ports(self, instance_id: str, ports: Mapping[str, int]) -> None:
        """Programs listen on other ports from their next start on."""
        await self._registry.set_ports(instance_id, ports)
        self._refresh(instance_id)

    def _enrol(self, record: InstanceRecord) -> None:
        members = [self._member(record, self._main_recipe(record), None)]
        members += [
            self._member(record, self._recipe(record, service.name), service)
            for service in self._ordered(record)
        ]
        try:
            supervision = msgspec.convert(record.supervision or {}, Supervision)
        except msgspec.ValidationError as error:
            log.error("supervision of %s is invalid, and not used: %s", record.name, error)
            supervision = Supervision()
        self._house.enrol(record.id, members, supervision, lambda: self._refresh(record.id))
        self._refresh(record.id)

    def _ordered(self, record: InstanceRecord) -> list[ServiceRecord]:
        """The services, each after those that it needs. Of recipes that need each other in a circle one need is lost."""
        services = {service.name: service for service in record.services}
        order = TopologicalSorter({name: self._recipe(record, name).needs for name in services})
        try:
            return [services[name] for name in order.static_order() if name in services]
        except CycleError as error:
            log.error("services of %s need each other in a circle: %s", record.name, error.args[1])
            return list(services.values())

    def _main_recipe(self, record: InstanceRecord) -> Recipe:
        """The main program's recipe for its version; without it (its file is gone or broken) a run command may still
        work."""
        found = self._catalogue.recipes.get(record.recipe)
        if found is None:
            log.error("recipe %s of %s is not in the catalogue", record.recipe, record.name)
        return (found or self._catalogue.get("custom")).of(record.version)

    def _recipe(self, record: InstanceRecord, service: str) -> Recipe:
        """A service's recipe for the bot's version; one that the catalogue does not know needs the main program and a run
        command."""
        return (self._catalogue.recipes.get(service) or self._catalogue.get("custom")).of(record.version)

    def _member(self, record: InstanceRecord, recipe: Recipe, service: ServiceRecord | None) -> Member:
        part = service or record
        folder = Path(part.path)

        def port() -> int:
            """As it is now: a change of its configuration may have changed it."""
            now = self._registry.get(record.id) or record
            found = now.service(service.name) if service else now
            return found.port if found else part.port

        async def plan(*, adopting: bool = False) -> Launch:
            if not adopting:
                await self._require_ports(self._registry.get(record.id) or record, service)
                if service is None:
                    await self.before_start(record.id)
            return await asyncio.to_thread(self._launch, record.id, service.name if service else MAIN)

        async def explain(last_lines: tuple[str, ...], ended: Exit) -> Text | None:
            if ended.signal == signal.SIGKILL:
                return await asyncio.to_thread(self._memory.cause)
            return diagnosis.cause(last_lines, await ports.owner(port()))

        return Member(
            service.name if service else MAIN, recipe.title.text, folder, plan, explain, recipe.needs
        )

    def _launch(self, instance_id: str, name: str) -> Launch:
        """The command of a program as its record and the catalogue say now: an upgrade changes what they say. Reads files."""
        record = self._registry.get(instance_id)
        if record is None:
            raise InstanceNotFound(instance_id)
        service = record.service(name)
        part = service or record
        recipe = self._recipe(record, name) if service else self._main_recipe(record)
        extra = {} if service else self.first_start.get(instance_id, {})
        given = port_plan.of_instance(record, self._catalogue)
        return launching.launch(recipe, Path(part.path), part.port, part.run_command, given, extra)

    async def _require_ports(self, record: InstanceRecord, service: ServiceRecord | None) -> None:
        """Raises PortInUse. Services wait for the main program, so a port that one of them lacks is noticed before
        anything of the instance runs."""
        part = (record.service(service.name) or service) if service else record
        await ports.require_free(part.port)
        if service is None:
            programs = self._house.crew(record.id).programs
            for other in record.services:
                if programs[other.name].wanted and not programs[other.name].alive:
                    await ports.require_free(other.port)

    def _refresh(self, instance_id: str) -> None:
        record = self._registry.get(instance_id)
        if record is None:
            return
        crew = self._house.crew(instance_id)
        if (
            instance_id in self.first_start
            and crew.main.state is State.RUNNING
            and crew.main.ready is not False
        ):
            del self.first_start[instance_id]
            self.on_first_start(instance_id)
        view = _view(record, crew)
        mark = self._marks.get(instance_id)
        if mark is not None:
            view = replace(view, status=mark.status, failure=mark.failure, ready=None)
        before = self._views.get(instance_id)
        if view != before:
            self._views[instance_id] = view
            self.version += 1
            self._bus.publish(InstanceChanged(instance_id))
            if before is not None and mark is None:
                self._write_down(before, view, crew)

    def _write_down(self, before: InstanceView, now: InstanceView, crew: Crew) -> None:
        """Notes deaths in the journal, and that what ended by itself is no longer meant to run."""
        parts: list[tuple[str, InstanceView | ServiceView | None, InstanceView | ServiceView]]
        parts = [(MAIN, before, now), *((s.name, before.service(s.name), s) for s in now.services)]
        for name, then, part in parts:
            if then is None:
                continue
            if part.failure is not None and part.failure != then.failure:
                self.chore(self._note_death(now, crew.programs[name].title, part.failure))
            if then.status is State.RUNNING and part.status is State.STOPPED:
                self.chore(self._registry.set_wanted(now.id, [name], False))

    async def _note_death(self, instance: InstanceView, title: Text, failure: Failure) -> None:
        kind = "failed" if failure.restart_at is None else "died"
        hint = failure.hint or Text("", "")
        words = Text(
            f"{instance.name}：{title.zh} {failure.reason.zh} {hint.zh}".strip(),
            f"{instance.name}: {title.en} {failure.reason.en} {hint.en}".strip(),
        )
        await self._journal.note(kind, "supervisor", words, instance.id)

    def chore(self, work: Coroutine[Any, Any, None]) -> None:
        """Work that nobody waits for; the end of the server does. What fails is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._chores.add(task)
        task.add_done_callback(self._chore_done)

    def _chore_done(self, task: asyncio.Task[None]) -> None:
        self._chores.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("writing down failed", exc_info=error)


async def _nothing(_instance_id: str) -> None:
    pass


def _view(record: InstanceRecord, crew: Crew) -> InstanceView:
    main = crew.main
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
        ready=main.ready,
        restarts=main.restarts,
        failure=main.failure,
        services=tuple(_service(record.id, service, crew) for service in record.services),
    )


def _service(instance_id: str, service: ServiceRecord, crew: Crew) -> ServiceView:
    program = crew.programs[service.name]
    return ServiceView(
        instance_id=instance_id,
        name=service.name,
        path=service.path,
        status=program.state,
        port=service.port,
        pid=program.pid,
        started_at=program.started_at,
        ready=program.ready,
        restarts=program.restarts,
        failure=program.failure,
    )
