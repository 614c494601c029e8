"""Starts, stops, restarts and kills an instance or one service of it, and waits for the end.

The server answers within a few seconds, also if the command is not complete by then: it goes on, and this asks until it is, so that the
next command finds things as this one left them.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from cli.client import ApiClient, Instance, Service, find
from cli.language import help_text
from mailauncher.errors import CommandFailed, Incomplete, Text
from mailauncher.status_words import STATES

Kind = Literal["start", "stop", "restart", "kill"]
Part = Instance | Service
WAIT_S = 180.0
ASK_EVERY_S = 0.3


def _number(value: float) -> float:
    """Refuses nan: it is neither below nor above a limit, and a deadline that is nan never comes."""
    if math.isnan(value):
        raise typer.BadParameter(f"'{value}' is not a valid float range.")
    return value


Wait = Annotated[
    float,
    typer.Option(
        "--wait",
        metavar="SECONDS",
        min=0.0,
        max=86400.0,
        callback=_number,
        help=help_text(
            "最多等待这么久；届时仍未完成则以状态 7 退出，命令在服务器上继续。",
            "How long to wait at most. If the command is not complete by then, the status is 7, and it continues on the server.",
        ),
    ),
]
NoWait = Annotated[
    bool,
    typer.Option(
        "--no-wait",
        help=help_text("服务器开始执行并应答后即返回。", "Return once the server has begun and answered."),
    ),
]
Ready = Annotated[
    bool,
    typer.Option(
        "--ready",
        help=help_text(
            "等到 Bot 就绪为止；它若等待回答则状态为 7，若退出则为 1。",
            "Wait until the bot is ready, too. The status is 7 if it waits for an answer instead, and 1 if it ends.",
        ),
    ),
]

_DONE = {
    "start": Text("已启动", "started"),
    "stop": Text("已停止", "stopped"),
    "restart": Text("已重启", "restarted"),
    "kill": Text("已强制结束", "killed"),
}
_ENDS: tuple[Kind, ...] = ("stop", "kill")
_READY = Text("就绪", "ready")
_COLON, _SPACE = Text("：", ": "), Text(" ", " ")
SETTLED_S = 4
"""How long a program has to run before it counts as ready, if nothing says when it is."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a command, None: not at all, and whether the bot must be ready at the end."""

    wait_s: float | None
    ready: bool = False

    @classmethod
    def of(cls, wait_s: float, *, no_wait: bool, ready: bool = False) -> "Patience":
        return cls(None if no_wait else wait_s, ready and not no_wait)


def run(client: ApiClient, kind: Kind, instance: Instance, service: str | None, patience: Patience) -> str:
    """Returns what was done, in a sentence. Raises RequestRefused, ConnectionFailed, CommandFailed for a program that has ended
    instead of starting, and Incomplete."""
    began = time.monotonic()
    answer = _begin(client, kind, instance, service)
    message = str(answer["message"])
    if patience.wait_s is None or (answer["complete"] and not patience.ready):
        return message
    own_name = answer["service"]["name"] if service else None
    while (pending := _pending(client, kind, instance, own_name, patience)) is not None:
        if time.monotonic() >= began + patience.wait_s:
            raise _late(kind, instance, pending, patience)
        time.sleep(ASK_EVERY_S)
    done = _about(instance, own_name, _DONE[kind], _SPACE).in_language(client.language)
    return message if answer["complete"] else done


def _begin(client: ApiClient, kind: Kind, instance: Instance, service: str | None) -> dict[str, Any]:
    """Gives the command to the server. Returns the message, whether it is complete, and the service by its own name."""
    target, given, more = "Instance", {"id": instance.id}, ""
    if service is not None:
        target, given, more = "Service", {"instanceId": instance.id, "name": service}, "service { name }"
    fields = f"{{ message complete {more} }}"
    document = f"mutation ($input: {kind.title()}{target}Input!) {{ command: {kind}{target}(input: $input) {fields} }}"
    answer: dict[str, Any] = client.graphql(document, input=given)["command"]
    return answer


def wait_until(done: Callable[[], bool], patience: Patience, late: Text) -> None:
    """Asks until it is done, unless nobody wants to wait. Raises Incomplete with `late` if that takes too long."""
    deadline = time.monotonic() + (patience.wait_s or 0)
    while patience.wait_s is not None and not done():
        if time.monotonic() >= deadline:
            raise Incomplete(*late)
        time.sleep(ASK_EVERY_S)


def _pending(
    client: ApiClient, kind: Kind, instance: Instance, service: str | None, patience: Patience
) -> Part | None:
    """The first program with which the command is not done; None if there is none. Raises CommandFailed, Incomplete."""
    now = find(client.instances(details=True), instance.id)
    parts: list[Part] = [now, *now.services]
    if service is not None:
        parts = [part for part in now.services if part.name == service]
    return next((part for part in parts if not _is_done(kind, part, instance, patience)), None)


def _is_done(kind: Kind, part: Part, instance: Instance, patience: Patience) -> bool:
    if part.status == "failed" or (part.status == "stopped" and kind not in _ENDS):
        raise CommandFailed(*_about(instance, _service(part), _why(part)))
    if kind in _ENDS or part.status != "running":
        return part.status == "stopped"
    details = part.details
    if details is None or not patience.ready:
        return True
    if details.question is not None:
        why = _why(part)
        told = Text(f"{why.zh}\n{details.question}", f"{why.en}\n{details.question}")
        raise Incomplete(*_about(instance, _service(part), told))
    return (details.uptime_s or 0) >= SETTLED_S if details.ready is None else details.ready


def _late(kind: Kind, instance: Instance, pending: Part, patience: Patience) -> Incomplete:
    done = _READY if pending.status == "running" and kind not in _ENDS else _DONE[kind]
    why = _why(pending)
    late = Text(
        f"{patience.wait_s:g} 秒内未{done.zh.removeprefix('已')}，命令仍在进行：{why.zh}",
        f"not {done.en} within {patience.wait_s:g} s, and the command continues: {why.en}",
    )
    return Incomplete(*_about(instance, _service(pending), late))


def _service(part: Part) -> str | None:
    """The name of a service; None for the main program."""
    return part.name if isinstance(part, Service) else None


def _why(part: Part) -> Text:
    """The reason that the server gives, in the language that it was asked in, else the status."""
    reason = part.details.reason if part.details else None
    return Text(reason, reason) if reason else STATES.get(part.status, Text(part.status, part.status))


def _about(instance: Instance, service: str | None, text: Text, joint: Text = _COLON) -> Text:
    """A sentence about the instance's main program, or about a service of it."""
    who = Text(f"实例 {instance.name}", f"Instance {instance.name}")
    if service is not None:
        who = Text(f"实例 {instance.name} 的 {service}", f"{service} of instance {instance.name}")
    return Text(f"{who.zh}{joint.zh}{text.zh}", f"{who.en}{joint.en}{text.en}")
