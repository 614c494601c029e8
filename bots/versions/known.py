"""The versions of a bot: lists of its repositories' tags and branches, cached, and the resolution of a requested version."""

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bots import release
from bots.catalogue import Catalogue
from bots.fetching import chosen_sources
from bots.fetching.ref_name import check_ref
from bots.fetching.refs import Refs, remote_refs
from bots.fetching.repository_url import redacted
from bots.fetching.sources import Sources
from bots.recipe import Install, Recipe
from mailauncher import __version__, files
from mailauncher.errors import DownloadFailed, VersionNotFound
from mailauncher.settings import Settings
from mailauncher.tasks import Tasks

log = logging.getLogger(__name__)

LATEST = "latest"
MAIN = "main"
ANSWER_WITHIN_S = 8.0
"""Maximum wait of a caller; the fetch continues in the background."""
RECENT_S = 60.0
"""A list is not fetched again for a missing name, or after a failed refresh, before this time has passed."""
_CACHE_BYTES = 16 << 20
_UNUSED_S = 90 * 86400


class VersionList(msgspec.Struct, frozen=True):
    """The tags and branches of a list of sources at `fetched_at` (milliseconds since 1970). `urls` without credentials."""

    fetched_at: int
    urls: tuple[str, ...]
    refs: Refs

    @property
    def age_s(self) -> float:
        """Infinite if the clock has been set back since."""
        age = time.time() - self.fetched_at / 1000
        return age if age >= 0 else float("inf")


@dataclass(frozen=True, slots=True)
class ResolvedVersion:
    """A version: the tag or branch as the repository names it, and its commit at the time of the lookup."""

    ref: str
    commit: str
    is_branch: bool


def tags(refs: Refs) -> list[str]:
    """Tags from newest to oldest; tags that are not releases come last."""
    return sorted(
        refs.tags, key=lambda name: (bool(release.key(name)), release.key(name) or (), name), reverse=True
    )


def latest(refs: Refs) -> ResolvedVersion | None:
    """The newest stable tag, else the newest tag, else the branch `main`, else the repository's default branch."""
    names = tags(refs)
    name = next((name for name in names if release.is_stable(name)), names[0] if names else "")
    if name:
        return ResolvedVersion(name, refs.tags[name], is_branch=False)
    name = MAIN if MAIN in refs.branches else refs.default
    return ResolvedVersion(name, refs.branches[name], is_branch=True) if name in refs.branches else None


def find(refs: Refs, wanted: str) -> ResolvedVersion | None:
    """The version for a name: `latest`, a branch or a tag. As in git, a branch precedes a tag of the same name. A leading
    `v` may be missing from the name or added to it."""
    if wanted == LATEST:
        return latest(refs)
    if wanted in refs.branches:
        return ResolvedVersion(wanted, refs.branches[wanted], is_branch=True)
    other = wanted[1:] if wanted.startswith("v") else f"v{wanted}"
    name = next((name for name in (wanted, other) if name in refs.tags), None)
    return ResolvedVersion(name, refs.tags[name], is_branch=False) if name is not None else None


