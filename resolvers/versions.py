"""What can be deployed: recipes, the versions of a bot, and the texts that a version asks consent to."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from mailauncher.bots import consent as consents
from mailauncher.bots import release
from mailauncher.bots.catalogue import SHIPPED
from mailauncher.bots.recipe import Recipe
from mailauncher.bots.sources import Refs
from mailauncher.bots.versions import LATEST, MAIN, latest, tags
from mailauncher.errors import ResourceNotFound
from resolvers.context import Context


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version by its name. `kind` is `alias`, `tag` or `branch`; an alias stands for `target` now, and has its commit."""

    name: str
    kind: str
    commit: str
    stable: bool
    target: str | None


@dataclass(frozen=True, slots=True)
class VersionsView:
    """`fetched_at` is milliseconds since 1970; `source` the address that answered, without credentials, empty for a bot that
    has no repository."""

    versions: tuple[VersionView, ...]
    fetched_at: int
    source: str


@dataclass(frozen=True, slots=True)
class ConsentText:
    """A text by its file. `digest` is what the bot compares: see `mailauncher.bots.consent`."""

    name: str
    text: str
    digest: str


@dataclass(frozen=True, slots=True)
class ConsentView:
    """What a version asks consent to; `version` is the tag or branch, never an alias."""

    version: str
    commit: str
    texts: tuple[ConsentText, ...]


async def list_all(ctx: Context, recipe: str = "maibot", *, refresh: bool = False) -> VersionsView:
    """`latest`, `main`, tags from the newest to the oldest, other branches by name. Answers with what is known, however
    old; `refresh` asks the sources first. A bot that comes with this program has its one version.

    Raises ResourceNotFound, DownloadFailed.
    """
    found = _deployable(ctx, recipe)
    known = await ctx.versions.known(found, refresh=refresh)
    return VersionsView(_ordered(known.refs), known.fetched_at, known.refs.source)


def _ordered(refs: Refs) -> tuple[VersionView, ...]:
    """A name that means two things is listed as what it means to `Versions.resolve`."""
    views = []
    if newest := latest(refs):
        stable = release.stable(newest.ref)
        views.append(VersionView(LATEST, "alias", newest.commit, stable, newest.ref))
    branches = sorted(refs.branches.keys() - {LATEST}, key=lambda name: (name != MAIN, name))
    views += [
        VersionView(name, "branch", refs.branches[name], False, None) for name in branches if name == MAIN
    ]
    views += [
        VersionView(name, "tag", refs.tags[name], release.stable(name), None)
        for name in tags(refs)
        if name != LATEST and name not in refs.branches
    ]
    views += [
        VersionView(name, "branch", refs.branches[name], False, None) for name in branches if name != MAIN
    ]
    return tuple(views)


def recipes(ctx: Context) -> list[Recipe]:
    """The bots that can be deployed, by name."""
    return _installable(ctx, "bot")


def services(ctx: Context) -> list[Recipe]:
    """The services that can be deployed with a bot, by name."""
    return _installable(ctx, "service")


def problems(ctx: Context) -> dict[Path, str]:
    """Recipe files with a mistake, and what it is."""
    return dict(ctx.catalogue.problems)


def _installable(ctx: Context, kind: str) -> list[Recipe]:
    found = (recipe for recipe in ctx.catalogue.recipes.values() if recipe.kind == kind and recipe.install)
    return sorted(found, key=lambda recipe: recipe.name)


async def consent(ctx: Context, version: str, recipe: str = "maibot") -> ConsentView:
    """The texts of a version, installed or not: from what was kept, else from the sources.

    Raises ResourceNotFound, InvalidParameter, VersionNotFound, DownloadFailed.
    """
    found = _deployable(ctx, recipe)
    resolved = await ctx.versions.resolve(found, version)
    wanted = found.of(resolved.ref).consent
    sources = ctx.versions.sources(found)
    if not sources.urls:
        bundled = found.install.bundled if found.install else ""
        texts = await asyncio.to_thread(consents.texts, SHIPPED.parent / bundled, wanted) if bundled else {}
        return ConsentView(resolved.ref, resolved.commit, _shown(texts))
    known = await ctx.versions.known(found)
    read = await ctx.terms.read(sources, resolved, wanted, prefer=known.refs.source)
    return ConsentView(resolved.ref, read.commit, _shown({name: read.texts[name] for name in wanted}))


def _shown(texts: dict[str, bytes | None]) -> tuple[ConsentText, ...]:
    return tuple(
        ConsentText(name, text.decode("utf-8", "replace"), consents.digest(text))
        for name, text in texts.items()
        if text is not None
    )


def _deployable(ctx: Context, name: str) -> Recipe:
    recipe = ctx.catalogue.get(name)
    if recipe.install is None and not ctx.versions.sources(recipe).urls:
        raise ResourceNotFound(
            f"配方 '{name}' 无法部署", f"The recipe '{name}' cannot be deployed", field="recipe"
        )
    return recipe
