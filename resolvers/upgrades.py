"""Another version of an instance that stands, the way back, and copies of instances."""

import asyncio
from pathlib import Path

import msgspec

from mailauncher.bots.deploying import plan as plans_on_disk
from mailauncher.bots.deploying.plan import JOURNAL_FILE, Source
from mailauncher.bots.recipe import Install
from mailauncher.errors import InstanceAlreadyRunning, PermissionDenied, ResourceNotFound, Text
from mailauncher.store.records import (
    DeploymentKind,
    DeploymentRecord,
    InstanceRecord,
    ServiceRecord,
)
from resolvers import admission, deployments, instances, places, plans, port_plan, upgrading
from resolvers.admission import Newcomer
from resolvers.context import Context
from resolvers.jobs import now_ms
from resolvers.plans import Part, Selection
from resolvers.upgrading import Change
from resolvers.views import DeploymentView
from terminals.crew import MAIN


async def upgrade(
    ctx: Context, instance_id: str, version: str, *, accept_terms: bool = False
) -> DeploymentView:
    """Puts another version in the place of the one that is there, newer or older; configuration, data and ports stay.

    It runs on while the new one is made beside it, after a backup. What ran is started again, and if that does not get
    ready, the old version comes back by itself and the deployment has failed. Nothing of this is waited for.

    Raises InstanceNotFound, ServiceUnavailable (not installed, or being cloned), InstanceAlreadyRunning (a deployment is under way),
    PermissionDenied (a folder that this program did not make), InvalidParameter, VersionNotFound, DownloadFailed,
    InsufficientSpace.
    """
    record = _whole(ctx, instance_id)
    selection = await plans.select_upgrade(ctx.versions, ctx.catalogue, record, version)
    async with ctx.turns.of(instance_id), ctx.fleet.adding:
        record = await _ours(ctx, instance_id)
        kept = await asyncio.to_thread(port_plan.known, record, ctx.catalogue)
        given = await admission.choose_ports(ctx, selection, {}, kept)
        await asyncio.to_thread(places.require_space, Path(record.path), selection.space_mb)
        old = ctx.catalogue.get(record.recipe).of(record.version)
        new = selection.main.recipe
        change = Change(
            before=record,
            after=_after(record, selection, given),
            environment=selection.main.install.upgrade_env if old != new else {},
        )
        row = await _begin(ctx, change, selection, given, consent=accept_terms)
    words = Text(
        f"{record.name}：升级到 {selection.version}", f"{record.name}: upgrade to {selection.version}"
    )
    await ctx.journal.note("upgrade", ctx.caller, words, instance_id)
    return await deployments.view(ctx, row)


async def rollback(ctx: Context, instance_id: str) -> DeploymentView:
    """Takes the last upgrade back: the tree that it replaced stands in its place again, with configuration and data as they
    were then; the present one is kept in turn, so that this can be taken back as well.

    Raises as `upgrade` does, and ResourceNotFound where no former tree is kept.
    """
    _whole(ctx, instance_id)
    async with ctx.turns.of(instance_id):
        record = await _ours(ctx, instance_id)
        former = await asyncio.to_thread(_former, ctx, record)
        # As it stands: nothing is fetched, made or written.
        nothing = Install(space_mb=0)
        recipe = ctx.catalogue.get(record.recipe).of(former.version)
        as_it_is = msgspec.structs.replace(recipe, config=(), keep=())
        main = Part(MAIN, as_it_is, nothing, Source())
        selection = Selection(main=main, services=(), version=former.version)
        change = Change(before=record, after=former, back=True)
        row = await _begin(ctx, change, selection, {}, consent=False)
    words = Text(f"{record.name}：换回 {former.version}", f"{record.name}: back to {former.version}")
    await ctx.journal.note("rollback", ctx.caller, words, instance_id)
    return await deployments.view(ctx, row)


