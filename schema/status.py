"""The status of a program, and why it is not running although it should be."""

from enum import Enum

import strawberry

from resolvers.views import InstanceView, ServiceView
from schema.context import Info
from schema.descriptions import LANGUAGE, MESSAGE
from schema.scalars import Instant
from schema.versioned import BY_OBJECT
from terminals import states
from terminals.questions import LENGTH
from terminals.terminal import LAST_LINES


@strawberry.enum(description="Status of an instance or a service. REST has the same values in lower case.")
class Status(Enum):
    STOPPED = strawberry.enum_value("stopped", description="Not running, as requested.")
    STARTING = strawberry.enum_value("starting", description="The process is being started.")
    RUNNING = strawberry.enum_value("running", description="The process is running.")
    STOPPING = strawberry.enum_value("stopping", description="The process is being stopped.")
    FAILED = strawberry.enum_value(
        "failed", description="The process exited or could not be started, see `failure`."
    )
    INSTALLING = strawberry.enum_value(
        "installing", description="A deployment is in progress. Instances only."
    )


@strawberry.enum(description="What a program that does not work yet waits for.")
class WaitingFor(Enum):
    TERMS = strawberry.enum_value("terms", description="That its terms are accepted.")
    INPUT = strawberry.enum_value("input", description="An answer in its terminal, see `question`.")
    LOGIN = strawberry.enum_value("login", description="That a person logs it in, see `reason`.")
    PORT = strawberry.enum_value(
        "port",
        description="That something listens on its port; before its process runs, that its port becomes free.",
    )
    OUTPUT = strawberry.enum_value("output", description="The line of output that says that it is ready.")
    BACKOFF = strawberry.enum_value(
        "backoff", description="Its automatic restart after it exited, see `failure`."
    )
    PROGRAM = strawberry.enum_value("program", description="A program that has to start before it.")


def waiting_for(part: strawberry.Parent[InstanceView | ServiceView]) -> WaitingFor | None:
    found = part.details.waiting_for
    return None if found is None else WaitingFor(found.value)


def question(part: strawberry.Parent[InstanceView | ServiceView]) -> str | None:
    return part.details.question


def reason(part: strawberry.Parent[InstanceView | ServiceView], info: Info) -> str | None:
    found = part.details.reason
    return None if found is None else found.in_language(info.context.language)


WAITING_FOR = "What it waits for, if it does not work yet. Null: nothing that is known."
QUESTION = (
    f"If it waits for an answer in its terminal: the last line there, without terminal sequences, at most {LENGTH} "
    "characters. Null: it does not."
)
REASON = f"Why it does not work, or not yet: one or more lines, {LANGUAGE}. Null: it works, or was stopped."


def _reason(failure: strawberry.Parent[states.Failure], info: Info) -> str:
    return failure.reason.in_language(info.context.language)


def _hint(failure: strawberry.Parent[states.Failure], info: Info) -> str | None:
    return failure.hint.in_language(info.context.language) if failure.hint else None


@strawberry.type(description="Why a program is not running although it should be.")
class Failure:
    reason: str = strawberry.field(
        resolver=_reason,
        description=MESSAGE,
        metadata=BY_OBJECT,
    )
    at: Instant = strawberry.field(description="Time when the process exited or could not be started.")
    exit_code: int | None = strawberry.field(
        description="Exit status of the process. Null: ended by a signal, or never executed."
    )
    signal: str | None = strawberry.field(
        description="Name of the signal that ended it, such as `SIGKILL`. Null: it exited on its own."
    )
    last_lines: list[str] = strawberry.field(
        description=f"Last output: at most {LAST_LINES} lines, without terminal sequences; empty if there was none."
    )
    hint: str | None = strawberry.field(
        resolver=_hint,
        description=f"Probable cause and solution, {LANGUAGE}. Null: unknown.",
        metadata=BY_OBJECT,
    )
    restart_at: Instant | None = strawberry.field(
        description="Time of the next automatic restart. Null: none."
    )
