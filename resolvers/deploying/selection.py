"""What a deployment installs: turns names of versions and services into a plan for the worker."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import uv

from bots import release
from bots.branches import version_of
from bots.catalogue import Catalogue
from bots.deploying.plan import Backup, Component, Plan, Source
from bots.fetching.repository_url import LOCAL_SCHEMES, SCHEMES
from bots.fitting import fitting
from bots.launching import fill
from bots.offers import BotSources
from bots.recipe import BilingualText, Install, Recipe
from bots.versions.known import LATEST, KnownVersions, ResolvedVersion
from mailauncher import __version__
from mailauncher.errors import InvalidParameter, VersionNotFound
from mailauncher.files import is_file
from mailauncher.settings import Settings
from resolvers.deploying import estimates, folders
from resolvers.running import plugins
from store.deployments import Deployments
from store.records import DeploymentKind, InstanceRecord
from terminals.supervisor import MAIN


@dataclass(frozen=True, slots=True)
class SelectedProgram:
    """A program to install: its name, its recipe for the version, and its source."""

    name: str
    recipe: Recipe
    install: Install
    source: Source
    place: str = ""
    """Its folder inside the instance's; empty for the main program."""
    former: "SelectedProgram | None" = None
    """For an upgrade: what it replaces, where that is another one."""

    @property
    def component(self) -> Component:
        return Component(
            name=self.name,
            place=self.place,
            source=self.source,
            install=self.install,
            config=tuple(spec for spec in self.recipe.config if not spec.is_pattern),
            login=self.recipe.login,
            keep=self.recipe.keep if self.place else (),
            former=self._former_files(),
        )

    def _former_files(self) -> dict[str, str]:
        if self.former is None or self.former.place == self.place:
            return {}
        return {spec.name: f"{self.former.place}/{spec.path}" for spec in self.former.recipe.config}

    def tasks(self, ports: Mapping[str, int]) -> Iterator[BilingualText]:
        """What an upgrade leaves for the user to do."""
        if self.former is None or self.former.recipe == self.recipe:
            return
        if task := self.install.upgrade_todo:
            yield BilingualText(fill(task.zh, ports), fill(task.en, ports))
        carries = any(spec.carry for spec in self.recipe.config)
        if self.former.place != self.place and self.install.todo and not carries:
            yield self.install.todo  # it begins anew


@dataclass(frozen=True, slots=True)
class Selection:
    """A version of a bot, and services."""

    main: SelectedProgram
    services: tuple[SelectedProgram, ...]
    version: str
    schemes: tuple[str, ...] = SCHEMES

    @property
    def programs(self) -> tuple[SelectedProgram, ...]:
        return self.main, *self.services

    @property
    def is_branch(self) -> bool:
        """Whether the version is a branch, which may have moved since it was installed."""
        return bool(self.main.source.git) and not self.main.source.commit

    @property
    def recipes(self) -> list[Recipe]:
        return [program.recipe for program in self.programs]

    @property
    def running(self) -> tuple[SelectedProgram, ...]:
        """The services that are programs of their own."""
        return tuple(program for program in self.services if not program.install.hosted)

    @property
    def space_mb(self) -> int:
        return sum(program.install.space_mb for program in self.programs)


async def select(bots: BotSources, bot: str, wanted: str, services: Sequence[str]) -> Selection:
    """Resolves the names of a bot, a version and services.

    Raises InvalidParameter for a bot or service that is unknown or cannot be installed, VersionNotFound, DownloadFailed.
    """
    catalogue = bots.catalogue
    recipe = _bot(catalogue, bot)
    _require_known(catalogue, services)
    main, version = await _main(bots, recipe, wanted)
    brought = [_brought(catalogue.recipes[name]) for name in services if name in recipe.brings]
    found = [catalogue.recipes[name].of(version) for name in services if name not in recipe.brings]
    others = [await _service(bots, service, version) for service in found]
    return Selection(
        main=main,
        services=(*brought, *others),
        version=version,
        schemes=_schemes(bots.versions, [recipe, *found]),
    )


async def select_upgrade(bots: BotSources, record: InstanceRecord, wanted: str) -> Selection:
    """Another version of what is in an instance's folder. A service that is installed the same way for both versions stays.
    Raises as `select` does. Reads files."""
    catalogue = bots.catalogue
    recipe = _bot(catalogue, record.recipe)
    main, version = await _main(bots, recipe, wanted)
    present = await asyncio.to_thread(_present_services, catalogue, record)
    services = []
    for program in present:
        base = catalogue.recipes.get(program.name)
        new = base.of(version) if base else None
        if program.name in recipe.brings and base is not None:
            services.append(_brought(base))
        elif new is None or new.install is None or _is_same_release(new.install, program.install):
            _require_portable(record, program)
            services.append(replace(program, recipe=new or program.recipe, former=program))
        else:
            services.append(replace(await _service(bots, new, version), former=program))
    bases = [catalogue.recipes[program.name] for program in services if program.name in catalogue.recipes]
    return Selection(
        main=main,
        services=tuple(services),
        version=version,
        schemes=_schemes(bots.versions, [recipe, *bases]),
    )


