"""Ports of an instance that exists: which ones others use, and giving it others, wherever its files name them."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from bots.documents import file
from mailauncher import listeners
from mailauncher.errors import Conflict, InstanceNotFound, InvalidParameter, LauncherError, PortInUse, Text
from mailauncher.grants import Scope
from resolvers import port_changes
from resolvers.configuration import ConfigChange
from resolvers.configuring import ports as config_ports
from resolvers.configuring.files import ConfigLocation
from resolvers.configuring.turns import Waiting
from resolvers.context import Context
from resolvers.rights import needs
from resolvers.running import port_plan
from resolvers.running.ports import PortOwners
from store.records import InstanceRecord
from terminals.supervisor import MAIN


@dataclass(frozen=True, slots=True)
class TakenPort:
    """A port of a program on which another process listens. `name`: that of its placeholder in recipes (`main`, `webui`). `free`: the
    one that `move` would give it; None if no configuration file says it."""

    name: str
    port: int
    owner: Text
    free: int | None


@dataclass(frozen=True, slots=True)
class MovedPort:
    name: str
    former: int
    port: int


@dataclass(frozen=True, slots=True)
class PortsMoved:
    """`changes`: of the files, in their order of change. Empty: no port was taken."""

    ports: tuple[MovedPort, ...]
    changes: tuple[ConfigChange, ...]

    @property
    def restart_needed(self) -> bool:
        return any(change.restart_needed for change in self.changes)


@needs(Scope.OPERATE)
async def taken(ctx: Context, instance_id: str) -> list[TakenPort]:
    """The ports of the programs of an instance on which processes listen that are not its own. Raises InstanceNotFound."""
    record = _record(ctx, instance_id)
    owners = await ctx.ports.owners(ctx.grant, record)
    return await asyncio.to_thread(_taken, ctx, record, owners)


@needs(Scope.ADMIN)
async def move(ctx: Context, instance_id: str, asked: Mapping[str, int] | None = None) -> PortsMoved:
    """Gives programs other ports, in every file of the instance that names the ones that they have: `asked`, by name, else a free
    one for each that is taken. Each file gets a revision. After a failure the files are written back; where that fails too, or the
    server is killed, some files have the new ports, and the same command goes on.

    Raises InstanceNotFound, InvalidParameter, PortInUse, and what a change of a configuration file raises.
    """
    record = _record(ctx, instance_id)
    async with ctx.configs.turns.of(instance_id, Waiting.CHANGES), AsyncExitStack() as stack:
        locations = await asyncio.to_thread(_existing, ctx, instance_id)
        # In one order: of two commands, each could hold the lock that the other one waits for.
        for location in sorted(locations, key=_place):
            await stack.enter_async_context(ctx.configs.lock(location))
        await stack.enter_async_context(ctx.locks.claims)
        owners = await ctx.ports.owners(ctx.grant, record)
        before = await asyncio.to_thread(port_plan.ports_of_programs, record, ctx.bots.catalogue)
        if asked is None:
            found = await asyncio.to_thread(_taken, ctx, record, owners)
            after = _replacements(found)
        else:
            after = {name: port for name, port in asked.items() if before.get(name) != port}
            await asyncio.to_thread(_require, asked, before, locations, owners, record)
        changes = await port_changes.change_all(ctx, _steps(locations, after, record), before, after)
        now = await asyncio.to_thread(
            port_plan.ports_of_programs, _record(ctx, instance_id), ctx.bots.catalogue
        )
    if unchanged := [name for name, port in after.items() if now.get(name) != port]:
        raise _changed_meanwhile(unchanged)
    return PortsMoved(
        tuple(MovedPort(name, before[name], port) for name, port in after.items()), tuple(changes)
    )


def _record(ctx: Context, instance_id: str) -> InstanceRecord:
    if (record := ctx.store.registry.get(instance_id)) is None:
        raise InstanceNotFound(instance_id)
    return record


def _existing(ctx: Context, instance_id: str) -> list[ConfigLocation]:
    return [location for location in ctx.configs.locations(instance_id) if location.set and location.exists]


def _place(location: ConfigLocation) -> Path:
    return location.folder / location.path


def _steps(
    locations: Sequence[ConfigLocation], names: Collection[str], record: InstanceRecord
) -> list[tuple[ConfigLocation, list[str]]]:
    """Each file with the keys in it that are changed together. First what refers to the ports, then the values that say which ports
    programs have, of which that in a file of the recipe's counts, and comes last: until it is written the port is the former
    one, so that the same command, given again, changes all that has not been."""
    services = {service.name for service in record.services}
    referring: list[tuple[ConfigLocation, list[str]]] = []
    saying: list[tuple[ConfigLocation, list[str]]] = []
    for location in locations:
        own = {name for name in names if _program(name, services) == location.component}
        says, refers = config_ports.places(location, names, own)
        referring.append((location, refers))
        saying.append((location, says))
    saying.sort(key=lambda step: "." not in step[0].name)  # those of accounts have one
    return [step for step in (*referring, *saying) if step[1]]


def _in_files(
    locations: Sequence[ConfigLocation], ports: Mapping[str, int], record: InstanceRecord
) -> set[str]:
    """The names of the ports that stand in files of their programs. One that cannot be read counts: the change of it says why.
    Blocks."""
    services = {service.name for service in record.services}
    found: set[str] = set()
    for location in locations:
        own = {name for name in ports if _program(name, services) == location.component}
        if config_ports.places(location, own, own)[0]:
            try:
                text = file.read(location.folder, location.path).text
                document = location.format.read(text)
            except LauncherError:
                found |= own
                continue
            found |= {name for name in own if config_ports.has(location, document, name, ports[name])}
    return found


def _program(port: str, services: Collection[str]) -> str:
    """Whose port it is: `napcat.ws` is one of NapCat's, `webui` of the bot's."""
    name = port.partition(".")[0]
    return name if name in services else MAIN


def _taken(ctx: Context, record: InstanceRecord, owners: PortOwners) -> list[TakenPort]:
    """Blocks."""
    ports = port_plan.ports_of_programs(record, ctx.bots.catalogue)
    locations = _existing(ctx, record.id)
    chosen = set(ports.values())
    holders = {name: owner for name, port in ports.items() if port and (owner := owners.holder_of(port))}
    in_files = _in_files(locations, {name: ports[name] for name in holders}, record)
    found = []
    for name, owner in holders.items():
        port, free = ports[name], None
        if name in in_files:
            free = port_plan.first_free(port, chosen, owners.owner_of)
            chosen.add(free)
        found.append(TakenPort(name, port, owner, free))
    return found


def _replacements(found: Sequence[TakenPort]) -> dict[str, int]:
    """Raises PortInUse if none of those that are taken stands in a file."""
    free = {each.name: each.free for each in found if each.free is not None}
    if found and not free:
        raise _unwritten(found[0].name, found[0].port, found[0].owner)
    return free


def _unwritten(name: str, port: int, owner: Text) -> PortInUse:
    zh = f"端口 {port}（{name}）已被{owner.zh}占用，而已知的配置文件都没有写它：停止占用者，或在程序自己的设置中换一个端口"
    en = (
        f"Port {port} ({name}) is in use by {owner.en}, and no known configuration file has it: stop that, or choose another port "
        "in the program's own settings"
    )
    return PortInUse(zh, en, field="ports", port=port)


def _changed_meanwhile(names: Sequence[str]) -> Conflict:
    named = ", ".join(names)
    return Conflict(
        f"配置文件在此期间被改动，端口未换成给出的：{named}；请查看后重试",
        f"The configuration files were changed meanwhile, and these ports are not the new ones: {named}; look at them, and try again",
    )


def _require(
    asked: Mapping[str, int],
    before: Mapping[str, int],
    locations: Sequence[ConfigLocation],
    owners: PortOwners,
    record: InstanceRecord,
) -> None:
    """Raises InvalidParameter, PortInUse. Blocks."""
    in_files = _in_files(locations, before, record)
    for name, port in asked.items():
        if name not in in_files:
            known = ", ".join(each for each in before if each in in_files)
            raise InvalidParameter(
                f"配置文件中没有名为 {name[:64]} 的端口，有：{known}",
                f"The configuration files have no port named {name[:64]}; they have: {known}",
                field="ports",
            )
        if not 1 <= port <= listeners.LAST_PORT:
            last = listeners.LAST_PORT
            raise InvalidParameter(
                f"端口应在 1 与 {last} 之间", f"The port must be between 1 and {last}", field="ports"
            )
        others = [other for each, other in ({**before, **asked}).items() if each != name]
        if port in others:
            words = Text(f"实例 {record.name} ", f"instance {record.name}")
            raise listeners.in_use_error(port, words, "ports")
        if owner := owners.holder_of(port) if port == before[name] else owners.owner_of(port):
            raise listeners.in_use_error(port, owner, "ports")
