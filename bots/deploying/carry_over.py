"""Carry-over of an upgrade: copies the user's own and changed files from the tree that is replaced."""

import hashlib
import os
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from bots.deploying import components, copying
from bots.deploying.worker_context import WorkerContext
from bots.fetching.git_environment import git_environment, git_options
from mailauncher import files
from mailauncher.beneath import Root

_ASK_S = 30


def carry_over(work: WorkerContext) -> None:
    """Copies the files that the plan keeps, and for each newly installed service the files that it keeps and its
    configuration. The plan's patterns do not apply inside the folders of services. A file that exists in the new version
    and that the user has not changed is not copied.

    Raises OSError, DeploymentFailed.
    """
    old, tree = Path(work.plan.folder), work.staging.tree
    places = [PurePosixPath(service.place) for service in work.plan.services if service.place]
    _carry_matching(work, old, tree, work.plan.keep, places)
    for service in work.plan.services:
        if not components.is_carried_over(work, service):
            patterns = (*service.keep, *(file.path for file in service.config))
            _carry_matching(work, old / service.place, work.staging.path_of(service), patterns)


def _carry_matching(
    work: WorkerContext, old: Path, into: Path, patterns: Sequence[str], without: Sequence[PurePosixPath] = ()
) -> None:
    committed = _committed_blobs(old)
    if not files.may_be_folder(old):
        return
    with Root(old) as source, Root(into) as target:
        for path in copying.matching(source, patterns):
            work.interrupt.check()
            if not any(PurePosixPath(path).is_relative_to(place) for place in without):
                _carry(source, path, target, committed)


def _carry(source: Root, path: str, target: Root, committed: dict[str, str]) -> None:
    if not (target.exists(path) and committed.get(path) == _blob_id(source, path)):
        copying.file(source, path, target)


def _committed_blobs(repository: Path) -> dict[str, str]:
    """The files of the checked-out commit with git's ids of their contents; empty if there is no repository. Runs no program
    that the repository's configuration names."""
    if not files.exists(repository / ".git"):
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


def _blob_id(root: Root, path: str) -> str:
    """Git's id of a file's content; empty if the path is not a regular file."""
    found = root.status(path)
    if not stat.S_ISREG(found.st_mode):
        return ""
    content = hashlib.sha1(b"blob %d\0" % found.st_size, usedforsecurity=False)
    with root.open_regular(path, follow=False) as file:
        while data := file.read(1 << 20):
            content.update(data)
    return content.hexdigest()
