"""The beginning of every installation: its name, folder, ports and space are free, and from then on belong to it."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bots.deploying import journal
from bots.deploying import plan as plans
from bots.launching import NO_PORTS
from mailauncher.errors import DuplicateResource
from mailauncher.grants import Scope
from resolvers.context import Context
from resolvers.deploying import folders
from resolvers.deploying.install import INSTALLING
from resolvers.deploying.job import now_ms
from resolvers.deploying.selection import Selection, make_plan
from resolvers.rights import needs
from resolvers.running import port_plan
from store.records import DeploymentKind, DeploymentRecord, InstanceRecord, ServiceRecord
from terminals.supervisor import MAIN


@dataclass(frozen=True, slots=True)
class InstallRequest:
    """A new instance, deployed or cloned. `path` is as the client wrote it; `ports` has those that were asked for, and
    `commands` the run commands that replace the recipes', and `aliases` those of services, each by program."""

    name: str
    path: str
    selection: Selection
    ports: Mapping[str, int]
    kind: DeploymentKind
    consent: bool = False
    start: bool = False
    commands: Mapping[str, str] | None = None
    aliases: Mapping[str, str] | None = None
    backup: plans.Backup | None = None
    """Where the configuration and data of a clone come from, unless from the present ones."""


@needs(Scope.ADMIN)
async def begin(ctx: Context, new: InstallRequest) -> DeploymentRecord:
    """Adds the instance, and queues its deployment.

    Raises DuplicateResource, InvalidPath, PortInUse, InsufficientSpace, DatabaseError; then nothing was added.
    """
    async with ctx.locks.claims:
        require_free_name(ctx, new.name)
        folder = await asyncio.to_thread(folders.new_folder, ctx.settings, new.path)
        folders.require_apart_from(folder, list(ctx.store.registry))
        ports = await choose_ports(ctx, new.selection, new.ports)
        await asyncio.to_thread(_prepare, folder, new.selection)
        return await _add(ctx, new, _record(new, folder, ports), ports)


def require_free_name(ctx: Context, name: str) -> None:
    """Raises DuplicateResource."""
    if any(record.name == name for record in ctx.store.registry):
        raise DuplicateResource(
            f"实例名称 {name} 已存在", f"An instance is called {name} already", field="name"
        )


@needs(Scope.ADMIN)
async def choose_ports(
    ctx: Context,
    selection: Selection,
    asked: Mapping[str, int],
    kept: Mapping[str, int] = NO_PORTS,
    instance_id: str | None = None,
) -> dict[str, int]:
    """A port for every placeholder; those of services that are not installed get their defaults. `instance_id` is that of an
    instance that is there already, with the ports that it keeps. Raises PortInUse."""
    owners = await ctx.ports.owners(ctx.grant, replanned=instance_id)
    present = {program.name for program in selection.programs}
    absent = {
        name: port
        for recipe in ctx.bots.catalogue.services()
        if recipe.name not in present
        for name, port in port_plan.default_ports(recipe.of(selection.version)).items()
    }
    wanted = {name: port for name, port in asked.items() if port}
    return absent | await asyncio.to_thread(port_plan.plan, selection.recipes, wanted, owners.owner_of, kept)


def _prepare(folder: Path, selection: Selection) -> None:
    folders.require_space(folder, selection.space_mb)
    folders.prepare(folder)


def _record(new: InstallRequest, folder: Path, ports: Mapping[str, int]) -> InstanceRecord:
    commands, aliases = new.commands or {}, new.aliases or {}
    services = (
        ServiceRecord(
            name=program.name,
            path=str(folder / program.place),
            port=ports.get(program.name, 0),
            run_command=commands.get(program.name),
            alias=aliases.get(program.name),
        )
        for program in new.selection.running
    )
    return InstanceRecord(
        id=secrets.token_hex(20),
        name=new.name,
        path=str(folder),
        port=ports[MAIN],
        version=new.selection.version,
        installed_at=now_ms(),
        recipe=new.selection.main.recipe.name,
        run_command=commands.get(MAIN),
        services=tuple(services),
    )


async def _add(
    ctx: Context, new: InstallRequest, record: InstanceRecord, ports: Mapping[str, int]
) -> DeploymentRecord:
    """Row, plan, instance, in this order. A kill after the row leaves a row without an instance, which the next server finds
    and clears up after; a plan or an instance without a row would never be found."""
    plan = make_plan(
        ctx.settings,
        ctx.store.deployments,
        new.selection,
        kind=new.kind,
        instance_id=record.id,
        folder=Path(record.path),
        ports=ports,
        consent=new.consent,
        start=new.start,
        backup=new.backup,
    )
    deployment = await ctx.store.deployments.add(
        record.id,
        new.kind,
        name=record.name,
        version=record.version,
        start=new.start,
        created_at=now_ms(),
    )
    # A client sees the instance as soon as it is added, and may delete it before the deployment is queued. The deletion
    # would find no deployment to cancel, and the worker would then install an instance that nobody has. Deleting takes
    # this lock too.
    async with ctx.locks.of(record.id):
        try:
            await asyncio.to_thread(_write, ctx.deployer.folder(record.id), plan)
            ctx.live.override(record.id, INSTALLING)
            await ctx.live.add(record)
        except BaseException:
            ctx.live.override(record.id, None)
            await ctx.deployer.forget(record.id)
            raise
        await ctx.deployer.begin(deployment)
    return deployment


def _write(folder: Path, plan: plans.Plan) -> None:
    """The plan, and room for the entry that says how it ended. Raises OSError."""
    plans.write(folder, plan)
    journal.reserve(folder)
