"""A supervisor whose programs come and go while others run."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mailauncher.errors import InstanceNotRunning, Text
from mailauncher.launch import Launch
from terminals import keeper
from terminals.client import Exit
from terminals.policy import Supervision
from terminals.states import State
from terminals.supervisor import Command, ProgramSpec
from terminals.supervisors import Supervisors
from tests.support.context import lives, settings_for

pytestmark = pytest.mark.slow
SLEEP = Launch(argv=("sleep", "600"), cwd="/", env=dict(os.environ))


async def launch(*, adopting: bool = False) -> Launch:
    return SLEEP


async def lacks_consent() -> bool:
    return False


async def explain(_lines: tuple[str, ...], _exit: Exit) -> Text | None:
    return None


def spec(name: str, *needs: str) -> ProgramSpec:
    return ProgramSpec(name, Text(name, name), Path("/"), launch, explain, lacks_consent, needs)


@pytest.fixture
async def supervisors(tmp_path: Path) -> AsyncIterator[Supervisors]:
    found = Supervisors(settings_for(tmp_path, stop_bots_at_exit=True), keeper.OWN_LIMIT)
    await found.open()
    found.add("bot", [spec("main"), spec("old", "new")], Supervision(restart="no"), lambda: None)
    yield found
    await found.close()


async def test_a_program_that_comes_is_needed_by_those_that_run_already(supervisors: Supervisors) -> None:
    supervisor = supervisors.supervisor("bot")
    assert await supervisor.start().wait(10)
    before = dict(supervisor.programs)
    pids = [program.pid for program in before.values()]
    supervisor.set_policy(Supervision(restart="always"))
    assert supervisor.arrange([spec("main"), spec("new"), spec("old", "new")]) == []
    main, new, old = supervisor.programs.values()
    assert [main, old] == list(before.values())
    assert [main.pid, old.pid] == pids
    assert (new.needed_by, old.needs, new.state) == ((old,), (new,), State.STOPPED)
    assert new.policy == main.policy
    assert list(supervisor.terminals) == ["main", "new", "old", "deploy"]
    assert await supervisor.start().wait(10)
    assert lives(new.pid)


async def test_a_program_that_goes_is_killed_and_a_command_to_it_is_answered(
    supervisors: Supervisors,
) -> None:
    supervisor = supervisors.supervisor("bot")
    assert await supervisor.start().wait(10)
    main, old = supervisor.programs.values()
    pids = main.pid, old.pid
    restart = asyncio.create_task(Command((old.start(replace=True),)).wait(10))
    await asyncio.sleep(0)
    await supervisor.discard(supervisor.arrange([spec("main")]))
    with pytest.raises(InstanceNotRunning):
        await restart
    assert not lives(pids[1])
    assert list(supervisor.programs) == ["main"]
    assert list(supervisor.terminals) == ["main", "deploy"]
    assert main.needed_by == ()
    assert main.pid == pids[0]
    assert lives(main.pid)
