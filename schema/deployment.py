"""Deployments: how far they are, how they ended, and their progress as it happens."""

from collections.abc import AsyncGenerator
from enum import Enum
from typing import Annotated, cast

import strawberry

from mailauncher.errors import Text
from resolvers import deployments, views
from schema.context import Info
from schema.scalars import Instant

InstanceId = Annotated[strawberry.ID, strawberry.argument(description="The instance that is deployed.")]
SENTENCE = "in the language that `Accept-Language` asks for"


@strawberry.enum(description="How far a deployment is. REST has the same words in lower case.")
class DeploymentStatus(Enum):
    PENDING = strawberry.enum_value("pending", description="It waits for others to end.")
    INSTALLING = strawberry.enum_value("installing", description="It is being worked on.")
    COMPLETED = strawberry.enum_value("completed", description="All of it was done.")
    FAILED = strawberry.enum_value(
        "failed", description="It stopped, `failure` says why; `retryDeployment` goes on."
    )
    CANCELLED = strawberry.enum_value(
        "cancelled", description="Somebody ended it; what it had made was removed."
    )


@strawberry.enum(description="What a deployment makes.")
class DeploymentKind(Enum):
    DEPLOY = strawberry.enum_value("deploy", description="A new instance.")
    CLONE = strawberry.enum_value(
        "clone", description="A new instance with the configuration and data of another."
    )
    UPGRADE = strawberry.enum_value("upgrade", description="Another version of an instance that stands.")


@strawberry.enum(description="A part of a deployment, in the order in which they come.")
class DeploymentStep(Enum):
    CHECK = strawberry.enum_value("check", description="Looks whether tools, room and place are there.")
    FETCH = strawberry.enum_value("fetch", description="Gets the bot's files.")
    ENVIRONMENT = strawberry.enum_value("environment", description="Makes a Python environment.")
    DEPENDENCIES = strawberry.enum_value("dependencies", description="Installs the packages that it needs.")
    SERVICES = strawberry.enum_value("services", description="Installs the services.")
    STOP = strawberry.enum_value("stop", description="Stops the instance; an upgrade's alone.")
    CONFIGURE = strawberry.enum_value("configure", description="Writes configuration, ports and consent.")
    REGISTER = strawberry.enum_value("register", description="Puts everything into its place.")
    START = strawberry.enum_value("start", description="Starts the instance, where that was asked for.")


def _service_message(service: strawberry.Parent[views.ComponentProgress], info: Info) -> str:
    return service.message.in_language(info.context.language)


@strawberry.type(description="How far one service of a deployment is.")
class ServiceProgress:
    name: str = strawberry.field(description="The service's name, such as `napcat`.")
    status: DeploymentStatus = strawberry.field(description="How far it is, in a word.")
    progress: int = strawberry.field(description="How far it is, 0-100; it never falls.")
    message: str = strawberry.field(
        resolver=_service_message, description=f"What is done to it now, {SENTENCE}."
    )


def _reason(failure: strawberry.Parent[views.DeploymentFailure], info: Info) -> str:
    return failure.text.in_language(info.context.language)


