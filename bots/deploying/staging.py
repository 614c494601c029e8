"""The staging folder of a deployment: the new tree, unfinished parts, and marks of what is complete.

<staging>/tree          renamed to the instance's folder at the end
<staging>/parts/<name>  unfinished parts; each attempt has a name of its own, so that a process of an earlier worker that is
                        still ending cannot spoil it
<staging>/marks/<name>  written when something is complete
<staging>/downloads/    archives, complete or resumable
"""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from bots.deploying.plan import Component, Plan
from mailauncher import files, trees
from mailauncher.errors import DeploymentFailed
from mailauncher.interruption import Check, proceed


class Staging:
    """`tree` is the main program's folder, which contains those of the services."""

    def __init__(self, plan: Plan) -> None:
        self.folder = Path(plan.staging)
        self.tree = self.folder / "tree"
        self._main = Path(plan.folder) if plan.kind == "services" else self.tree
        self._parts = self.folder / "parts"
        self._marks = self.folder / "marks"
        self.downloads = self.folder / "downloads"

    def make(self) -> None:
        """Creates the staging folder and removes unfinished parts. Raises OSError."""
        self._marks.mkdir(parents=True, exist_ok=True)
        self.downloads.mkdir(exist_ok=True)
        if files.exists(self._parts):
            remove(self._parts)
        self._parts.mkdir(exist_ok=True)

    def new_part(self) -> Path:
        """A path that does not exist, for an unfinished part."""
        return self._parts / secrets.token_hex(4)

    def path_of(self, component: Component) -> Path:
        """The folder of a component in the tree; that of an installed main program to which services are added is in its place.
        Raises DeploymentFailed if a link on the way leads out of the tree."""
        return inside(self.tree, component.place) if component.place else self._main

    def put(self, part: Path, component: Component) -> Path:
        """Moves a finished part to its place in the tree, and replaces what is there. For the main program, which contains
        all others, all marks are removed first."""
        place = self._entry_of(component)
        if component.place:
            place.parent.mkdir(parents=True, exist_ok=True)
        else:
            for mark in self._marks.iterdir():
                mark.unlink()
        remove(place)
        part.rename(place)
        return place

    def _entry_of(self, component: Component) -> Path:
        """Where a component is put: what is there may be a link, which is not followed. Raises DeploymentFailed."""
        if not component.place:
            return self.tree
        place = Path(component.place)
        return inside(self.tree, str(place.parent)) / place.name

    def discard(self, component: Component) -> None:
        """Removes what was put into the tree for a service, if anything was. Raises OSError, DeploymentFailed."""
        files, packages = (self._marks / f"{component.name}.{what}" for what in ("files", "packages"))
        if files.exists():
            remove(self._entry_of(component))
        for mark in (files, packages):
            mark.unlink(missing_ok=True)

    def write_mark(self, name: str, text: str) -> None:
        """Raises OSError."""
        files.write(self._marks / name, text.encode())

    def read_mark(self, name: str) -> str | None:
        """The text of a mark; None if it does not exist."""
        try:
            return files.read(self._marks / name).decode()
        except FileNotFoundError:
            return None


def inside(tree: Path, relative: str) -> Path:
    """A path in an untrusted tree, links resolved. It need not exist. Raises DeploymentFailed if it leads out of the tree."""
    root = Path(os.path.realpath(tree))
    try:
        found = Path(os.path.realpath(root / relative))
    except (OSError, ValueError):
        found = Path("/")
    if found != root and root not in found.parents:
        raise DeploymentFailed(
            f"'{relative}' 是指向文件夹之外的链接，已拒绝",
            f"'{relative}' is refused: it is a link that leads out of its folder",
        )
    return found


def remove(path: Path, check: Check = proceed) -> None:
    """Removes a file, a link (not its target), or a folder with its contents even if their permissions forbid it. `check` is
    called for each entry, and may raise. Raises OSError."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(kind):
        path.unlink(missing_ok=True)
        return
    try:
        trees.remove(path, check)
    except PermissionError:
        _open_up(path, check)
        trees.remove(path, check)


def _open_up(folder: Path, check: Check) -> None:
    folder.chmod(0o700)
    for _, folders, _, above in os.fwalk(folder):
        check()
        for name in folders:
            # Not by path: it could be a link that leads elsewhere by then. Linux refuses to change the mode of a link.
            with suppress(ValueError):
                os.chmod(name, 0o700, dir_fd=above, follow_symlinks=False)