async def select_services(bots: BotSources, record: InstanceRecord, names: Iterable[str]) -> Selection:
    """Services for an instance that is installed without them. Raises as `select` does."""
    catalogue = bots.catalogue
    recipe = _bot(catalogue, record.recipe)
    _require_known(catalogue, names)
    bases = [catalogue.recipes[name] for name in names]
    main = recipe.of(record.version)
    assert main.install is not None
    return Selection(
        main=SelectedProgram(MAIN, main, main.install, Source()),
        services=tuple([await _service(bots, base.of(record.version), record.version) for base in bases]),
        version=record.version,
        schemes=_schemes(bots.versions, bases),
    )


def select_clone(catalogue: Catalogue, record: InstanceRecord) -> Selection:
    """What is in an instance's folder, to be copied. Raises InvalidParameter. Blocks."""
    recipe = _bot(catalogue, record.recipe).of(record.version)
    assert recipe.install is not None
    main = SelectedProgram(MAIN, recipe, recipe.install, Source(folder=record.path))
    services = _present_services(catalogue, record)
    for program in services:
        _require_portable(record, program)
    return Selection(main=main, services=tuple(services), version=record.version)


def _bot(catalogue: Catalogue, name: str) -> Recipe:
    recipe = catalogue.recipes.get(name)
    if recipe is None or recipe.kind != "bot" or recipe.install is None:
        names = ", ".join(_deployable(catalogue, "bot"))
        raise InvalidParameter(
            f"没有可部署的 Bot '{name[:64]}'，可部署的有：{names}",
            f"No bot '{name[:64]}' can be deployed. Available: {names}",
            field="recipe",
        )
    return recipe


def _deployable(catalogue: Catalogue, kind: str) -> list[str]:
    return sorted(r.name for r in catalogue.recipes.values() if r.kind == kind and r.install is not None)


def _schemes(versions: KnownVersions, recipes: Iterable[Recipe]) -> tuple[str, ...]:
    found = {scheme for recipe in recipes for scheme in versions.sources(recipe).schemes}
    return tuple(scheme for scheme in LOCAL_SCHEMES if scheme in found)


def _present_services(catalogue: Catalogue, record: InstanceRecord) -> list[SelectedProgram]:
    """The services in an instance's folder: those that are programs of their own, and those that the main program runs.
    Blocks."""
    folder, programs = Path(record.path), []
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
                programs.append(replace(_brought(base), source=source, place=place))
                continue
            recipe = base.of(record.version)
            programs.append(
                SelectedProgram(service.name, recipe, recipe.install or Install(space_mb=0), source, place)
            )
    for recipe, place in plugins.installed(catalogue, record):
        assert recipe.install is not None
        source = Source(folder=str(folder / place))
        programs.append(SelectedProgram(recipe.name, recipe, recipe.install, source, place))
    return programs


def _is_same_release(new: Install, old: Install) -> bool:
    """Whether a service is installed from the same release. Without a fixed release there may be a newer one, and of one that
    has to fit the bot another may fit now."""
    return new == old and bool(new.ref or not new.git) and new.fits is None


def _require_portable(record: InstanceRecord, program: SelectedProgram) -> None:
    """Raises InvalidParameter for a service with a Python environment that no recipe can make again for the copy."""
    place = Path(record.path, program.place)
    if not program.install.python and any(is_file(place / name / "pyvenv.cfg") for name in (".venv", "venv")):
        raise InvalidParameter(
            f"服务 {program.name} 的 Python 环境不是由配方创建的，无法复制：请先把它移出实例文件夹",
            f"The Python environment of the service {program.name} was not made by a recipe and cannot be copied: move the "
            "service out of the instance's folder first",
        )


def _require_known(catalogue: Catalogue, services: Iterable[str]) -> None:
    for name in services:
        recipe = catalogue.recipes.get(name)
        if recipe is None or recipe.kind != "service" or recipe.install is None:
            names = ", ".join(_deployable(catalogue, "service"))
            raise InvalidParameter(
                f"服务 {name[:64]} 未知或无法部署，可部署的有：{names}",
                f"The service {name[:64]} is unknown or cannot be deployed. Available: {names}",
                field="install_services",
            )


