"""A version or a branch of a repository in a bare one of its own, for as long as it is looked at, without installing it."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

from bots.fetching.git_command import run_git
from bots.fetching.repository_url import check_url, without_login
from mailauncher.errors import DownloadFailed

TIMEOUT_S = 20.0
"""For each git command."""
WANTED = "refs/wanted"
_LISTED_BYTES = 1 << 20


class Git(Protocol):
    """Runs a git command in the repository, and returns what it printed. Raises DownloadFailed."""

    def __call__(self, *arguments: str, limit: int = _LISTED_BYTES) -> Awaitable[bytes]: ...


@asynccontextmanager
async def fetched(
    folder: Path, url: str, schemes: Collection[str], ref: str, *, history: bool = False
) -> AsyncIterator[Git]:
    """Fetches a ref, such as `refs/heads/main`, as `WANTED`, with its `history` or without, and without files: each is
    fetched when it is read. One caller at a time for each URL and kind. Raises DownloadFailed, InvalidParameter."""
    check_url(url, tuple(schemes))
    named = hashlib.sha256(url.encode()).hexdigest()[:16]
    repository = folder / (f"{named}-history" if history else named)
    await asyncio.to_thread(_make_empty, repository)

    async def run(*arguments: str, limit: int = _LISTED_BYTES) -> bytes:
        # Naming the folder is required where the user's `safe.bareRepository` forbids discovering bare repositories.
        named = ("--git-dir", ".", *arguments)
        return await run_git(
            *named,
            schemes=tuple(schemes),
            timeout_s=TIMEOUT_S,
            limit_bytes=limit,
            cwd=repository,
            login=url,
        )

    try:
        await run("init", "--quiet", "--bare", "--template=")
        await run("config", "remote.source.url", without_login(url))
        depth = () if history else ("--depth", "1")
        await run(
            *("fetch", "--quiet", *depth, "--no-tags", "--filter=blob:none", "--no-write-fetch-head"),
            *("source", f"+{ref}:{WANTED}"),
        )
        yield run
    finally:
        await asyncio.to_thread(shutil.rmtree, repository, ignore_errors=True)


def _make_empty(repository: Path) -> None:
    """Creates an empty folder; leftovers of an interrupted fetch are removed. Raises DownloadFailed."""
    try:
        shutil.rmtree(repository, ignore_errors=True)
        repository.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        repository.mkdir(parents=True)
    except OSError as error:
        raise DownloadFailed(
            f"无法写入 {repository}：{error.strerror}", f"{repository} cannot be written: {error.strerror}"
        ) from None
