"""Commands that make another version or another copy of an instance: upgrade, roll back, clone."""

from typing import Annotated

import strawberry

from mailauncher.errors import Text
from resolvers import upgrades
from schema.context import Info
from schema.deployment_commands import DeploymentPayload, answered

UPGRADING = Text("升级已开始", "The upgrade has begun")
ROLLING_BACK = Text("回滚已开始", "The rollback has begun")
CLONING = Text("复制已开始", "The copying has begun")


@strawberry.input(description="The instance that is to get another version.")
class UpgradeInstanceInput:
    id: strawberry.ID = strawberry.field(description="Which instance.")
    version: str = strawberry.field(
        default="latest",
        description="One of `deployVersions`: a tag, a branch, or `latest`, the newest stable tag.",
    )
    accept_terms: bool = strawberry.field(
        default=False,
        description="Whether the user has read and accepted the texts of `consent` for that version. Without that an "
        "instance whose texts have changed is not started.",
    )


@strawberry.input(description="The instance that is to get back the version before its last upgrade.")
class RollbackInstanceInput:
    id: strawberry.ID = strawberry.field(description="Which instance.")


@strawberry.input(description="The instance that is to be copied, and what the copy is to be.")
class CloneInstanceInput:
    id: strawberry.ID = strawberry.field(description="Which instance is copied.")
    name: str = strawberry.field(
        description="The copy's name: 1-64 characters: letters of any script, digits, `-`, `_`, `.`, space (not at its "
        "ends). Unique."
    )
    path: str | None = strawberry.field(
        default=None,
        description="A folder that does not exist yet or is empty: an absolute path, or one from `~`, the workspace. "
        "Null: a folder of the copy's name in the workspace.",
    )
    port: int | None = strawberry.field(
        default=None,
        description="The TCP port that the copy's main program listens on, 1-65535. Null: a free one.",
    )


async def _upgrade(
    info: Info,
    input: Annotated[UpgradeInstanceInput, strawberry.argument(description="Which instance, which version.")],
) -> DeploymentPayload | None:
    command = upgrades.upgrade(info.context.ctx, input.id, input.version, accept_terms=input.accept_terms)
    return answered(await info.context.carry_out(command), UPGRADING, info)


async def _rollback(
    info: Info,
    input: Annotated[RollbackInstanceInput, strawberry.argument(description="Which instance.")],
) -> DeploymentPayload | None:
    command = upgrades.rollback(info.context.ctx, input.id)
    return answered(await info.context.carry_out(command), ROLLING_BACK, info)


async def _clone(
    info: Info,
    input: Annotated[CloneInstanceInput, strawberry.argument(description="What is copied, and where to.")],
) -> DeploymentPayload | None:
    command = upgrades.clone(info.context.ctx, input.id, input.name, path=input.path, port=input.port)
    return answered(await info.context.carry_out(command), CLONING, info)


@strawberry.type
class UpgradeMutation:
    upgrade_instance: DeploymentPayload | None = strawberry.mutation(
        resolver=_upgrade,
        description="Puts another version in an instance's place: builds it beside the present one, which goes on running, then "
        "changes over; where the new one does not get ready, the present one comes back by itself. Follow it with "
        "`deploymentProgress`. Null only together with an error: `INSTANCE_NOT_FOUND`, `VERSION_NOT_FOUND`, "
        "`INSTANCE_ALREADY_RUNNING` while another deployment of it is under way, `INSUFFICIENT_SPACE`, `DOWNLOAD_FAILED`, "
        "`INVALID_PARAMETER`, `SERVICE_UNAVAILABLE` for what is not installed to its end or being cloned, `PERMISSION_DENIED` for a folder that "
        "this program did not deploy.",
    )
    rollback_instance: DeploymentPayload | None = strawberry.mutation(
        resolver=_rollback,
        description="Puts the version back that the last upgrade replaced, with configuration and data as they were then; the "
        "present one is kept in turn. Null only together with an error: `RESOURCE_NOT_FOUND` when there is none, and as for "
        "`upgradeInstance`.",
    )
    clone_instance: DeploymentPayload | None = strawberry.mutation(
        resolver=_clone,
        description="Copies an instance with its configuration and data, to ports and an environment of its own; the other may "
        "run, the copy is not started. Null only together with an error: `INSTANCE_NOT_FOUND`, `SERVICE_UNAVAILABLE`, and as for "
        "`deployInstance`.",
    )
