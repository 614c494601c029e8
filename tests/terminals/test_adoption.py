"""A supervisor that finds programs which a former server left running, while some of them exit."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from mailauncher.errors import Text
from mailauncher.launch import Launch
from terminals import keeper
from terminals.client import Exit
from terminals.policy import Supervision
from terminals.program import Program
from terminals.states import State
from terminals.supervisor import ProgramSpec, Supervisor
from terminals.supervisors import Supervisors
from tests.support.context import lives, settings_for

SLEEP = Launch(argv=("sleep", "600"), cwd="/", env=dict(os.environ))
EXIT = Exit(at=int(time.time() * 1000), offset=0, code=3)


class Server:
    """The supervisor of one instance with a main program and a service, as a new server would make it."""

    def __init__(self, folder: Path) -> None:
        self.supervisors = Supervisors(settings_for(folder, stop_bots_at_exit=False), keeper.OWN_LIMIT)
        self.on_load: Callable[[], None] = lambda: None
        """Called when the main program's recipe is read for its adoption."""
        specs = [
            ProgramSpec(name, Text(name, name), folder, self.launch, self.explain, self.lacks_consent)
            for name in ("main", "other")
        ]
        self.supervisor: Supervisor = self.supervisors.add(
            "bot", specs, Supervision(restart="no"), lambda: None
        )

    async def launch(self, *, adopting: bool = False) -> Launch:
        if adopting:
            on_load, self.on_load = self.on_load, lambda: None
            on_load()
        return SLEEP

    async def lacks_consent(self) -> bool:
        return False

    async def explain(self, _lines: tuple[str, ...], _exit: Exit) -> Text | None:
        return None


@pytest.fixture
async def later_server(tmp_path: Path) -> AsyncIterator[Server]:
    """A server that has not looked yet at what the former one left running: both programs."""
    former = Server(tmp_path)
    await former.supervisors.open()
    assert await former.supervisor.start().wait(10)
    await former.supervisors.close()
    later = Server(tmp_path)
    await later.supervisors.open()
    yield later
    await later.supervisor.stop().wait(10)
    await later.supervisors.remove("bot")


async def until_failed(program: Program) -> None:
    async with asyncio.timeout(10):
        await program._condition.wait_for(lambda: program.state is State.FAILED)


async def test_a_program_that_exits_as_it_is_adopted_is_not_started_again(later_server: Server) -> None:
    supervisor = later_server.supervisor
    main = supervisor.main_program
    statuses = await supervisor.client.statuses()
    main.terminal.adopt(statuses["main"])
    main.adopt()
    main.terminal.exited(statuses["main"].run, EXIT)
    await until_failed(main)
    assert main.failure is not None
    assert main.failure.exit_code == 3
    await supervisor.adopt()


async def test_a_program_that_exits_while_another_is_adopted_has_failed(later_server: Server) -> None:
    supervisor = later_server.supervisor
    other = supervisor.programs["other"]
    later_server.on_load = lambda: other.terminal.exited(other.terminal.run, EXIT)
    await supervisor.adopt()
    await until_failed(other)
    assert other.failure is not None
    assert other.failure.exit_code == 3


async def test_an_end_of_which_only_an_adoption_tells_is_noticed(later_server: Server) -> None:
    """The exit had been told on a connection that had ended. The terminal took it over, and the program waited on."""
    supervisor = later_server.supervisor
    await supervisor.adopt()
    main = supervisor.main_program
    supervisor.client._on_exit = lambda *_: None
    assert main.pid is not None
    os.kill(main.pid, signal.SIGKILL)
    async with asyncio.timeout(10):
        while (await supervisor.client.status("main")).alive:
            await asyncio.sleep(0)
    assert main.alive
    await supervisor.adopt()
    await until_failed(main)
    assert main.failure is not None
    assert main.failure.signal == "SIGKILL"


async def test_programs_are_adopted_although_a_viewer_has_connected_to_the_keeper_first(
    later_server: Server,
) -> None:
    """The keeper's answer to the first connection was dropped if anybody but the adoption had opened it."""
    supervisor = later_server.supervisor
    pid = (await supervisor.client.status("main")).pid
    await supervisor.adopt()
    assert supervisor.main_program.pid == pid
    assert lives(pid)
