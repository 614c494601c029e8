"""The texts that a version asks consent to, before it is installed: fetched alone, and kept by commit."""

import asyncio
import contextlib
import hashlib
import logging
import shutil
import time
from collections.abc import Collection
from pathlib import Path

import msgspec

from mailauncher.bots.consent import TEXT_BYTES
from mailauncher.bots.sources import Sources, bare, check_url, failed, git, shown, unreachable
from mailauncher.bots.versions import Resolved
from mailauncher.errors import DownloadFailed, InvalidParameter, Text

log = logging.getLogger(__name__)

TIMEOUT_S = 20.0
"""Of each question to a repository; there is one for the tree and one for each text."""
KEPT = 100
_KEPT_S = 30 * 86400
_LISTED_BYTES = 1 << 20
_CACHE_BYTES = 32 << 20
_FILES = ("100644", "100755")


class Found(msgspec.Struct, frozen=True):
    """The texts of one commit by their file, None for what is no file there."""

    commit: str
    texts: dict[str, bytes | None]


class Terms:
    """Texts by commit in `<data>/cache/terms`, so that each is fetched once; those of the last 30 days, at most 100 commits.

    A repository of which a text is wanted is fetched without its history and its other files into `<data>/cache/git`, one
    question at a time, and does not stay.
    """

    def __init__(self, data: Path) -> None:
        self._kept = data / "cache" / "terms"
        self._work = data / "cache" / "git"
        self._locks: dict[str, asyncio.Lock] = {}

    async def read(
        self, sources: Sources, version: Resolved, names: Collection[str], prefer: str = ""
    ) -> Found:
        """The texts of a version. The source whose shown address is `prefer` is asked first. For a branch that has moved
        on since it was resolved the answer is of its newest commit.

        Raises DownloadFailed: no source has the version, or a text has more than 1 MiB.
        """
        if not names:
            return Found(version.commit, {})
        found = await asyncio.to_thread(self._recall, version.commit, names)
        failures: list[tuple[str, Text]] = []
        for url in sorted(sources.urls, key=lambda url: shown(url) != prefer):
            if found is not None:
                return found
            async with self._locks.setdefault(url, asyncio.Lock()):
                found = await asyncio.to_thread(self._recall, version.commit, names)
                if found is None:
                    try:
                        found = await self._fetch(url, sources.schemes, version, names)
                    except (DownloadFailed, InvalidParameter) as error:
                        failures.append(failed(url, error.text))
        if found is None:
            raise unreachable(failures)
        return found

    async def _fetch(
        self, url: str, schemes: Collection[str], version: Resolved, names: Collection[str]
    ) -> Found:
        check_url(url, tuple(schemes))
        place = self._work / hashlib.sha256(url.encode()).hexdigest()[:16]
        await asyncio.to_thread(_make, place)
        try:
            found = await _texts(place, url, tuple(schemes), version, names)
        finally:
            await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)
        await asyncio.to_thread(self._keep, found)
        return found

    def _recall(self, commit: str, names: Collection[str]) -> Found | None:
        try:
            with (self._kept / f"{commit}.json").open("rb") as file:
                found = msgspec.json.decode(file.read(_CACHE_BYTES), type=Found)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            log.warning("the kept texts of %s cannot be used: %s", commit, error)
            return None
        return found if found.commit == commit and found.texts.keys() >= set(names) else None

    def _keep(self, found: Found) -> None:
        try:
            self._kept.mkdir(exist_ok=True)
            unfinished = self._kept / f".{found.commit}"
            unfinished.write_bytes(msgspec.json.encode(found))
            unfinished.replace(self._kept / f"{found.commit}.json")
            self._forget()
        except OSError as error:
            log.warning("the texts of %s are not kept: %s", found.commit, error.strerror)

    def _forget(self) -> None:
        """Removes what is old, and of the rest the oldest above the limit; unfinished files are among them in time."""
        aged = sorted(((path.stat().st_mtime, path) for path in self._kept.iterdir()), reverse=True)
        for number, (at, path) in enumerate(aged):
            if number >= KEPT or time.time() - at > _KEPT_S:
                with contextlib.suppress(FileNotFoundError):
                    path.unlink()


def _make(place: Path) -> None:
    """An empty folder, whatever an earlier question that was cut short has left there. Raises DownloadFailed."""
    try:
        shutil.rmtree(place, ignore_errors=True)
        place.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.mkdir(parents=True)
    except OSError as error:
        raise DownloadFailed(
            f"无法写入 {place}：{error.strerror}", f"{place} cannot be written: {error.strerror}"
        ) from None


async def _texts(
    place: Path, url: str, schemes: tuple[str, ...], version: Resolved, names: Collection[str]
) -> Found:
    async def run(*arguments: str, limit: int = _LISTED_BYTES) -> bytes:
        # The folder is named outright: a user's configuration may forbid bare repositories that git has to find.
        named = ("--git-dir", ".", *arguments)
        return await git(
            *named, schemes=schemes, timeout_s=TIMEOUT_S, limit_bytes=limit, cwd=place, login=url
        )

    await run("init", "--quiet", "--bare", "--template=")
    await run("config", "remote.source.url", bare(url))
    kind = "heads" if version.is_branch else "tags"
    await run(
        *("fetch", "--quiet", "--depth", "1", "--no-tags", "--filter=blob:none", "--no-write-fetch-head"),
        *("source", f"+refs/{kind}/{version.ref}:refs/wanted"),
    )
    commit = (await run("rev-parse", "--verify", "refs/wanted^{commit}")).decode().strip()
    if commit != version.commit and not version.is_branch:
        raise DownloadFailed(
            "该来源的标签指向另一个提交", "its tag leads to another commit than the list says"
        )
    texts: dict[str, bytes | None] = dict.fromkeys(names)
    for line in (await run("ls-tree", "-z", commit, "--", *names)).split(b"\0")[:-1]:
        about, _, name = line.decode(errors="surrogateescape").partition("\t")
        mode, kind, blob = about.split()
        if kind == "blob" and mode in _FILES and name in texts:
            texts[name] = await run("cat-file", "blob", blob, limit=TEXT_BYTES)
    return Found(commit, texts)
