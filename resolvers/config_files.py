"""Which configuration files an instance has, and the one place where they are changed one after the other."""

import asyncio
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakValueDictionary

from mailauncher.bots.catalogue import Catalogue
from mailauncher.bots.documents import env, json, toml
from mailauncher.bots.documents.secrets import Kind
from mailauncher.bots.documents.values import Path as DocumentPath
from mailauncher.bots.recipe import ConfigFile, Recipe, Value
from mailauncher.errors import InstanceNotFound, ResourceNotFound
from mailauncher.store.records import InstanceRecord
from mailauncher.store.registry import Registry
from mailauncher.store.revisions import Revisions
from terminals.crew import MAIN


class Document(Protocol):
    """What is done with a text of one kind; see `mailauncher.bots.documents`."""

    def read(self, text: str) -> Mapping[str, Any]: ...

    def merge(self, text: str, patch: Mapping[str, Any]) -> str: ...

    def set_value(self, text: str, path: DocumentPath, value: Any) -> str: ...

    def unset(self, text: str, path: DocumentPath) -> str: ...


DOCUMENTS: dict[Kind, Document] = {"toml": toml, "json": json, "env": env}

_ALWAYS = (
    ConfigFile(name="bot", path="config/bot_config.toml"),
    ConfigFile(name="lpmm", path="config/lpmm_config.toml"),
    ConfigFile(name="env", path=".env"),
)
"""Documented for every instance, whether its recipe names them or not."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a configuration file is, or would be. `component` is the program whose it is: `main` or a service."""

    instance_id: str
    name: str
    component: str
    folder: Path
    """Outside of which the file may not lie."""
    path: str
    """Below `folder`, with `/`."""
    kind: Kind
    restart: bool
    set: Mapping[str, Value]

    @property
    def document(self) -> Document:
        return DOCUMENTS[self.kind]

    @property
    def exists(self) -> bool:
        """Looks at the disk."""
        return os.path.lexists(self.folder / self.path)


class Configs:
    """The revisions of all files, and a lock for each file that somebody is at."""

    def __init__(self, revisions: Revisions) -> None:
        self.revisions = revisions
        self._locks: WeakValueDictionary[Path, asyncio.Lock] = WeakValueDictionary()

    def lock(self, place: Place) -> asyncio.Lock:
        """Keep it while it counts."""
        return self._locks.setdefault(place.folder / place.path, asyncio.Lock())


def places(registry: Registry, catalogue: Catalogue, instance_id: str) -> list[Place]:
    """The files of an instance: those that its recipe names for its version, the documented ones, those of its services.
    Of a name that comes twice the first one counts. Raises InstanceNotFound. Looks at the disk."""
    record = registry.get(instance_id)
    if record is None:
        raise InstanceNotFound(instance_id)
    found: dict[str, Place] = {}
    for component, folder, config in _named(catalogue, record):
        home, path = _home(Path(record.path), folder, config.path)
        kind = _kind(config.path)
        if kind is not None:
            place = Place(instance_id, config.name, component, home, path, kind, config.restart, config.set)
            found.setdefault(config.name, place)
    return list(found.values())


def find(registry: Registry, catalogue: Catalogue, instance_id: str, name: str) -> Place:
    """Raises InstanceNotFound, ResourceNotFound."""
    known = places(registry, catalogue, instance_id)
    for place in known:
        if place.name == name:
            return place
    names = ", ".join(place.name for place in known)
    raise ResourceNotFound(
        f"没有名为 '{name[:64]}' 的配置文件，可用的有：{names}",
        f"There is no configuration file '{name[:64]}'; there are: {names}",
    )


def _named(catalogue: Catalogue, record: InstanceRecord) -> Iterator[tuple[str, Path, ConfigFile]]:
    """(component, its folder, file)."""
    folder = Path(record.path)
    main = catalogue.recipes.get(record.recipe)
    for config in (*(main.of(record.version).config if main else ()), *_ALWAYS):
        yield MAIN, folder, config
    for service in record.services:
        if recipe := catalogue.recipes.get(service.name):
            for config in recipe.of(record.version).config:
                yield service.name, Path(service.path), config
    for recipe in catalogue.services():
        if place := _hosted(recipe.of(record.version), folder):
            for config in recipe.of(record.version).config:
                yield recipe.name, place, config


def _hosted(recipe: Recipe, folder: Path) -> Path | None:
    """The folder of a service that the main program runs, if it is there."""
    install = recipe.install
    if install is None or not install.hosted:
        return None
    place = folder / (install.place or recipe.name)
    return place if place.is_dir() else None


def _home(instance: Path, folder: Path, path: str) -> tuple[Path, str]:
    """The folder that must not be left, and the path below it: the instance's, unless a service stands elsewhere."""
    if folder.is_relative_to(instance):
        return instance, (folder.relative_to(instance) / path).as_posix()
    return folder, path


def _kind(path: str) -> Kind | None:
    name = Path(path).name
    if name.endswith(".env") or name.startswith(".env"):
        return "env"
    return {".toml": "toml", ".json": "json"}.get(Path(name).suffix)  # type: ignore[return-value]
