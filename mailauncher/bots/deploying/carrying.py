"""What an upgrade carries over from the tree that it replaces: the user's own files, and what the user has changed."""

import hashlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from mailauncher.bots.deploying import components, copying
from mailauncher.bots.deploying.work import Work
from mailauncher.bots.sources import git_environment, git_options

_ASK_S = 30


def carry_over(work: Work) -> None:
    """Copies what the plan keeps, and of services that are installed anew what they keep, with their configuration. What
    lies in a service's folder is the service's matter; a file that the new version brings too, and that the user has not
    changed, is the new version's.

    Raises OSError, DeploymentFailed.
    """
    old, tree = Path(work.plan.folder), work.staging.tree
    places = [PurePosixPath(service.place) for service in work.plan.services if service.place]
    _carry_matching(work, old, tree, work.plan.keep, places)
    for service in work.plan.services:
        if not components.stays(work, service):
            patterns = (*service.keep, *(file.path for file in service.config))
            _carry_matching(work, old / service.place, work.staging.place(service), patterns)


def _carry_matching(
    work: Work, old: Path, into: Path, patterns: Sequence[str], without: Sequence[PurePosixPath] = ()
) -> None:
    originals = _originals(old)
    for path in copying.matching(old, patterns):
        work.interrupt.check()
        relative = PurePosixPath(path.relative_to(old))
        if not any(relative.is_relative_to(place) for place in without):
            _carry(path, into, relative, originals)


def _carry(path: Path, into: Path, relative: PurePosixPath, originals: dict[str, str]) -> None:
    brought = os.path.lexists(into / relative)
    if not (brought and originals.get(str(relative)) == _blob(path)):
        copying.file(path, into, str(relative))


def _originals(repository: Path) -> dict[str, str]:
    """The files of the commit that is checked out, and what git calls their contents; none where there is no repository.

    Nothing that the repository's own configuration names is run.
    """
    if not (repository / ".git").exists():
        return {}
    try:
        done = subprocess.run(
            ["git", *git_options(), "-C", str(repository), "ls-tree", "-r", "-z", "HEAD"],
            env=git_environment(())
            | {"GIT_CEILING_DIRECTORIES": str(repository.parent), "GIT_NO_LAZY_FETCH": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_ASK_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return {}
    found = {}
    for line in done.stdout.split(b"\0")[:-1]:
        about, _, name = line.partition(b"\t")
        found[os.fsdecode(name)] = about.split()[-1].decode("ascii")
    return found


def _blob(path: Path) -> str:
    """What git calls the content of a file; empty for what is no file."""
    if path.is_symlink() or not path.is_file():
        return ""
    content = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
    with path.open("rb") as file:
        while data := file.read(1 << 20):
            content.update(data)
    return content.hexdigest()
