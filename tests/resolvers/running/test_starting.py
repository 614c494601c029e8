"""Whether a program that was started works, at the moments at which that is hard to tell."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from mailauncher.errors import Code, Text
from resolvers.running.starting import wait_until_working
from terminals.condition import Condition
from terminals.states import Failure, State
from terminals.supervisor import Supervisor


async def test_a_bot_that_has_just_exited_does_not_work_and_its_exit_is_the_reason() -> None:
    """An upgrade to a version that crashed again and again succeeded: its time was over in the middle of a crash."""
    condition = Condition()
    bot: Any = SimpleNamespace(
        title=Text("主程序", "The main program"),
        state=State.RUNNING,
        alive=False,
        lives=False,
        wanted=True,
        ready=None,
        failure=None,
        readiness=SimpleNamespace(observed=SimpleNamespace(question=None)),
    )
    supervisor = cast(Supervisor, SimpleNamespace(programs={"main": bot}, condition=condition))

    def give_up() -> None:
        bot.state, bot.wanted = State.FAILED, False
        bot.failure = Failure(reason=Text("退出", "exited with code 1"), at=0)
        condition.notify_all()

    waiting = asyncio.ensure_future(wait_until_working(supervisor, ("main",), "bot", 0))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(give_up)
    problem = await waiting
    assert problem is not None
    assert (problem.code, problem.text.en) == (Code.COMMAND_FAILED, "The main program exited with code 1")
