"""The ports of an instance that exists: which are taken, and giving it others."""

from typing import Annotated, cast

import strawberry

from mailauncher.errors import Text
from mailauncher.listeners import LAST_PORT
from resolvers import ports
from schema.context import Info
from schema.descriptions import INSTANCE_ID, LANGUAGE, MESSAGE, InstanceId

PORT_NAME = "`main`, the name of a service, or what a further port is called, such as `webui` or `napcat.ws`."
MOVED = Text("端口已改为 {}", "Ports are now {}")
RESTART = Text("端口已改为 {}，重启后生效", "Ports are now {}; restart the instance to apply it")
SAME = Text("没有端口被占用，未作改动", "No port is taken; nothing was changed")
HAS_ALREADY = Text("已经是这些端口，未作改动", "The ports are these already; nothing was changed")


def _owner(taken: strawberry.Parent[ports.TakenPort], info: Info) -> str:
    return taken.owner.in_language(info.context.language).strip()


@strawberry.type(description="A port of a program on which a process listens that is not the instance's.")
class TakenPort:
    name: str = strawberry.field(description=PORT_NAME)
    port: int = strawberry.field(description="TCP port, 1-65535.")
    owner: str = strawberry.field(
        resolver=_owner,
        description=f"Who listens there: a process, with its instance if it has one, {LANGUAGE}.",
    )
    free: int | None = strawberry.field(
        description="The free port that `movePorts` would use instead. Null: no known configuration file has the port."
    )


@strawberry.type(description="A port that was replaced by another one.")
class MovedPort:
    name: str = strawberry.field(description=PORT_NAME)
    former: int = strawberry.field(description="The port before, 1-65535.")
    port: int = strawberry.field(description="The port now, 1-65535.")


@strawberry.input(description="A port to use.")
class NewPortInput:
    name: str = strawberry.field(description=PORT_NAME)
    port: int = strawberry.field(description=f"TCP port, 1-{LAST_PORT}. It must be free.")


@strawberry.input(description="The instance, and its new ports.")
class MovePortsInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    ports: list[NewPortInput] | None = strawberry.field(
        default=None,
        description="The new ports; of a name that comes twice the last one counts. Null: a free port for each one on which "
        "another process listens.",
    )


@strawberry.type(description="Result of changing ports.")
class MovePortsPayload:
    ports: list[MovedPort] = strawberry.field(description="What was replaced. Empty: nothing had to be.")
    changed_files: list[str] = strawberry.field(
        description="Names of the configuration files that were changed, as in `configFiles`. Each has a revision from before."
    )
    restart_needed: bool = strawberry.field(
        description="Whether a program is running and must be restarted to apply the change."
    )
    message: str = strawberry.field(description=MESSAGE)


async def _taken(info: Info, instance_id: InstanceId) -> list[TakenPort] | None:
    return cast(list[TakenPort], await ports.taken(info.context.ctx, instance_id))


async def _move(
    info: Info,
    input: Annotated[MovePortsInput, strawberry.argument(description="The instance, and its new ports.")],
) -> MovePortsPayload | None:
    asked = None if input.ports is None else {each.name: each.port for each in input.ports}
    moved = await info.context.complete(ports.move(info.context.ctx, input.instance_id, asked))
    template = (
        RESTART if moved.restart_needed else MOVED if moved.ports else SAME if asked is None else HAS_ALREADY
    )
    named = ", ".join(f"{each.name}: {each.former} → {each.port}" for each in moved.ports)
    return MovePortsPayload(
        ports=[MovedPort(name=each.name, former=each.former, port=each.port) for each in moved.ports],
        changed_files=list(dict.fromkeys(change.view.location.name for change in moved.changes)),
        restart_needed=moved.restart_needed,
        message=template.in_language(info.context.language).format(named),
    )


@strawberry.type
class PortQuery:
    taken_ports: list[TakenPort] | None = strawberry.field(
        resolver=_taken,
        description="Ports of an instance on which processes listen that are not its own, so that its programs cannot. Null only with an "
        "error: `INSTANCE_NOT_FOUND`, `PORT_IN_USE` if no port is free.",
    )


@strawberry.type
class PortMutation:
    move_ports: MovePortsPayload | None = strawberry.mutation(
        resolver=_move,
        description="Gives programs other ports, in every configuration file of the instance that names them. After an error the files are "
        "written back; the message names those where that failed. Those, and files that were changed before the server was killed, may have "
        "the new ports: the same command goes on. Null only with an error: "
        "`INSTANCE_NOT_FOUND`, `INVALID_PARAMETER`, `PORT_IN_USE`, `CONFLICT`, `FILE_TOO_LARGE`, `INSUFFICIENT_SPACE`, "
        "`PERMISSION_DENIED`, `SERVICE_UNAVAILABLE` if too many changes of the instance wait.",
    )
