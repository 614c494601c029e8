"""The configuration files of instances: where they are, a lock for each, and the revisions of their contents."""

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple, Protocol, TypeVar
from weakref import WeakValueDictionary

from msgspec.structs import replace

from bots.backups import selection
from bots.catalogue import Catalogue
from bots.documents import env, file, json, toml
from bots.documents.file import Loaded
from bots.documents.secrets import Kind
from bots.documents.values import Path as DocumentPath
from bots.recipe import ConfigFileSpec, Recipe, Value
from mailauncher.beneath import Root
from mailauncher.errors import InstanceNotFound, LauncherError, ResourceNotFound
from mailauncher.files import is_folder
from mailauncher.interruption import Check, proceed
from mailauncher.tasks import Tasks
from mailauncher.threads import LongWork
from resolvers.configuring.turns import ConfigTurns
from resolvers.running import plugins
from resolvers.running.live_instances import LiveInstances
from store.records import InstanceRecord
from store.registry import Registry
from store.revisions import Revisions, Source
from terminals.supervisor import MAIN

log = logging.getLogger(__name__)
Result = TypeVar("Result")


class DocumentFormat(Protocol):
    """Reads and edits texts of one format; see `bots.documents`. Edits of a large text take seconds, and call `check` often."""

    def read(self, text: str) -> Mapping[str, Any]: ...

    def merge(self, text: str, patch: Mapping[str, Any], check: Check = proceed) -> str: ...

    def set_value(self, text: str, path: DocumentPath, value: Any, check: Check = proceed) -> str: ...

    def unset(self, text: str, path: DocumentPath, check: Check = proceed) -> str: ...


FORMATS: dict[Kind, DocumentFormat] = {"toml": toml, "json": json, "env": env}

_ALWAYS = (
    ConfigFileSpec(name="bot", path="config/bot_config.toml"),
    ConfigFileSpec(name="lpmm", path="config/lpmm_config.toml"),
    ConfigFileSpec(name="env", path=".env"),
)
"""These names have a meaning for every instance, whether or not its recipe knows them."""
NAME_LENGTH = 64
BEFORE_START_S = 2.0
MATCHES = 100
"""How many files a pattern of a recipe may stand for."""


@dataclass(frozen=True, slots=True)
class ConfigLocation:
    """Where a configuration file is, or would be. `component` is the program that reads it: `main` or a service."""

    instance_id: str
    name: str
    component: str
    folder: Path
    """The file must lie inside."""
    path: str
    """Relative to `folder`, with `/`."""
    kind: Kind
    restart: bool
    set: Mapping[str, Value]
    fixed: tuple[str, ...] = ()
    expected: bool = True
    """Whether the recipe knows it for the instance's version. Any other file counts only if it exists."""

    @property
    def format(self) -> DocumentFormat:
        return FORMATS[self.kind]

    @property
    def exists(self) -> bool:
        """Blocks."""
        return os.path.lexists(self.folder / self.path)


