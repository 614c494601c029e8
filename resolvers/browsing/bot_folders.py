"""Works in the folders of instances: reads at any time, changes only while nobody else copies or exchanges the folder."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from bots.browsing import changes
from bots.browsing.tree import Tree, opened
from mailauncher.errors import InstanceNotFound, LauncherError, ServiceUnavailable
from mailauncher.interruption import Check
from mailauncher.tasks import Tasks
from mailauncher.threads import LongWork
from resolvers.running.live_instances import LiveInstances
from resolvers.running.locks import Locks
from store.records import InstanceRecord
from store.registry import Registry

log = logging.getLogger(__name__)
Result = TypeVar("Result")

UPLOADS_AT_ONCE = 16


class BotFolders:
    """`server` names this server in unfinished files, so that the next one knows them from its own."""

    def __init__(self, registry: Registry, live: LiveInstances, locks: Locks) -> None:
        self.server = secrets.token_hex(4)
        self._registry = registry
        self._live = live
        self._locks = locks
        self._work = LongWork()
        self._steps = Tasks()
        self._uploads = 0

    async def close(self) -> None:
        """Interrupts what reads or removes, and waits for what is being changed."""
        await self._work.close()
        await self._steps.finish()

    def record(self, instance_id: str) -> InstanceRecord:
        """Raises InstanceNotFound."""
        record = self._registry.get(instance_id)
        if record is None:
            raise InstanceNotFound(instance_id)
        return record

    async def read(self, instance_id: str, work: Callable[[Tree, Check], Result]) -> Result:
        """Runs in a thread what reads the folder. Ends with its caller."""
        folder = Path(self.record(instance_id).path)

        def run(check: Check) -> Result:
            with opened(folder) as tree:
                return work(tree, check)

        return await self._work.run(run)

    async def remove(self, work: Callable[[Check], None]) -> None:
        """Runs in a thread what removes something that nobody sees any more. Ends with its caller."""
        await self._work.run(work)

    async def change(self, instance_id: str, work: Callable[[Path], Result]) -> Result:
        """Runs in a thread what changes one thing in the folder, to its end even if the caller is cancelled. Raises
        ServiceUnavailable while the folder is being installed, upgraded or restored."""

        async def run() -> Result:
            async with self._locks.changes(instance_id):
                self.require_settled(instance_id)
                return await asyncio.to_thread(work, Path(self.record(instance_id).path))

        return await self._steps.uninterrupted(run(), "change of a file")

    async def step(self, work: Callable[[], Result]) -> Result:
        """Runs one step of an upload in a thread, to its end even if the caller is cancelled: until then its descriptor may not
        be closed."""
        return await self._steps.uninterrupted(asyncio.to_thread(work), "step of an upload")

    @asynccontextmanager
    async def uploading(self) -> AsyncIterator[None]:
        """Raises ServiceUnavailable if too many uploads are in progress."""
        if self._uploads >= UPLOADS_AT_ONCE:
            raise ServiceUnavailable(
                f"已有 {UPLOADS_AT_ONCE} 个文件正在上传，请等其中一个完成后再试",
                f"{UPLOADS_AT_ONCE} files are being uploaded already: try again when one of them is complete",
            )
        self._uploads += 1
        try:
            yield
        finally:
            self._uploads -= 1

    def require_settled(self, instance_id: str) -> None:
        """Raises InstanceNotFound; ServiceUnavailable if the files may be replaced at any moment."""
        name = self.record(instance_id).name
        if self._live.overridden(instance_id) is not None:
            raise ServiceUnavailable(
                f"实例 {name} 正在安装、升级或恢复，此时文件不能改动：请等它完成",
                f"Instance {name} is being installed, upgraded or restored, and its files cannot be changed: wait until that is complete",
            )

    def begin_sweep(self) -> None:
        """Begins to remove what killed servers have left of uploads and removals."""
        self._steps.spawn(self._sweep(), "removal of unfinished files")

    async def _sweep(self) -> None:
        for record in list(self._registry):
            try:
                work = partial(_sweep, Path(record.path), self.server)
                if count := await self._work.run(work):
                    log.info("%s: removed %d unfinished files of an earlier server", record.name, count)
            except (LauncherError, OSError) as error:
                log.debug("%s: nothing swept: %s", record.name, error)


def _sweep(folder: Path, server: str, check: Check) -> int:
    with opened(folder) as tree:
        return changes.sweep(tree, server, check)
