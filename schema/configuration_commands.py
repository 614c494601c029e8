"""Commands on configuration files: merge, set, unset, write, restore."""

from typing import Annotated, Any

import strawberry

from bots.documents.file import LIMIT_BYTES
from bots.documents.values import DEPTH
from mailauncher.errors import InvalidParameter, Text
from resolvers import configuration
from resolvers.configuration import ConfigChange
from schema.configuration import ConfigFile, from_view, revision_number
from schema.context import Info
from schema.descriptions import INSTANCE_ID, MESSAGE
from schema.scalars import Json

CHANGED = Text("配置已更新", "The configuration was updated")
RESTART = Text("配置已更新，重启后生效", "The configuration was updated; restart the instance to apply it")
SAME = Text("配置没有变化", "The configuration is unchanged")
IF_MATCH = "The `etag` that the file must have, else `CONFLICT`. Null: the change is applied to whatever the file contains."
ERRORS = (
    "`INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`, `INVALID_PARAMETER`, `INVALID_PATH`, `CONFLICT`, `PORT_IN_USE` for a port "
    "of another program, `FILE_TOO_LARGE`, `INSUFFICIENT_SPACE`, `PERMISSION_DENIED`, `SERVICE_UNAVAILABLE` if too many changes of the instance wait. After an error the file is unchanged."
)
PATH = f'Path of keys and, in arrays, indices from 0: `["api", "hosts", "0"]`. At most {DEPTH} steps.'


@strawberry.type(description="Result of a command on a configuration file.")
class ConfigPayload:
    file: ConfigFile = strawberry.field(description="The file after the command.")
    changed: bool = strawberry.field(description="Whether anything was written.")
    changed_keys: list[str] = strawberry.field(
        description="Dotted names of the changed keys; an array counts as one key."
    )
    restart_needed: bool = strawberry.field(
        description="Whether the program is running and must be restarted to apply the change."
    )
    message: str = strawberry.field(description=MESSAGE)


@strawberry.input(description="A configuration file and its expected state.")
class ConfigTargetInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    name: str = strawberry.field(description="Name of the file: `bot`, `env` or another of `configFiles`.")
    if_match: str | None = strawberry.field(default=None, description=IF_MATCH)


@strawberry.input(description="An object to merge into a configuration file.")
class MergeConfigInput(ConfigTargetInput):
    patch: Json = strawberry.field(
        description="An object: tables are merged key by key, arrays and scalars replaced; null removes a key and is not "
        "allowed in arrays."
    )


@strawberry.input(description="A value to set in a configuration file.")
class SetConfigValueInput(ConfigTargetInput):
    path: list[str] = strawberry.field(description=f"{PATH} Missing tables are created.")
    value: Json | None = strawberry.field(description="The value. Null is allowed in JSON files only.")


@strawberry.input(description="A value to remove from a configuration file.")
class UnsetConfigValueInput(ConfigTargetInput):
    path: list[str] = strawberry.field(description=f"{PATH} A missing value is not an error.")


@strawberry.input(description="The new content of a configuration file.")
class WriteConfigTextInput(ConfigTargetInput):
    text: str = strawberry.field(
        description=f"The content, at most {LIMIT_BYTES >> 20} MiB. One with a syntax error is refused."
    )


@strawberry.input(description="A revision of a configuration file to restore.")
class RestoreConfigInput(ConfigTargetInput):
    revision: strawberry.ID = strawberry.field(
        description="Id of the revision; it is restored byte for byte."
    )


def _expected(target: ConfigTargetInput) -> frozenset[str] | None:
    return None if target.if_match is None else frozenset({target.if_match})


def _payload(change: ConfigChange, info: Info) -> ConfigPayload:
    text = RESTART if change.restart_needed else CHANGED if change.changed else SAME
    return ConfigPayload(
        file=from_view(change.view),
        changed=change.changed,
        changed_keys=list(change.keys),
        restart_needed=change.restart_needed,
        message=text.in_language(info.context.language),
    )


def _object(patch: Any) -> dict[str, Any]:
    if not isinstance(patch, dict):
        raise InvalidParameter("patch 应为对象", "patch must be an object", field="patch")
    return patch


async def _merge(
    info: Info, input: Annotated[MergeConfigInput, strawberry.argument(description="The file and the patch.")]
) -> ConfigPayload | None:
    work = configuration.merge(
        info.context.ctx, input.instance_id, input.name, _object(input.patch), _expected(input)
    )
    return _payload(await info.context.complete(work), info)


async def _set(
    info: Info,
    input: Annotated[
        SetConfigValueInput, strawberry.argument(description="The file, the path and the value.")
    ],
) -> ConfigPayload | None:
    work = configuration.set_value(
        info.context.ctx, input.instance_id, input.name, input.path, input.value, _expected(input)
    )
    return _payload(await info.context.complete(work), info)


async def _unset(
    info: Info,
    input: Annotated[UnsetConfigValueInput, strawberry.argument(description="The file and the path.")],
) -> ConfigPayload | None:
    work = configuration.unset(info.context.ctx, input.instance_id, input.name, input.path, _expected(input))
    return _payload(await info.context.complete(work), info)


async def _write(
    info: Info,
    input: Annotated[WriteConfigTextInput, strawberry.argument(description="The file and its content.")],
) -> ConfigPayload | None:
    work = configuration.write_text(
        info.context.ctx, input.instance_id, input.name, input.text, _expected(input)
    )
    return _payload(await info.context.complete(work), info)


async def _restore(
    info: Info,
    input: Annotated[RestoreConfigInput, strawberry.argument(description="The file and the revision.")],
) -> ConfigPayload | None:
    number = revision_number(input.revision, "revision")
    assert number is not None
    work = configuration.restore(info.context.ctx, input.instance_id, input.name, number, _expected(input))
    return _payload(await info.context.complete(work), info)


@strawberry.type
class ConfigMutation:
    merge_config: ConfigPayload | None = strawberry.mutation(
        resolver=_merge,
        description=f"Merges an object into a configuration file; everything else stays byte for byte. Null only "
        f"with an error: {ERRORS}",
    )
    set_config_value: ConfigPayload | None = strawberry.mutation(
        resolver=_set,
        description=f"Sets one value; everything else stays byte for byte. Null only with an error: {ERRORS}",
    )
    unset_config_value: ConfigPayload | None = strawberry.mutation(
        resolver=_unset,
        description=f"Removes one value; everything else stays byte for byte. Null only with an error: {ERRORS}",
    )
    write_config_text: ConfigPayload | None = strawberry.mutation(
        resolver=_write,
        description=f"Replaces the whole content. Null only with an error, which has `line` and `column` in its "
        f"extensions for a syntax error: {ERRORS}",
    )
    restore_config: ConfigPayload | None = strawberry.mutation(
        resolver=_restore,
        description=f"Restores a revision of a configuration file. Null only with an error: {ERRORS}",
    )
