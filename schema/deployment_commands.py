"""Commands on deployments: deploy, cancel, retry, accept the terms."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import strawberry

from mailauncher.errors import LauncherError, Text
from resolvers import deployments
from resolvers.instances import SERVICES_LIMIT, NewService
from resolvers.views import CommandOutcome, DeploymentView
from schema import deployment, instance
from schema.context import Info
from schema.deployment import Deployment
from schema.descriptions import INSTANCE_ID, MESSAGE, NAME, NEW_FOLDER, VERSION
from schema.instance import Instance
from schema.instance_commands import InstancePayload, instance_payload

ACCEPTED = Text("已接受用户协议与隐私条款", "The licence and privacy terms were accepted")
STARTED = Text("部署已开始", "The deployment has started")
CANCELLED = Text("部署已取消", "The deployment was cancelled")
RETRIED = Text("部署继续进行", "The deployment continues")


@strawberry.type(description="Result of a command on a deployment.")
class DeploymentPayload:
    deployment: Deployment = strawberry.field(description="The deployment after the command.")
    instance: Instance | None = strawberry.field(
        description="The instance after the command. Null: it was removed with a cancelled deployment."
    )
    message: str = strawberry.field(description=MESSAGE)


@strawberry.input(description="A service to deploy with a bot.")
class DeployServiceInput:
    name: str = strawberry.field(description="One of `deployServices`, such as `napcat` or `nonebot-ada`.")
    port: int | None = strawberry.field(
        default=None,
        description="TCP port it listens on, 1-65535. Null: the default of its recipe if free, else another free one.",
    )


@strawberry.input(description="A new instance to deploy.")
class DeployInstanceInput:
    name: str = strawberry.field(description=NAME)
    path: str | None = strawberry.field(
        default=None,
        description=f"{NEW_FOLDER} Null: a folder in the workspace, named like the instance.",
    )
    port: int | None = strawberry.field(
        default=None,
        description="TCP port of the main program, 1-65535. Null: the first free one from the default of its recipe upwards.",
    )
    version: str = strawberry.field(
        default="latest",
        description=VERSION,
    )
    services: list[DeployServiceInput] | None = strawberry.field(
        default=None,
        description=f"Services to install with it, at most {SERVICES_LIMIT}, each once. Null: none.",
    )
    auto_start: bool = strawberry.field(
        default=False,
        description="Whether to start it when the deployment is complete; requires `acceptTerms`.",
    )
    accept_terms: bool = strawberry.field(
        default=False,
        description="Whether the user has read and accepted the texts of `consent`. Otherwise nothing is started, until the "
        "mutation `acceptTerms`.",
    )
    recipe: str = strawberry.field(
        default="maibot", description="Name of the bot's recipe, one of `deployRecipes`."
    )


@strawberry.input(description="The deployment to cancel.")
class CancelDeploymentInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)


@strawberry.input(description="The failed deployment to continue.")
class RetryDeploymentInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)


@strawberry.input(description="The instance whose terms the user has read and accepted.")
class AcceptTermsInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)


def deployment_payload(view: DeploymentView, message: Text, info: Info) -> DeploymentPayload:
    live = info.context.ctx.live
    there = instance.from_view(live.view(view.instance_id)) if view.instance_id in live else None
    return DeploymentPayload(
        deployment=deployment.from_view(view),
        instance=there,
        message=message.in_language(info.context.language),
    )


def new_deployment(input: DeployInstanceInput) -> deployments.NewDeployment:
    return deployments.NewDeployment(
        name=input.name,
        path=input.path,
        port=input.port,
        version=input.version,
        services=tuple(NewService(service.name, port=service.port) for service in input.services or ()),
        auto_start=input.auto_start,
        accept_terms=input.accept_terms,
        recipe=input.recipe,
    )


async def _deploy(
    info: Info,
    input: Annotated[DeployInstanceInput, strawberry.argument(description="The instance to deploy.")],
) -> DeploymentPayload | None:
    with _with_field_names():
        view = await info.context.complete(deployments.deploy(info.context.ctx, new_deployment(input)))
    return deployment_payload(view, STARTED, info)


@contextmanager
def _with_field_names() -> Iterator[None]:
    """Errors name the field as this input does."""
    try:
        yield
    except LauncherError as error:
        if error.field == "install_services":
            error.field = "services"
        raise


async def _cancel(
    info: Info,
    input: Annotated[CancelDeploymentInput, strawberry.argument(description="The deployment.")],
) -> DeploymentPayload | None:
    view = await info.context.complete(deployments.cancel(info.context.ctx, input.instance_id))
    return deployment_payload(view, CANCELLED, info)


async def _retry(
    info: Info,
    input: Annotated[RetryDeploymentInput, strawberry.argument(description="The deployment.")],
) -> DeploymentPayload | None:
    view = await info.context.complete(deployments.retry(info.context.ctx, input.instance_id))
    return deployment_payload(view, RETRIED, info)


async def _accept_terms(
    info: Info,
    input: Annotated[AcceptTermsInput, strawberry.argument(description="The instance.")],
) -> InstancePayload | None:
    view = await info.context.complete(deployments.accept_terms(info.context.ctx, input.instance_id))
    return instance_payload(CommandOutcome(view, ACCEPTED), info)


@strawberry.type
class DeploymentMutation:
    deploy_instance: DeploymentPayload | None = strawberry.mutation(
        resolver=_deploy,
        description="Deploys a new instance. Responds once all checks that are possible in advance have passed and continues "
        "in the background, see `deploymentProgress`. Null only with an error: `INVALID_PARAMETER`, `VERSION_NOT_FOUND`, `DOWNLOAD_FAILED`, "
        "`INVALID_PATH`, `INSUFFICIENT_SPACE`, `PORT_IN_USE`, `DUPLICATE_RESOURCE`.",
    )
    cancel_deployment: DeploymentPayload | None = strawberry.mutation(
        resolver=_cancel,
        description="Cancels a deployment and removes everything it has created, including the instance; after a cancelled "
        "upgrade the instance is unchanged. Null only with an error: `INSTANCE_NOT_FOUND`, `INSTANCE_NOT_RUNNING` if no "
        "deployment is in progress.",
    )
    retry_deployment: DeploymentPayload | None = strawberry.mutation(
        resolver=_retry,
        description="Continues a failed deployment from the step that failed; for an instance that was installed without some "
        "service, also after upgrades of it, adds that service alone, while the bot may run. Null only with an error: `INSTANCE_NOT_FOUND`, `INSTANCE_ALREADY_RUNNING` while "
        "it is in progress, `INVALID_PARAMETER` if nothing failed; for a service also `DOWNLOAD_FAILED`, `INSUFFICIENT_SPACE`, "
        "`PORT_IN_USE` if another program has its port meanwhile.",
    )
    accept_terms: InstancePayload | None = strawberry.mutation(
        resolver=_accept_terms,
        description="Records that the user has read and accepted the bot's licence and privacy texts, see `consent`, so that "
        "it can be started. Null only with an error: `INSTANCE_NOT_FOUND`, `INVALID_PATH`.",
    )