async def clone(
    ctx: Context, instance_id: str, name: str, path: str | None = None, port: int | None = None
) -> DeploymentView:
    """A new instance with the files, configuration and data of another as they are now, its own ports, and environments made
    anew; `path` and `port` as for a deployment. The other may run. The new one is not started.

    Raises InstanceNotFound, ServiceUnavailable (not installed), and as `deployments.deploy` does.
    """
    _whole(ctx, instance_id)
    instances.require_name(name)
    instances.require_port(1 if port is None else port)
    admission.refuse_name(ctx, name)
    async with ctx.turns.of(instance_id):  # from its end on, the deployment keeps what it copies as it is
        record = _whole(ctx, instance_id)
        selection = await asyncio.to_thread(plans.select_clone, ctx.catalogue, record)
        commands = {MAIN: record.run_command, **{s.name: s.run_command for s in record.services}}
        row = await admission.admit(
            ctx,
            Newcomer(
                name=name,
                where=path or f"~/{name}",
                selection=selection,
                ports={MAIN: port or 0},
                kind=DeploymentKind.CLONE,
                commands={program: command for program, command in commands.items() if command},
            ),
        )
    words = Text(f"复制 {record.name} 为 {name}", f"clone {record.name} as {name}")
    await ctx.journal.note("clone", ctx.caller, words, row.instance_id)
    return await deployments.view(ctx, row)


def _whole(ctx: Context, instance_id: str) -> InstanceRecord:
    """Raises InstanceNotFound, ServiceUnavailable, InstanceAlreadyRunning."""
    instances.require_installed(ctx, instance_id)
    if ctx.deployer.job(instance_id) is not None:
        name = ctx.fleet.view(instance_id).name
        raise InstanceAlreadyRunning(
            f"实例 {name} 的部署正在进行，请等待完成或取消",
            f"A deployment of instance {name} is under way: wait for it, or cancel it",
        )
    record = ctx.registry.get(instance_id)
    assert record is not None
    return record


async def _ours(ctx: Context, instance_id: str) -> InstanceRecord:
    """The same, now that it is our turn; the tree that is replaced will be removed one day, so it must be our own. Raises
    PermissionDenied too."""
    record = _whole(ctx, instance_id)
    if not await asyncio.to_thread(places.is_ours, Path(record.path), instance_id):
        raise PermissionDenied(
            f"{record.path} 不是由本程序部署的，不会被替换：请先复制该实例，再升级副本",
            f"{record.path} was not deployed by this program and is not replaced: clone the instance, and upgrade the copy",
        )
    ctx.deployer.require_not_copied(record)
    return record


def _after(record: InstanceRecord, selection: Selection, given: dict[str, int]) -> InstanceRecord:
    """Services that stand elsewhere stay as they are; what the main program runs from now on is no program of its own."""
    folder = Path(record.path)
    services = [s for s in record.services if not Path(s.path).is_relative_to(folder)]
    for part in selection.running:
        old = record.service(part.name)
        services.append(
            ServiceRecord(
                name=part.name,
                path=str(folder / part.place),
                port=given.get(part.name, 0) or (old.port if old else 0),
                run_command=old.run_command if old else None,
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


def _former(ctx: Context, record: InstanceRecord) -> InstanceRecord:
    """Raises ResourceNotFound. Reads files."""
    found = upgrading.read_former(ctx.deployer.folder(record.id))
    place = places.former(Path(record.path), record.id)
    if found is None or not place.is_dir() or place.is_symlink():
        raise ResourceNotFound(
            f"实例 {record.name} 没有可换回的版本", f"No former version of instance {record.name} is kept"
        )
    return found


async def _begin(
    ctx: Context, change: Change, selection: Selection, given: dict[str, int], *, consent: bool
) -> DeploymentRecord:
    """Change and plan, then the row: without that none of it counts."""
    record, folder = change.before, ctx.deployer.folder(change.before.id)
    start = record.wanted or any(service.wanted for service in record.services)
    plan = plans.compose(
        ctx.settings,
        ctx.deployments,
        selection,
        kind=DeploymentKind.UPGRADE,
        instance_id=record.id,
        folder=Path(record.path),
        ports=given,
        consent=consent,
        start=start,
    )

    def write() -> None:
        plans_on_disk.write(folder, plan)
        upgrading.write(folder / upgrading.CHANGE_FILE, change)
        (folder / JOURNAL_FILE).unlink(missing_ok=True)

    await asyncio.to_thread(write)
    row = await ctx.deployments.add(
        record.id,
        DeploymentKind.UPGRADE,
        name=record.name,
        version=selection.version,
        start=start,
        created_at=now_ms(),
    )
    await ctx.deployer.begin(row)
    return row
