"""What a program is doing, and why it is not running though it was meant to."""

from enum import Enum

import strawberry

from schema.context import Info
from schema.scalars import Instant
from terminals import states


@strawberry.enum(description="What an instance or a service is doing. REST has the same words in lower case.")
class Status(Enum):
    STOPPED = strawberry.enum_value("stopped", description="It does not run, and nobody wants it to.")
    STARTING = strawberry.enum_value("starting", description="Its process is being started.")
    RUNNING = strawberry.enum_value("running", description="Its process runs.")
    STOPPING = strawberry.enum_value("stopping", description="It was told to stop and has not ended yet.")
    FAILED = strawberry.enum_value("failed", description="It ended or could not start; `failure` says why.")
    INSTALLING = strawberry.enum_value(
        "installing", description="A deployment is working on it. Instances only."
    )


def _reason(failure: strawberry.Parent[states.Failure], info: Info) -> str:
    return failure.reason.in_language(info.context.language)


def _hint(failure: strawberry.Parent[states.Failure], info: Info) -> str | None:
    return failure.hint.in_language(info.context.language) if failure.hint else None


@strawberry.type(description="Why a program is not running though it was meant to.")
class Failure:
    reason: str = strawberry.field(
        resolver=_reason,
        description="One sentence for people, in the language that `Accept-Language` asks for.",
    )
    at: Instant = strawberry.field(description="When it ended, or when the attempt to start it failed.")
    exit_code: int | None = strawberry.field(
        description="Exit status of its process. Null when a signal ended it or when it was never executed."
    )
    signal: str | None = strawberry.field(
        description="Name of the signal that ended it, such as `SIGKILL`. Null when it ended by itself."
    )
    last_lines: list[str] = strawberry.field(
        description="What it printed last: at most 20 lines, without terminal sequences; empty when it printed nothing."
    )
    hint: str | None = strawberry.field(
        resolver=_hint,
        description="What probably caused it and what to do, in the same language. Null when that is not known.",
    )
    restart_at: Instant | None = strawberry.field(
        description="When it is started again by itself. Null when it is not."
    )
