"""What is to be known of a program beyond its state: what it waits for, what it asks, why it does not work. Every door shows the
words that are chosen here.

A sentence changes only with what it tells of, so it holds no times: each change of it is an event.
"""

import shlex

from mailauncher.errors import Text
from resolvers.views import Details, WaitingFor
from terminals.program import Program
from terminals.states import State


def details(program: Program, instance: str, port: int) -> Details:
    """Of one program of the instance with this name. `port` is the one that the launcher believes to be its port."""
    if program.held is not None:
        return Details(WaitingFor.TERMS, reason=program.held)
    if program.backing_off and program.failure is not None:
        return Details(WaitingFor.BACKOFF, reason=program.failure.told)
    if program.state is State.STARTING and not program.alive:
        return _preparing(program)
    if program.failure is not None:
        return Details(reason=program.failure.told)
    if program.state not in (State.STARTING, State.RUNNING) or not program.alive:
        return Details()
    if program.readiness.observed.question is not None:
        return _asking(program, instance)
    if program.readiness.observed.login:
        return _logged_out(program, instance)
    if program.readiness.awaited is not None:
        return _not_ready(program)
    return Details(reason=_died_before(program) if program.ready is None else _moved(program, port))


def _preparing(program: Program) -> Details:
    if program.port_wait is not None:
        return Details(WaitingFor.PORT, reason=program.port_wait)
    needed = next((need for need in program.needs if need.wanted and not need.alive), None)
    if needed is None:
        return Details(reason=_died_before(program))
    reason = Text(f"{needed.title.zh}须先启动", f"{needed.title.en} has to start first")
    return Details(WaitingFor.PROGRAM, reason=reason)


def _asking(program: Program, instance: str) -> Details:
    question, name = program.readiness.observed.question, shlex.quote(instance)
    if program.readiness.observed.about_terms:
        reason = Text(
            f"尚未接受其条款，正在终端中询问：mailauncher terms 阅读条款，mailauncher accept {name} 接受后重启，或用 mailauncher attach {name} 回答",
            f"its terms are not accepted, and it asks for that in its terminal: read them by mailauncher terms, then mailauncher accept {name} "
            f"and restart it, or answer by mailauncher attach {name}",
        )
        return Details(WaitingFor.TERMS, question, reason)
    reason = Text(
        f"正在终端中等待回答：用 mailauncher attach {name} 回答",
        f"it waits for an answer in its terminal: answer by mailauncher attach {name}",
    )
    return Details(WaitingFor.INPUT, question, reason)


def _logged_out(program: Program, instance: str) -> Details:
    terminal = "" if program.terminal.name == "main" else f" -t {program.terminal.name}"
    command = f"mailauncher attach {shlex.quote(instance)}{terminal}"
    reason = Text(
        f"尚未登录：扫描其终端中的二维码（{command}），或在它自己的网页上登录",
        f"it is not logged in: scan the code in its terminal ({command}), or log in on its own web page",
    )
    return Details(WaitingFor.LOGIN, reason=reason)


def _not_ready(program: Program) -> Details:
    assert program.readiness.criteria is not None
    before = _died_before(program)
    if program.readiness.awaited == "line":
        reason = Text(
            "还没有输出表示就绪的那一行",
            "it has not printed yet the line by which its recipe knows that it is ready",
        )
        return Details(WaitingFor.OUTPUT, reason=_joined(reason, before))
    port, ports = program.readiness.criteria.port, program.readiness.observed.ports
    others = ", ".join(map(str, ports))
    if port in ports:  # seen a moment ago; the next look finds it ready, unless it accepts nobody there
        reason = Text(f"端口 {port} 尚未接受连接", f"it does not accept connections on port {port} yet")
    else:
        reason = Text(f"还没有监听端口 {port}", f"it does not listen on port {port} yet")
    if others and port not in ports:
        reason = Text(f"{reason.zh}；它监听的是 {others}", f"{reason.en}; it listens on {others}")
    return Details(WaitingFor.PORT, reason=_joined(reason, before))


def _died_before(program: Program) -> Text | None:
    """Why it was restarted, as long as nothing says that it works now."""
    if program.last_death is None:
        return None
    count, told = program.restarts, program.last_death.told
    times = "once" if count == 1 else f"{count} times"
    return Text(f"已自动重启 {count} 次，此前：{told.zh}", f"restarted {times}; before that, it {told.en}")


def _moved(program: Program, port: int) -> Text | None:
    """Why a ready program is not on its port: another one was chosen while it runs."""
    used = program.readiness.criteria.port if program.readiness.criteria else 0
    if not used or not port or used == port:
        return None
    return Text(
        f"它监听的是 {used}；端口 {port} 自下次启动起生效",
        f"it listens on {used}; port {port} is used from its next start on",
    )


def _joined(first: Text, then: Text | None) -> Text:
    return first if then is None else Text(f"{first.zh}\n{then.zh}", f"{first.en}\n{then.en}")
