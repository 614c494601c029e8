"""All crews of this server, by instance."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from mailauncher.errors import InstanceNotFound, LauncherError
from mailauncher.settings import Settings
from terminals.crew import Crew, Member
from terminals.local import LocalKeepers
from terminals.policy import Supervision
from terminals.program import Care

log = logging.getLogger(__name__)

STOP_ALL_TIMEOUT_S = 60.0


class House:
    """Makes, finds and ends crews. `settings` say where their keepers live and how patient they are."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._keepers = LocalKeepers(
            Path(settings.data), settings.terminal_log_segment_bytes, settings.terminal_log_segments
        )
        self.crews: dict[str, Crew] = {}

    async def open(self) -> None:
        await asyncio.to_thread(self._keepers.prepare)

    def enrol(
        self,
        instance_id: str,
        members: Iterable[Member],
        supervision: Supervision,
        on_change: Callable[[], None],
    ) -> Crew:
        """A crew for an instance. What its keeper still runs is found by its `adopt`."""
        care = Care(self._settings.start_grace_s, self._settings.stop_timeout_s, supervision)
        crew = Crew(
            instance_id,
            members,
            self._keepers,
            care,
            self._settings.shell,
            self._settings.shell_idle_timeout_s,
            on_change,
        )
        self.crews[instance_id] = crew
        return crew

    def crew(self, instance_id: str) -> Crew:
        """Raises InstanceNotFound."""
        try:
            return self.crews[instance_id]
        except KeyError:
            raise InstanceNotFound(instance_id) from None

    def __iter__(self) -> Iterator[Crew]:
        return iter(self.crews.values())

    async def dismiss(self, instance_id: str) -> None:
        """Forgets a stopped instance: its shells, its keeper and its terminals' logs."""
        crew = self.crew(instance_id)
        del self.crews[instance_id]
        try:
            await crew.end()
        except BaseException:
            self.crews[instance_id] = crew  # still there, and to be deleted another time
            raise
        await crew.close()
        await asyncio.to_thread(self._keepers.discard, instance_id)

    async def close(self) -> None:
        """Lets go of everything: what runs goes on, unless the settings say that it stops with the server."""
        await asyncio.gather(*(self._close(crew) for crew in self.crews.values()))
        await asyncio.to_thread(self._keepers.tidy)

    async def _close(self, crew: Crew) -> None:
        try:
            if self._settings.stop_bots_at_exit:
                await crew.stop().wait(STOP_ALL_TIMEOUT_S)
                await crew.end()
        except LauncherError as error:
            log.error("stopping %s: %s", crew.instance_id, error.text.en)
        finally:
            await crew.close()
