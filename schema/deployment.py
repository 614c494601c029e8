"""Deployments: status, result, and progress as it happens."""

from collections.abc import AsyncGenerator
from enum import Enum
from typing import Annotated, cast

import strawberry

from mailauncher.errors import Text
from resolvers import deployments, views
from schema.context import Info
from schema.descriptions import LANGUAGE, InstanceId
from schema.scalars import Instant


@strawberry.enum(description="Status of a deployment. REST has the same values in lower case.")
class DeploymentStatus(Enum):
    PENDING = strawberry.enum_value("pending", description="Waiting for other deployments.")
    INSTALLING = strawberry.enum_value("installing", description="In progress.")
    COMPLETED = strawberry.enum_value("completed", description="Finished successfully.")
    FAILED = strawberry.enum_value(
        "failed", description="Failed, see `failure`; `retryDeployment` continues it."
    )
    CANCELLED = strawberry.enum_value(
        "cancelled", description="Cancelled on request; everything it had created was removed."
    )


@strawberry.enum(description="What a deployment does.")
class DeploymentKind(Enum):
    DEPLOY = strawberry.enum_value("deploy", description="Installs a new instance.")
    CLONE = strawberry.enum_value(
        "clone", description="Creates an instance with the configuration and data of another."
    )
    UPGRADE = strawberry.enum_value("upgrade", description="Changes the version of an existing instance.")
    SERVICES = strawberry.enum_value(
        "services",
        description="Adds services to an instance that was installed without them, see `retryDeployment`.",
    )


@strawberry.enum(description="A step of a deployment, in order of execution.")
class DeploymentStep(Enum):
    CHECK = strawberry.enum_value("check", description="Checks tools, disk space and the target folder.")
    FETCH = strawberry.enum_value("fetch", description="Downloads the bot.")
    ENVIRONMENT = strawberry.enum_value("environment", description="Creates a Python environment.")
    DEPENDENCIES = strawberry.enum_value("dependencies", description="Installs the required packages.")
    SERVICES = strawberry.enum_value("services", description="Installs the services.")
    STOP = strawberry.enum_value("stop", description="Stops the instance; upgrades only.")
    CONFIGURE = strawberry.enum_value("configure", description="Writes configuration, ports and consent.")
    REGISTER = strawberry.enum_value(
        "register", description="Moves everything into place and registers the instance."
    )
    START = strawberry.enum_value("start", description="Starts the instance, if requested.")


def _service_message(service: strawberry.Parent[views.ComponentProgress], info: Info) -> str:
    return service.message.in_language(info.context.language)


@strawberry.type(description="Progress of one service of a deployment.")
class ServiceProgress:
    name: str = strawberry.field(description="Name of the service, such as `napcat`.")
    status: DeploymentStatus = strawberry.field(description="Status of its installation.")
    progress: int = strawberry.field(description="Progress, 0-100; never decreases.")
    message: str = strawberry.field(resolver=_service_message, description=f"Current activity, {LANGUAGE}.")


def _reason(failure: strawberry.Parent[views.DeploymentFailure], info: Info) -> str:
    return failure.text.in_language(info.context.language)


@strawberry.type(description="Why a deployment failed.")
class DeploymentFailure:
    step: DeploymentStep | None = strawberry.field(
        description="The step that failed. Null: it failed before the first step."
    )
    code: str = strawberry.field(
        description="`DOWNLOAD_FAILED`, `VERSION_NOT_FOUND`, `INSUFFICIENT_SPACE`, `INVALID_PATH`, `DEPLOYMENT_FAILED` or "
        "another error code."
    )
    message: str = strawberry.field(resolver=_reason, description=f"Cause and solution, {LANGUAGE}.")
    last_lines: list[str] = strawberry.field(
        description="Last output of the command that failed; empty if there was no output or no command."
    )


@strawberry.type(description="One step of a deployment.")
class StepProgress:
    step: DeploymentStep = strawberry.field(description="The step.")
    progress: int = strawberry.field(description="Its finished share, 0-100; never decreases.")
    seconds: float | None = strawberry.field(description="How long it took. Null: it is not complete.")


@strawberry.type(description="How long something is likely to take.")
class Estimate:
    least_s: int = strawberry.field(description="Seconds that it takes at least.")
    most_s: int = strawberry.field(description="Seconds that it takes at most, if nothing hangs.")


def _message(deployment: strawberry.Parent[views.DeploymentView], info: Info) -> str:
    return deployment.message.in_language(info.context.language)


def _sentences(texts: tuple[Text, ...], info: Info) -> list[str]:
    return [text.in_language(info.context.language) for text in texts]


def _logs(deployment: strawberry.Parent[views.DeploymentView], info: Info) -> list[str]:
    return _sentences(deployment.logs, info)


def _todo(deployment: strawberry.Parent[views.DeploymentView], info: Info) -> list[str]:
    return _sentences(deployment.todo, info)


def _commit(deployment: strawberry.Parent[views.DeploymentView]) -> str | None:
    return deployment.commit or None


