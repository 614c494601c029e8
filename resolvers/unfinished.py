"""What a killed server left unfinished in instances' folders, completed before anything of them runs."""

import asyncio
import logging
from pathlib import Path

from mailauncher.bots import exchange
from mailauncher.errors import LauncherError, Text
from mailauncher.store.journal import Journal
from mailauncher.store.registry import Registry

log = logging.getLogger(__name__)


async def settle_restores(registry: Registry, journal: Journal) -> None:
    """Completes restores that were cut short. One that cannot be completed is logged, and tried again by the next."""

    def settle() -> list[tuple[str, str]]:
        return [
            (record.id, record.name) for record in list(registry) if _settled(record.name, Path(record.path))
        ]

    for instance_id, name in await asyncio.to_thread(settle):
        words = Text(f"{name}：已完成中断的备份恢复", f"{name}: completed a restore that was cut short")
        await journal.note("restore", "server", words, instance_id)


def _settled(name: str, folder: Path) -> bool:
    try:
        return exchange.settle(folder)
    except LauncherError as error:
        log.error("restore of %s: %s", name, error.text.en)
        return False