class Configs:
    """The configuration files of all instances, with their revisions.

    What a bot or an editor writes becomes a revision when somebody reads the file, when its program is about to start, and when
    the bot has got ready, by which time it has rewritten what it rewrites.
    """

    def __init__(
        self, registry: Registry, catalogue: Catalogue, revisions: Revisions, live: LiveInstances
    ) -> None:
        self.revisions = revisions
        self._registry = registry
        self._catalogue = catalogue
        self._locks: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()
        self.turns = ConfigTurns()
        """With one for each instance, a large file, which takes seconds, makes nobody wait who uses another instance."""
        self._work = LongWork()
        self._writes = Tasks()
        self._live = live
        live.call_before_program(self._record_at_start)
        live.call_when_working(self.record_all)

    async def close(self) -> None:
        """Interrupts what reads, edits or compares texts, and waits for what is being written."""
        await self._work.close()
        await self.turns.close()
        await self._writes.finish()

    async def run_interruptibly(self, function: Callable[[Check], Result]) -> Result:
        """Runs what reads, edits or compares texts, in a thread, for a caller that has the instance's turn. A few at a time: each
        thread that computes makes the event loop wait longer for its turn. It ends with its caller, and with `close`."""
        return await self._work.run(function)

    async def write(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Runs what changes a file together with its records, to its end, even if the caller is cancelled."""
        return await self._writes.uninterrupted(work, "change of a configuration file")

    def lock(self, location: ConfigLocation) -> asyncio.Lock:
        """The file's lock, which lives as long as somebody has a reference to it."""
        return self.lock_at(location.folder / location.path)

    def lock_at(self, path: Path) -> asyncio.Lock:
        """The lock of whatever file is at a path, which may be a configuration."""
        return self._locks.setdefault(path, asyncio.Lock())

    def locations(self, instance_id: str) -> list[ConfigLocation]:
        """The files of an instance: those that its recipe names for its version, those whose names always have a meaning, those of
        its services, those that patterns find. Of several with the same name or in the same place the first counts. Blocks.
        Raises InstanceNotFound."""
        return list(self._locations(instance_id))

    def _locations(self, instance_id: str) -> Iterator[ConfigLocation]:
        record = self._registry.get(instance_id)
        if record is None:
            raise InstanceNotFound(instance_id)
        known: set[str | Path] = set()
        for named in _named(self._catalogue, record):
            home, path = _home(Path(record.path), named.folder, named.spec.path)
            kind = _kind(path)
            if kind is None or named.name in known or home / path in known:
                continue
            known |= {named.name, home / path}
            spec, expected = named.spec, named.expected
            yield ConfigLocation(
                instance_id,
                named.name,
                named.component,
                home,
                path,
                kind,
                spec.restart,
                spec.set,
                spec.fixed,
                expected,
            )

    def complete_writes(self) -> None:
        """Completes what a killed server has left unfinished of files that are written in place. Logs what fails. Blocks."""
        for record in list(self._registry):
            if not is_folder(Path(record.path)):  # it is still being deployed, or was moved
                continue
            for location in self.locations(record.id):
                try:
                    file.complete(location.folder, location.path)
                except LauncherError as error:
                    log.warning("%s of %s: %s", location.path, record.name, error)

    def find(self, instance_id: str, name: str) -> ConfigLocation:
        """Blocks. Raises InstanceNotFound, ResourceNotFound."""
        names = []
        for location in self._locations(instance_id):  # which looks for files of patterns last
            if location.name == name:
                return location
            names.append(location.name)
        available = ", ".join(names)
        raise ResourceNotFound(
            f"没有名为 '{name[:64]}' 的配置文件，可用的有：{available}",
            f"Configuration file '{name[:64]}' not found; available: {available}",
        )

    async def record(self, location: ConfigLocation, loaded: Loaded, source: Source = "disk") -> None:
        """Adds a revision if the file's content is not that of its newest one. The caller holds the file's lock: of two
        that compare at the same moment both would add one. Raises DatabaseError."""
        newest = await self.revisions.newest(location.instance_id, location.name)
        if newest.hash == loaded.revision if newest else not loaded.exists:
            return
        await self.revisions.add(
            location.instance_id,
            location.name,
            loaded.content,
            loaded.revision,
            caller=source,
            source=source,
        )

    async def _record_at_start(self, instance_id: str, program: str) -> None:
        """Records what files hold before a program, which is about to start, may rewrite them: all files of the instance before
        the bot, those of a service before that. The program is not held up for longer than BEFORE_START_S; then the rest
        follows while it starts."""
        recording = self.record_all(instance_id, component=None if program == MAIN else program)
        recorded = self._live.spawn(recording, f"configuration of {instance_id}")
        await asyncio.wait([recorded], timeout=BEFORE_START_S)

    async def record_all(
        self, instance_id: str, source: Source = "disk", component: str | None = None
    ) -> None:
        """Adds revisions of all files of an instance, or of one component of it, as `record` does. Logs what fails, and never
        raises LauncherError."""
        try:
            locations = await asyncio.to_thread(self.locations, instance_id)
        except LauncherError as error:
            log.warning("no revisions of the configuration of %s: %s", instance_id, error)
            return
        for location in locations:
            if component not in (None, location.component):
                continue
            lock = self.lock(location)
            async with lock:
                try:
                    loaded = await asyncio.to_thread(file.read_bytes, location.folder, location.path)
                    await self.record(location, loaded, source)
                except LauncherError as error:
                    log.warning("no revision of %s of %s: %s", location.path, instance_id, error)


class _NamedFile(NamedTuple):
    name: str
    component: str
    folder: Path
    """That of the component."""
    spec: ConfigFileSpec
    expected: bool = True


def _named(catalogue: Catalogue, record: InstanceRecord) -> Iterator[_NamedFile]:
    """The main program's files first, those of patterns last: folders are listed for them."""
    folder = Path(record.path)
    main = catalogue.recipes.get(record.recipe)
    specs = main.of(record.version).config if main else ()
    yield from (_NamedFile(spec.name, MAIN, folder, spec) for spec in specs if not spec.is_pattern)
    yield from (_NamedFile(spec.name, MAIN, folder, spec, main is None) for spec in _ALWAYS)
    patterns = [(MAIN, folder, spec) for spec in specs]
    for service, place in _services(catalogue, record):
        for spec in service.config:
            if not spec.is_pattern:
                yield _NamedFile(spec.name, service.name, place, spec)
            patterns.append((service.name, place, spec))
    for component, place, spec in patterns:
        if spec.is_pattern:
            yield from _matching(component, place, spec)
        elif spec.also:
            yield from _further(component, place, spec)


def _services(catalogue: Catalogue, record: InstanceRecord) -> Iterator[tuple[Recipe, Path]]:
    """The recipe, for the instance's version, and the folder of each service that it has, hosted ones last."""
    for service in record.services:
        if recipe := catalogue.recipes.get(service.name):
            yield recipe.of(record.version), Path(service.path)
    for recipe, place in plugins.installed(catalogue, record):
        yield recipe, Path(record.path, place)


def _matching(component: str, folder: Path, spec: ConfigFileSpec) -> Iterator[_NamedFile]:
    """The existing files of a pattern. Their names are in the database and on a screen, so a folder with a longer or unprintable
    name is left out. A folder that leads out of the instance's is not listed."""
    above, _, below = spec.path.partition("*")
    try:
        with Root(folder) as root:
            names = [
                entry.name
                for entry in root.entries(above.rstrip("/") or ".")
                if entry.name.isprintable() and root.exists(f"{above}{entry.name}{below}")
            ]
    except OSError:
        return
    for name in names[:MATCHES]:
        if len(full := f"{spec.name}.{name}") <= NAME_LENGTH:
            yield _NamedFile(full, component, folder, replace(spec, path=f"{above}{name}{below}"))


def _further(component: str, folder: Path, spec: ConfigFileSpec) -> Iterator[_NamedFile]:
    """The existing files that a recipe names beside one, such as that of each account."""
    try:
        with Root(folder) as root:
            paths = [str(path) for path in selection.matches(root, (spec.also,))]
    except OSError:
        return
    for path in [path for path in paths if path.isprintable()][:MATCHES]:
        if len(full := f"{spec.name}.{PurePosixPath(path).stem}") <= NAME_LENGTH:
            yield _NamedFile(full, component, folder, replace(spec, path=path))


def _home(instance: Path, folder: Path, path: str) -> tuple[Path, str]:
    """(the folder that the file must lie in, its path inside): the instance's folder, unless a service is elsewhere."""
    if folder.is_relative_to(instance):
        return instance, (folder.relative_to(instance) / path).as_posix()
    return folder, path


def _kind(path: str) -> Kind | None:
    name = Path(path).name
    if name.endswith(".env") or name.startswith(".env"):
        return "env"
    return {".toml": "toml", ".json": "json"}.get(Path(name).suffix)  # type: ignore[return-value]
