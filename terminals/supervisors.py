"""The supervisors of this server, one for each instance."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from mailauncher.errors import InstanceNotFound, LauncherError, ServiceUnavailable
from mailauncher.settings import Settings
from mailauncher.tasks import Tasks
from terminals.local import LocalKeepers
from terminals.observer import Observer
from terminals.policy import Policy, Supervision
from terminals.supervisor import ProgramSpec, Supervisor

log = logging.getLogger(__name__)

STOP_ALL_TIMEOUT_S = 60.0


class Supervisors:
    """Creates, finds and removes supervisors. Iterating gives all of them."""

    def __init__(self, settings: Settings, files_limit: int) -> None:
        self._settings = settings
        self._keepers = LocalKeepers(
            Path(settings.data),
            settings.terminal_log_segment_bytes,
            settings.terminal_log_segments,
            files_limit=files_limit,
        )
        self._by_instance: dict[str, Supervisor] = {}
        self._loops = Tasks()

    async def open(self) -> None:
        await asyncio.to_thread(self._keepers.create_folders)
        self._loops.keep_running(Observer(self).run, "observation of programs")

    def add(
        self,
        instance_id: str,
        specs: Iterable[ProgramSpec],
        supervision: Supervision,
        on_change: Callable[[], None],
    ) -> Supervisor:
        """Creates the supervisor of an instance. Its `adopt` finds what a keeper still runs."""
        policy = Policy(self._settings.start_grace_s, self._settings.stop_timeout_s, supervision)
        supervisor = Supervisor(
            instance_id,
            specs,
            self._keepers,
            policy,
            self._settings.shell,
            self._settings.shell_idle_timeout_s,
            on_change,
        )
        self._by_instance[instance_id] = supervisor
        return supervisor

    def supervisor(self, instance_id: str) -> Supervisor:
        """Raises InstanceNotFound."""
        try:
            return self._by_instance[instance_id]
        except KeyError:
            raise InstanceNotFound(instance_id) from None

    def __iter__(self) -> Iterator[Supervisor]:
        return iter(self._by_instance.values())

    async def remove(self, instance_id: str) -> None:
        """Forgets a stopped instance: ends its shells and its keeper, and deletes its terminals' logs. Raises LauncherError.

        The supervisor leaves the table first, so that no command can start a program or open a shell in a keeper that is
        about to end. If the keeper does not end, it comes back, and the instance can be removed another time.
        """
        supervisor = self.supervisor(instance_id)
        del self._by_instance[instance_id]
        try:
            await supervisor.end_keeper()
        except BaseException:
            self._by_instance[instance_id] = supervisor
            raise
        await supervisor.close(InstanceNotFound(instance_id))
        await asyncio.to_thread(self._keepers.delete_files, instance_id)

    async def close(self) -> None:
        """Ends the supervision. Programs run on, unless the setting `stop_bots_at_exit` says otherwise."""
        await self._loops.close()
        await asyncio.gather(*(self._close(supervisor) for supervisor in self))
        await self._keepers.close()

    async def _close(self, supervisor: Supervisor) -> None:
        try:
            if self._settings.stop_bots_at_exit:
                await supervisor.stop().wait(STOP_ALL_TIMEOUT_S)
                await supervisor.end_keeper()
        except LauncherError as error:
            log.error("stopping %s: %s", supervisor.instance_id, error.text.en)
        finally:
            await supervisor.close(
                ServiceUnavailable(
                    "服务器正在关闭，该命令未等到结果；请在服务器重新启动后查看状态",
                    "The server shuts down, and the command has no result yet; see the status once the server runs again",
                )
            )