@strawberry.type(description="The newest deployment, clone or upgrade of an instance.")
class Deployment:
    instance_id: strawberry.ID = strawberry.field(
        description="Id of the instance, which no longer exists after a cancelled deployment."
    )
    name: str = strawberry.field(description="Name of the instance.")
    kind: DeploymentKind = strawberry.field(description="What it does.")
    status: DeploymentStatus = strawberry.field(description="Status of the deployment.")
    progress: int = strawberry.field(
        description="Progress, 0-100, weighted by the duration of steps; never decreases, 100 only when `COMPLETED`."
    )
    step: DeploymentStep | None = strawberry.field(
        description="Current step, or the one that failed. Null before the first and after the last one."
    )
    message: str = strawberry.field(
        resolver=_message, description=f"Current activity, or the result, {LANGUAGE}."
    )
    version: str = strawberry.field(
        description="Tag or branch; for `latest` the tag it meant at the time of the request."
    )
    commit: str | None = strawberry.field(
        resolver=_commit, description="Commit, 40 hexadecimal digits. Null until it is checked out."
    )
    logs: list[str] = strawberry.field(
        resolver=_logs,
        description=f"Log messages, {LANGUAGE}: the last {deployments.LOGS_KEPT}, oldest first.",
    )
    services: list[ServiceProgress] = strawberry.field(description="Services to install.")
    created_at: Instant = strawberry.field(description="Time of the request.")
    ended_at: Instant | None = strawberry.field(
        description="Time when it ended, successfully or not. Null: in progress."
    )
    failure: DeploymentFailure | None = strawberry.field(
        description="Why it failed, or, if it is `COMPLETED`, why the bot that it installed and started does not work: the step `START`, "
        "with `COMMAND_FAILED` if it ended, `INCOMPLETE` if it waits for an answer in its terminal, was not ready in time, or its web "
        "page does not answer; or why it lacks a service, which `retryDeployment` adds. Null: nothing went wrong."
    )
    todo: list[str] = strawberry.field(
        resolver=_todo,
        description=f"What the user has to do next, such as entering keys, {LANGUAGE}. Empty: nothing.",
    )
    cursor: int = strawberry.field(
        description="Cursor of this state: pass it as `after` to `deploymentProgress` to follow from here."
    )
    steps: list[StepProgress] = strawberry.field(
        description="All of its steps, in their order. Empty: its plan cannot be read."
    )
    active_at: Instant | None = strawberry.field(
        description="Time when it last got on: of one that is in progress and has not for minutes, something is slow or "
        "hangs. Null: it has not begun."
    )
    remaining: Estimate | None = strawberry.field(
        description="How much longer it was likely to take at `activeAt`, from what its steps recently took on this machine, else "
        "from typical values. Null: it waits for others, or has ended."
    )


def from_view(view: views.DeploymentView) -> Deployment:
    """The view serves as the type: it has the attributes that fields without a resolver read."""
    return cast(Deployment, view)


def _log(update: strawberry.Parent[views.DeploymentUpdate], info: Info) -> list[str]:
    return _sentences(update.log, info)


@strawberry.type(description="Progress of a deployment.")
class DeploymentUpdate:
    cursor: int = strawberry.field(description="Pass it as `after` to resume from here.")
    at: Instant = strawberry.field(description="Time of this update, by the server's clock.")
    deployment: Deployment = strawberry.field(description="The deployment in its current state.")
    log: list[str] = strawberry.field(
        resolver=_log, description=f"New log messages since the previous update, {LANGUAGE}."
    )


async def _deployment(info: Info, instance_id: InstanceId) -> Deployment | None:
    return from_view(await deployments.get(info.context.ctx, instance_id))


async def _deployments(info: Info) -> list[Deployment]:
    return cast(list[Deployment], await deployments.list_all(info.context.ctx))


@strawberry.type
class DeploymentQuery:
    deployment: Deployment | None = strawberry.field(
        resolver=_deployment,
        description="The newest deployment of an instance, including cancelled ones. Null only with an error: "
        "`INSTANCE_NOT_FOUND`, or `RESOURCE_NOT_FOUND` if the instance was added and not deployed.",
    )
    deployments: list[Deployment] = strawberry.field(
        resolver=_deployments,
        description="The newest deployment of each instance, including cancelled ones, in the order they started.",
    )


def _progress(
    info: Info,
    instance_id: InstanceId,
    after: Annotated[
        int | None,
        strawberry.argument(
            description="Cursor of the last update seen. Null: start at the beginning, with all log messages that are kept."
        ),
    ] = None,
) -> AsyncGenerator[DeploymentUpdate, None]:
    return cast(
        AsyncGenerator[DeploymentUpdate, None],
        deployments.progress(info.context.ctx, instance_id, info.context.resumed(after)),
    )


@strawberry.type
class DeploymentSubscription:
    deployment_progress: AsyncGenerator[DeploymentUpdate, None] = strawberry.subscription(
        resolver=_progress,
        description="The current state of a deployment, then each progress; completes when the deployment has ended. For a "
        "slow subscriber, updates are merged, but no log message is lost. Resume with the last `cursor`.",
    )
