"""Getting the files of a component: a clone, a copy, a folder that comes with this program, or archives."""

import hashlib
import platform
import sys
from collections.abc import Callable
from pathlib import Path

from mailauncher.bots import recipe
from mailauncher.bots.archives import unpack
from mailauncher.bots.deploying import copying, git
from mailauncher.bots.deploying.plan import Component
from mailauncher.bots.deploying.report import Share, part
from mailauncher.bots.deploying.staging import inside, remove
from mailauncher.bots.deploying.work import Work
from mailauncher.bots.download import fetch as download
from mailauncher.bots.recipe import Archive
from mailauncher.errors import DeploymentFailed, Text

DOWNLOAD_BYTES = 4 << 30
UNPACKED_BYTES = 16 << 30
UNPACKED_ENTRIES = 400_000

SHIPPED = Path(recipe.__file__).parent
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_DOWNLOADED = 0.8

Note = Callable[[Text], None]


def fetched(work: Work, component: Component) -> str | None:
    """The commit (empty where there is none) of a component whose files are whole already; None if they are not."""
    marked = work.staging.marked(f"{component.name}.files")
    if marked is None or not work.staging.place(component).is_dir():
        return None
    if component.source.git and git.head(work.staging.place(component)) != marked:
        return None
    return marked


def fetch(work: Work, component: Component, share: Share, note: Note) -> str:
    """Puts a component's files into their place. Returns the commit, if it has one. Raises StepFailed, LauncherError."""
    commit = ""
    if component.source.git:
        made, commit = git.clone(work, component.source, share, note)
    elif component.source.folder:
        made = _copied(work, component, share)
    elif component.install.bundled:
        made = work.staging.part()
        copying.tree(SHIPPED / component.install.bundled, made, share, work.interrupt.check)
    elif component.install.archives:
        made = _unpacked(work, component, share, note)
    else:
        return _expected(work, component)
    work.staging.put(made, component)
    work.staging.mark(f"{component.name}.files", commit)
    return commit


def stays(work: Work, component: Component) -> bool:
    """Whether an upgrade takes it over from the tree that it replaces."""
    source, former = component.source.folder, Path(work.plan.folder)
    return work.plan.kind == "upgrade" and bool(source) and Path(source).is_relative_to(former)


def copy_again(work: Work, component: Component, share: Share) -> None:
    """Brings a copy up to date with its source, which does not change any more."""
    source = Path(component.source.folder)
    copying.tree(source, work.staging.place(component), share, work.interrupt.check, _others(work, component))


def _copied(work: Work, component: Component, share: Share) -> Path:
    source = Path(component.source.folder)
    if not source.is_dir():
        raise DeploymentFailed(f"来源文件夹不存在：{source}", f"There is no folder to copy: {source}")
    made = work.staging.part()
    copying.tree(source, made, share, work.interrupt.check, _others(work, component))
    return made


def _others(work: Work, component: Component) -> tuple[Path, ...]:
    """Below its source, what other components bring."""
    source = Path(component.source.folder)
    places = [source / other.place for other in work.plan.components if other.place and not component.place]
    return (*places, Path(work.plan.folder), work.staging.folder)


def _expected(work: Work, component: Component) -> str:
    """It comes with the main program."""
    if not work.staging.place(component).is_dir():
        raise DeploymentFailed(
            f"没有说明 {component.name} 从哪里获取，主程序中也没有它",
            f"Nothing says where {component.name} comes from, and the main program does not bring it",
        )
    return ""


def _unpacked(work: Work, component: Component, share: Share, note: Note) -> Path:
    archives = [archive for archive in component.install.archives if _fits(archive)]
    if not archives:
        raise DeploymentFailed(
            f"{component.name} 没有适用于本机（{sys.platform} {machine()}）的安装包",
            f"{component.name} has no archive for this machine ({sys.platform} {machine()})",
        )
    made = work.staging.part()
    made.mkdir()
    for number, archive in enumerate(archives):
        of_this = part(share, number / len(archives), (number + 1) / len(archives))
        file = _downloaded(work, archive, part(of_this, 0, _DOWNLOADED), note)
        new = work.staging.part()
        unpack(
            file,
            archive.kind,
            new,
            strip=archive.strip,
            limit_bytes=UNPACKED_BYTES,
            limit_entries=UNPACKED_ENTRIES,
            on_progress=_checking(work, part(of_this, _DOWNLOADED, 1)),
        )
        _merge(new, inside(made, archive.to) if archive.to else made)
    return made


def _downloaded(work: Work, archive: Archive, share: Share, note: Note) -> Path:
    name = hashlib.sha256("\0".join(archive.urls).encode()).hexdigest()[:16]
    file = work.staging.downloads / f"{name}.{archive.kind}"

    tell = _checking(work, share)
    if not file.exists() or archive.sha256:  # a finished download has its final name only when it is whole
        download(
            archive.urls,
            file,
            sha256=archive.sha256,
            limit_bytes=DOWNLOAD_BYTES,
            on_progress=lambda done, _received: tell(done or 0.0),
            on_note=note,
        )
    return file


def _checking(work: Work, share: Share) -> Share:
    """Breaks off where a cancel was asked for."""

    def tell(done: float) -> None:
        work.interrupt.check()
        share(done)

    return tell


def _merge(new: Path, into: Path) -> None:
    """Moves what a folder has into another; a file there is replaced, a link is never followed."""
    into.mkdir(parents=True, exist_ok=True)
    for entry in list(new.iterdir()):
        target = into / entry.name
        if entry.is_dir() and not entry.is_symlink() and target.is_dir() and not target.is_symlink():
            _merge(entry, target)
        else:
            remove(target)
            entry.rename(target)


def _fits(archive: Archive) -> bool:
    return archive.platform in ("", sys.platform) and archive.machine in ("", machine())


def machine() -> str:
    """The processor, as recipes call it."""
    found = platform.machine().lower()
    return _MACHINES.get(found, found)
