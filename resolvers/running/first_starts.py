"""Which instances have not got ready since their upgrade, and what their main program is given in its environment until then."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mailauncher import files

log = logging.getLogger(__name__)

FILE = "first_start.json"


class FirstStarts:
    """Environments by instance, each also in a file, so that the next server still has it. `folder` holds a folder for each
    instance."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environments: dict[str, Mapping[str, str]] = {}

    def __contains__(self, instance_id: str) -> bool:
        return instance_id in self._environments

    def environment(self, instance_id: str) -> Mapping[str, str]:
        """Empty for an instance that has got ready since its upgrade, or never had one."""
        return self._environments.get(instance_id, {})

    async def load(self, instance_id: str) -> None:
        """Reads what an earlier server kept; a file that cannot be read counts as none."""
        with contextlib.suppress(OSError, msgspec.MsgspecError, ValueError):
            content = await asyncio.to_thread(files.read, self._file(instance_id))
            self._environments[instance_id] = msgspec.json.decode(content, type=dict[str, str])

    async def set(self, instance_id: str, environment: Mapping[str, str]) -> None:
        """Raises OSError."""
        # The file first: a kill in between leaves what the next server will load, never an environment that is lost.
        content = msgspec.json.encode(environment)
        await asyncio.to_thread(files.write, self._file(instance_id), content)
        self._environments[instance_id] = environment

    async def forget(self, instance_id: str) -> None:
        """A file that cannot be removed is logged."""
        self._environments.pop(instance_id, None)
        try:
            await asyncio.to_thread(self._file(instance_id).unlink, missing_ok=True)
        except OSError as error:
            log.error("%s cannot be removed: %s", error.filename, error.strerror)

    def _file(self, instance_id: str) -> Path:
        return self._folder / instance_id / FILE
