"""Configuration files of an instance: their content and their revisions."""

from collections.abc import Awaitable
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, cast

import msgspec
import strawberry

from bots.documents.errors import DocumentSyntaxError
from bots.documents.file import LIMIT_BYTES
from mailauncher.errors import InvalidParameter, LauncherError
from resolvers import config_diffs, configuration
from resolvers.configuration import ConfigEntry, ConfigView
from resolvers.views import InstanceView
from schema.context import Info
from schema.descriptions import MESSAGE, InstanceId
from schema.scalars import LONG_MAX, Instant, Json
from store.revisions import REVISIONS_KEPT, REVISIONS_KEPT_BYTES, Revision

FileName = Annotated[
    str, strawberry.argument(description="Name of the file: `bot`, `env` or another of `configFiles`.")
]
SECRETS = "Secrets are included, since it is meant for editing."


@strawberry.enum(description="Format of a configuration file.")
class ConfigKind(Enum):
    TOML = strawberry.enum_value("toml", description="TOML.")
    JSON = strawberry.enum_value("json", description="JSON with an object at the top.")
    ENV = strawberry.enum_value("env", description="`NAME=value` lines, as python-dotenv reads them.")


@strawberry.enum(description="Who wrote a revision of a configuration file.")
class ConfigSource(Enum):
    API = strawberry.enum_value("api", description="A client, through this server.")
    DISK = strawberry.enum_value(
        "disk",
        description="The bot or an editor; noticed at the next access, and whenever the bot starts or has got ready.",
    )
    RESTORE = strawberry.enum_value("restore", description="A client that restored an earlier revision.")
    DEPLOY = strawberry.enum_value("deploy", description="A deployment.")


def revision_number(id: str | None, field: str) -> int | None:
    """Raises InvalidParameter."""
    if id is None:
        return None
    if not (id.isascii() and id.isdecimal() and len(id) < 17) or int(id) > LONG_MAX:
        raise InvalidParameter("修订版编号无效", "Invalid revision id", field=field)
    return int(id)


# Fields of a revision


def _id(revision: strawberry.Parent[Revision]) -> strawberry.ID:
    return strawberry.ID(str(revision.number))


def _hash(revision: strawberry.Parent[Revision]) -> str:
    return revision.hash


async def _diff(
    revision: strawberry.Parent[Revision],
    info: Info,
    against: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="Revision to compare with. Null: the previous one."),
    ] = None,
) -> str | None:
    other = revision_number(against, "against")
    ctx = info.context.ctx
    return await config_diffs.of_revision(ctx, revision.instance_id, revision.file, revision.number, other)


async def _revision_text(revision: strawberry.Parent[Revision], info: Info) -> str | None:
    ctx = info.context.ctx
    return await configuration.revision_text(ctx, revision.instance_id, revision.file, revision.number)


@strawberry.type(description="A revision of a configuration file.")
class ConfigRevision:
    id: strawberry.ID = strawberry.field(
        resolver=_id, description="A number, increasing from revision to revision."
    )
    at: Instant = strawberry.field(description="Time when it was written, or noticed.")
    source: ConfigSource = strawberry.field(description="Who wrote it.")
    caller: str = strawberry.field(
        description="Interface that was used: `rest`, `graphql` or `cli`; for changes without a request, the source."
    )
    etag: str = strawberry.field(resolver=_hash, description="Identifies the content.")
    size: int = strawberry.field(description="Size in bytes.")
    diff: str | None = strawberry.field(
        resolver=_diff,
        description=f"Its changes: a unified diff of at most {config_diffs.DIFF_LINES} lines, secrets hidden. Null only with "
        "an error: `RESOURCE_NOT_FOUND` if the revision has been deleted since.",
    )
    text: str | None = strawberry.field(
        resolver=_revision_text,
        description=f"The content. {SECRETS} Null only with an error: `INVALID_PARAMETER` if it is not UTF-8.",
    )


# Fields of a file


@dataclass(frozen=True, slots=True)
class Problem:
    """A syntax error, in the caller's language."""

    message: str
    line: int | None
    column: int | None


@strawberry.type(description="A syntax error in a configuration file.")
class ConfigProblem:
    message: str = strawberry.field(description=MESSAGE)
    line: int | None = strawberry.field(description="Line, from 1. Null: unknown.")
    column: int | None = strawberry.field(description="Column, from 1. Null: unknown.")


