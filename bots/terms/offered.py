"""The texts that a version requires consent to, fetched without installing it and cached by commit."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Collection
from pathlib import Path

import msgspec

from bots.fetching.bare import WANTED, Git, fetched
from bots.fetching.repository_url import redacted
from bots.fetching.sources import Sources, all_failed, source_failure
from bots.terms.accepted import TEXT_BYTES
from bots.versions.known import ResolvedVersion
from mailauncher import files
from mailauncher.clock import newest_first
from mailauncher.errors import DownloadFailed, InvalidParameter, Text
from mailauncher.tasks import Tasks

log = logging.getLogger(__name__)

MAX_COMMITS = 100
_MAX_AGE_S = 30 * 86400
_CACHE_BYTES = 32 << 20
_FILES = ("100644", "100755")


class OfferedTexts(msgspec.Struct, frozen=True):
    """The texts of one commit by file name, None if there is no such file."""

    commit: str
    texts: dict[str, bytes | None]


class OfferedTerms:
    """Texts by commit, cached in `<data>/cache/terms` for 30 days, at most 100 commits.

    The repository is fetched without history and other files into `<data>/cache/git`, one fetch at a time for each URL, and
    is removed afterwards.
    """

    def __init__(self, data: Path) -> None:
        self._cache = data / "cache" / "terms"
        self._work_folder = data / "cache" / "git"
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks = Tasks()

    async def read(
        self, sources: Sources, version: ResolvedVersion, names: Collection[str], prefer: str = ""
    ) -> OfferedTexts:
        """The texts of a version. The source whose redacted URL is `prefer` is asked first. If a branch has moved since it
        was resolved, the texts are those of its newest commit. A fetch goes on if the caller is cancelled, so that whoever
        asks again finds the texts in the cache.

        Raises DownloadFailed: no source has the version, or a text is larger than 1 MiB.
        """
        if not names:
            return OfferedTexts(version.commit, {})
        return await self._tasks.complete(
            self._read(sources, version, names, prefer), f"texts of {version.ref}"
        )

    async def close(self) -> None:
        """Ends all fetches."""
        await self._tasks.close()

    async def _read(
        self, sources: Sources, version: ResolvedVersion, names: Collection[str], prefer: str
    ) -> OfferedTexts:
        found = await asyncio.to_thread(self._cached, version.commit, names)
        failures: list[tuple[str, Text]] = []
        for url in sorted(sources.urls, key=lambda url: redacted(url) != prefer):
            if found is not None:
                return found
            async with self._locks.setdefault(url, asyncio.Lock()):
                found = await asyncio.to_thread(self._cached, version.commit, names)
                if found is None:
                    try:
                        found = await self._fetch(url, sources.schemes, version, names)
                    except (DownloadFailed, InvalidParameter) as error:
                        failures.append(source_failure(url, error.text))
        if found is None:
            raise all_failed(failures)
        return found

    async def _fetch(
        self, url: str, schemes: Collection[str], version: ResolvedVersion, names: Collection[str]
    ) -> OfferedTexts:
        ref = f"refs/{'heads' if version.is_branch else 'tags'}/{version.ref}"
        async with fetched(self._work_folder, url, schemes, ref) as git:
            found = await _read_texts(git, version, names)
        await asyncio.to_thread(self._store, found)
        return found

    def _cached(self, commit: str, names: Collection[str]) -> OfferedTexts | None:
        try:
            content = files.read(self._cache / f"{commit}.json", _CACHE_BYTES)
            found = msgspec.json.decode(content, type=OfferedTexts)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            log.warning("cannot read the cached texts of %s: %s", commit, error)
            return None
        return found if found.commit == commit and found.texts.keys() >= set(names) else None

    def _store(self, found: OfferedTexts) -> None:
        """Beside the other texts of the commit, which somebody else asked for."""
        try:
            self._cache.mkdir(exist_ok=True)
            before = self._cached(found.commit, ())
            texts = (before.texts if before else {}) | found.texts
            content = msgspec.json.encode(OfferedTexts(found.commit, texts))
            files.write(self._cache / f"{found.commit}.json", content)
            self._remove_old()
        except OSError as error:
            log.warning("cannot cache the texts of %s: %s", found.commit, error.strerror)

    def _remove_old(self) -> None:
        """Removes files that are too old, then the oldest above the limit; unfinished files are removed the same way."""
        aged = [(path.stat().st_mtime, path) for path in self._cache.iterdir()]
        for number, (at, path) in enumerate(newest_first(aged, lambda entry: entry[0] * 1000)):
            if number >= MAX_COMMITS or time.time() - at > _MAX_AGE_S:
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()


async def _read_texts(git: Git, version: ResolvedVersion, names: Collection[str]) -> OfferedTexts:
    commit = (await git("rev-parse", "--verify", f"{WANTED}^{{commit}}")).decode().strip()
    if commit != version.commit and not version.is_branch:
        raise DownloadFailed(
            "该来源的标签指向另一个提交", "its tag points to another commit than the version list says"
        )
    texts: dict[str, bytes | None] = dict.fromkeys(names)
    for line in (await git("ls-tree", "-z", commit, "--", *names)).split(b"\0")[:-1]:
        about, _, name = line.decode(errors="surrogateescape").partition("\t")
        mode, kind, blob = about.split()
        if kind == "blob" and mode in _FILES and name in texts:
            texts[name] = await git("cat-file", "blob", blob, limit=TEXT_BYTES)
    return OfferedTexts(commit, texts)
