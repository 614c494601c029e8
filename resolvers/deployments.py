"""Deployments: install a new instance, follow its progress, cancel, retry, accept the terms."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from bots.terms import accepted
from bots.versions.known import answered_in_time
from mailauncher.errors import (
    InvalidParameter,
    LauncherError,
    ResourceNotFound,
    Text,
)
from mailauncher.events import BusSubscription, DeploymentChanged
from mailauncher.grants import Scope
from resolvers import instances, missing_services, new_deployment
from resolvers.context import Context
from resolvers.deploying import progress as reports
from resolvers.deploying.job import now_ms
from resolvers.deploying.progress import ProgressSnapshot
from resolvers.deploying.selection import select
from resolvers.instances import NewService
from resolvers.new_deployment import InstallRequest
from resolvers.rights import needs
from resolvers.views import DeploymentUpdate, DeploymentView, InstanceView
from store.records import DeploymentKind, DeploymentRecord, DeploymentStatus
from terminals.supervisor import MAIN

LOGS_KEPT = reports.LOGS
"""Log messages of a deployment that are kept."""


@dataclass(frozen=True, slots=True)
class NewDeployment:
    """What to install, and where. `path` None: the folder of the instance's name in the workspace; `port` None: the first free
    one from the recipe's default upward. `path` and `run_command` of a service must be None: a deployed service is installed
    in the instance's folder and run as its recipe says.

    `accept_terms`: the user has accepted the bot's licence and privacy texts; without it `auto_start` starts nothing.
    """

    name: str
    path: str | None = None
    port: int | None = None
    version: str = "latest"
    services: tuple[NewService, ...] = ()
    auto_start: bool = False
    accept_terms: bool = False
    recipe: str = "maibot"


@needs(Scope.ADMIN)
async def deploy(ctx: Context, new: NewDeployment) -> DeploymentView:
    """Checks everything that can be checked and adds the instance, with the status `installing`. The work goes on in the
    background.

    Raises InvalidParameter, VersionNotFound, DownloadFailed, InvalidPath, InsufficientSpace, PortInUse, DuplicateResource.
    """
    instances.require_name(new.name)
    asked = requested_ports(ctx, new)
    new_deployment.require_free_name(ctx, new.name)
    names = [name for name in asked if name != MAIN]
    async with answered_in_time():
        selection = await select(ctx.bots, new.recipe, new.version, names)
    deployment = await new_deployment.begin(
        ctx,
        InstallRequest(
            name=new.name,
            path=new.path or f"~/{new.name}",
            selection=selection,
            ports=asked,
            kind=DeploymentKind.DEPLOY,
            consent=new.accept_terms,
            start=new.auto_start,
            aliases={
                ctx.bots.catalogue.service_name(service.name): service.alias
                for service in new.services
                if service.alias
            },
        ),
    )
    words = Text(f"部署 {new.name}（{selection.version}）", f"deploy {new.name} ({selection.version})")
    await ctx.store.journal.note("deploy", ctx.caller, words, deployment.instance_id)
    return await view(ctx, deployment)


@needs(Scope.ADMIN)
def requested_ports(ctx: Context, new: NewDeployment) -> dict[str, int]:
    """The requested port of the main program and of every service, 0 for any. Raises InvalidParameter."""
    if len(new.services) > instances.SERVICES_LIMIT:
        raise InvalidParameter(
            f"服务不能超过 {instances.SERVICES_LIMIT} 个",
            f"At most {instances.SERVICES_LIMIT} services are allowed",
            field="install_services",
        )
    asked = {MAIN: new.port or 0}
    for service in new.services:
        name = ctx.bots.catalogue.service_name(service.name)
        if name in asked:
            raise InvalidParameter("服务名称重复", "A service is listed twice", field="install_services")
        if service.path is not None or service.run_command is not None:
            raise InvalidParameter(
                f"部署的服务 {name[:64]} 安装在实例的文件夹中，按其配方运行：不要给出路径或运行命令",
                f"The service {name[:64]} is installed in the instance's folder and run as its recipe says: "
                "leave out its path and run command",
                field="install_services",
            )
        asked[name] = service.port or 0
    for port in (new.port, *(service.port for service in new.services)):
        instances.require_port(1 if port is None else port)
    numbers = [port for port in asked.values() if port]
    if twice := next((port for port in numbers if numbers.count(port) > 1), None):
        raise InvalidParameter(
            f"端口 {twice} 在实例中出现两次",
            f"Two programs of the instance would have port {twice}",
            field="port",
        )
    return asked


@needs(Scope.READ)
async def get(ctx: Context, instance_id: str) -> DeploymentView:
    """The newest deployment of an instance, also a cancelled one, whose instance is gone.

    Raises InstanceNotFound; ResourceNotFound for an instance that was added, not deployed.
    """
    return await view(ctx, _record(ctx, instance_id))


def _record(ctx: Context, instance_id: str) -> DeploymentRecord:
    found = ctx.store.deployments.get(instance_id)
    if found is None:
        name = instances.get(ctx, instance_id).name
        raise ResourceNotFound(
            f"实例 {name} 不是由本程序部署的，没有安装状态",
            f"Instance {name} was not deployed by this program, so there is no deployment of it",
        )
    return found


@needs(Scope.READ, filters=True)
async def view(ctx: Context, record: DeploymentRecord) -> DeploymentView:
    """A deployment as it is now."""
    record, snapshot = await _read(ctx, record)
    return _view_of(ctx, record, snapshot)


async def _read(ctx: Context, record: DeploymentRecord) -> tuple[DeploymentRecord, ProgressSnapshot]:
    """The row and the files, as of one moment."""
    job = ctx.deployer.job(record.instance_id)
    if job is not None:
        return job.record, job.snapshot
    snapshot = await asyncio.to_thread(reports.read, ctx.deployer.folder(record.instance_id))
    return record, snapshot


def _view_of(ctx: Context, record: DeploymentRecord, snapshot: ProgressSnapshot) -> DeploymentView:
    instance = ctx.store.registry.get(record.instance_id)
    names = [service.name for service in instance.services] if instance else []
    return reports.view(record, snapshot, names)


@needs(Scope.READ, filters=True)
async def list_all(ctx: Context) -> list[DeploymentView]:
    """The newest deployment of every instance that has one, and cancelled ones, in the order they began."""
    covered = (record for record in ctx.store.deployments if ctx.grant.covers(record.instance_id))
    records = sorted(covered, key=lambda record: record.id)
    return [await view(ctx, record) for record in records]


@needs(Scope.ADMIN)
async def cancel(ctx: Context, instance_id: str) -> DeploymentView:
    """Ends a deployment and removes what it has made, its instance included. After an upgrade the instance is as before.

    Answers when that is done, or after 7.5 s while it goes on. Raises InstanceNotFound, InstanceNotRunning when no
    deployment is under way.
    """
    record = _record(ctx, instance_id)
    task = await ctx.deployer.cancel(instance_id)
    await asyncio.wait([task], timeout=instances.ANSWER_WITHIN_S)
    return await view(ctx, ctx.store.deployments.get(instance_id) or record)


@needs(Scope.ADMIN)
async def retry(ctx: Context, instance_id: str) -> DeploymentView:
    """Resumes a failed deployment where it stopped. After one that could not install some service, adds those alone.

    Raises InstanceNotFound, InstanceAlreadyRunning while it is under way, InvalidParameter where nothing failed, and as
    `missing_services.add` does.
    """
    record = _record(ctx, instances.get(ctx, instance_id).id)
    if record.status in (DeploymentStatus.COMPLETED, DeploymentStatus.CANCELLED):
        await missing_services.add(ctx, record)
    else:
        await _resume(ctx, instance_id)
    words = Text(f"重试部署 {record.name}", f"retry the deployment of {record.name}")
    await ctx.store.journal.note("retry", ctx.caller, words, instance_id)
    return await get(ctx, instance_id)


async def _resume(ctx: Context, instance_id: str) -> None:
    async with ctx.locks.of(instance_id):  # not while a backup is restored, or the instance deleted
        record = _record(ctx, instances.get(ctx, instance_id).id)
        if (
            record.kind is DeploymentKind.UPGRADE
            and (present := ctx.store.registry.get(instance_id)) is not None
        ):
            ctx.deployer.require_not_copied(present)
        await ctx.deployer.retry(record)


@needs(Scope.READ)
async def progress(
    ctx: Context, instance_id: str, after: int | None = None
) -> AsyncGenerator[DeploymentUpdate, None]:
    """A deployment as it is now, then after each change, until it has ended.

    `after` is the cursor of an earlier update, after which `log` goes on. Raises as `get` does, and InvalidParameter for a
    cursor that was not reached yet, at the first update.
    """
    with ctx.bus.subscribe(DeploymentChanged) as changes:
        shown: DeploymentView | None = None
        seen = 0 if after is None else after
        while True:
            try:
                record, snapshot = await _read(ctx, _record(ctx, instance_id))
            except LauncherError:
                if shown is None:
                    raise
                return  # it was deleted meanwhile
            if shown is None and not 0 <= seen <= snapshot.cursor:
                raise InvalidParameter(
                    f"after 应在 0 与 {snapshot.cursor} 之间",
                    f"after must be between 0 and {snapshot.cursor}",
                    field="after",
                )
            now = _view_of(ctx, record, snapshot)
            if now != shown:
                yield DeploymentUpdate(snapshot.cursor, now_ms(), now, snapshot.logs_after(seen))
                shown, seen = now, snapshot.cursor
            if now.ended_at is not None:
                return
            await _wait_for_change(changes, instance_id)


async def _wait_for_change(changes: BusSubscription, instance_id: str) -> None:
    async for event in changes:
        if isinstance(event, DeploymentChanged) and event.instance_id == instance_id:
            return


@needs(Scope.ADMIN)
async def accept_terms(ctx: Context, instance_id: str) -> InstanceView:
    """Records that the user accepts the bot's licence and privacy texts that are in its folder now, or, while it is being
    installed, those that will be there.

    Raises InstanceNotFound, InvalidPath.
    """
    instance = instances.get(ctx, instance_id)
    recipe = ctx.bots.catalogue.recipes.get(instance.recipe)
    texts = recipe.of(instance.version).consent if recipe else {}
    if recipe is not None and (deployment := ctx.store.deployments.get(instance_id)) is not None:
        await ctx.deployer.accept(instance_id, recipe.of(deployment.version).consent)
    if ctx.live.overridden(instance_id) is None:
        await asyncio.to_thread(accepted.accept, Path(instance.path), texts)
        ctx.live.supervisor(instance_id).main_program.hold(None)
    await ctx.store.journal.note(
        "accept-terms",
        ctx.caller,
        Text(f"{instance.name}：同意条款", f"{instance.name}: terms accepted"),
        instance_id,
    )
    return instances.get(ctx, instance_id)
