"""Deployments: a new instance from nothing, how far it is, cancel, try again, accept the terms."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from mailauncher.bots import consent
from mailauncher.errors import (
    InstanceNotFound,
    InvalidParameter,
    LauncherError,
    ResourceNotFound,
    Text,
)
from mailauncher.events import DeploymentChanged, Subscription
from mailauncher.store.records import DeploymentKind, DeploymentRecord
from resolvers import admission, deployment_views, instances, plans
from resolvers.admission import Newcomer
from resolvers.context import Context
from resolvers.deployment_views import Reading
from resolvers.installing import NO_CONSENT
from resolvers.instances import NewService
from resolvers.views import DeploymentUpdate, DeploymentView, InstanceView
from terminals.crew import MAIN


@dataclass(frozen=True, slots=True)
class NewDeployment:
    """What to install, and where. `path` None: a folder of the instance's name in the workspace; `port` None: the first free
    one from the recipe's own upward. A service's `path` must be None: it stands in the instance's folder; so must its
    `run_command`: its recipe has one.

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


async def deploy(ctx: Context, new: NewDeployment) -> DeploymentView:
    """Checks everything that can be checked, adds the instance (`installing` from here on) and answers; the work goes on.

    Raises InvalidParameter, VersionNotFound, DownloadFailed, InvalidPath, InsufficientSpace, PortInUse, DuplicateResource.
    """
    asked = _asked(ctx, new)
    admission.refuse_name(ctx, new.name)
    names = [name for name in asked if name != MAIN]
    selection = await plans.select(ctx.versions, ctx.catalogue, new.recipe, new.version, names)
    deployment = await admission.admit(
        ctx,
        Newcomer(
            name=new.name,
            where=new.path or f"~/{new.name}",
            selection=selection,
            ports=asked,
            kind=DeploymentKind.DEPLOY,
            consent=new.accept_terms,
            start=new.auto_start,
        ),
    )
    words = Text(f"部署 {new.name}（{selection.version}）", f"deploy {new.name} ({selection.version})")
    await ctx.journal.note("deploy", ctx.caller, words, deployment.instance_id)
    return await view(ctx, deployment)


def _asked(ctx: Context, new: NewDeployment) -> dict[str, int]:
    """The ports that were asked for by program, 0 where none was: the main program and every service. Raises
    InvalidParameter."""
    instances.require_name(new.name)
    if len(new.services) > instances.SERVICES_LIMIT:
        raise InvalidParameter(
            f"服务不能超过 {instances.SERVICES_LIMIT} 个",
            f"There can be no more than {instances.SERVICES_LIMIT} services",
            field="install_services",
        )
    asked = {MAIN: new.port or 0}
    for service in new.services:
        name = ctx.catalogue.service_name(service.name)
        if name in asked:
            raise InvalidParameter("服务名称重复", "A service is named twice", field="install_services")
        if service.path is not None or service.run_command is not None:
            raise InvalidParameter(
                f"部署的服务 {name[:64]} 安装在实例的文件夹中，按其配方运行：不要给出路径或运行命令",
                f"The service {name[:64]} is deployed into the instance's folder and runs as its recipe says: "
                "leave out path and run command",
                field="install_services",
            )
        asked[name] = service.port or 0
    for port in (new.port, *(service.port for service in new.services)):
        instances.require_port(1 if port is None else port)
    numbers = [port for port in asked.values() if port]
    if twice := next((port for port in numbers if numbers.count(port) > 1), None):
        raise InvalidParameter(
            f"端口 {twice} 在实例中出现两次", f"Two programs of the instance have port {twice}", field="port"
        )
    return asked


async def get(ctx: Context, instance_id: str) -> DeploymentView:
    """The newest deployment of an instance; of a cancelled one too, though its instance is gone.

    Raises InstanceNotFound; ResourceNotFound for an instance that was added, not deployed.
    """
    return await view(ctx, _record(ctx, instance_id))


def _record(ctx: Context, instance_id: str) -> DeploymentRecord:
    found = ctx.deployments.get(instance_id)
    if found is None:
        name = instances.get(ctx, instance_id).name
        raise ResourceNotFound(
            f"实例 {name} 不是由本程序部署的，没有安装状态",
            f"Instance {name} was not deployed by this program, so there is no deployment of it",
        )
    return found


async def view(ctx: Context, record: DeploymentRecord) -> DeploymentView:
    """A deployment as it is now."""
    record, reading = await _read(ctx, record)
    return _put_together(ctx, record, reading)


async def _read(ctx: Context, record: DeploymentRecord) -> tuple[DeploymentRecord, Reading]:
    """What is true now, of one moment."""
    job = ctx.deployer.job(record.instance_id)
    if job is not None:
        return job.record, job.reading
    reading = await asyncio.to_thread(deployment_views.read, ctx.deployer.folder(record.instance_id))
    return record, reading


