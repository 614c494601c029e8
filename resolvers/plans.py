"""From what a user wants to what a deployment's worker is told."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import uv

from mailauncher import __version__
from mailauncher.bots.catalogue import Catalogue
from mailauncher.bots.deploying.plan import WEIGHTS, Component, Plan, Source, Step
from mailauncher.bots.recipe import Install, Recipe
from mailauncher.bots.sources import LOCAL_SCHEMES, SCHEMES
from mailauncher.bots.versions import LATEST, Resolved, Versions
from mailauncher.errors import InvalidParameter, VersionNotFound
from mailauncher.settings import Settings
from mailauncher.store.deployments import Deployments
from mailauncher.store.records import DeploymentKind, InstanceRecord
from resolvers import places
from terminals.crew import MAIN


@dataclass(frozen=True, slots=True)
class Part:
    """A program to install: what it is called, its recipe as it is for the version, and where it comes from."""

    name: str
    recipe: Recipe
    install: Install
    source: Source
    place: str = ""
    """Its folder inside the instance's; empty for the main program."""

    @property
    def component(self) -> Component:
        return Component(
            name=self.name,
            place=self.place,
            source=self.source,
            install=self.install,
            config=self.recipe.config,
            keep=self.recipe.keep if self.place else (),
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """What is installed: a version of a bot, and services."""

    main: Part
    services: tuple[Part, ...]
    version: str
    schemes: tuple[str, ...] = SCHEMES

    @property
    def parts(self) -> tuple[Part, ...]:
        return self.main, *self.services

    @property
    def recipes(self) -> list[Recipe]:
        return [part.recipe for part in self.parts]

    @property
    def running(self) -> tuple[Part, ...]:
        """The services that are programs of their own."""
        return tuple(part for part in self.services if not part.install.hosted)

    @property
    def space_mb(self) -> int:
        return sum(part.install.space_mb for part in self.parts)


async def select(
    versions: Versions, catalogue: Catalogue, bot: str, wanted: str, services: Sequence[str]
) -> Selection:
    """Finds out what these names mean.

    Raises InvalidParameter for a bot or service that is unknown or cannot be installed, VersionNotFound, DownloadFailed.
    """
    recipe = _bot(catalogue, bot)
    _require_known(catalogue, services)
    resolved = await _resolved(versions, recipe, wanted)
    main = _main(versions, recipe, resolved)
    brought = [_brought(catalogue.recipes[name]) for name in services if name in recipe.brings]
    found = [catalogue.recipes[name].of(resolved.ref) for name in services if name not in recipe.brings]
    others = [await _service(versions, service) for service in found]
    return Selection(
        main=main,
        services=(*brought, *others),
        version=resolved.ref,
        schemes=_schemes(versions, [recipe, *found]),
    )


async def select_upgrade(
    versions: Versions, catalogue: Catalogue, record: InstanceRecord, wanted: str
) -> Selection:
    """Another version of what stands in an instance's folder. A service that is installed the same way for both versions
    stays. Raises as `select` does. Looks at files."""
    recipe = _bot(catalogue, record.recipe)
    resolved = await _resolved(versions, recipe, wanted)
    main = _main(versions, recipe, resolved)
    present = await asyncio.to_thread(_present, catalogue, record)
    services = []
    for part in present:
        base = catalogue.recipes.get(part.name)
        new = base.of(resolved.ref) if base else None
        if part.name in recipe.brings and base is not None:
            services.append(_brought(base))
        elif new is None or new.install is None or _same(new.install, part.install):
            _require_portable(record, part)
            services.append(replace(part, recipe=new or part.recipe))
        else:
            services.append(await _service(versions, new))
    bases = [catalogue.recipes[part.name] for part in services if part.name in catalogue.recipes]
    return Selection(
        main=main,
        services=tuple(services),
        version=resolved.ref,
        schemes=_schemes(versions, [recipe, *bases]),
    )


def select_clone(catalogue: Catalogue, record: InstanceRecord) -> Selection:
    """What stands in an instance's folder, to be copied. Raises InvalidParameter. Looks at files."""
    recipe = _bot(catalogue, record.recipe).of(record.version)
    assert recipe.install is not None
    main = Part(MAIN, recipe, recipe.install, Source(folder=record.path))
    services = _present(catalogue, record)
    for part in services:
        _require_portable(record, part)
    return Selection(main=main, services=tuple(services), version=record.version)


def _bot(catalogue: Catalogue, name: str) -> Recipe:
    recipe = catalogue.recipes.get(name)
    if recipe is None or recipe.kind != "bot" or recipe.install is None:
        names = ", ".join(_deployable(catalogue, "bot"))
        raise InvalidParameter(
            f"没有可部署的 Bot '{name[:64]}'，可部署的有：{names}",
            f"There is no bot '{name[:64]}' that can be deployed. There are: {names}",
            field="recipe",
        )
    return recipe


def _deployable(catalogue: Catalogue, kind: str) -> list[str]:
    return sorted(r.name for r in catalogue.recipes.values() if r.kind == kind and r.install is not None)


def _schemes(versions: Versions, recipes: Iterable[Recipe]) -> tuple[str, ...]:
    found = {scheme for recipe in recipes for scheme in versions.sources(recipe).schemes}
    return tuple(scheme for scheme in LOCAL_SCHEMES if scheme in found)


def _present(catalogue: Catalogue, record: InstanceRecord) -> list[Part]:
    """The services in an instance's folder: those with programs of their own, and those that the main program runs. Looks at
    files."""
    folder, parts = Path(record.path), []
    brings = catalogue.get(record.recipe).brings
    for service in record.services:
        path = Path(service.path)
        if path.is_relative_to(folder) and path != folder:
            place, source = path.relative_to(folder).as_posix(), Source(folder=service.path)
            base = catalogue.recipes.get(service.name)
            if base is None:
                custom = catalogue.get("custom")
                base = msgspec.structs.replace(custom, name=service.name, port=service.port)
            if service.name in brings:
                parts.append(replace(_brought(base), source=source, place=place))
                continue
            recipe = base.of(record.version)
            parts.append(Part(service.name, recipe, recipe.install or Install(space_mb=0), source, place))
    for base in catalogue.services():
        recipe = base.of(record.version)
        install = recipe.install
        if install is not None and install.hosted and (folder / (install.place or recipe.name)).is_dir():
            place = install.place or recipe.name
            parts.append(Part(recipe.name, recipe, install, Source(folder=str(folder / place)), place))
    return parts


def _same(new: Install, old: Install) -> bool:
    """Whether a service is installed from the same release; without a fixed one there may be a newer."""
    return new == old and bool(new.ref or not new.git)


def _require_portable(record: InstanceRecord, part: Part) -> None:
    """A copy has its environment made anew, which nobody knows how to do for a service without a recipe."""
    place = Path(record.path, part.place)
    if not part.install.python and any((place / name / "pyvenv.cfg").is_file() for name in (".venv", "venv")):
        raise InvalidParameter(
            f"服务 {part.name} 的 Python 环境不是由配方创建的，无法复制：请先把它移出实例文件夹",
            f"The Python environment of the service {part.name} was not made by a recipe and cannot be copied: move the "
            "service out of the instance's folder first",
        )


def _require_known(catalogue: Catalogue, services: Iterable[str]) -> None:
    for name in services:
        recipe = catalogue.recipes.get(name)
        if recipe is None or recipe.kind != "service" or recipe.install is None:
            names = ", ".join(_deployable(catalogue, "service"))
            raise InvalidParameter(
                f"服务 {name[:64]} 未知或无法部署，可部署的有：{names}",
                f"The service {name[:64]} is unknown or cannot be deployed. There are: {names}",
                field="install_services",
            )


async def _resolved(versions: Versions, recipe: Recipe, wanted: str) -> Resolved:
    """Of a bot without a repository, such as the one that comes with this program, there is one version: ours."""
    if versions.sources(recipe).urls:
        return await versions.resolve(recipe, wanted)
    if wanted not in (LATEST, __version__):
        raise VersionNotFound(
            f"{recipe.title.zh}只有版本 {__version__}",
            f"{recipe.title.en} has one version, {__version__}",
            field="version",
        )
    return Resolved(__version__, "", is_branch=False)


def _main(versions: Versions, recipe: Recipe, resolved: Resolved) -> Part:
    found = recipe.of(resolved.ref)
    install = found.install
    assert install is not None
    if install.impossible is not None:
        raise VersionNotFound(install.impossible.zh, install.impossible.en, field="version")
    urls = versions.sources(recipe).urls
    commit = "" if resolved.is_branch else resolved.commit
    return Part(MAIN, found, install, _source(urls, resolved.ref, commit))


async def _service(versions: Versions, recipe: Recipe) -> Part:
    install = recipe.install
    assert install is not None
    if install.impossible is not None:
        raise InvalidParameter(install.impossible.zh, install.impossible.en, field="install_services")
    urls = versions.sources(recipe).urls
    ref, commit = install.ref, ""
    if urls and not ref:
        newest = await versions.resolve(recipe, LATEST)
        ref, commit = newest.ref, "" if newest.is_branch else newest.commit
    source = _source(urls, ref, commit)
    return Part(recipe.name, recipe, install, source, install.place or recipe.name)


def _brought(recipe: Recipe) -> Part:
    """A service that stands in the bot's own tree already, and is not of any family: the bot has its own."""
    own = msgspec.structs.replace(recipe, families=())
    return Part(recipe.name, own, Install(space_mb=0), Source(), recipe.name)


def _source(urls: tuple[str, ...], ref: str, commit: str) -> Source:
    """Without a repository the worker looks at `install`."""
    return Source(git=urls, ref=ref, commit=commit) if urls else Source()


def compose(
    settings: Settings,
    rows: Deployments,
    selection: Selection,
    *,
    kind: DeploymentKind,
    instance_id: str,
    folder: Path,
    ports: Mapping[str, int],
    consent: bool,
    start: bool,
) -> Plan:
    components = tuple(part.component for part in selection.parts)
    upgrade = kind is DeploymentKind.UPGRADE
    return Plan(
        id=instance_id,
        kind=kind.value,
        folder=str(folder),
        staging=str(places.staging(folder, instance_id)),
        former=str(places.former(folder, instance_id)) if upgrade else "",
        components=components,
        ports=dict(ports),
        consent=selection.main.recipe.consent if consent else {},
        keep=selection.main.recipe.keep,
        uv=uv.find_uv_bin(),
        git_schemes=selection.schemes,
        index_url=settings.python_index_url,
        python_downloads=settings.python_downloads,
        weights=weights(rows, kind, components, start=start),
    )


def weights(
    rows: Deployments, kind: DeploymentKind, components: Sequence[Component], *, start: bool
) -> dict[Step, float]:
    """How long each step will take: as long as lately, or as elsewhere. Only the steps that there will be."""
    absent: set[Step] = set()
    if kind is not DeploymentKind.UPGRADE:
        absent.add("stop")
    if not any(component.install.python for component in components):
        absent |= {"environment", "dependencies"}
    if len(components) == 1:
        absent.add("services")
    if not start:
        absent.add("start")
    return {
        step: rows.usual_seconds(kind, step) or usual for step, usual in WEIGHTS.items() if step not in absent
    }
