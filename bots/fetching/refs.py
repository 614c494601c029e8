"""Tags and branches that a remote repository has."""

import re
from collections.abc import Sequence

import msgspec

from bots.fetching.git_command import run_git
from bots.fetching.ref_name import REF
from bots.fetching.repository_url import SCHEMES, check_url, redacted, without_login
from bots.fetching.sources import PATIENCE_S, first_answer
from mailauncher.errors import DownloadFailed

REFS_BYTES = 8 << 20
REFS = 20_000

_LISTED = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64})\trefs/(heads|tags)/(.+)")
_HEAD = re.compile(r"ref: refs/heads/(.+)\tHEAD")


class Refs(msgspec.Struct, frozen=True):
    """What a repository has: commits by tag and by branch, only of acceptable names (see `ref_name`). `source` is the URL that
    answered, without credentials; `default` is the repository's default branch, where it had to be asked for."""

    tags: dict[str, str]
    branches: dict[str, str]
    source: str
    default: str = ""


async def remote_refs(
    urls: Sequence[str],
    schemes: Sequence[str] = SCHEMES,
    timeout_s: float = 20.0,
    patience_s: float = PATIENCE_S,
) -> Refs:
    """The tags and branches of the first source that answers (see `first_answer`). Each command has `timeout_s`.

    Raises DownloadFailed with the reason of each source; each failure is logged too.
    """

    async def ask(url: str) -> Refs:
        return await _refs_of(url, schemes, timeout_s)

    return await first_answer(urls, ask, patience_s)


async def _refs_of(url: str, schemes: Sequence[str], timeout_s: float) -> Refs:
    check_url(url, schemes)
    printed = await run_git(
        *("ls-remote", "--tags", "--heads", "--", without_login(url)),
        schemes=schemes,
        login=url,
        timeout_s=timeout_s,
        limit_bytes=REFS_BYTES,
    )
    refs = _parsed(printed, redacted(url))
    if refs.tags or "main" in refs.branches or not refs.branches:
        return refs
    printed = await run_git(
        *("ls-remote", "--symref", "--", without_login(url), "HEAD"),
        schemes=schemes,
        login=url,
        timeout_s=timeout_s,
        limit_bytes=REFS_BYTES,
    )
    head = _HEAD.search(printed.decode(errors="replace"))
    default = head[1] if head and head[1] in refs.branches else min(refs.branches)
    return msgspec.structs.replace(refs, default=default)


def _parsed(printed: bytes, source: str) -> Refs:
    """Raises DownloadFailed for more than `REFS` names."""
    found: dict[str, dict[str, str]] = {"tags": {}, "heads": {}}
    lines = printed.decode(errors="replace").split("\n")
    if len(lines) > REFS:
        raise DownloadFailed(f"超过 {REFS} 个标签与分支", f"more than {REFS} tags and branches")
    for line in lines:
        match = _LISTED.fullmatch(line)
        if match is None:
            continue
        commit, kind, name = match.groups()
        # The commit of an annotated tag has a line of its own after the tag's, with `^{}` behind the name.
        name = name.removesuffix("^{}")
        if REF.fullmatch(name):
            found[kind][name] = commit
    return Refs(tags=found["tags"], branches=found["heads"], source=source)
