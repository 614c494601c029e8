"""The ports of an instance, planned together: its main program's, every further one, and those of its services.

A port is known by its placeholder: `main`, `webui` (a further one of the bot's), `napcat`, `napcat.ws`. Who has which is
for `resolvers.running.ports` to say.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from bots.catalogue import Catalogue
from bots.documents import env, file, json, toml, values
from bots.documents.file import Loaded
from bots.launching import NO_PORTS
from bots.recipe import ConfigFileSpec, Recipe
from mailauncher import listeners
from mailauncher.errors import LauncherError, PortInUse, Text
from store.records import InstanceRecord

KNOWN_FILES = 4096
_ONE = re.compile(r"\{([a-z][a-z0-9_.-]*)\}")


def default_ports(recipe: Recipe) -> dict[str, int]:
    """Every port of a program by its placeholder, with its default; 0 where it has none."""
    if recipe.kind == "bot":
        return {"main": recipe.port, **recipe.ports}
    return {
        recipe.name: recipe.port,
        **{f"{recipe.name}.{role}": port for role, port in recipe.ports.items()},
    }


def plan(
    recipes: Iterable[Recipe],
    asked: Mapping[str, int],
    owner_of: Callable[[int], Text | None],
    kept: Mapping[str, int] = NO_PORTS,
) -> dict[str, int]:
    """A port for every placeholder of these recipes: the one that it has (`kept`) or that was asked for, else the first free
    one from its default up.

    `owner_of` says who has a port, None when nobody does. Raises PortInUse for one that was asked for: it is not moved.
    """
    wanted = {name: port for recipe in recipes for name, port in default_ports(recipe).items()}
    for name, port in asked.items():
        if owner := owner_of(port):
            raise listeners.in_use_error(port, owner, _field(name))
    chosen = {**asked, **{name: port for name, port in kept.items() if name in wanted and port}}
    for name, default in wanted.items():
        if name not in chosen:
            chosen[name] = first_free(default, set(chosen.values()), owner_of) if default else 0
    return chosen


def first_free(first: int, chosen: set[int], owner_of: Callable[[int], Text | None]) -> int:
    """Raises PortInUse if there is none."""
    for port in range(first, listeners.LAST_PORT + 1):
        if port not in chosen and not owner_of(port):
            return port
    raise PortInUse(f"从 {first} 起没有空闲端口", f"No port from {first} on is free", field="port")


def _field(name: str) -> str:
    return "port" if name == "main" else "install_services"


def of_instance(record: InstanceRecord, catalogue: Catalogue) -> dict[str, int]:
    """Every port of a managed instance: from its files, else its record, else the recipes' defaults. Services that it does not
    have are included with their defaults. Reads files."""
    found: dict[str, int] = {}
    for recipe in catalogue.services():
        found |= default_ports(recipe.of(record.version))
    for recipe, folder, port in _programs(record, catalogue):
        found |= (
            default_ports(recipe)
            | ({_main_placeholder(recipe): port} if port else {})
            | configured_ports(folder, recipe)
        )
    return found


def ports_of_programs(record: InstanceRecord, catalogue: Catalogue) -> dict[str, int]:
    """The ports of the programs that a managed instance has: from its files, else its record. Reads files."""
    found: dict[str, int] = {}
    for recipe, folder, port in _programs(record, catalogue):
        found |= ({_main_placeholder(recipe): port} if port else {}) | configured_ports(folder, recipe)
    return found


def used_ports(record: InstanceRecord, catalogue: Catalogue) -> set[int]:
    """The numbers of all ports of a managed instance, whether it runs or not. Reads files."""
    found = {record.port, *(service.port for service in record.services)}
    for recipe, folder, _ in _programs(record, catalogue):
        found |= set(configured_ports(folder, recipe).values())
    return found - {0}


def _programs(record: InstanceRecord, catalogue: Catalogue) -> Iterator[tuple[Recipe, Path, int]]:
    """The recipe, for the instance's version, the folder and the port of each program that it has."""
    for name, path, port in (
        (record.recipe, record.path, record.port),
        *((service.name, service.path, service.port) for service in record.services),
    ):
        if recipe := catalogue.recipes.get(name):
            yield recipe.of(record.version), Path(path), port


def _main_placeholder(recipe: Recipe) -> str:
    return "main" if recipe.kind == "bot" else recipe.name


def configured_port(folder: Path, recipe: Recipe) -> int:
    """The main port of a program in its configuration files, 0 if they have none. Reads files."""
    return configured_ports(folder, recipe).get(_main_placeholder(recipe), 0)


def configured_ports(folder: Path, recipe: Recipe) -> dict[str, int]:
    """A program's own ports as they stand in its configuration files, read back from where the recipe writes them.

    Files that cannot be read are left out: they are the user's. Reads files.
    """
    own = default_ports(recipe)
    found: dict[str, int] = {}
    for spec in recipe.config:
        places = {
            path: match[1]
            for path, value in spec.set.items()
            if isinstance(value, str) and (match := _ONE.fullmatch(value)) and match[1] in own
        }
        if places:
            ports = zip(places.values(), _ports_at(folder, spec, tuple(places)), strict=True)
            found |= {name: port for name, port in ports if port}
    return found


# It goes by the contents of files, so it is true for whoever asks: a global.
_known: OrderedDict[tuple[str, str, tuple[str, ...]], tuple[int, ...]] = OrderedDict()
_knowing = threading.Lock()


def _ports_at(folder: Path, spec: ConfigFileSpec, paths: tuple[str, ...]) -> tuple[int, ...]:
    """The port at each of these paths in a configuration file, 0 where there is none; all 0 if it cannot be read. Links are
    followed wherever they lead: only ports are taken from it.

    The file is read each time, and parsed once: whoever adds or starts one instance asks for the ports of all.
    """
    suffix = PurePosixPath(spec.path).suffix
    try:
        path = (folder / spec.path).resolve()
        loaded = file.read_bytes(path.parent, path.name)
    except (LauncherError, OSError, RuntimeError):  # a loop of links is a RuntimeError
        return (0,) * len(paths)
    key = suffix, loaded.revision, paths
    with _knowing:
        if (ports := _known.get(key)) is not None:
            _known.move_to_end(key)
            return ports
    document = _document(suffix, loaded)
    ports = tuple(_port(_at(document, path)) for path in paths)
    with _knowing:
        _known[key] = ports
        if len(_known) > KNOWN_FILES:
            _known.popitem(last=False)
    return ports


def _document(suffix: str, loaded: Loaded) -> Any:
    """The values of a configuration file; empty if it is broken."""
    try:
        text = file.with_text(loaded).text
        match suffix:
            case ".toml":
                return toml.read(text)
            case ".json":
                return json.read(text)
            case _:
                return env.read_leniently(text)
    except LauncherError:
        return {}


def _at(document: Any, path: str) -> Any:
    try:
        return values.value_at(document, path.split("."))
    except LookupError:
        return None


def _port(value: Any) -> int:
    """0 for what is no port."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 5:
        value = int(value)
    is_port = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= listeners.LAST_PORT
    return value if is_port else 0
