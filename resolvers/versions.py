"""What can be deployed: recipes, the versions of a bot, and the terms that a version requires consent to."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from bots import release
from bots.branches import version_of
from bots.catalogue import SHIPPED
from bots.fetching.refs import Refs
from bots.recipe import Recipe
from bots.terms import accepted as consents
from bots.versions.known import LATEST, MAIN, latest, tags
from mailauncher.errors import ResourceNotFound
from mailauncher.grants import Scope
from resolvers.context import Context
from resolvers.rights import needs


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version by its name. `kind` is `alias`, `tag` or `branch`; an alias means `target` at the moment, and has its commit."""

    name: str
    kind: str
    commit: str
    stable: bool
    target: str | None


@dataclass(frozen=True, slots=True)
class VersionsView:
    """`fetched_at` is milliseconds since 1970; `source` is the URL that answered, without credentials, or empty for a bot
    without a repository."""

    versions: tuple[VersionView, ...]
    fetched_at: int
    source: str


@dataclass(frozen=True, slots=True)
class ConsentText:
    """A text by its file name. `digest` is what the bot compares, see `bots.terms.accepted`."""

    name: str
    text: str
    digest: str


@dataclass(frozen=True, slots=True)
class ConsentView:
    """The texts that a version requires consent to; `version` is the tag or branch, never an alias."""

    version: str
    commit: str
    texts: tuple[ConsentText, ...]


@needs(Scope.READ, filters=True)
async def list_all(ctx: Context, recipe: str = "maibot", *, refresh: bool = False) -> VersionsView:
    """`latest`, `main`, tags from the newest to the oldest, other branches by name. Returns what is known, however old;
    `refresh` asks the sources first. A bot that comes with this program has one version.

    Raises ResourceNotFound, DownloadFailed.
    """
    found = _deployable(ctx, recipe)
    known = await ctx.bots.versions.known(found, refresh=refresh)
    return VersionsView(_ordered(known.refs), known.fetched_at, known.refs.source)


def _ordered(refs: Refs) -> tuple[VersionView, ...]:
    """A name with two meanings is listed with the one that `KnownVersions.resolve` takes."""
    views = []
    if newest := latest(refs):
        stable = release.is_stable(newest.ref)
        views.append(VersionView(LATEST, "alias", newest.commit, stable, newest.ref))
    branches = sorted(refs.branches.keys() - {LATEST}, key=lambda name: (name != MAIN, name))
    views += [
        VersionView(name, "branch", refs.branches[name], False, None) for name in branches if name == MAIN
    ]
    views += [
        VersionView(name, "tag", refs.tags[name], release.is_stable(name), None)
        for name in tags(refs)
        if name != LATEST and name not in refs.branches
    ]
    views += [
        VersionView(name, "branch", refs.branches[name], False, None) for name in branches if name != MAIN
    ]
    return tuple(views)


@needs(Scope.READ, filters=True)
def recipes(ctx: Context) -> list[Recipe]:
    """The bots that can be deployed, by name."""
    return _installable(ctx, "bot")


@needs(Scope.READ, filters=True)
def services(ctx: Context) -> list[Recipe]:
    """The services that can be deployed with a bot, by name."""
    return _installable(ctx, "service")


@needs(Scope.READ, filters=True)
def problems(ctx: Context) -> dict[Path, str]:
    """The mistake in each broken recipe file."""
    return dict(ctx.bots.catalogue.problems)


def _installable(ctx: Context, kind: str) -> list[Recipe]:
    found = (
        recipe for recipe in ctx.bots.catalogue.recipes.values() if recipe.kind == kind and recipe.install
    )
    return sorted(found, key=lambda recipe: recipe.name)


@needs(Scope.READ, filters=True)
async def consent(ctx: Context, version: str, recipe: str = "maibot") -> ConsentView:
    """The texts of a version, installed or not, from the cache, else from the sources.

    Raises ResourceNotFound, InvalidParameter, VersionNotFound, DownloadFailed.
    """
    found = _deployable(ctx, recipe)
    resolved = await ctx.bots.versions.resolve(found, version)
    sources = ctx.bots.versions.sources(found)
    wanted = found.of(await version_of(ctx.bots.terms, sources, found, resolved)).consent
    if not sources.urls:
        bundled = found.install.bundled if found.install else ""
        texts = await asyncio.to_thread(consents.texts, SHIPPED.parent / bundled, wanted) if bundled else {}
        return ConsentView(resolved.ref, resolved.commit, _shown(texts))
    known = await ctx.bots.versions.known(found)
    read = await ctx.bots.terms.read(sources, resolved, wanted, prefer=known.refs.source)
    return ConsentView(resolved.ref, read.commit, _shown({name: read.texts[name] for name in wanted}))


def _shown(texts: dict[str, bytes | None]) -> tuple[ConsentText, ...]:
    return tuple(
        ConsentText(name, text.decode("utf-8-sig", "replace"), consents.digest(text))
        for name, text in texts.items()
        if text is not None
    )


def _deployable(ctx: Context, name: str) -> Recipe:
    recipe = ctx.bots.catalogue.get(name)
    if recipe.install is None and not ctx.bots.versions.sources(recipe).urls:
        raise ResourceNotFound(
            f"配方 '{name}' 无法部署", f"The recipe '{name}' cannot be deployed", field="recipe"
        )
    return recipe