def _put_together(ctx: Context, record: DeploymentRecord, reading: Reading) -> DeploymentView:
    instance = ctx.registry.get(record.instance_id)
    names = [service.name for service in instance.services] if instance else []
    return deployment_views.view(record, reading, names)


async def list_all(ctx: Context) -> list[DeploymentView]:
    """The newest deployment of every instance that has one, and cancelled ones, in the order they began."""
    records = sorted(ctx.deployments, key=lambda record: record.id)
    return [await view(ctx, record) for record in records]


async def cancel(ctx: Context, instance_id: str) -> DeploymentView:
    """Ends a deployment and removes what it has made; its instance is forgotten. An upgrade's instance stays as it was.

    Answers when that is done, or after 7.5 s while it goes on. Raises InstanceNotFound, InstanceNotRunning when no
    deployment is under way.
    """
    record = _record(ctx, instance_id)
    task = await ctx.deployer.cancel(instance_id)
    await asyncio.wait([task], timeout=instances.ANSWER_WITHIN_S)
    return await view(ctx, ctx.deployments.get(instance_id) or record)


async def retry(ctx: Context, instance_id: str) -> DeploymentView:
    """Goes on with a failed deployment from where it stopped.

    Raises InstanceNotFound, InstanceAlreadyRunning while it is under way, InvalidParameter where nothing failed.
    """
    async with ctx.turns.of(instance_id):  # not while a backup is restored, or the instance deleted
        record = _record(ctx, instances.get(ctx, instance_id).id)
        if record.kind is DeploymentKind.UPGRADE and (present := ctx.registry.get(instance_id)) is not None:
            ctx.deployer.require_not_copied(present)
        await ctx.deployer.retry(record)
    words = Text(f"重试部署 {record.name}", f"deploy {record.name} again")
    await ctx.journal.note("retry", ctx.caller, words, instance_id)
    return await get(ctx, instance_id)


async def progress(
    ctx: Context, instance_id: str, after: int | None = None
) -> AsyncGenerator[DeploymentUpdate, None]:
    """A deployment as it is now, then each time it has come further, until it has ended.

    `after` is the cursor of an update seen before: its `log` goes on there. Raises as `get` does, and InvalidParameter for
    a cursor that it has not reached, at the first update.
    """
    with ctx.bus.subscribe(DeploymentChanged) as changes:
        shown: DeploymentView | None = None
        seen = 0 if after is None else after
        while True:
            try:
                record, reading = await _read(ctx, _record(ctx, instance_id))
            except LauncherError:
                if shown is None:
                    raise
                return  # it was deleted meanwhile
            if shown is None and not 0 <= seen <= reading.cursor:
                raise InvalidParameter(
                    f"after 应在 0 与 {reading.cursor} 之间",
                    f"after must be between 0 and {reading.cursor}",
                    field="after",
                )
            now = _put_together(ctx, record, reading)
            if now != shown:
                yield DeploymentUpdate(reading.cursor, now, reading.logs_after(seen))
                shown, seen = now, reading.cursor
            if now.ended_at is not None:
                return
            await _changed(changes, instance_id)


async def _changed(changes: Subscription, instance_id: str) -> None:
    async for event in changes:
        if isinstance(event, DeploymentChanged) and event.instance_id == instance_id:
            return


async def accept_terms(ctx: Context, instance_id: str) -> InstanceView:
    """Records that the user has accepted the bot's licence and privacy texts as they stand in its folder now; of an instance
    that is still being installed, as they will stand there.

    Raises InstanceNotFound, InvalidPath.
    """
    instance = instances.get(ctx, instance_id)
    recipe = ctx.catalogue.recipes.get(instance.recipe)
    texts = recipe.of(instance.version).consent if recipe else {}
    if recipe is not None and (deployment := ctx.deployments.get(instance_id)) is not None:
        await ctx.deployer.accept(instance_id, recipe.of(deployment.version).consent)
    if ctx.fleet.marked(instance_id) is None:
        await asyncio.to_thread(consent.accept, Path(instance.path), texts)
        main = ctx.fleet.crew(instance_id).main
        if main.failure is not None and main.failure.reason == NO_CONSENT:
            with contextlib.suppress(InstanceNotFound):
                await ctx.fleet.crew(instance_id).stop([MAIN]).wait(instances.ANSWER_WITHIN_S)
    await ctx.journal.note(
        "accept-terms",
        ctx.caller,
        Text(f"{instance.name}：同意条款", f"{instance.name}: terms accepted"),
        instance_id,
    )
    return instances.get(ctx, instance_id)
