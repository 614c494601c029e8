"""Upgrades of instances to other versions, rollbacks, and clones."""

import asyncio
import os
from pathlib import Path

import msgspec

from bots.deploying import journal
from bots.deploying import plan as plans
from bots.deploying.plan import JOURNAL_FILE, Source
from bots.recipe import Install
from bots.versions.known import answered_in_time
from mailauncher import files
from mailauncher.errors import InstanceAlreadyRunning, PermissionDenied, ResourceNotFound, Text
from mailauncher.grants import Scope
from resolvers import deployments, instances, new_deployment
from resolvers.context import Context
from resolvers.deploying import folders, missing
from resolvers.deploying.job import now_ms
from resolvers.deploying.selection import SelectedProgram, Selection, make_plan, select_clone, select_upgrade
from resolvers.deploying.upgrade import CHANGE_FILE, Change, read_former, write
from resolvers.deploying.version_changes import require_same, require_upgrade
from resolvers.new_deployment import InstallRequest
from resolvers.rights import needs
from resolvers.running import port_plan
from resolvers.views import DeploymentView
from store.records import DeploymentKind, DeploymentRecord, InstanceRecord, ServiceRecord
from terminals.supervisor import MAIN


@needs(Scope.ADMIN)
async def upgrade(
    ctx: Context, instance_id: str, version: str, *, accept_terms: bool = False, force: bool = False
) -> DeploymentView:
    """Replaces the version of an instance by a newer one; with `force` also by an older one, or by itself. Configuration, data
    and ports stay.

    After a backup, the new version is made beside the old one, which runs meanwhile. What ran is started again; if it does not
    get ready, the old version is restored automatically and the deployment fails. All of that happens in the background.

    Raises InstanceNotFound, ServiceUnavailable (not installed, or being cloned), InstanceAlreadyRunning (a deployment is under way),
    PermissionDenied (a folder that this program did not make), InvalidParameter (older), DuplicateResource (that version is
    there already), VersionNotFound, DownloadFailed, InsufficientSpace.
    """
    record = require_installed(ctx, instance_id)
    async with answered_in_time():
        selection = await select_upgrade(ctx.bots, record, version)
    async with ctx.locks.of(instance_id), ctx.locks.claims:
        record = await require_replaceable(ctx, instance_id)
        if not force:
            require_upgrade(record, selection)
        kept = await asyncio.to_thread(port_plan.ports_of_programs, record, ctx.bots.catalogue)
        ports = await new_deployment.choose_ports(ctx, selection, {}, kept, instance_id)
        ports |= await asyncio.to_thread(_ports_of_missing, ctx, record, selection)
        await asyncio.to_thread(folders.require_space, Path(record.path), selection.space_mb)
        old = ctx.bots.catalogue.get(record.recipe).of(record.version)
        new = selection.main.recipe
        change = Change(
            before=record,
            after=_record_after(record, selection, ports),
            environment=selection.main.install.upgrade_env if old != new else {},
        )
        row = await _begin_upgrade(ctx, change, selection, ports, consent=accept_terms)
    words = Text(
        f"{record.name}：升级到 {selection.version}", f"{record.name}: upgrade to {selection.version}"
    )
    await ctx.store.journal.note("upgrade", ctx.caller, words, instance_id)
    return await deployments.view(ctx, row)


@needs(Scope.ADMIN)
async def rollback(ctx: Context, instance_id: str) -> DeploymentView:
    """Reverts the last upgrade: restores the tree that it replaced, with configuration and data as they were then. The present
    tree is kept in turn, so that a rollback can be reverted as well.

    Raises as `upgrade` does, and ResourceNotFound if no former tree is kept.
    """
    require_installed(ctx, instance_id)
    async with ctx.locks.of(instance_id):
        record = await require_replaceable(ctx, instance_id)
        former = await asyncio.to_thread(_former_record, ctx, record)
        # The former tree as it is: nothing is fetched, made or configured.
        nothing = Install(space_mb=0)
        recipe = ctx.bots.catalogue.get(record.recipe).of(former.version)
        as_it_is = msgspec.structs.replace(recipe, config=(), keep=())
        main = SelectedProgram(MAIN, as_it_is, nothing, Source())
        selection = Selection(main=main, services=(), version=former.version)
        change = Change(before=record, after=former, back=True)
        ports = await asyncio.to_thread(_ports_of_missing, ctx, record, selection)
        row = await _begin_upgrade(ctx, change, selection, ports, consent=False)
    words = Text(f"{record.name}：换回 {former.version}", f"{record.name}: rollback to {former.version}")
    await ctx.store.journal.note("rollback", ctx.caller, words, instance_id)
    return await deployments.view(ctx, row)


@needs(Scope.ADMIN)
async def clone(
    ctx: Context,
    instance_id: str,
    name: str,
    path: str | None = None,
    port: int | None = None,
    backup_id: str | None = None,
    *,
    force: bool = False,
) -> DeploymentView:
    """A new instance with the present files, configuration and data of another, which may run meanwhile; with those of one of its
    backups if one is given, with `force` also of another version. It gets ports and Python environments of its own; `path` and `port`
    are as for a deployment. It is not started.

    Raises InstanceNotFound, ServiceUnavailable (not installed), ResourceNotFound, InvalidParameter, and as `deployments.deploy` does.
    """
    require_installed(ctx, instance_id)
    instances.require_name(name)
    instances.require_port(1 if port is None else port)
    new_deployment.require_free_name(ctx, name)
    async with ctx.locks.of(
        instance_id
    ):  # once the deployment is queued, it keeps others from changing what it copies
        record = require_installed(ctx, instance_id)
        backup = None
        if backup_id is not None:
            view = await ctx.backups.find(instance_id, backup_id)
            if not force:
                require_same(record, view)
            backup = ctx.backups.source(record, view)
        selection = await asyncio.to_thread(select_clone, ctx.bots.catalogue, record)
        commands = {MAIN: record.run_command, **{s.name: s.run_command for s in record.services}}
        row = await new_deployment.begin(
            ctx,
            InstallRequest(
                name=name,
                path=path or f"~/{name}",
                selection=selection,
                ports={MAIN: port or 0},
                kind=DeploymentKind.CLONE,
                commands={program: command for program, command in commands.items() if command},
                aliases={service.name: service.alias for service in record.services if service.alias},
                backup=backup,
            ),
        )
    zh, en = (f"（备份 {backup_id}）", f" from backup {backup_id}") if backup_id else ("", "")
    words = Text(f"复制 {record.name} 为 {name}{zh}", f"clone {record.name} as {name}{en}")
    await ctx.store.journal.note("clone", ctx.caller, words, row.instance_id)
    return await deployments.view(ctx, row)


