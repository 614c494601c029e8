"""Commands that change an instance's version or copy it: upgrade, roll back, clone."""

from typing import Annotated

import strawberry

from mailauncher.errors import Text
from resolvers import upgrades
from schema.context import Info
from schema.deployment_commands import DeploymentPayload, deployment_payload
from schema.descriptions import INSTANCE_ID, NAME, NEW_FOLDER, VERSION

UPGRADING = Text("升级已开始", "The upgrade has started")
ROLLING_BACK = Text("回滚已开始", "The rollback has started")
CLONING = Text("复制已开始", "Cloning has started")
ACCEPT_TERMS = (
    "Whether the user has read and accepted the texts of `consent` for that version. Otherwise an instance whose texts have "
    "changed is not started."
)
FORCE = (
    "Whether to change the version also to an older one, which may not be able to read the data, or to install the present "
    "one again."
)


@strawberry.input(description="The instance to upgrade, and the new version.")
class UpgradeInstanceInput:
    id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    version: str = strawberry.field(default="latest", description=VERSION)
    accept_terms: bool = strawberry.field(default=False, description=ACCEPT_TERMS)
    force: bool = strawberry.field(default=False, description=FORCE)


@strawberry.input(description="The instance whose last upgrade to undo.")
class RollbackInstanceInput:
    id: strawberry.ID = strawberry.field(description=INSTANCE_ID)


@strawberry.input(description="The instance to clone, and the clone.")
class CloneInstanceInput:
    id: strawberry.ID = strawberry.field(description="Id of the instance to clone.")
    name: str = strawberry.field(description=f"Name of the clone: {NAME}")
    path: str | None = strawberry.field(
        default=None,
        description=f"{NEW_FOLDER} Null: a folder in the workspace, named like the clone.",
    )
    port: int | None = strawberry.field(
        default=None,
        description="TCP port of the clone's main program, 1-65535. Null: a free one.",
    )
    backup_id: strawberry.ID | None = strawberry.field(
        default=None,
        description="Id of a backup of the instance, from which the clone's configuration and data come. Null: the present ones.",
    )
    force: bool = strawberry.field(
        default=False,
        description="Whether to take the backup also if it is of another version, which may not be able to use its data.",
    )


async def _upgrade(
    info: Info,
    input: Annotated[UpgradeInstanceInput, strawberry.argument(description="The instance and the version.")],
) -> DeploymentPayload | None:
    command = upgrades.upgrade(
        info.context.ctx, input.id, input.version, accept_terms=input.accept_terms, force=input.force
    )
    return deployment_payload(await info.context.complete(command), UPGRADING, info)


async def _rollback(
    info: Info,
    input: Annotated[RollbackInstanceInput, strawberry.argument(description="The instance.")],
) -> DeploymentPayload | None:
    command = upgrades.rollback(info.context.ctx, input.id)
    return deployment_payload(await info.context.complete(command), ROLLING_BACK, info)


async def _clone(
    info: Info,
    input: Annotated[CloneInstanceInput, strawberry.argument(description="The instance and the clone.")],
) -> DeploymentPayload | None:
    command = upgrades.clone(
        info.context.ctx,
        input.id,
        input.name,
        path=input.path,
        port=input.port,
        backup_id=input.backup_id,
        force=input.force,
    )
    return deployment_payload(await info.context.complete(command), CLONING, info)


@strawberry.type
class UpgradeMutation:
    upgrade_instance: DeploymentPayload | None = strawberry.mutation(
        resolver=_upgrade,
        description="Installs another version of an instance: builds it beside the present one, which keeps running, then "
        "switches over. If the new version does not become ready, the present one is restored automatically. Follow it with "
        "`deploymentProgress`. Null only with an error: `INSTANCE_NOT_FOUND`, `VERSION_NOT_FOUND`, "
        "`INSTANCE_ALREADY_RUNNING` while another deployment of it is in progress, `INSUFFICIENT_SPACE`, `DOWNLOAD_FAILED`, "
        "`DUPLICATE_RESOURCE` for the version that it has already, `INVALID_PARAMETER` with the field `force` for an older one, "
        "`SERVICE_UNAVAILABLE` if it is not completely installed or is being cloned, "
        "`PERMISSION_DENIED` for a folder that this program did not deploy.",
    )
    rollback_instance: DeploymentPayload | None = strawberry.mutation(
        resolver=_rollback,
        description="Restores the version that the last upgrade replaced, with its configuration and data of that time; the "
        "present version is kept in turn. Null only with an error: `RESOURCE_NOT_FOUND` if there is no such version, or the "
        "errors of `upgradeInstance`.",
    )
    clone_instance: DeploymentPayload | None = strawberry.mutation(
        resolver=_clone,
        description="Clones an instance with its configuration and data, the present ones or those of a backup; the clone has its own ports and Python environment and "
        "is not started. The instance may be running. Null only with an error: `INSTANCE_NOT_FOUND`, `SERVICE_UNAVAILABLE`, "
        "`RESOURCE_NOT_FOUND` for the backup, `INVALID_PARAMETER` with the field `force` for one of another version, or the errors of "
        "`deployInstance`.",
    )
