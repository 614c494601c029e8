"""What a command on the version of a bot would do, before it is given."""

from typing import Annotated, cast

import strawberry

from mailauncher.errors import Text
from resolvers import folder_preview, previews, views
from resolvers.folder_preview import FolderPreview as FolderView
from resolvers.folder_preview import FoundProgram as ProgramView
from resolvers.previews import DeploymentPreview as DeploymentView
from resolvers.previews import UpgradePreview as UpgradeView
from schema.context import Info
from schema.deployment import Estimate
from schema.deployment_commands import DeployInstanceInput, new_deployment
from schema.descriptions import LANGUAGE, VERSION, InstanceId
from schema.instance_commands import AddInstanceInput, new_instance
from schema.scalars import Long

COMMIT = "Commit, 40 hexadecimal digits. Null: a branch, or a bot that is included in this program."
NEEDED = "Bytes that the installation needs, approximately."
FREE = "Bytes that are free on the disk of that folder; 0 if that cannot be known, which is one of the `problems`."
PROBLEMS = "Why the command would be refused as things are now. Empty: it would not be."
FIELDS = {"install_services": "services"}
"""Fields of inputs that the resolvers call otherwise."""


def _message(problem: strawberry.Parent[views.Problem], info: Info) -> str:
    return problem.text.in_language(info.context.language)


def _field(problem: strawberry.Parent[views.Problem]) -> str | None:
    return FIELDS.get(problem.field, problem.field) if problem.field else None


@strawberry.type(description="Why a command would be refused.")
class Problem:
    code: str = strawberry.field(description="The error code that the command would have.")
    message: str = strawberry.field(resolver=_message, description=f"Cause and solution, {LANGUAGE}.")
    field: str | None = strawberry.field(
        resolver=_field, description="The field of the command's input that causes it. Null: no single one."
    )
    port: int | None = strawberry.field(
        description="The port that is taken. Null: another cause, or no certain port."
    )


@strawberry.type(description="A port that a program will get.")
class PlannedPort:
    name: str = strawberry.field(
        description="`main`, the name of a service, or what a further port is called, such as `webui` or `napcat.ws`."
    )
    port: int = strawberry.field(description="TCP port, 1-65535.")


def _ports(preview: strawberry.Parent[DeploymentView]) -> list[PlannedPort]:
    return [PlannedPort(name=name, port=port) for name, port in preview.ports.items()]


def _commit(preview: strawberry.Parent[DeploymentView | UpgradeView]) -> str | None:
    return preview.commit or None


@strawberry.type(description="What `deployInstance` would do.")
class DeploymentPreview:
    name: str = strawberry.field(description="The given name; if none was given, one that is free.")
    path: str = strawberry.field(description="Absolute path of the folder.")
    version: str = strawberry.field(description="Tag or branch; for `latest` the tag it means.")
    commit: str | None = strawberry.field(resolver=_commit, description=COMMIT)
    ports: list[PlannedPort] = strawberry.field(
        resolver=_ports,
        description="The ports of all programs, the main program's first. If one that was given is taken, a free one in its "
        "place.",
    )
    space_needed: Long = strawberry.field(description=NEEDED)
    space_free: Long = strawberry.field(description=FREE)
    duration: Estimate = strawberry.field(description="How long it is likely to take.")
    problems: list[Problem] = strawberry.field(description=PROBLEMS)


def _sentences(texts: tuple[Text, ...], info: Info) -> list[str]:
    return [text.in_language(info.context.language) for text in texts]


def _todo(preview: strawberry.Parent[UpgradeView], info: Info) -> list[str]:
    return _sentences(preview.todo, info)


@strawberry.type(description="What `upgradeInstance` would do.")
class UpgradePreview:
    version: str = strawberry.field(description="Tag or branch; for `latest` the tag it means.")
    commit: str | None = strawberry.field(resolver=_commit, description=COMMIT)
    space_needed: Long = strawberry.field(description=NEEDED)
    space_free: Long = strawberry.field(description=FREE)
    duration: Estimate = strawberry.field(description="How long it is likely to take.")
    downtime: Estimate | None = strawberry.field(
        description="How long the bot is likely not to run. Null: it does not run now."
    )
    terms: list[str] = strawberry.field(
        description="Names of the texts of `consent` for that version that are not accepted yet: new or changed ones."
    )
    todo: list[str] = strawberry.field(
        resolver=_todo, description=f"What the user has to do afterwards, {LANGUAGE}. Empty: nothing."
    )
    problems: list[Problem] = strawberry.field(description=PROBLEMS)


