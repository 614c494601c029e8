"""The versions of a bot: what its repositories have, kept with an age, and what a wanted name means."""

import asyncio
import contextlib
import hashlib
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mailauncher import __version__
from mailauncher.bots import release
from mailauncher.bots.catalogue import Catalogue
from mailauncher.bots.recipe import Recipe
from mailauncher.bots.sources import LOCAL_SCHEMES, SCHEMES, Refs, Sources, check_ref, remote_refs, shown
from mailauncher.errors import DownloadFailed, VersionNotFound
from mailauncher.settings import Settings

log = logging.getLogger(__name__)

LATEST = "latest"
MAIN = "main"
ANSWER_S = 8.0
"""Nobody waits longer for a source; it is waited for in the background."""
RECENT_S = 60.0
"""A list this young is not fetched anew for a name that it lacks, nor one whose refresh failed so recently."""
_CACHE_BYTES = 16 << 20
_FORGOTTEN_S = 90 * 86400


class Known(msgspec.Struct, frozen=True):
    """What a list of sources was found to have, at `fetched_at` (milliseconds since 1970). `urls` without credentials."""

    fetched_at: int
    urls: tuple[str, ...]
    refs: Refs

    @property
    def age_s(self) -> float:
        """Infinite where the clock has been set back since."""
        age = time.time() - self.fetched_at / 1000
        return age if age >= 0 else float("inf")


@dataclass(frozen=True, slots=True)
class Resolved:
    """One version: the tag or branch as the repository calls it, and the commit that it led to when it was looked up."""

    ref: str
    commit: str
    is_branch: bool


def tags(refs: Refs) -> list[str]:
    """From the newest to the oldest; what is no release comes last."""
    return sorted(
        refs.tags, key=lambda name: (bool(release.key(name)), release.key(name) or (), name), reverse=True
    )


def latest(refs: Refs) -> Resolved | None:
    """The newest stable tag, else the newest of all; without a tag the branch `main`, else the repository's default."""
    names = tags(refs)
    name = next((name for name in names if release.stable(name)), names[0] if names else "")
    if name:
        return Resolved(name, refs.tags[name], is_branch=False)
    name = MAIN if MAIN in refs.branches else refs.default
    return Resolved(name, refs.branches[name], is_branch=True) if name in refs.branches else None


def find(refs: Refs, wanted: str) -> Resolved | None:
    """What a name means: `latest`, a branch or a tag (git too takes the branch where both have a name), also with a
    leading `v` that the tag lacks, or without the one that it has."""
    if wanted == LATEST:
        return latest(refs)
    if wanted in refs.branches:
        return Resolved(wanted, refs.branches[wanted], is_branch=True)
    other = wanted[1:] if wanted.startswith("v") else f"v{wanted}"
    name = next((name for name in (wanted, other) if name in refs.tags), None)
    return Resolved(name, refs.tags[name], is_branch=False) if name is not None else None


