"""Completes what a killed server left unfinished in instances' folders, before anything of them runs."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from bots.backups import restore
from mailauncher.errors import LauncherError, Text
from store.journal import Journal
from store.registry import Registry

log = logging.getLogger(__name__)


async def complete_interrupted(
    registry: Registry, journal: Journal, complete_writes: Callable[[], None]
) -> None:
    """Completes interrupted restores, then calls `complete_writes` in a thread. What cannot be completed is logged, and the
    next server tries it again."""

    def settle() -> list[tuple[str, str]]:
        return [
            (record.id, record.name) for record in list(registry) if _settled(record.name, Path(record.path))
        ]

    for instance_id, name in await asyncio.to_thread(settle):
        words = Text(f"{name}：已完成中断的备份恢复", f"{name}: completed an interrupted restore")
        await journal.note("restore", "server", words, instance_id)
    await asyncio.to_thread(complete_writes)


def _settled(name: str, folder: Path) -> bool:
    try:
        return restore.recover(folder)
    except LauncherError as error:
        log.error("restore of %s: %s", name, error.text.en)
        return False
