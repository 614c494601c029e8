"""Admits a new instance: its name, folder, ports and room are free, and from then on they are its own."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mailauncher.bots.deploying import plan as plans_on_disk
from mailauncher.bots.launching import NO_PORTS
from mailauncher.errors import DuplicateResource
from mailauncher.store.records import DeploymentKind, DeploymentRecord, InstanceRecord, ServiceRecord
from resolvers import places, plans, port_plan, ports
from resolvers.context import Context
from resolvers.installing import INSTALLING
from resolvers.jobs import now_ms
from resolvers.plans import Selection
from terminals.crew import MAIN


@dataclass(frozen=True, slots=True)
class Newcomer:
    """An instance that is to be: `ports` are those that were asked for, by program; `commands` the run commands that are not
    the recipes', by program."""

    name: str
    where: str
    selection: Selection
    ports: Mapping[str, int]
    kind: DeploymentKind
    consent: bool = False
    start: bool = False
    commands: Mapping[str, str] | None = None


async def admit(ctx: Context, new: Newcomer) -> DeploymentRecord:
    """Adds the instance, and queues its deployment.

    Raises DuplicateResource, InvalidPath, PortInUse, InsufficientSpace, DatabaseError; then nothing was added.
    """
    async with ctx.fleet.adding:
        refuse_name(ctx, new.name)
        folder = await asyncio.to_thread(places.new_folder, ctx.settings, new.where)
        places.require_apart_from(folder, list(ctx.registry))
        given = await choose_ports(ctx, new.selection, new.ports)
        await asyncio.to_thread(_require_room, folder, new.selection)
        return await _enter(ctx, new, _instance(new, folder, given), given)


def refuse_name(ctx: Context, name: str) -> None:
    """Raises DuplicateResource."""
    if any(record.name == name for record in ctx.registry):
        raise DuplicateResource(
            f"实例名称 {name} 已存在", f"An instance is called {name} already", field="name"
        )


async def choose_ports(
    ctx: Context,
    selection: Selection,
    asked: Mapping[str, int],
    kept: Mapping[str, int] = NO_PORTS,
) -> dict[str, int]:
    """A port for every placeholder: those of services that are not there get their defaults. Raises PortInUse."""
    return await asyncio.to_thread(_choose, ctx, list(ctx.registry), selection, asked, kept)


def _choose(
    ctx: Context,
    records: list[InstanceRecord],
    selection: Selection,
    asked: Mapping[str, int],
    kept: Mapping[str, int],
) -> dict[str, int]:
    present = {part.name for part in selection.parts}
    absent = {
        name: port
        for recipe in ctx.catalogue.services()
        if recipe.name not in present
        for name, port in port_plan.roles(recipe.of(selection.version)).items()
    }
    chosen = {name: port for name, port in asked.items() if port}
    return absent | port_plan.plan(selection.recipes, chosen, _taken(ctx, records), kept)


def _taken(ctx: Context, records: list[InstanceRecord]) -> Callable[[int], str | None]:
    owners = {port: record.name for record in records for port in port_plan.used(record, ctx.catalogue)}

    def taken(port: int) -> str | None:
        if port in owners or not ports.taken(port):
            return owners.get(port)
        who = ports.listener(port)
        return f"{who[1]}, pid {who[0]}" if who else "?"

    return taken


def _require_room(folder: Path, selection: Selection) -> None:
    places.require_space(folder, selection.space_mb)
    places.make_way(folder)


def _instance(new: Newcomer, folder: Path, given: Mapping[str, int]) -> InstanceRecord:
    commands = new.commands or {}
    services = (
        ServiceRecord(
            name=part.name,
            path=str(folder / part.place),
            port=given.get(part.name, 0),
            run_command=commands.get(part.name),
        )
        for part in new.selection.running
    )
    return InstanceRecord(
        id=secrets.token_hex(20),
        name=new.name,
        path=str(folder),
        port=given[MAIN],
        version=new.selection.version,
        installed_at=now_ms(),
        recipe=new.selection.main.recipe.name,
        run_command=commands.get(MAIN),
        services=tuple(services),
    )


async def _enter(
    ctx: Context, new: Newcomer, record: InstanceRecord, given: Mapping[str, int]
) -> DeploymentRecord:
    """Row, plan, instance: in this order, so that whatever a kill leaves is found, and the instance is there last."""
    plan = plans.compose(
        ctx.settings,
        ctx.deployments,
        new.selection,
        kind=new.kind,
        instance_id=record.id,
        folder=Path(record.path),
        ports=given,
        consent=new.consent,
        start=new.start,
    )
    deployment = await ctx.deployments.add(
        record.id,
        new.kind,
        name=record.name,
        version=record.version,
        start=new.start,
        created_at=now_ms(),
    )
    async with ctx.turns.of(record.id):  # whoever deletes it must find its deployment
        try:
            await asyncio.to_thread(plans_on_disk.write, ctx.deployer.folder(record.id), plan)
            ctx.fleet.mark(record.id, INSTALLING)
            await ctx.fleet.add(record)
        except BaseException:
            ctx.fleet.mark(record.id, None)
            await ctx.deployer.forget(record.id)
            raise
        await ctx.deployer.begin(deployment)
    return deployment
