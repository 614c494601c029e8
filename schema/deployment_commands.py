"""Commands to deployments: deploy, cancel, try again, accept the terms."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import strawberry

from mailauncher.errors import LauncherError, Text
from resolvers import deployments
from resolvers.instances import NewService
from resolvers.views import DeploymentView, Outcome
from schema import deployment, instance
from schema.context import Info
from schema.deployment import Deployment
from schema.instance import Instance
from schema.instance_commands import MESSAGE, InstancePayload, payload

ACCEPTED = Text("已接受用户协议与隐私条款", "The licence and privacy terms are accepted")
BEGUN = Text("部署已开始", "The deployment has begun")
CANCELLED = Text("部署已取消", "The deployment was cancelled")
RETRIED = Text("部署继续进行", "The deployment goes on")


@strawberry.type(description="A deployment after a command.")
class DeploymentPayload:
    deployment: Deployment = strawberry.field(description="The deployment as it is now.")
    instance: Instance | None = strawberry.field(
        description="Its instance as it is now. Null: it is gone with a cancelled deployment."
    )
    message: str = strawberry.field(description=MESSAGE)


@strawberry.input(description="A service that is to be deployed with a bot.")
class DeployServiceInput:
    name: str = strawberry.field(description="One of `deployServices`, such as `napcat` or `nonebot-ada`.")
    port: int | None = strawberry.field(
        default=None,
        description="The TCP port that it listens on, 1-65535. Null: a free one, its usual one if that is free.",
    )


@strawberry.input(description="A new instance that is to be installed.")
class DeployInstanceInput:
    name: str = strawberry.field(
        description="1-64 characters: letters of any script, digits, `-`, `_`, `.`, space (not at its ends). Unique."
    )
    path: str | None = strawberry.field(
        default=None,
        description="A folder that does not exist yet or is empty: an absolute path, or one from `~`, the workspace. "
        "Null: a folder of the instance's name in the workspace.",
    )
    port: int | None = strawberry.field(
        default=None,
        description="The TCP port that its main program listens on, 1-65535. Null: a free one, from its recipe's usual one up.",
    )
    version: str = strawberry.field(
        default="latest",
        description="One of `deployVersions`: a tag, a branch, or `latest`, the newest stable tag.",
    )
    services: list[DeployServiceInput] | None = strawberry.field(
        default=None, description="The services that come with it, each once. Null: none."
    )
    auto_start: bool = strawberry.field(
        default=False, description="Whether it is started at the end; that needs `acceptTerms`."
    )
    accept_terms: bool = strawberry.field(
        default=False,
        description="Whether the user has read and accepted the texts of `consent`. Without that nothing is started, and "
        "`acceptTerms` can do it later.",
    )
    recipe: str = strawberry.field(default="maibot", description="Which bot: one of `deployRecipes`.")


@strawberry.input(description="The deployment that is to be cancelled.")
class CancelDeploymentInput:
    instance_id: strawberry.ID = strawberry.field(description="The instance that is deployed.")


@strawberry.input(description="The failed deployment that is to go on.")
class RetryDeploymentInput:
    instance_id: strawberry.ID = strawberry.field(description="The instance that is deployed.")


@strawberry.input(description="The instance whose terms the user has read and accepted.")
class AcceptTermsInput:
    instance_id: strawberry.ID = strawberry.field(description="Which instance.")


def answered(view: DeploymentView, message: Text, info: Info) -> DeploymentPayload:
    fleet = info.context.ctx.fleet
    there = instance.shown(fleet.view(view.instance_id)) if view.instance_id in fleet else None
    return DeploymentPayload(
        deployment=deployment.shown(view),
        instance=there,
        message=message.in_language(info.context.language),
    )


async def _deploy(
    info: Info,
    input: Annotated[DeployInstanceInput, strawberry.argument(description="What to install, and where.")],
) -> DeploymentPayload | None:
    new = deployments.NewDeployment(
        name=input.name,
        path=input.path,
        port=input.port,
        version=input.version,
        services=tuple(NewService(service.name, port=service.port) for service in input.services or ()),
        auto_start=input.auto_start,
        accept_terms=input.accept_terms,
        recipe=input.recipe,
    )
    with _named_as_here():
        view = await info.context.carry_out(deployments.deploy(info.context.ctx, new))
    return answered(view, BEGUN, info)


@contextmanager
def _named_as_here() -> Iterator[None]:
    """The services at fault have the name that this input gives them."""
    try:
        yield
    except LauncherError as error:
        if error.field == "install_services":
            error.field = "services"
        raise


async def _cancel(
    info: Info,
    input: Annotated[CancelDeploymentInput, strawberry.argument(description="Which deployment.")],
) -> DeploymentPayload | None:
    view = await info.context.carry_out(deployments.cancel(info.context.ctx, input.instance_id))
    return answered(view, CANCELLED, info)


async def _retry(
    info: Info,
    input: Annotated[RetryDeploymentInput, strawberry.argument(description="Which deployment.")],
) -> DeploymentPayload | None:
    view = await info.context.carry_out(deployments.retry(info.context.ctx, input.instance_id))
    return answered(view, RETRIED, info)


async def _accept_terms(
    info: Info,
    input: Annotated[AcceptTermsInput, strawberry.argument(description="Which instance.")],
) -> InstancePayload | None:
    view = await info.context.carry_out(deployments.accept_terms(info.context.ctx, input.instance_id))
    return payload(Outcome(view, ACCEPTED), info)


@strawberry.type
class DeploymentMutation:
    deploy_instance: DeploymentPayload | None = strawberry.mutation(
        resolver=_deploy,
        description="Installs a new instance. Answers once everything that can be checked was checked; the work goes on, see "
        "`deploymentProgress`. Null only together with an error: `INVALID_PARAMETER`, `VERSION_NOT_FOUND`, `DOWNLOAD_FAILED`, "
        "`INVALID_PATH`, `INSUFFICIENT_SPACE`, `PORT_IN_USE`, `DUPLICATE_RESOURCE`.",
    )
    cancel_deployment: DeploymentPayload | None = strawberry.mutation(
        resolver=_cancel,
        description="Ends a deployment and removes what it has made, the instance too; an upgraded one stays as it was. Null "
        "only together with an error: `INSTANCE_NOT_FOUND`, `INSTANCE_NOT_RUNNING` when no deployment is under way.",
    )
    retry_deployment: DeploymentPayload | None = strawberry.mutation(
        resolver=_retry,
        description="Goes on with a failed deployment from where it stopped. Null only together with an error: "
        "`INSTANCE_NOT_FOUND`, `INSTANCE_ALREADY_RUNNING` while it is under way, `INVALID_PARAMETER` where nothing failed.",
    )
    accept_terms: InstancePayload | None = strawberry.mutation(
        resolver=_accept_terms,
        description="Records that the user has read and accepted the bot's licence and privacy texts, as `consent` shows them; "
        "it can be started then. Null only together with an error: `INSTANCE_NOT_FOUND`, `INVALID_PATH`.",
    )
