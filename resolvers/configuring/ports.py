"""Ports in configuration files, which the instance's row has too and must follow."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from bots.documents import values
from mailauncher import listeners
from mailauncher.errors import InvalidParameter, Text
from resolvers.configuring.files import ConfigLocation
from store.records import InstanceRecord
from terminals.supervisor import MAIN

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_.-]*)\}")
_NUMBER = re.compile(r"\s*[0-9]{1,5}\s*")
_HERE = re.compile(
    r"(?<![\w.:-])(?:localhost|127(?:\.[0-9]{1,3}){3}|0\.0\.0\.0|\[::1?\]|::1):([0-9]{1,5})(?![0-9])",
    re.IGNORECASE,
)
"""An address of this machine with a port. Another machine may use the same port for something else."""


def changed_ports(location: ConfigLocation, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, int]:
    """The new port of the program that reads the file, by the program's name; empty if it stays.

    Raises InvalidParameter for a value that is not a port.
    """
    ports = {}
    for dotted, value in location.set.items():
        if value == f"{{{location.component}}}":
            before, now = _at(old, dotted), _at(new, dotted)
            if now is not None and not values.is_same(before, now):
                ports[location.component] = _port(now, dotted)
    return ports


def changes_any_port(location: ConfigLocation, keys: Iterable[str]) -> bool:
    """Whether any of the changed keys is a port of any program: a running program keeps its port until a restart."""
    ports = [d for d, value in location.set.items() if isinstance(value, str) and _PLACEHOLDER.search(value)]
    return any(_within(port, key) or _within(key, port) for port in ports for key in keys)


def has(location: ConfigLocation, document: Mapping[str, Any], name: str, port: int) -> bool:
    """Whether the port of this name (a placeholder of recipes) stands in the file as a value of its own, or is missing where it
    would."""
    for dotted, template in location.set.items():
        if template == f"{{{name}}}":
            now = _at(document, dotted)
            if _has_place(document, dotted) if now is None else _with_numbers(now, {port: 0}) != now:
                return True
    return False


def places(
    location: ConfigLocation, names: Collection[str], own: Collection[str]
) -> tuple[list[str], list[str]]:
    """The keys in a file where the recipe writes any of these ports: those that say which port the file's program has, of its `own`
    ones, and those that only refer to ports."""
    says: list[str] = []
    refers: list[str] = []
    for dotted, template in location.set.items():
        if named := [name for name in _names(template) if name in names]:
            is_own = _is_one_port(template) and named[0] in own
            (says if is_own else refers).append(dotted)
    return says, refers


def _names(template: Any) -> list[str]:
    texts = template if isinstance(template, list) else [template]
    return [name for text in texts if isinstance(text, str) for name in _PLACEHOLDER.findall(text)]


def moved(
    location: ConfigLocation,
    keys: Collection[str],
    document: Mapping[str, Any],
    before: Mapping[str, int],
    after: Mapping[str, int],
) -> list[tuple[list[str], Any]]:
    """The paths and new values of what must change at these keys of a file when ports, by the names of their placeholders, become others.

    Only where the recipe writes these ports, and only the number, in a longer text only behind an address of this machine: whatever
    else somebody has made of the value stays.
    """
    found = []
    for dotted in keys:
        template = location.set[dotted]
        names = _names(template)
        numbers = {before[name]: after[name] for name in names if name in after}
        now = _at(document, dotted)
        if now is None and numbers and _is_one_port(template) and _has_place(document, dotted):
            new: Any = str(after[names[0]]) if location.kind == "env" else after[names[0]]
        else:
            new = _with_numbers(now, numbers)
        if not values.is_same(now, new):
            found.append((dotted.split("."), new))
    return found


def _has_place(document: Mapping[str, Any], dotted: str) -> bool:
    """Whether there is a table for a value that is missing, so that the program goes by its default."""
    above, _, _ = dotted.rpartition(".")
    return not above or isinstance(_at(document, above), Mapping)


def _is_one_port(template: Any) -> bool:
    """Whether the recipe writes a port and nothing else."""
    return isinstance(template, str) and _PLACEHOLDER.fullmatch(template) is not None


def _with_numbers(value: Any, numbers: Mapping[int, int]) -> Any:
    if isinstance(value, list):
        return [_with_numbers(item, numbers) for item in value]
    if isinstance(value, str):
        if _NUMBER.fullmatch(value):
            return value.replace(value.strip(), str(numbers.get(int(value), value.strip())))
        return _HERE.sub(lambda found: _with_port(found, numbers), value)
    return numbers.get(value, value) if type(value) is int else value


def _with_port(address: re.Match[str], numbers: Mapping[int, int]) -> str:
    host = address[0].removesuffix(address[1])
    return f"{host}{numbers.get(int(address[1]), address[1])}"


def require_distinct(record: InstanceRecord, ports: Mapping[str, int]) -> None:
    """Raises PortInUse for a port that another program of the same instance has."""
    own = {MAIN: record.port} | {service.name: service.port for service in record.services}
    for component, port in ports.items():
        if any(port == other for name, other in own.items() if name != component):
            raise listeners.in_use_error(port, Text(f"实例 {record.name} ", f"instance {record.name}"))


def _within(inner: str, outer: str) -> bool:
    return f"{inner}.".startswith(f"{outer}.")


def _at(document: Mapping[str, Any], dotted: str) -> Any:
    try:
        return values.value_at(document, dotted.split("."))
    except LookupError:
        return None


def _port(value: Any, dotted: str) -> int:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = int(value)
    if type(value) is int and 1 <= value <= listeners.LAST_PORT:
        return value
    last = listeners.LAST_PORT
    raise InvalidParameter(
        f"端口应在 1 与 {last} 之间", f"The port must be between 1 and {last}", field=dotted
    )
