"""The last step for services that are added to an installed bot: moves each into the bot's folder.

The bot may run meanwhile, and exchange any folder in there for a link, so the place is reached by descriptors.
"""

import errno
import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from bots.deploying.plan import Component, Plan
from bots.deploying.register import Identity, folder_identity
from bots.deploying.services import optional, place_taken
from bots.deploying.staging import Staging
from bots.deploying.worker_context import WorkerContext
from mailauncher import descriptors, files
from mailauncher.beneath import Root
from mailauncher.interruption import Check, proceed

_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)


def place_all(work: WorkerContext) -> None:
    """Raises StepFailed, LauncherError, OSError if none could be placed."""
    for service in work.services:
        with optional(work, service):
            _place(work, service)
            work.placed.add(service.name)


def _place(work: WorkerContext, service: Component) -> None:
    made = work.staging.path_of(service)
    identity = folder_identity(made)
    assert identity is not None  # it was fetched
    # Before it moves: after a kill, only this tells it from a folder of the user.
    work.staging.write_mark(_mark(service), _text(identity))
    with Root(Path(work.plan.folder)) as root, root.place(service.place, follow=False, make=True) as place:
        try:
            os.rename(made, place.name, dst_dir_fd=place.folder)  # replaces an empty folder
        except OSError as error:
            if error.errno in _TAKEN:
                raise place_taken(work, service) from None
            raise
        descriptors.sync_names(place.folder)


def placed(plan: Plan, staging: Staging) -> set[str]:
    """The names of services that are in the bot's folder already. Raises OSError."""
    found: set[str] = set()
    if not files.is_folder(plan.folder):
        return found
    with Root(Path(plan.folder)) as root:
        for service in plan.services:
            with suppress(OSError):
                status = root.status(service.place)
                if staging.read_mark(_mark(service)) == _text((status.st_dev, status.st_ino)):
                    found.add(service.name)
    return found


def remove(plan: Plan, names: Collection[str], check: Check = proceed) -> None:
    """Takes services out of the bot's folder again. `check` is called for each of their files, and may raise. Raises OSError."""
    for service in plan.services:
        if service.name in names:
            with Root(Path(plan.folder)) as root:
                root.remove(service.place, check)


def _mark(service: Component) -> str:
    return f"{service.name}.placed"


def _text(identity: Identity) -> str:
    return f"{identity[0]}:{identity[1]}"
