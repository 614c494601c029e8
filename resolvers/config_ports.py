"""Ports in configuration files: a change of one is a change of the instance."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from mailauncher.bots.documents import values
from mailauncher.errors import InvalidParameter, PortInUse
from mailauncher.store.registry import Registry
from resolvers.config_files import Place

_PLACEHOLDER = re.compile(r"\{[a-z0-9._-]+\}")


def changed(place: Place, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, int]:
    """The port of the file's own program, by the program's name, where the file gives it another one.

    Raises InvalidParameter for one that is no port.
    """
    ports = {}
    for dotted, value in place.set.items():
        if value == f"{{{place.component}}}":
            before, now = _at(old, dotted), _at(new, dotted)
            if now is not None and not values.same(before, now):
                ports[place.component] = _port(now, dotted)
    return ports


def touched(place: Place, keys: Iterable[str]) -> bool:
    """Whether any of the changed keys says a port of whatever program: no program changes ports while it runs."""
    ports = [d for d, value in place.set.items() if isinstance(value, str) and _PLACEHOLDER.search(value)]
    return any(_within(port, key) or _within(key, port) for port in ports for key in keys)


def require_free(registry: Registry, place: Place, ports: Mapping[str, int]) -> None:
    """Raises PortInUse for a port that another program has."""
    for component, port in ports.items():
        for record in registry:
            programs = {"main": record.port} | {service.name: service.port for service in record.services}
            for name, taken in programs.items():
                if port == taken and (record.id, name) != (place.instance_id, component):
                    raise PortInUse(
                        f"端口 {port} 已由实例 {record.name} 使用",
                        f"Instance {record.name} has port {port} already",
                        field="port",
                    )


def _within(inner: str, outer: str) -> bool:
    return f"{inner}.".startswith(f"{outer}.")


def _at(document: Mapping[str, Any], dotted: str) -> Any:
    try:
        return values.found(document, dotted.split("."))
    except LookupError:
        return None


def _port(value: Any, dotted: str) -> int:
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,5}\s*", value):
        value = int(value)
    if type(value) is int and 1 <= value <= 65535:
        return value
    raise InvalidParameter("端口应在 1 与 65535 之间", "The port must be between 1 and 65535", field=dotted)
