"""Which commit of a service fits a version of the bot, by the range of versions that the service's manifest names."""

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from bots import release
from bots.documents import values
from bots.fetching.bare import WANTED, Git, fetched
from bots.fetching.sources import Sources, all_failed, source_failure
from bots.recipe import HostRange
from mailauncher.errors import DownloadFailed, InvalidParameter, Text
from mailauncher.tasks import Tasks

MANIFESTS = 50
"""The newest ones that are read."""
_MANIFEST_BYTES = 256 << 10


class Manifest(NamedTuple):
    """The range of one manifest, and the newest commit that has it."""

    commit: str
    least: str
    most: str


class FittingReleases:
    """Reads the manifests in the history of a service's branch, and keeps those of each branch in memory until it moves."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "cache" / "git"
        self._known: dict[tuple[tuple[str, ...], str], tuple[str, list[Manifest]]] = {}
        self._lock = asyncio.Lock()
        self._tasks = Tasks()

    async def manifests(self, sources: Sources, branch: str, tip: str, where: HostRange) -> list[Manifest]:
        """Those of a branch whose newest commit is `tip`, newest first. The fetch goes on if the caller is cancelled. Raises
        DownloadFailed."""
        return await self._tasks.complete(self._read(sources, branch, tip, where), f"history of {branch}")

    async def close(self) -> None:
        """Ends all fetches."""
        await self._tasks.close()

    async def _read(self, sources: Sources, branch: str, tip: str, where: HostRange) -> list[Manifest]:
        key = (sources.urls, branch)
        failures: list[tuple[str, Text]] = []
        async with self._lock:
            if key in self._known and self._known[key][0] == tip:
                return self._known[key][1]
            for url in sources.urls:
                try:
                    async with fetched(
                        self._folder, url, sources.schemes, f"refs/heads/{branch}", history=True
                    ) as git:
                        found = await _manifests(git, where)
                except (DownloadFailed, InvalidParameter) as error:
                    failures.append(source_failure(url, error.text))
                else:
                    self._known[key] = tip, found
                    return found
        raise all_failed(failures)


async def _manifests(git: Git, where: HostRange) -> list[Manifest]:
    """Along the first parents: a merged branch was never what users got."""
    commit = (await git("rev-parse", "--verify", WANTED)).decode().strip()
    log = ("log", "--first-parent", "-m", "--raw", "--no-abbrev", "--no-renames", f"--max-count={MANIFESTS}")
    found = []
    for entry in (
        (await git(*log, "--format=commit %P", WANTED, "--", where.file)).decode().split("commit ")[1:]
    ):
        parents, _, changes = entry.partition("\n")
        blob = changes.split()[3] if len(changes.split()) > 3 else ""
        if blob.strip("0"):  # else the commit removes it
            text = await git("cat-file", "blob", blob, limit=_MANIFEST_BYTES)
            if read := _range(text, where):
                found.append(Manifest(commit, *read))
        commit = parents.partition(" ")[0]  # the newest commit with the manifest of the next entry
    return found


def _range(text: bytes, where: HostRange) -> tuple[str, str] | None:
    """The bounds in a manifest; None unless both are releases."""
    try:
        document = json.loads(text.decode("utf-8-sig", "replace"))
        bounds = [values.value_at(document, path.split(".")) for path in (where.least, where.most)]
    except (ValueError, LookupError, RecursionError):
        return None
    least, most = (bound if isinstance(bound, str) and release.key(bound) else "" for bound in bounds)
    return (least, most) if least and most else None


def fitting(manifests: Iterable[Manifest], version: str) -> str | None:
    """The newest commit whose range contains the version of a bot; else the newest whose range ends before it in the same
    major version, which MaiBot loads with a warning. None if none fits."""
    wanted = release.key(version)
    if wanted is None:
        return None
    ranges = [(m.commit, release.key(m.least), release.key(m.most)) for m in manifests]
    begun = [(commit, most) for commit, least, most in ranges if least and most and least[0] <= wanted[0]]
    within = next((commit for commit, most in begun if wanted[0] <= most[0]), None)
    return within or next((commit for commit, most in begun if most[0][0] == wanted[0][0]), None)
