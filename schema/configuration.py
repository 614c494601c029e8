"""Configuration files: what an instance has, what they hold, and what they have held."""

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, cast

import msgspec
import strawberry

from mailauncher.bots.documents.broken import BrokenText
from mailauncher.errors import InvalidParameter, LauncherError
from mailauncher.store.revisions import Revision
from resolvers import configuration
from resolvers.configuration import ConfigEntry, ConfigView
from schema.context import Info
from schema.instance import InstanceId
from schema.scalars import GREATEST, Instant, Json

FileName = Annotated[
    str, strawberry.argument(description="Its name: `bot`, `env` or another of `configFiles`.")
]
SHOWN = "Secrets stand in it as they are: it is meant to be edited."


@strawberry.enum(description="How a configuration file is written.")
class ConfigKind(Enum):
    TOML = strawberry.enum_value("toml", description="TOML.")
    JSON = strawberry.enum_value("json", description="JSON, an object.")
    ENV = strawberry.enum_value("env", description="`NAME=value` lines, as python-dotenv reads them.")


@strawberry.enum(description="Who wrote what a configuration file held.")
class ConfigSource(Enum):
    API = strawberry.enum_value("api", description="Somebody, through this server.")
    DISK = strawberry.enum_value("disk", description="The bot or an editor; it was noticed at the next look.")
    RESTORE = strawberry.enum_value("restore", description="Somebody who put an earlier revision back.")
    DEPLOY = strawberry.enum_value("deploy", description="A deployment.")


def revision_number(id: str | None, field: str) -> int | None:
    """Raises InvalidParameter."""
    if id is None:
        return None
    if not id.isascii() or not id.isdecimal() or int(id) > GREATEST:
        raise InvalidParameter("修订版编号无效", "That is no id of a revision", field=field)
    return int(id)


# What a revision has


def _id(revision: strawberry.Parent[Revision]) -> strawberry.ID:
    return strawberry.ID(str(revision.number))


def _hash(revision: strawberry.Parent[Revision]) -> str:
    return revision.hash


async def _diff(
    revision: strawberry.Parent[Revision],
    info: Info,
    against: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="Compare with this revision. Null: the one before."),
    ] = None,
) -> str | None:
    other = revision_number(against, "against")
    ctx = info.context.ctx
    return await configuration.diff(ctx, revision.instance_id, revision.file, revision.number, other)


async def _revision_text(revision: strawberry.Parent[Revision], info: Info) -> str | None:
    ctx = info.context.ctx
    return await configuration.revision_text(ctx, revision.instance_id, revision.file, revision.number)


@strawberry.type(description="What a configuration file held once.")
class ConfigRevision:
    id: strawberry.ID = strawberry.field(resolver=_id, description="A number; later ones are greater.")
    at: Instant = strawberry.field(description="When it was written, or noticed.")
    source: ConfigSource = strawberry.field(description="Who wrote it.")
    caller: str = strawberry.field(
        description="The front door that was asked: `rest`, `graphql`; for what nobody asked for, the source."
    )
    etag: str = strawberry.field(resolver=_hash, description="Names its content.")
    size: int = strawberry.field(description="Its length in bytes.")
    diff: str | None = strawberry.field(
        resolver=_diff,
        description="What it changed: a unified diff of at most 2000 lines, secrets hidden. Null only together with an "
        "error: `RESOURCE_NOT_FOUND` where it has been dropped meanwhile.",
    )
    text: str | None = strawberry.field(
        resolver=_revision_text,
        description=f"The whole of it. {SHOWN} Null only together with an error: `INVALID_PARAMETER` where it is not UTF-8.",
    )


# What a file has


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a text cannot be read, in the caller's language."""

    message: str
    line: int | None
    column: int | None


@strawberry.type(description="Why a text is no configuration file.")
class ConfigProblem:
    message: str = strawberry.field(description="One sentence for people, in the caller's language.")
    line: int | None = strawberry.field(description="Line, from 1. Null: it has no single place.")
    column: int | None = strawberry.field(description="Column, from 1. Null: it has no single place.")


def _problem_of(error: LauncherError, info: Info) -> ConfigProblem:
    line, column = (error.line, error.column) if isinstance(error, BrokenText) else (None, None)
    return cast(ConfigProblem, Problem(error.text.in_language(info.context.language), line, column))


def _name(file: strawberry.Parent[ConfigEntry | ConfigView]) -> str:
    return file.place.name


def _path(file: strawberry.Parent[ConfigEntry | ConfigView]) -> str:
    return file.place.path


def _kind(file: strawberry.Parent[ConfigEntry | ConfigView]) -> ConfigKind:
    return ConfigKind(file.place.kind)


def _component(file: strawberry.Parent[ConfigEntry | ConfigView]) -> str:
    return file.place.component


def _restart(file: strawberry.Parent[ConfigEntry | ConfigView]) -> bool:
    return file.place.restart