async def _resolved(versions: KnownVersions, recipe: Recipe, wanted: str) -> ResolvedVersion:
    """A bot without a repository, such as the one that comes with this program, has one version: this program's."""
    if versions.sources(recipe).urls:
        return await versions.resolve(recipe, wanted)
    if wanted not in (LATEST, __version__):
        raise VersionNotFound(
            f"{recipe.title.zh}只有版本 {__version__}",
            f"{recipe.title.en} has one version, {__version__}",
            field="version",
        )
    return ResolvedVersion(__version__, "", is_branch=False)


async def _main(bots: BotSources, recipe: Recipe, wanted: str) -> tuple[SelectedProgram, str]:
    """The main program, and its version as `bots.branches` has it."""
    resolved = await _resolved(bots.versions, recipe, wanted)
    sources = bots.versions.sources(recipe)
    version = await version_of(bots.terms, sources, recipe, resolved)
    found = recipe.of(version)
    install = bots.versions.install(found)
    assert install is not None
    if install.impossible is not None:
        raise VersionNotFound(install.impossible.zh, install.impossible.en, field="version")
    commit = "" if resolved.is_branch else resolved.commit
    return SelectedProgram(MAIN, found, install, _source(sources.urls, resolved.ref, commit)), version


async def _service(bots: BotSources, recipe: Recipe, version: str) -> SelectedProgram:
    """A service for a version of the bot."""
    install = bots.versions.install(recipe)
    assert install is not None
    if install.impossible is not None:
        raise InvalidParameter(install.impossible.zh, install.impossible.en, field="install_services")
    urls = bots.versions.sources(recipe).urls
    ref, commit = install.ref, ""
    if urls and install.fits is not None:
        source = await _fitting(bots, recipe, install, version)
    elif urls and not ref:
        newest = await bots.versions.resolve(recipe, LATEST)
        ref, commit = newest.ref, "" if newest.is_branch else newest.commit
        source = _source(urls, ref, commit)
    else:
        source = _source(urls, ref, commit)
    return SelectedProgram(recipe.name, recipe, install, source, install.place or recipe.name)


async def _fitting(bots: BotSources, recipe: Recipe, install: Install, version: str) -> Source:
    """The newest commit of a service that fits a version of the bot; the newest of all for a version that is no release.

    Raises InvalidParameter where none fits, VersionNotFound, DownloadFailed.
    """
    assert install.fits is not None
    sources, tip = bots.versions.sources(recipe), await bots.versions.resolve(recipe, install.ref)
    if not tip.is_branch or release.key(version) is None:
        return _source(sources.urls, tip.ref, "" if tip.is_branch else tip.commit)
    manifests = await bots.fitting.manifests(sources, tip.ref, tip.commit, install.fits)
    if commit := fitting(manifests, version):
        return Source(git=sources.urls, ref=tip.ref, commit=commit, pinned=True)
    ranges = ", ".join(dict.fromkeys(f"{found.least} - {found.most}" for found in manifests)) or "-"
    raise InvalidParameter(
        f"服务 {recipe.name} 没有适用于版本 {version} 的发布（适用的版本：{ranges}）：请选择其中的版本，或不安装该服务",
        f"No release of the service {recipe.name} fits version {version} (they are for {ranges}): choose one of these versions, "
        "or leave the service out",
        field="install_services",
    )


def _brought(recipe: Recipe) -> SelectedProgram:
    """A service that is part of the bot's own tree. Its recipe's families do not apply: the bot brings its own version."""
    own = msgspec.structs.replace(recipe, families=())
    return SelectedProgram(recipe.name, own, Install(space_mb=0), Source(), recipe.name)


def _source(urls: tuple[str, ...], ref: str, commit: str) -> Source:
    """Empty without a repository: the worker then uses `install`."""
    return Source(git=urls, ref=ref, commit=commit) if urls else Source()


def make_plan(
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
    backup: Backup | None = None,
) -> Plan:
    components = tuple(program.component for program in selection.programs)
    upgrade = kind is DeploymentKind.UPGRADE
    steps = estimates.steps_of(kind, components, start=start)
    return Plan(
        id=instance_id,
        kind=kind.value,
        folder=str(folder),
        staging=str(folders.staging(folder, instance_id)),
        former=str(folders.former(folder, instance_id)) if upgrade else "",
        components=components,
        ports=dict(ports),
        consent=selection.main.recipe.consent if consent else {},
        keep=selection.main.recipe.keep,
        backup=backup,
        tasks=tuple(task for program in selection.services for task in program.tasks(ports))
        if upgrade
        else (),
        uv=uv.find_uv_bin(),
        git_schemes=selection.schemes,
        index_url=settings.python_index_url,
        python=tuple(settings.python),
        github_mirror=settings.github_mirror,
        python_downloads=settings.python_downloads,
        weights=estimates.usual_seconds(rows, kind, steps),
        ranges=estimates.ranges(rows, kind, steps),
    )
