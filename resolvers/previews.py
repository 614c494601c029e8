"""What a deployment or an upgrade would do, before anybody asks for it. Nothing is changed, and nothing is reserved."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bots.deploying import check
from bots.deploying.plan import Component, Step
from bots.terms import accepted
from bots.versions.known import answered_in_time
from mailauncher.errors import LauncherError, PortInUse, Text
from mailauncher.grants import Scope
from resolvers import deployments, instances, new_deployment, upgrades, versions
from resolvers.context import Context
from resolvers.deploying import estimates, folders
from resolvers.deploying.selection import Selection, select, select_upgrade
from resolvers.deploying.version_changes import require_upgrade
from resolvers.deployments import NewDeployment
from resolvers.rights import needs
from resolvers.running import port_plan
from resolvers.views import Estimate, Problem
from store.records import DeploymentKind, InstanceRecord
from terminals.supervisor import MAIN

PROPOSED_NAME = "mai-{}"
DOWNTIME: tuple[Step, ...] = ("stop", "configure", "register", "start")
"""The steps of an upgrade during which the bot does not run."""


@dataclass(frozen=True, slots=True)
class DeploymentPreview:
    """`name` is the one that was given, else a free one. `path` is the absolute folder, as far as there is one. `ports` are by
    placeholder, the main program's first; each that was asked for and is taken is replaced by a free one. Sizes are bytes.

    `problems` say why the deployment would be refused as things are; empty: it would not be."""

    name: str
    path: str
    version: str
    commit: str
    ports: Mapping[str, int]
    space_needed: int
    space_free: int
    duration: Estimate
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class UpgradePreview:
    """`terms` are the texts of that version that are not accepted yet, by file name. `downtime` is how long the bot does not
    run, None if it does not run now. `todo` will be left for the user. `problems` are as in `DeploymentPreview`."""

    version: str
    commit: str
    space_needed: int
    space_free: int
    duration: Estimate
    downtime: Estimate | None
    terms: tuple[str, ...]
    todo: tuple[Text, ...]
    problems: tuple[Problem, ...]


@needs(Scope.ADMIN)
async def of_deployment(ctx: Context, new: NewDeployment) -> DeploymentPreview:
    """What `deployments.deploy` would do. An empty name means any that is free.

    Raises InvalidParameter for a bot or a service that cannot be deployed, VersionNotFound, DownloadFailed, PortInUse if no port is
    free.
    """
    problems: list[Problem] = []
    name = new.name or await asyncio.to_thread(_free_name, ctx)
    with _noted(problems):
        instances.require_name(name)
        new_deployment.require_free_name(ctx, name)
    services = [ctx.bots.catalogue.service_name(service.name) for service in new.services]
    asked: Mapping[str, int] = {}
    with _noted(problems):
        asked = deployments.requested_ports(ctx, new)
    async with answered_in_time():
        selection = await select(ctx.bots, new.recipe, new.version, list(dict.fromkeys(services)))
    folder = ctx.settings.workspace_folder / name
    with _noted(problems):
        folder = await asyncio.to_thread(folders.new_folder, ctx.settings, new.path or f"~/{name}")
        folders.require_apart_from(folder, list(ctx.store.registry))
    with _noted(problems):
        await asyncio.to_thread(_require_means, folder, selection)
    steps = estimates.steps_of(DeploymentKind.DEPLOY, _components(selection), start=new.auto_start)
    return DeploymentPreview(
        name=name,
        path=str(folder),
        version=selection.version,
        commit=selection.main.source.commit,
        ports=await _ports(ctx, selection, asked, problems),
        space_needed=selection.space_mb << 20,
        space_free=await asyncio.to_thread(_free_space, folder),
        duration=estimates.total(estimates.ranges(ctx.store.deployments, DeploymentKind.DEPLOY, steps)),
        problems=tuple(problems),
    )


@needs(Scope.READ)
async def of_upgrade(ctx: Context, instance_id: str, version: str) -> UpgradePreview:
    """What `upgrades.upgrade` would do.

    Raises InstanceNotFound, ServiceUnavailable (it is not installed), InstanceAlreadyRunning (a deployment is under way),
    InvalidParameter, VersionNotFound, DownloadFailed.
    """
    record = upgrades.require_installed(ctx, instance_id)
    async with answered_in_time():
        selection = await select_upgrade(ctx.bots, record, version)
        consent = await versions.consent(ctx, version, record.recipe)
    problems: list[Problem] = []
    with _noted(problems):
        await upgrades.require_replaceable(ctx, instance_id)
    with _noted(problems):
        require_upgrade(record, selection)
    folder = Path(record.path)
    with _noted(problems):
        await asyncio.to_thread(_require_means, folder, selection)
    runs = record.wanted or any(service.wanted for service in record.services)
    steps = estimates.steps_of(DeploymentKind.UPGRADE, _components(selection), start=runs)
    taken = estimates.ranges(ctx.store.deployments, DeploymentKind.UPGRADE, steps)
    ports = {MAIN: record.port} | {service.name: service.port for service in record.services}
    return UpgradePreview(
        version=selection.version,
        commit=selection.main.source.commit,
        space_needed=selection.space_mb << 20,
        space_free=await asyncio.to_thread(_free_space, folder),
        duration=estimates.total(taken),
        downtime=estimates.total(taken, DOWNTIME) if runs else None,
        terms=await asyncio.to_thread(_unaccepted, record, selection, consent),
        todo=tuple(task.text for program in selection.services for task in program.tasks(ports)),
        problems=tuple(problems),
    )


@contextmanager
def _noted(problems: list[Problem]) -> Iterator[None]:
    """What the block raises is one of the problems."""
    try:
        yield
    except LauncherError as error:
        problems.append(Problem.of(error))


async def _ports(
    ctx: Context, selection: Selection, asked: Mapping[str, int], problems: list[Problem]
) -> Mapping[str, int]:
    """Those that the deployment would take; in the place of each that is refused, one that it would choose by itself."""
    while True:
        try:
            return _of_programs(await new_deployment.choose_ports(ctx, selection, asked), selection)
        except PortInUse as error:
            if error.port is None:
                raise
            problems.append(Problem.of(error))
            asked = {name: port for name, port in asked.items() if port != error.port}


def _of_programs(ports: Mapping[str, int], selection: Selection) -> dict[str, int]:
    """Those of the programs that are installed, without what listens nowhere."""
    names = [name for program in selection.programs for name in port_plan.default_ports(program.recipe)]
    return {name: ports[name] for name in names if ports.get(name)}


def _components(selection: Selection) -> list[Component]:
    return [program.component for program in selection.programs]


def _require_means(folder: Path, selection: Selection) -> None:
    """Raises DeploymentFailed without git, InsufficientSpace."""
    check.require_git(_components(selection))
    folders.require_space(folder, selection.space_mb)


def _free_space(folder: Path) -> int:
    """0 where it cannot be known: that is one of the problems then."""
    try:
        return folders.free_space(folder)
    except LauncherError:
        return 0


def _free_name(ctx: Context) -> str:
    """The first of `mai-1`, `mai-2` that no instance has, and whose folder is free. Reads folders."""
    names = {record.name for record in ctx.store.registry}
    number = 1
    while True:
        name = PROPOSED_NAME.format(number)
        if name not in names and _is_free(ctx, name):
            return name
        number += 1


def _is_free(ctx: Context, name: str) -> bool:
    try:
        folder = folders.new_folder(ctx.settings, f"~/{name}")
        folders.require_apart_from(folder, list(ctx.store.registry))
    except LauncherError:
        return False
    return True


def _unaccepted(
    record: InstanceRecord, selection: Selection, consent: versions.ConsentView
) -> tuple[str, ...]:
    """The texts of the new version that its user has not accepted in the present one. Reads files."""
    records = selection.main.recipe.consent
    return tuple(
        text.name
        for text in consent.texts
        if not accepted.has_record(Path(record.path), records[text.name], text.digest)
    )