def require_installed(ctx: Context, instance_id: str) -> InstanceRecord:
    """An installed instance of which no deployment is under way. Raises InstanceNotFound, ServiceUnavailable, InstanceAlreadyRunning."""
    instances.require_installed(ctx, instance_id)
    if ctx.deployer.job(instance_id) is not None:
        name = ctx.live.view(instance_id).name
        raise InstanceAlreadyRunning(
            f"实例 {name} 的部署正在进行，请等待完成或取消",
            f"A deployment of instance {name} is under way: wait for it, or cancel it",
        )
    record = ctx.store.registry.get(instance_id)
    assert record is not None
    return record


async def require_replaceable(ctx: Context, instance_id: str) -> InstanceRecord:
    """The same for an instance whose tree may be replaced, for a caller that holds its lock. The replaced tree is removed one
    day, so this program must have made it: else raises PermissionDenied."""
    record = require_installed(ctx, instance_id)
    if not await asyncio.to_thread(folders.is_ours, Path(record.path), instance_id):
        raise PermissionDenied(
            f"{record.path} 不是由本程序部署的，不会被替换：请先复制该实例，再升级副本",
            f"{record.path} was not deployed by this program and is not replaced: clone the instance, and upgrade the copy",
        )
    ctx.deployer.require_not_copied(record)
    return record


def _record_after(record: InstanceRecord, selection: Selection, ports: dict[str, int]) -> InstanceRecord:
    """The record of the new version. Services outside of the folder stay as they are; a service that the main program runs from
    now on is left out."""
    folder = Path(record.path)
    services = [s for s in record.services if not Path(s.path).is_relative_to(folder)]
    for program in selection.running:
        old = record.service(program.name)
        services.append(
            ServiceRecord(
                name=program.name,
                path=str(folder / program.place),
                port=ports.get(program.name, 0) or (old.port if old else 0),
                run_command=old.run_command if old else None,
                alias=old.alias if old else None,
            )
        )
    order = [service.name for service in record.services]
    services.sort(key=lambda service: order.index(service.name) if service.name in order else len(order))
    return InstanceRecord(
        id=record.id,
        name=record.name,
        path=record.path,
        port=record.port,
        version=selection.version,
        installed_at=record.installed_at,
        recipe=record.recipe,
        services=tuple(services),
    )


def _former_record(ctx: Context, record: InstanceRecord) -> InstanceRecord:
    """Raises ResourceNotFound. Reads files."""
    found = read_former(ctx.deployer.folder(record.id))
    place = folders.former(Path(record.path), record.id)
    if found is None or not files.may_be_folder(place) or os.path.islink(place):  # noqa: PTH114 - never raises
        raise ResourceNotFound(
            f"实例 {record.name} 没有可换回的版本",
            f"No former version of instance {record.name} is available",
        )
    return found


def _ports_of_missing(ctx: Context, record: InstanceRecord, selection: Selection) -> dict[str, int]:
    """The ports that were planned for services that could not be installed: they keep them until they are added. Reads files;
    raises OSError, msgspec.MsgspecError."""
    folder = ctx.deployer.folder(record.id)
    if not (lacking := missing.read(folder)):
        return {}
    planned = plans.read(folder).ports
    selected = {program.name for program in selection.programs}
    recipes = (
        ctx.bots.catalogue.recipes.get(service.name) for service in lacking if service.name not in selected
    )
    names = (
        name
        for base in recipes
        if base is not None
        for name in port_plan.default_ports(base.of(record.version))
    )
    return {name: planned[name] for name in names if name in planned}


async def _begin_upgrade(
    ctx: Context, change: Change, selection: Selection, ports: dict[str, int], *, consent: bool
) -> DeploymentRecord:
    """Change and plan, then the row. Without the row the files mean nothing; a row without them could not be carried out."""
    record, folder = change.before, ctx.deployer.folder(change.before.id)
    start = record.wanted or any(service.wanted for service in record.services)
    plan = make_plan(
        ctx.settings,
        ctx.store.deployments,
        selection,
        kind=DeploymentKind.UPGRADE,
        instance_id=record.id,
        folder=Path(record.path),
        ports=ports,
        consent=consent,
        start=start,
    )
    plan = msgspec.structs.replace(plan, keep_former=not change.back)

    def write_all() -> None:
        plans.write(folder, plan)
        journal.reserve(folder)
        write(folder / CHANGE_FILE, change)
        (folder / JOURNAL_FILE).unlink(missing_ok=True)

    await asyncio.to_thread(write_all)
    row = await ctx.store.deployments.add(
        record.id,
        DeploymentKind.UPGRADE,
        name=record.name,
        version=selection.version,
        start=start,
        created_at=now_ms(),
    )
    await ctx.deployer.begin(row)
    return row
