"""Adds the services that an instance was installed without."""

import asyncio
from pathlib import Path

from bots.deploying import journal
from bots.deploying import plan as plans
from bots.deploying.plan import JOURNAL_FILE
from bots.versions.known import answered_in_time
from mailauncher.errors import InstanceAlreadyRunning, InvalidParameter
from mailauncher.grants import Scope
from resolvers import instances
from resolvers.context import Context
from resolvers.deploying import folders, missing
from resolvers.deploying.job import now_ms
from resolvers.deploying.selection import make_plan, select_services
from resolvers.rights import needs
from resolvers.running import port_plan
from store.records import DeploymentKind, DeploymentRecord


@needs(Scope.READ)
async def names_of(ctx: Context, instance_id: str) -> list[str]:
    """The services that the instance lacks since a deployment could not install them. Raises InstanceNotFound."""
    record = ctx.store.registry.get(instances.get(ctx, instance_id).id)
    if record is None:
        return []
    folder = ctx.deployer.folder(record.id)
    return await asyncio.to_thread(missing.lacking, folder, ctx.bots.catalogue, record)


@needs(Scope.ADMIN, filters=True)
async def add(ctx: Context, former: DeploymentRecord) -> DeploymentRecord:
    """Queues a deployment of the services that the instance lacks since a deployment could not install them, with the ports that
    were planned for them.

    Raises InvalidParameter if it lacks none, InstanceAlreadyRunning (another deployment is under way), ServiceUnavailable (the
    instance is being cloned), PortInUse (another program has such a port meanwhile), InsufficientSpace, DownloadFailed.
    """
    folder = ctx.deployer.folder(former.instance_id)
    if former.ended_at is None:
        raise _under_way()
    record, names = ctx.store.registry.get(former.instance_id), list[str]()
    if record is not None:
        names = await asyncio.to_thread(missing.lacking, folder, ctx.bots.catalogue, record)
    if record is None or not names:
        raise InvalidParameter(
            "部署没有失败，无需重试", "The deployment did not fail: there is nothing to try again"
        )
    async with answered_in_time():
        selection = await select_services(ctx.bots, record, names)
    async with ctx.locks.of(record.id), ctx.locks.claims:
        instances.require_installed(ctx, record.id)
        if ctx.store.deployments.get(record.id) != former:
            raise _under_way()
        ctx.deployer.require_not_copied(record)
        placeholders = [
            name for program in selection.services for name in port_plan.default_ports(program.recipe)
        ]
        planned = (await asyncio.to_thread(plans.read, folder)).ports
        # The bot's own may have been changed since.
        planned |= await asyncio.to_thread(port_plan.ports_of_programs, record, ctx.bots.catalogue)
        ports = [planned.get(name, 0) for name in placeholders]
        await ctx.ports.require_free(ctx.grant, ports, record, field="install_services")
        space_mb = sum(program.install.space_mb for program in selection.services)
        await asyncio.to_thread(folders.require_space, Path(record.path), space_mb)
        plan = make_plan(
            ctx.settings,
            ctx.store.deployments,
            selection,
            kind=DeploymentKind.SERVICES,
            instance_id=record.id,
            folder=Path(record.path),
            ports=planned,
            consent=False,
            start=False,
        )

        def write() -> None:
            plans.write(folder, plan)
            journal.reserve(folder)

        await asyncio.to_thread(write)
        deployment = await ctx.store.deployments.add(
            record.id,
            DeploymentKind.SERVICES,
            name=record.name,
            version=record.version,
            start=former.start,  # as long as the terms are not accepted, the next server says why it was not started
            created_at=now_ms(),
        )
        # Last: it says what is missing. After a kill before this line, the next server finds a completed deployment that
        # can be tried again.
        await asyncio.to_thread((folder / JOURNAL_FILE).unlink, missing_ok=True)
        await ctx.deployer.begin(deployment)
    return deployment


def _under_way() -> InstanceAlreadyRunning:
    return InstanceAlreadyRunning("部署正在进行", "The deployment is under way")
