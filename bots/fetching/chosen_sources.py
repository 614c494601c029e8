"""Where recipes are downloaded from: the URLs that the settings give for a recipe, else the recipe's own, and a mirror of GitHub
before each of them."""

from collections.abc import Iterable, Sequence

import msgspec

from bots.fetching.repository_url import LOCAL_SCHEMES, SCHEMES
from bots.fetching.sources import Sources
from bots.recipe import Archive, Install, Recipe
from mailauncher.settings import Settings

GITHUB = "https://github.com/"


def given(settings: Settings, recipe: str) -> tuple[str, ...]:
    """The URLs that the settings have for a recipe, in order of preference."""
    named = (entry.split("=", 1) for entry in settings.sources)
    of_maibot = settings.sources_maibot if recipe == "maibot" else ()
    return (*of_maibot, *(url.strip() for name, url in named if name.strip() == recipe))


def repositories(settings: Settings, recipe: Recipe, *, own: bool) -> Sources:
    """The sources of a recipe's repository; without URLs if it has none. `own`: it is the user's own recipe."""
    chosen = given(settings, recipe.name)
    if chosen and not (recipe.install and recipe.install.archives):
        return Sources(chosen, LOCAL_SCHEMES)
    urls = _mirrored(settings.github_mirror, recipe.install.git if recipe.install else ())
    return Sources(tuple(urls), LOCAL_SCHEMES if own else SCHEMES)


def with_archives(settings: Settings, recipe: str, install: Install) -> Install:
    """The recipe's installation with the URLs of its archives replaced. An archive gets those whose file name it has."""
    chosen = given(settings, recipe)
    archives = tuple(_archive(settings.github_mirror, archive, chosen) for archive in install.archives)
    return msgspec.structs.replace(install, archives=archives)


def _archive(mirror: str, archive: Archive, chosen: Sequence[str]) -> Archive:
    names = set(map(_file_name, archive.urls))
    urls = tuple(url for url in chosen if _file_name(url) in names)
    return msgspec.structs.replace(archive, urls=urls or tuple(_mirrored(mirror, archive.urls)))


def _mirrored(mirror: str, urls: Iterable[str]) -> Iterable[str]:
    """The mirror of each URL of GitHub before the URL itself."""
    for url in urls:
        if mirror and url.startswith(GITHUB):
            yield f"{mirror}{url}"
        yield url


def _file_name(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]