def problem_of(error: LauncherError, info: Info) -> ConfigProblem:
    line, column = (error.line, error.column) if isinstance(error, DocumentSyntaxError) else (None, None)
    return cast(ConfigProblem, Problem(error.text.in_language(info.context.language), line, column))


def _name(file: strawberry.Parent[ConfigEntry | ConfigView]) -> str:
    return file.location.name


def _path(file: strawberry.Parent[ConfigEntry | ConfigView]) -> str:
    return file.location.path


def _kind(file: strawberry.Parent[ConfigEntry | ConfigView]) -> ConfigKind:
    return ConfigKind(file.location.kind)


def _component(file: strawberry.Parent[ConfigEntry | ConfigView]) -> str:
    return file.location.component


def _restart(file: strawberry.Parent[ConfigEntry | ConfigView]) -> bool:
    return file.location.restart


@strawberry.type(description="A configuration file that an instance has or may have.")
class ConfigFileEntry:
    name: str = strawberry.field(
        resolver=_name,
        description="`bot`, `lpmm`, `env`, or the name in its recipe; unique in the instance.",
    )
    path: str = strawberry.field(
        resolver=_path, description="Path, relative to the folder of the instance or the service."
    )
    kind: ConfigKind = strawberry.field(resolver=_kind, description="Format of the file.")
    component: str = strawberry.field(
        resolver=_component, description="Program it belongs to: `main` or the name of a service."
    )
    exists: bool = strawberry.field(description="Whether it exists. The first change creates a missing file.")
    restart: bool = strawberry.field(
        resolver=_restart,
        description="Whether changes take effect only after a restart of the program. Changes of ports always do.",
    )


async def _config(file: strawberry.Parent[ConfigView], info: Info) -> Json | None:
    return Json(msgspec.json.encode(await configuration.content(info.context.ctx, file)).decode())


async def _problem(file: strawberry.Parent[ConfigView], info: Info) -> ConfigProblem | None:
    try:
        await configuration.content(info.context.ctx, file)
    except InvalidParameter as error:
        return problem_of(error, info)
    return None


async def _revisions(
    file: strawberry.Parent[ConfigView],
    info: Info,
    first: Annotated[
        int, strawberry.argument(description=f"Maximum number of revisions, 1-{configuration.PAGE_LIMIT}.")
    ] = 20,
    before: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="Only revisions older than this one. Null: start with the newest."),
    ] = None,
) -> list[ConfigRevision] | None:
    location, older = file.location, revision_number(before, "before")
    found = await configuration.history(info.context.ctx, location.instance_id, location.name, first, older)
    return cast(list[ConfigRevision], found)


async def _diff_since_start(file: strawberry.Parent[ConfigView], info: Info) -> str | None:
    return await config_diffs.since_start(info.context.ctx, file)


@strawberry.type(description="A configuration file and its content at one moment.")
class ConfigFile(ConfigFileEntry):
    etag: str = strawberry.field(
        description="Identifies the content, like the ETag of REST. Pass it as `ifMatch` to change only the content you have seen."
    )
    text: str = strawberry.field(description=f"The content; empty for a missing file. {SECRETS}")
    config: Json | None = strawberry.field(
        resolver=_config,
        description=f"The content as JSON; dates are ISO 8601 strings. {SECRETS} Null only with an error: `INVALID_PARAMETER` "
        "with `line` and `column` in its extensions for a syntax error.",
    )
    problem: ConfigProblem | None = strawberry.field(
        resolver=_problem, description="Syntax error in the content. Null: none."
    )
    revisions: list[ConfigRevision] | None = strawberry.field(
        resolver=_revisions,
        description=f"Its revisions, newest first; the first is the current one. At most {REVISIONS_KEPT}, "
        f"together {REVISIONS_KEPT_BYTES >> 20} MiB, are kept. Null only with an error: `INVALID_PARAMETER`.",
    )
    diff_since_start: str | None = strawberry.field(
        resolver=_diff_since_start,
        description="What has changed since the start of the program that it belongs to: a unified diff of at most "
        f"{config_diffs.DIFF_LINES} lines, secrets hidden; empty for no change. Null: the program does not run.",
    )


# The files that every instance has, as fields of it