@strawberry.type(description="Why a deployment failed.")
class DeploymentFailure:
    step: DeploymentStep | None = strawberry.field(
        description="The step that failed. Null: it failed before its first one."
    )
    code: str = strawberry.field(
        description="`DOWNLOAD_FAILED`, `VERSION_NOT_FOUND`, `INSUFFICIENT_SPACE`, `INVALID_PATH`, `DEPLOYMENT_FAILED` or "
        "another error code."
    )
    message: str = strawberry.field(resolver=_reason, description=f"The cause and the way out, {SENTENCE}.")
    last_lines: list[str] = strawberry.field(
        description="What the command that failed printed last; empty when it printed nothing or there was none."
    )


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
        description="The instance; after a cancelled deployment there is none of this id any more."
    )
    name: str = strawberry.field(description="The instance's name.")
    kind: DeploymentKind = strawberry.field(description="What it makes.")
    status: DeploymentStatus = strawberry.field(description="How far it is, in a word.")
    progress: int = strawberry.field(
        description="How far it is, 0-100, by the time that steps take; it never falls, and is 100 only when `COMPLETED`."
    )
    step: DeploymentStep | None = strawberry.field(
        description="The step that it is at or failed in. Null before the first one and after the last."
    )
    message: str = strawberry.field(
        resolver=_message, description=f"What it does now, or how it ended, {SENTENCE}."
    )
    version: str = strawberry.field(
        description="The tag or branch that is installed; what `latest` stood for when it was asked for."
    )
    commit: str | None = strawberry.field(
        resolver=_commit, description="The commit, 40 hex digits. Null until it was checked out."
    )
    logs: list[str] = strawberry.field(
        resolver=_logs,
        description=f"What was done so far, a sentence each, {SENTENCE}: the last 1000, oldest first.",
    )
    services: list[ServiceProgress] = strawberry.field(description="The services that come with it.")
    created_at: Instant = strawberry.field(description="When it was asked for.")
    ended_at: Instant | None = strawberry.field(
        description="When it ended, however that was. Null until then."
    )
    failure: DeploymentFailure | None = strawberry.field(
        description="Why it failed. Null unless it is `FAILED`."
    )
    todo: list[str] = strawberry.field(
        resolver=_todo,
        description=f"What is left for the user to do, such as keys to enter, {SENTENCE}. Empty: nothing.",
    )
    cursor: int = strawberry.field(
        description="How far this goes: give it as `after` to `deploymentProgress` to follow from here."
    )


def shown(view: views.DeploymentView) -> Deployment:
    """The view stands for the type: it has the attributes that plain fields read."""
    return cast(Deployment, view)


def _log(update: strawberry.Parent[views.DeploymentUpdate], info: Info) -> list[str]:
    return _sentences(update.log, info)


@strawberry.type(description="A deployment has come further.")
class DeploymentUpdate:
    cursor: int = strawberry.field(description="Give it as `after` to go on from here.")
    deployment: Deployment = strawberry.field(description="The deployment as it is now.")
    log: list[str] = strawberry.field(
        resolver=_log, description=f"The sentences that are new since the update before, {SENTENCE}."
    )


async def _deployment(info: Info, instance_id: InstanceId) -> Deployment | None:
    return shown(await deployments.get(info.context.ctx, instance_id))


async def _deployments(info: Info) -> list[Deployment]:
    return cast(list[Deployment], await deployments.list_all(info.context.ctx))


@strawberry.type
class DeploymentQuery:
    deployment: Deployment | None = strawberry.field(
        resolver=_deployment,
        description="The newest deployment of an instance, cancelled ones included. Null only together with an error: "
        "`INSTANCE_NOT_FOUND`, or `RESOURCE_NOT_FOUND` for one that was added as it stood.",
    )
    deployments: list[Deployment] = strawberry.field(
        resolver=_deployments,
        description="The newest deployment of each instance, cancelled ones included, in the order they began.",
    )


def _progress(
    info: Info,
    instance_id: InstanceId,
    after: Annotated[
        int | None,
        strawberry.argument(
            description="Cursor of an update seen before. Null: from the beginning, with all sentences that are kept."
        ),
    ] = None,
) -> AsyncGenerator[DeploymentUpdate, None]:
    return cast(
        AsyncGenerator[DeploymentUpdate, None], deployments.progress(info.context.ctx, instance_id, after)
    )


@strawberry.type
class DeploymentSubscription:
    deployment_progress: AsyncGenerator[DeploymentUpdate, None] = strawberry.subscription(
        resolver=_progress,
        description="A deployment as it is now, then each time it has come further; completes when it has ended. Steps that "
        "a slow subscriber has not fetched are joined, sentences are never left out. Resume with the last `cursor`.",
    )
