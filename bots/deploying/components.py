"""Fetches the files of a component: a clone, a copy, a bundled folder, or archives."""

import hashlib
import platform
import re
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

from bots import recipe
from bots.deploying import cloning, copying
from bots.deploying.plan import Component
from bots.deploying.report import ProgressCallback, progress_part
from bots.deploying.staging import inside, remove
from bots.deploying.worker_context import WorkerContext
from bots.fetching.archives import extract
from bots.fetching.download import download
from bots.recipe import Archive
from mailauncher import files
from mailauncher.errors import DeploymentFailed, Text

DOWNLOAD_BYTES = 4 << 30
UNPACKED_BYTES = 16 << 30
UNPACKED_ENTRIES = 400_000

SHIPPED = Path(recipe.__file__).parent
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
_DOWNLOADED = 0.8
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")

NoteCallback = Callable[[Text], None]


def fetched_commit(work: WorkerContext, component: Component) -> str | None:
    """The commit of a component whose files are complete, empty if it has none; None if the files are not complete."""
    marked = work.staging.read_mark(f"{component.name}.files")
    if marked is None or not files.is_folder(work.staging.path_of(component)):
        return None
    if component.source.git and cloning.head_commit(work.staging.path_of(component)) != marked:
        return None
    return marked


def fetch(
    work: WorkerContext, component: Component, on_progress: ProgressCallback, note: NoteCallback
) -> str:
    """Puts a component's files into the tree. Returns the commit, empty if it has none. Raises StepFailed, LauncherError."""
    commit = ""
    if component.source.git:
        made, commit = cloning.clone(work, component.source, on_progress, note)
    elif component.source.folder:
        made = _copied(work, component, on_progress)
    elif component.install.bundled:
        made = work.staging.new_part()
        copying.tree(SHIPPED / component.install.bundled, made, on_progress, work.interrupt.check)
    elif component.install.archives:
        made = _extracted(work, component, on_progress, note)
    else:
        return _require_bundled(work, component)
    work.staging.put(made, component)
    work.staging.write_mark(f"{component.name}.files", commit)
    return commit


def is_carried_over(work: WorkerContext, component: Component) -> bool:
    """Whether an upgrade copies the component from the tree that it replaces."""
    source, former = component.source.folder, Path(work.plan.folder)
    return work.plan.kind == "upgrade" and bool(source) and Path(source).is_relative_to(former)


def update_copy(work: WorkerContext, component: Component, on_progress: ProgressCallback) -> None:
    """Brings a copy up to date with its source, which no longer changes."""
    source = Path(component.source.folder)
    copying.tree(
        source, work.staging.path_of(component), on_progress, work.interrupt.check, _others(work, component)
    )


def _copied(work: WorkerContext, component: Component, on_progress: ProgressCallback) -> Path:
    source = Path(component.source.folder)
    if not files.may_be_folder(source):
        raise DeploymentFailed(f"来源文件夹不存在：{source}", f"The folder to copy does not exist: {source}")
    made = work.staging.new_part()
    copying.tree(source, made, on_progress, work.interrupt.check, _others(work, component))
    return made


def _others(work: WorkerContext, component: Component) -> tuple[Path, ...]:
    """Folders inside its source that belong to other components or to the deployment."""
    source = Path(component.source.folder)
    places = [source / other.place for other in work.plan.components if other.place and not component.place]
    return (*places, Path(work.plan.folder), work.staging.folder)


def _require_bundled(work: WorkerContext, component: Component) -> str:
    """Requires that the main program contains the component. Raises DeploymentFailed."""
    if not files.is_folder(work.staging.path_of(component)):
        raise DeploymentFailed(
            f"没有说明 {component.name} 从哪里获取，主程序中也没有它",
            f"{component.name} has no source, and the main program does not contain it",
        )
    return ""


def _extracted(
    work: WorkerContext, component: Component, on_progress: ProgressCallback, note: NoteCallback
) -> Path:
    archives = [archive for archive in component.install.archives if _is_for_this_machine(archive)]
    if not archives:
        raise DeploymentFailed(
            f"{component.name} 没有适用于本机（{sys.platform} {machine()}）的安装包",
            f"{component.name} has no archive for this machine ({sys.platform} {machine()})",
        )
    made = work.staging.new_part()
    made.mkdir()
    for number, archive in enumerate(archives):
        on_own_progress = progress_part(on_progress, number / len(archives), (number + 1) / len(archives))
        file = _downloaded(work, archive, progress_part(on_own_progress, 0, _DOWNLOADED), note)
        new = work.staging.new_part()
        extract(
            file,
            archive.kind,
            new,
            strip=archive.strip,
            limit_bytes=UNPACKED_BYTES,
            limit_entries=UNPACKED_ENTRIES,
            on_progress=_cancellable(work, progress_part(on_own_progress, _DOWNLOADED, 1)),
        )
        _merge(new, inside(made, archive.to) if archive.to else made)
    return made


def _downloaded(
    work: WorkerContext, archive: Archive, on_progress: ProgressCallback, note: NoteCallback
) -> Path:
    folder = hashlib.sha256("\0".join(archive.urls).encode()).hexdigest()[:16]
    file = work.staging.downloads / folder / _file_name(archive)
    file.parent.mkdir(exist_ok=True)

    report_progress = _cancellable(work, on_progress)
    if not files.exists(file) or archive.sha256:  # a download gets its final name once it is complete
        download(
            archive.urls,
            file,
            sha256=archive.sha256,
            limit_bytes=DOWNLOAD_BYTES,
            on_progress=lambda done, _received: report_progress(done or 0.0),
            on_note=note,
        )
    return file


def _file_name(archive: Archive) -> str:
    """The name by which people know the archive: that of its URL."""
    name = unquote(archive.urls[0].partition("?")[0].rpartition("/")[2])
    return name if _FILE_NAME.fullmatch(name) else f"archive.{archive.kind}"


def _cancellable(work: WorkerContext, on_progress: ProgressCallback) -> ProgressCallback:
    """A callback that raises Cancelled if that was requested."""

    def report_progress(done: float) -> None:
        work.interrupt.check()
        on_progress(done)

    return report_progress


def _merge(new: Path, into: Path) -> None:
    """Moves the contents of a folder into another one; files there are replaced, links are never followed."""
    into.mkdir(parents=True, exist_ok=True)
    for entry in list(new.iterdir()):
        target = into / entry.name
        if (
            files.is_folder(entry)
            and not entry.is_symlink()
            and files.is_folder(target)
            and not target.is_symlink()
        ):
            _merge(entry, target)
        else:
            remove(target)
            entry.rename(target)


def _is_for_this_machine(archive: Archive) -> bool:
    return archive.platform in ("", sys.platform) and archive.machine in ("", machine())


def machine() -> str:
    """The processor architecture by its name in recipes."""
    found = platform.machine().lower()
    return _MACHINES.get(found, found)