def _bot(instance: strawberry.Parent[InstanceView], info: Info) -> Awaitable[ConfigFile | None]:
    return cast(Awaitable[ConfigFile | None], info.context.loaders.config_files.load((instance.id, "bot")))


def _lpmm(instance: strawberry.Parent[InstanceView], info: Info) -> Awaitable[ConfigFile | None]:
    return cast(Awaitable[ConfigFile | None], info.context.loaders.config_files.load((instance.id, "lpmm")))


def _env(instance: strawberry.Parent[InstanceView], info: Info) -> Awaitable[ConfigFile | None]:
    return cast(Awaitable[ConfigFile | None], info.context.loaders.config_files.load((instance.id, "env")))


_NULL = (
    "Null only with an error: `INVALID_PATH` if it is not a file or leads outside the instance's folder, "
    "`INVALID_PARAMETER` if it is not UTF-8, `FILE_TOO_LARGE`, `PERMISSION_DENIED`."
)


@strawberry.type(
    description="The configuration files that every instance has. `configFiles` lists all that an instance has."
)
class InstanceConfig:
    bot: ConfigFile | None = strawberry.field(
        resolver=_bot, graphql_type=ConfigFile | None, description=f"The bot's configuration. {_NULL}"
    )
    lpmm: ConfigFile | None = strawberry.field(
        resolver=_lpmm, graphql_type=ConfigFile | None, description=f"The LPMM configuration. {_NULL}"
    )
    env: ConfigFile | None = strawberry.field(
        resolver=_env, graphql_type=ConfigFile | None, description=f"The environment variables. {_NULL}"
    )


def config_of(instance: strawberry.Parent[InstanceView]) -> InstanceConfig:
    """The instance serves as its configuration: the fields ask for files by its id."""
    return cast(InstanceConfig, instance)


def from_view(view: ConfigView) -> ConfigFile:
    """The view serves as the type: it has the attributes that fields without a resolver read."""
    return cast(ConfigFile, view)


async def _files(info: Info, instance_id: InstanceId) -> list[ConfigFileEntry] | None:
    return cast(list[ConfigFileEntry], await configuration.list_of(info.context.ctx, instance_id))


async def _file(info: Info, instance_id: InstanceId, name: FileName) -> ConfigFile | None:
    return from_view(await configuration.read(info.context.ctx, instance_id, name))


async def _revision(
    info: Info,
    instance_id: InstanceId,
    name: FileName,
    id: Annotated[strawberry.ID, strawberry.argument(description="Id of the revision.")],
) -> ConfigRevision | None:
    number = revision_number(id, "id")
    assert number is not None
    found, _ = await configuration.revision(info.context.ctx, instance_id, name, number)
    return cast(ConfigRevision, found)


async def _check(
    info: Info,
    instance_id: InstanceId,
    name: FileName,
    text: Annotated[str, strawberry.argument(description="The content to check.")],
) -> ConfigProblem | None:
    error = await configuration.problem(info.context.ctx, instance_id, name, text)
    return None if error is None else problem_of(error, info)


@strawberry.type
class ConfigQuery:
    config_files: list[ConfigFileEntry] | None = strawberry.field(
        resolver=_files,
        description="Configuration files of an instance and its services: those of its version, and others that exist. Null only with an error: "
        "`INSTANCE_NOT_FOUND`.",
    )
    config_file: ConfigFile | None = strawberry.field(
        resolver=_file,
        description="One configuration file. Null only with an error: `INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`, "
        "`INVALID_PATH` if it is not a file or leads outside the instance's folder, `INVALID_PARAMETER` if it is not UTF-8, "
        f"`FILE_TOO_LARGE` beyond {LIMIT_BYTES >> 20} MiB, `PERMISSION_DENIED`.",
    )
    config_revision: ConfigRevision | None = strawberry.field(
        resolver=_revision,
        description="A revision of a configuration file. Null only with an error: `INSTANCE_NOT_FOUND`, "
        "`RESOURCE_NOT_FOUND`, `INVALID_PARAMETER`.",
    )
    check_config_text: ConfigProblem | None = strawberry.field(
        resolver=_check,
        description="Checks a text without writing it: its syntax error. Null: none, or with an error `INSTANCE_NOT_FOUND`, "
        "`RESOURCE_NOT_FOUND`.",
    )