class KnownVersions:
    """The version lists of all recipes, cached in memory and in `<data>/cache/versions`, one file for each recipe and list of
    sources. Each list is fetched at most once at a time, by background tasks that `close` ends."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._folder = settings.data_folder / "cache" / "versions"
        self._known: dict[Path, VersionList] = {}
        self._fetching: dict[Path, asyncio.Task[VersionList | DownloadFailed]] = {}
        self._failed_at: dict[Path, float] = {}
        self._tasks = Tasks()

    def sources(self, recipe: Recipe) -> Sources:
        """The sources of a recipe's repository; without URLs if it has none."""
        return chosen_sources.repositories(self._settings, recipe, own=self._catalogue.is_own(recipe.name))

    def install(self, recipe: Recipe) -> Install | None:
        """How a recipe is installed, with the archives from where the settings say; None if it cannot be."""
        return recipe.install and chosen_sources.with_archives(self._settings, recipe.name, recipe.install)

    async def known(self, recipe: Recipe, *, refresh: bool = False) -> VersionList:
        """The cached version list of a recipe, whatever its age; one older than the setting `versions_refresh_s` is fetched
        again in the background. With `refresh`, waits for a new list, and returns the cached one if that fails. A bot
        without a repository, such as the one that comes with this program, has one version: that of this program.

        Raises DownloadFailed if nothing is cached and no source answers within `ANSWER_WITHIN_S`.
        """
        sources = self.sources(recipe)
        if not sources.urls:
            return VersionList(_now(), (), Refs(tags={__version__: ""}, branches={}, source=""))
        cache_file = self._cache_file(recipe, sources)
        known = await self._cached(cache_file, sources)
        if known is None:
            return await self._wait_for_fetch(cache_file, sources)
        if refresh:
            try:
                return await self._wait_for_fetch(cache_file, sources)
            except DownloadFailed:
                return known
        if known.age_s > self._settings.versions_refresh_s and self._may_retry(cache_file):
            self._start_fetch(cache_file, sources)
        return known

    async def resolve(self, recipe: Recipe, wanted: str) -> ResolvedVersion:
        """The version for a name; `1.2.2+dev` is the branch `dev`. A list older than a minute that lacks the name is fetched again.

        Raises InvalidParameter (not a valid name), VersionNotFound, DownloadFailed.
        """
        wanted = wanted.rpartition(release.BRANCH)[2]
        check_ref(wanted)
        known = await self.known(recipe)
        found = find(known.refs, wanted)
        if found is None and known.age_s > RECENT_S:
            sources = self.sources(recipe)
            known = await self._wait_for_fetch(self._cache_file(recipe, sources), sources)
            found = find(known.refs, wanted)
        if found is None:
            raise VersionNotFound(
                f"未找到版本 '{wanted}'：可用的版本见版本列表",
                f"Version '{wanted}' not found: choose one from the list of versions",
                field="version",
            )
        return found

    async def close(self) -> None:
        """Ends all background fetches."""
        await self._tasks.close()

    def _cache_file(self, recipe: Recipe, sources: Sources) -> Path:
        named = hashlib.sha256("\n".join(map(redacted, sources.urls)).encode()).hexdigest()
        return self._folder / f"{recipe.name}-{named[:12]}.json"

    def _may_retry(self, cache_file: Path) -> bool:
        failed = self._failed_at.get(cache_file)
        return failed is None or time.monotonic() - failed > RECENT_S

    async def _cached(self, cache_file: Path, sources: Sources) -> VersionList | None:
        if cache_file not in self._known:
            known = await asyncio.to_thread(_read, cache_file)
            if known is not None and known.urls == tuple(map(redacted, sources.urls)):
                self._known.setdefault(cache_file, known)
        return self._known.get(cache_file)

    def _start_fetch(
        self, cache_file: Path, sources: Sources
    ) -> "asyncio.Task[VersionList | DownloadFailed]":
        """The task that fetches this list; starts it unless it is running."""
        task = self._fetching.get(cache_file)
        if task is None:
            task = self._tasks.spawn(self._fetch_now(cache_file, sources), f"versions {cache_file.stem}")
            self._fetching[cache_file] = task
            task.add_done_callback(lambda _: self._fetching.pop(cache_file))
        return task

    async def _wait_for_fetch(self, cache_file: Path, sources: Sources) -> VersionList:
        task = self._start_fetch(cache_file, sources)
        done, _ = await asyncio.wait(
            [task], timeout=ANSWER_WITHIN_S
        )  # the task continues if the caller is cancelled
        if not done:
            raise _unanswered()
        found = task.result()
        if isinstance(found, DownloadFailed):
            raise found
        return found

    async def _fetch_now(self, cache_file: Path, sources: Sources) -> VersionList | DownloadFailed:
        try:
            refs = await remote_refs(sources.urls, sources.schemes)
        except DownloadFailed as error:  # returned for callers that wait; without any, the log has it
            self._failed_at[cache_file] = time.monotonic()
            return error
        self._failed_at.pop(cache_file, None)
        known = VersionList(_now(), tuple(map(redacted, sources.urls)), refs)
        self._known[cache_file] = known
        try:
            await asyncio.to_thread(_write, cache_file, known)
        except OSError as error:
            log.warning("cannot write the version list %s: %s", cache_file, error.strerror)
        return known


@asynccontextmanager
async def answered_in_time() -> AsyncIterator[None]:
    """Several lists may be waited for in the block, one after the other, but for no longer than for one of them: a caller
    waits for 10 s at most. Raises DownloadFailed."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            yield
    except TimeoutError:
        raise _unanswered() from None


def _unanswered() -> DownloadFailed:
    return DownloadFailed(
        f"{ANSWER_WITHIN_S:g} 秒内没有来源回答，后台仍在尝试：请稍后重试",
        f"No source answered within {ANSWER_WITHIN_S:g} s; the request continues in the background: try again in a moment",
    )


def _now() -> int:
    return int(time.time() * 1000)


def _read(cache_file: Path) -> VersionList | None:
    try:
        return msgspec.json.decode(files.read(cache_file, _CACHE_BYTES), type=VersionList)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        log.warning("cannot read the version list %s: %s", cache_file, error)
        return None


def _write(cache_file: Path, known: VersionList) -> None:
    """Writes the list, and removes lists that have not been written for 90 days."""
    cache_file.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    cache_file.parent.mkdir(exist_ok=True)
    files.write(cache_file, msgspec.json.encode(known))
    for file in cache_file.parent.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - file.stat().st_mtime > _UNUSED_S:
                file.unlink()