class Versions:
    """What the sources of each recipe have. Kept in memory and in `<data>/cache/versions`, one file for each recipe and
    list of sources; fetched at most once at a time, by tasks that end with `close`."""

    def __init__(self, settings: Settings, catalogue: Catalogue) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._folder = settings.data_folder / "cache" / "versions"
        self._known: dict[Path, Known] = {}
        self._fetching: dict[Path, asyncio.Task[Known | DownloadFailed]] = {}
        self._failed_at: dict[Path, float] = {}

    def sources(self, recipe: Recipe) -> Sources:
        """Where a recipe's repository is; no address where it has none."""
        given = tuple(url.strip() for url in self._settings.sources_maibot if url.strip())
        if recipe.name == "maibot" and given:
            return Sources(given, LOCAL_SCHEMES)
        own = self._catalogue.is_own(recipe.name)
        return Sources(recipe.install.git if recipe.install else (), LOCAL_SCHEMES if own else SCHEMES)

    async def known(self, recipe: Recipe, *, refresh: bool = False) -> Known:
        """What is known of a recipe's sources, however old: what is older than the setting `versions_refresh_s` is fetched
        anew in the background. `refresh` waits for that, and answers with what was known where it fails. A bot without a
        repository, such as the one that comes with this program, has one version: ours.

        Raises DownloadFailed where nothing is known and no source answers in `ANSWER_S`.
        """
        sources = self.sources(recipe)
        if not sources.urls:
            return Known(_now(), (), Refs(tags={__version__: ""}, branches={}, source=""))
        place = self._place(recipe, sources)
        known = await self._kept(place, sources)
        if known is None:
            return await self._fetched(place, sources)
        if refresh:
            try:
                return await self._fetched(place, sources)
            except DownloadFailed:
                return known
        if known.age_s > self._settings.versions_refresh_s and self._may_retry(place):
            self._fetch(place, sources)
        return known

    async def resolve(self, recipe: Recipe, wanted: str) -> Resolved:
        """What a name means. One that is missing in a list of more than a minute is looked up anew.

        Raises InvalidParameter (no name), VersionNotFound, DownloadFailed.
        """
        check_ref(wanted)
        known = await self.known(recipe)
        found = find(known.refs, wanted)
        if found is None and known.age_s > RECENT_S:
            sources = self.sources(recipe)
            known = await self._fetched(self._place(recipe, sources), sources)
            found = find(known.refs, wanted)
        if found is None:
            raise VersionNotFound(
                f"未找到版本 '{wanted}'：可用的版本见版本列表",
                f"Version '{wanted}' not found: the list of versions has those that can be used",
                field="version",
            )
        return found

    async def close(self) -> None:
        """Ends whatever is still being fetched."""
        tasks = list(self._fetching.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _place(self, recipe: Recipe, sources: Sources) -> Path:
        named = hashlib.sha256("\n".join(map(shown, sources.urls)).encode()).hexdigest()
        return self._folder / f"{recipe.name}-{named[:12]}.json"

    def _may_retry(self, place: Path) -> bool:
        failed = self._failed_at.get(place)
        return failed is None or time.monotonic() - failed > RECENT_S

    async def _kept(self, place: Path, sources: Sources) -> Known | None:
        if place not in self._known:
            known = await asyncio.to_thread(_read, place)
            if known is not None and known.urls == tuple(map(shown, sources.urls)):
                self._known.setdefault(place, known)
        return self._known.get(place)

    def _fetch(self, place: Path, sources: Sources) -> "asyncio.Task[Known | DownloadFailed]":
        """The one task that fetches this list, begun if need be."""
        task = self._fetching.get(place)
        if task is None:
            task = asyncio.create_task(self._ask(place, sources))
            self._fetching[place] = task
            task.add_done_callback(lambda _: self._fetching.pop(place))
        return task

    async def _fetched(self, place: Path, sources: Sources) -> Known:
        task = self._fetch(place, sources)
        done, _ = await asyncio.wait(
            [task], timeout=ANSWER_S
        )  # the task goes on when whoever waits is cancelled
        if not done:
            raise DownloadFailed(
                f"{ANSWER_S:g} 秒内没有来源回答，后台仍在尝试：请稍后重试",
                f"No source has answered within {ANSWER_S:g} s; they are still being asked: try again in a moment",
            )
        found = task.result()
        if isinstance(found, DownloadFailed):
            raise found
        return found

    async def _ask(self, place: Path, sources: Sources) -> Known | DownloadFailed:
        try:
            refs = await remote_refs(sources.urls, sources.schemes)
        except (
            DownloadFailed
        ) as error:  # told to whoever waits; in the background nobody does, and the log has it
            self._failed_at[place] = time.monotonic()
            return error
        self._failed_at.pop(place, None)
        known = Known(_now(), tuple(map(shown, sources.urls)), refs)
        self._known[place] = known
        try:
            await asyncio.to_thread(_write, place, known)
        except OSError as error:
            log.warning("the list of versions is not kept in %s: %s", place, error.strerror)
        return known


def _now() -> int:
    return int(time.time() * 1000)


def _read(place: Path) -> Known | None:
    try:
        with place.open("rb") as file:
            return msgspec.json.decode(file.read(_CACHE_BYTES), type=Known)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        log.warning("the list of versions in %s cannot be used: %s", place, error)
        return None


def _write(place: Path, known: Known) -> None:
    """Whole or not at all; lists of sources that nobody has asked for long are forgotten."""
    place.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    place.parent.mkdir(exist_ok=True)
    unfinished = place.with_suffix(".unfinished")
    try:
        unfinished.write_bytes(msgspec.json.encode(known))
        unfinished.replace(place)
    finally:
        unfinished.unlink(missing_ok=True)
    for file in place.parent.iterdir():
        with contextlib.suppress(FileNotFoundError):
            if time.time() - file.stat().st_mtime > _FORGOTTEN_S:
                file.unlink()
