"""The process that listens on a port, and the instance that it belongs to."""

from collections.abc import Iterable, Iterator

from mailauncher import listeners
from mailauncher.errors import Text
from resolvers.views import InstanceView


def describe(port: int, instances: Iterable[InstanceView]) -> Text:
    """The process, as a sentence names it, with its instance if it is one of these. Blocks."""
    found = listeners.listener(port)
    if found is None:
        return listeners.UNKNOWN
    pid, name = found
    lineage = listeners.lineage(pid)
    for instance, service, program in _programs(instances):
        if program not in lineage:
            continue
        if service is None:
            return Text(
                f"实例 {instance} 的 {name}（pid {pid}）", f"{name} (pid {pid}) of instance {instance}"
            )
        return Text(
            f"实例 {instance} 的 {service}（{name}，pid {pid}）",
            f"{service} of instance {instance} ({name}, pid {pid})",
        )
    return Text(f" {name}（pid {pid}）", f"{name} (pid {pid})")


def is_of(port: int, instance: InstanceView) -> bool:
    """Whether it is a program of the instance, or descends from one, that listens there. Blocks."""
    if (found := listeners.listener(port)) is None:
        return False
    lineage = listeners.lineage(found[0])
    return any(program in lineage for _, _, program in _programs([instance]))


def _programs(instances: Iterable[InstanceView]) -> Iterator[tuple[str, str | None, int | None]]:
    """(name of the instance, name of the service or None, pid) of every program."""
    for instance in instances:
        yield instance.name, None, instance.pid
        for service in instance.services:
            yield instance.name, service.name, service.pid