@strawberry.type(description="A configuration file that an instance has, or could have.")
class ConfigFileEntry:
    name: str = strawberry.field(
        resolver=_name,
        description="`bot`, `lpmm`, `env` or as its recipe names it; unique in the instance.",
    )
    path: str = strawberry.field(
        resolver=_path, description="Where it is, below the instance's folder or the service's."
    )
    kind: ConfigKind = strawberry.field(resolver=_kind, description="How it is written.")
    component: str = strawberry.field(
        resolver=_component, description="The program whose it is: `main` or a service's name."
    )
    exists: bool = strawberry.field(
        description="Whether it is there. A missing one is made by the first change."
    )
    restart: bool = strawberry.field(
        resolver=_restart,
        description="Whether changes count only after a restart of the program. Ports always need one.",
    )


async def _config(file: strawberry.Parent[ConfigView]) -> Json | None:
    return Json(msgspec.json.encode(await asyncio.to_thread(file.config)).decode())


async def _problem(file: strawberry.Parent[ConfigView], info: Info) -> ConfigProblem | None:
    try:
        await asyncio.to_thread(file.config)
    except InvalidParameter as error:
        return _problem_of(error, info)
    return None


async def _revisions(
    file: strawberry.Parent[ConfigView],
    info: Info,
    first: Annotated[int, strawberry.argument(description="How many at most, 1-100.")] = 20,
    before: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="Only those older than this one. Null: from the newest on."),
    ] = None,
) -> list[ConfigRevision] | None:
    place, older = file.place, revision_number(before, "before")
    found = await configuration.history(info.context.ctx, place.instance_id, place.name, first, older)
    return cast(list[ConfigRevision], found)


@strawberry.type(description="A configuration file and what it holds at one moment.")
class ConfigFile(ConfigFileEntry):
    etag: str = strawberry.field(
        description="Names the content. Give it as `ifMatch` to change only what you have seen; it is REST's ETag."
    )
    text: str = strawberry.field(description=f"The whole text; empty for a missing file. {SHOWN}")
    config: Json | None = strawberry.field(
        resolver=_config,
        description=f"The text as JSON; dates are ISO 8601. {SHOWN} Null only together with an error: `INVALID_PARAMETER` "
        "with `line` and `column` in its extensions for a broken text.",
    )
    problem: ConfigProblem | None = strawberry.field(
        resolver=_problem, description="Why the text cannot be read. Null: it can."
    )
    revisions: list[ConfigRevision] | None = strawberry.field(
        resolver=_revisions,
        description="What it has held, newest first; the first is what it holds. At most 100 of 20 MiB together are kept. "
        "Null only together with an error: `INVALID_PARAMETER`.",
    )


def shown(view: ConfigView) -> ConfigFile:
    """The view stands for the type: it has the attributes that plain fields read."""
    return cast(ConfigFile, view)


async def _files(info: Info, instance_id: InstanceId) -> list[ConfigFileEntry] | None:
    return cast(list[ConfigFileEntry], await configuration.list_of(info.context.ctx, instance_id))


async def _file(info: Info, instance_id: InstanceId, name: FileName) -> ConfigFile | None:
    return shown(await configuration.read(info.context.ctx, instance_id, name))


async def _revision(
    info: Info,
    instance_id: InstanceId,
    name: FileName,
    id: Annotated[strawberry.ID, strawberry.argument(description="Which revision.")],
) -> ConfigRevision | None:
    number = revision_number(id, "id")
    assert number is not None
    found, _ = await configuration.revision(info.context.ctx, instance_id, name, number)
    return cast(ConfigRevision, found)


async def _check(
    info: Info,
    instance_id: InstanceId,
    name: FileName,
    text: Annotated[str, strawberry.argument(description="What would be written.")],
) -> ConfigProblem | None:
    error = await configuration.problem(info.context.ctx, instance_id, name, text)
    return None if error is None else _problem_of(error, info)


@strawberry.type
class ConfigQuery:
    config_files: list[ConfigFileEntry] | None = strawberry.field(
        resolver=_files,
        description="The configuration files of an instance and of its services. Null only together with an error: "
        "`INSTANCE_NOT_FOUND`.",
    )
    config_file: ConfigFile | None = strawberry.field(
        resolver=_file,
        description="One configuration file. Null only together with an error: `INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`, "
        "`INVALID_PATH` for what is no file or leads out of the instance's folder, `INVALID_PARAMETER` for what is not "
        "UTF-8, `FILE_TOO_LARGE` beyond 4 MiB, `PERMISSION_DENIED`.",
    )
    config_revision: ConfigRevision | None = strawberry.field(
        resolver=_revision,
        description="What a configuration file held once. Null only together with an error: `INSTANCE_NOT_FOUND`, "
        "`RESOURCE_NOT_FOUND`, `INVALID_PARAMETER`.",
    )
    check_config_text: ConfigProblem | None = strawberry.field(
        resolver=_check,
        description="Why a text could not be written into a configuration file. Null: it could, or together with an error "
        "`INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`.",
    )
