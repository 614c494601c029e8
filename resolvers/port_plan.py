"""The ports of an instance, planned together: its main program's, every further one, and those of its services.

A port is known by its placeholder: `main`, `webui` (a further one of the bot's), `napcat`, `napcat.ws`. It counts as taken
when something listens on it, or when another managed instance has it, in its record or in its configuration files.
"""

import errno
import json
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from mailauncher.bots.catalogue import Catalogue
from mailauncher.bots.launching import NO_PORTS
from mailauncher.bots.recipe import ConfigFile, Recipe
from mailauncher.errors import PortInUse
from mailauncher.store.records import InstanceRecord

LAST = 65535
FILE_BYTES = 4 << 20
_ONE = re.compile(r"\{([a-z][a-z0-9_.-]*)\}")


def roles(recipe: Recipe) -> dict[str, int]:
    """Every port of a program by its placeholder, with its default; 0 where it has none unless it is told."""
    if recipe.kind == "bot":
        return {"main": recipe.port, **recipe.ports}
    return {
        recipe.name: recipe.port,
        **{f"{recipe.name}.{role}": port for role, port in recipe.ports.items()},
    }


def plan(
    recipes: Iterable[Recipe],
    asked: Mapping[str, int],
    taken: Callable[[int], str | None],
    kept: Mapping[str, int] = NO_PORTS,
) -> dict[str, int]:
    """A free port for every placeholder of these recipes: the one that it has (`kept`), that was asked for, else the first
    from its default up.

    `taken` says who has a port, None when nobody does. Raises PortInUse for one that was asked for: it is not moved.
    """
    wanted = {name: port for recipe in recipes for name, port in roles(recipe).items()}
    for name, port in asked.items():
        if who := taken(port):
            raise PortInUse(
                f"端口 {port} 已被占用（{who}）：请换一个，或不指定",
                f"Port {port} is in use ({who}): choose another, or leave it out",
                field=_field(name),
            )
    chosen = {**asked, **{name: port for name, port in kept.items() if name in wanted and port}}
    for name, default in wanted.items():
        if name not in chosen:
            chosen[name] = _first_free(default, set(chosen.values()), taken) if default else 0
    return chosen


def _first_free(first: int, chosen: set[int], taken: Callable[[int], str | None]) -> int:
    for port in range(first, LAST + 1):
        if port not in chosen and not taken(port):
            return port
    raise PortInUse(f"从 {first} 起没有空闲端口", f"No port from {first} on is free", field="port")


def _field(name: str) -> str:
    return "port" if name == "main" else "install_services"


def of_instance(record: InstanceRecord, catalogue: Catalogue) -> dict[str, int]:
    """Every port of a managed instance: as its files have it, else its record, else the recipes' defaults. Those of services
    that it does not have are the defaults. Reads files."""
    found: dict[str, int] = {}
    for recipe in catalogue.services():
        found |= roles(recipe.of(record.version))
    for recipe, folder, port in _programs(record, catalogue):
        found |= roles(recipe) | ({_own(recipe): port} if port else {}) | planned(folder, recipe)
    return found


def known(record: InstanceRecord, catalogue: Catalogue) -> dict[str, int]:
    """The ports that a managed instance was given: as its files have them, else its record. Reads files."""
    found: dict[str, int] = {}
    for recipe, folder, port in _programs(record, catalogue):
        found |= ({_own(recipe): port} if port else {}) | planned(folder, recipe)
    return found


def used(record: InstanceRecord, catalogue: Catalogue) -> set[int]:
    """The ports that are a managed instance's, whether it runs or not. Reads files."""
    found = {record.port, *(service.port for service in record.services)}
    for recipe, folder, _ in _programs(record, catalogue):
        found |= set(planned(folder, recipe).values())
    return found - {0}


def _programs(record: InstanceRecord, catalogue: Catalogue) -> Iterator[tuple[Recipe, Path, int]]:
    """The recipes of what an instance has, as they are for its version."""
    for name, path, port in (
        (record.recipe, record.path, record.port),
        *((service.name, service.path, service.port) for service in record.services),
    ):
        if recipe := catalogue.recipes.get(name):
            yield recipe.of(record.version), Path(path), port


def _own(recipe: Recipe) -> str:
    return "main" if recipe.kind == "bot" else recipe.name


def planned(folder: Path, recipe: Recipe) -> dict[str, int]:
    """A program's own ports as they stand in its configuration files, read back from where the recipe writes them.

    What cannot be read is left out: it is the user's file. Reads files.
    """
    own = roles(recipe)
    found: dict[str, int] = {}
    for file in recipe.config:
        places = {
            path: match[1]
            for path, value in file.set.items()
            if isinstance(value, str) and (match := _ONE.fullmatch(value)) and match[1] in own
        }
        if places:
            values = _values(folder, file)
            ports = {name: _port(_at(values, path)) for path, name in places.items()}
            found |= {name: port for name, port in ports.items() if port}
    return found


def _values(folder: Path, file: ConfigFile) -> Any:
    try:
        text = _read(folder / file.path).decode("utf-8-sig")
        match PurePosixPath(file.path).suffix:
            case ".toml":
                return tomllib.loads(text)
            case ".json":
                return json.loads(text)
            case _:
                return dict(_variables(text))
    except (OSError, ValueError, RecursionError):
        return {}


def _read(path: Path) -> bytes:
    """Of a regular file only: reading anything else, such as a link to a terminal, might wait for ever. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        return opened.read(FILE_BYTES)


def _variables(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not name.lstrip().startswith("#"):
            yield name.strip().removeprefix("export "), value.partition(" #")[0].strip().strip("\"'")


def _at(values: Any, path: str) -> Any:
    """What stands at a dotted path; a number is a place in an array."""
    for word in path.split("."):
        if isinstance(values, dict):
            values = values.get(word)
        elif isinstance(values, list) and word.isdigit() and int(word) < len(values):
            values = values[int(word)]
        else:
            return None
    return values


def _port(value: Any) -> int:
    """0 for what is no port."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 5:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LAST else 0