def _port(program: strawberry.Parent[ProgramView]) -> int | None:
    return program.port or None


def _command(program: strawberry.Parent[ProgramView]) -> str | None:
    return program.command or None


def _title(program: strawberry.Parent[ProgramView], info: Info) -> str:
    return program.title.in_language(info.context.language)


def _why_not(program: strawberry.Parent[ProgramView], info: Info) -> str | None:
    return program.problem.in_language(info.context.language) if program.problem else None


@strawberry.type(description="A program that was found in a folder.")
class FoundProgram:
    name: str = strawberry.field(description="`main`, or the name of a service.")
    title: str = strawberry.field(resolver=_title, description=f"Display name, {LANGUAGE}.")
    path: str = strawberry.field(description="Absolute path of its folder.")
    port: int | None = strawberry.field(
        resolver=_port,
        description="TCP port in its configuration, else its usual one. Null: it listens on none.",
    )
    command: str | None = strawberry.field(
        resolver=_command,
        description="Command that would run it. Null: there is nothing to run, see `problem`.",
    )
    problem: str | None = strawberry.field(
        resolver=_why_not, description=f"Why it could not be run, {LANGUAGE}. Null: it could."
    )


def _remarks(preview: strawberry.Parent[FolderView], info: Info) -> list[str]:
    return _sentences(preview.remarks, info)


@strawberry.type(description="What `addInstance` would find in a folder.")
class FolderPreview:
    path: str = strawberry.field(description="Absolute path of the folder, links resolved.")
    name: str = strawberry.field(
        description="The given name; if none was given, one that is free, made of the folder's."
    )
    recipe: str = strawberry.field(description="Name of the recipe that fits it, such as `maibot`.")
    version: str = strawberry.field(
        description="Version of the bot, from its git tag or `pyproject.toml`; `unknown` if neither has one."
    )
    programs: list[FoundProgram] = strawberry.field(description="What was found, the main program first.")
    remarks: list[str] = strawberry.field(
        resolver=_remarks, description=f"What to know before the first start, {LANGUAGE}. Empty: nothing."
    )
    problems: list[Problem] = strawberry.field(description=PROBLEMS)


async def _deployment(
    info: Info,
    input: Annotated[
        DeployInstanceInput,
        strawberry.argument(description="What would be deployed. An empty `name`: one that is free."),
    ],
) -> DeploymentPreview | None:
    view = await previews.of_deployment(info.context.ctx, new_deployment(input))
    return cast(DeploymentPreview, view)


async def _upgrade(
    info: Info,
    id: InstanceId,
    version: Annotated[str, strawberry.argument(description=VERSION)] = "latest",
) -> UpgradePreview | None:
    return cast(UpgradePreview, await previews.of_upgrade(info.context.ctx, id, version))


async def _folder(
    info: Info,
    input: Annotated[
        AddInstanceInput,
        strawberry.argument(description="What would be added. An empty `name`: one that is free."),
    ],
) -> FolderPreview | None:
    return cast(FolderPreview, await folder_preview.of_folder(info.context.ctx, new_instance(input)))


@strawberry.type
class PreviewQuery:
    deploy_preview: DeploymentPreview | None = strawberry.field(
        resolver=_deployment,
        description="What `deployInstance` would do, as of now; nothing is changed or reserved. Null only with an error: "
        "`INVALID_PARAMETER` for a bot or service that cannot be deployed, `VERSION_NOT_FOUND`, `DOWNLOAD_FAILED`, `PORT_IN_USE` "
        "if no port is free.",
    )
    upgrade_preview: UpgradePreview | None = strawberry.field(
        resolver=_upgrade,
        description="What `upgradeInstance` would do, as of now; nothing is changed. Null only with an error: `INSTANCE_NOT_FOUND`, "
        "`SERVICE_UNAVAILABLE`, `INSTANCE_ALREADY_RUNNING` while a deployment of it is in progress, `INVALID_PARAMETER`, "
        "`VERSION_NOT_FOUND`, `DOWNLOAD_FAILED`.",
    )
    add_preview: FolderPreview | None = strawberry.field(
        resolver=_folder,
        description="What `addInstance` would find, as of now; nothing is changed or run. Null only with an error: `INVALID_PATH`.",
    )
