"""Ports in configuration files, which the instance's row has too and must follow."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bots.documents import values
from mailauncher import listeners
from mailauncher.errors import InvalidParameter, Text
from resolvers.configuring.files import ConfigLocation
from store.records import InstanceRecord
from terminals.supervisor import MAIN

_PLACEHOLDER = re.compile(r"\{[a-z0-9._-]+\}")


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
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,5}\s*", value):
        value = int(value)
    if type(value) is int and 1 <= value <= listeners.LAST_PORT:
        return value
    last = listeners.LAST_PORT
    raise InvalidParameter(
        f"端口应在 1 与 {last} 之间", f"The port must be between 1 and {last}", field=dotted
    )
