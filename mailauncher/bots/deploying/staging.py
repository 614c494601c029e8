"""The staging folder of a deployment: the tree as it will stand, what is being made, and marks of what is done.

<staging>/tree          renamed to the instance's folder at the end
<staging>/parts/<name>  something half-made; each try has a name of its own, so that a process of an earlier worker that
                        is still dying cannot spoil it
<staging>/marks/<name>  written when something is whole
<staging>/downloads/    archives, whole or to be carried on with
"""

import os
import secrets
import shutil
import stat
from pathlib import Path

from mailauncher.bots.deploying.plan import Component, Plan
from mailauncher.errors import DeploymentFailed


class Staging:
    """`tree` is the main program's folder; services have theirs in it."""

    def __init__(self, plan: Plan) -> None:
        self.folder = Path(plan.staging)
        self.tree = self.folder / "tree"
        self._parts = self.folder / "parts"
        self._marks = self.folder / "marks"
        self.downloads = self.folder / "downloads"

    def make(self) -> None:
        """There is a staging folder, nothing half-made in it. Raises OSError."""
        self._marks.mkdir(parents=True, exist_ok=True)
        self.downloads.mkdir(exist_ok=True)
        if self._parts.exists():
            remove(self._parts)
        self._parts.mkdir(exist_ok=True)

    def part(self) -> Path:
        """A path where nothing stands."""
        return self._parts / secrets.token_hex(4)

    def place(self, component: Component) -> Path:
        """Where a component stands in the tree. Raises DeploymentFailed if a link on the way leads out of the tree."""
        return inside(self.tree, component.place) if component.place else self.tree

    def put(self, part: Path, component: Component) -> Path:
        """Moves what has been made to its place; what stood there is replaced."""
        place = self.tree / component.place
        if component.place:
            place = inside(self.tree, str(Path(component.place).parent)) / place.name
            place.parent.mkdir(parents=True, exist_ok=True)
        else:
            for mark in self._marks.iterdir():
                mark.unlink()
        remove(place)
        part.rename(place)
        return place

    def mark(self, name: str, text: str) -> None:
        unfinished = self.part()
        unfinished.write_text(text, "utf-8")
        unfinished.rename(self._marks / name)

    def marked(self, name: str) -> str | None:
        """What was marked; None if nothing was."""
        try:
            return (self._marks / name).read_text("utf-8")
        except FileNotFoundError:
            return None


def inside(tree: Path, relative: str) -> Path:
    """A path in a tree that strangers have made, links resolved. Nothing need stand there. Raises DeploymentFailed if it
    leads out of the tree."""
    root = Path(os.path.realpath(tree))
    try:
        found = Path(os.path.realpath(root / relative))
    except (OSError, ValueError):
        found = Path("/")
    if found != root and root not in found.parents:
        raise DeploymentFailed(
            f"'{relative}' 是指向文件夹之外的链接，已拒绝",
            f"'{relative}' is a link that leads out of its folder; it is refused",
        )
    return found


def remove(path: Path) -> None:
    """Removes a file, a link itself, or a folder with all in it, also one whose permissions forbid it. Raises OSError."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(kind):
        path.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(path)
    except FileNotFoundError:  # somebody else removes it as well
        shutil.rmtree(path, ignore_errors=True)
    except PermissionError:
        _open_up(path)
        shutil.rmtree(path)


def _open_up(folder: Path) -> None:
    folder.chmod(0o700)
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            below = Path(parent, name)
            if not below.is_symlink():
                below.chmod(0o700)
