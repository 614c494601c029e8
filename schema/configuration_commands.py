"""Commands to configuration files: merge, set, unset, write, restore."""

from typing import Annotated, Any

import strawberry

from mailauncher.errors import InvalidParameter, Text
from resolvers import configuration
from resolvers.configuration import ConfigChange
from schema.configuration import ConfigFile, revision_number, shown
from schema.context import Info
from schema.instance_commands import MESSAGE
from schema.scalars import Json

CHANGED = Text("配置已更新", "The configuration was changed")
RESTART = Text(
    "配置已更新，重启后生效", "The configuration was changed; restart the instance for it to count"
)
SAME = Text("配置没有变化", "There was nothing to change")
IF_MATCH = "The `etag` that the file must have, else `CONFLICT`. Null: changes of others are kept and this one added."
ERRORS = (
    "`INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`, `INVALID_PARAMETER`, `INVALID_PATH`, `CONFLICT`, `PORT_IN_USE` for a port "
    "that another program has, `FILE_TOO_LARGE`, `INSUFFICIENT_SPACE`, `PERMISSION_DENIED`. After an error the file is what "
    "it was."
)
PATH = 'Keys and, in arrays, indices from 0: `["api", "hosts", "0"]`.'


@strawberry.type(description="A configuration file after a command.")
class ConfigPayload:
    file: ConfigFile = strawberry.field(description="The file as it is now.")
    changed: bool = strawberry.field(description="Whether anything was written.")
    changed_keys: list[str] = strawberry.field(
        description="Dotted names of what changed; an array counts as a whole."
    )
    restart_needed: bool = strawberry.field(
        description="Whether the program runs now and must be restarted for the change to count."
    )
    message: str = strawberry.field(description=MESSAGE)


@strawberry.input(description="Which configuration file, and in which state.")
class ConfigTargetInput:
    instance_id: strawberry.ID = strawberry.field(description="Whose file it is.")
    name: str = strawberry.field(description="Its name: `bot`, `env` or another of `configFiles`.")
    if_match: str | None = strawberry.field(default=None, description=IF_MATCH)


@strawberry.input(description="What is to be merged into a configuration file.")
class MergeConfigInput(ConfigTargetInput):
    patch: Json = strawberry.field(
        description="An object: tables are merged key by key, arrays and scalars replaced, null removes a key and may not "
        "stand in an array."
    )


@strawberry.input(description="A value of a configuration file that is to be set.")
class SetConfigValueInput(ConfigTargetInput):
    path: list[str] = strawberry.field(description=f"{PATH} What is missing on the way is made.")
    value: Json | None = strawberry.field(description="The value. Null is one in JSON files alone.")


@strawberry.input(description="A value of a configuration file that is to be removed.")
class UnsetConfigValueInput(ConfigTargetInput):
    path: list[str] = strawberry.field(description=f"{PATH} What is not there is no error.")


@strawberry.input(description="A whole text for a configuration file.")
class WriteConfigTextInput(ConfigTargetInput):
    text: str = strawberry.field(description="At most 4 MiB. One that cannot be read is refused.")


@strawberry.input(description="A revision of a configuration file that is to be put back.")
class RestoreConfigInput(ConfigTargetInput):
    revision: strawberry.ID = strawberry.field(description="Which revision; it is put back byte for byte.")


def _expected(target: ConfigTargetInput) -> frozenset[str] | None:
    return None if target.if_match is None else frozenset({target.if_match})


def _payload(change: ConfigChange, info: Info) -> ConfigPayload:
    text = RESTART if change.restart_needed else CHANGED if change.changed else SAME
    return ConfigPayload(
        file=shown(change.view),
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
    return _payload(await info.context.carry_out(work), info)


async def _set(
    info: Info,
    input: Annotated[
        SetConfigValueInput, strawberry.argument(description="The file, the place and the value.")
    ],
) -> ConfigPayload | None:
    work = configuration.set_value(
        info.context.ctx, input.instance_id, input.name, input.path, input.value, _expected(input)
    )
    return _payload(await info.context.carry_out(work), info)


async def _unset(
    info: Info,
    input: Annotated[UnsetConfigValueInput, strawberry.argument(description="The file and the place.")],
) -> ConfigPayload | None:
    work = configuration.unset(info.context.ctx, input.instance_id, input.name, input.path, _expected(input))
    return _payload(await info.context.carry_out(work), info)


async def _write(
    info: Info,
    input: Annotated[WriteConfigTextInput, strawberry.argument(description="The file and its text.")],
) -> ConfigPayload | None:
    work = configuration.write_text(
        info.context.ctx, input.instance_id, input.name, input.text, _expected(input)
    )
    return _payload(await info.context.carry_out(work), info)


async def _restore(
    info: Info,
    input: Annotated[RestoreConfigInput, strawberry.argument(description="The file and the revision.")],
) -> ConfigPayload | None:
    number = revision_number(input.revision, "revision")
    assert number is not None
    work = configuration.restore(info.context.ctx, input.instance_id, input.name, number, _expected(input))
    return _payload(await info.context.carry_out(work), info)


@strawberry.type
class ConfigMutation:
    merge_config: ConfigPayload | None = strawberry.mutation(
        resolver=_merge,
        description=f"Merges an object into a configuration file; everything else in it stays byte for byte. Null only "
        f"together with an error: {ERRORS}",
    )
    set_config_value: ConfigPayload | None = strawberry.mutation(
        resolver=_set,
        description=f"Sets one value; everything else stays byte for byte. Null only together with an error: {ERRORS}",
    )
    unset_config_value: ConfigPayload | None = strawberry.mutation(
        resolver=_unset,
        description=f"Removes one value; everything else stays byte for byte. Null only together with an error: {ERRORS}",
    )
    write_config_text: ConfigPayload | None = strawberry.mutation(
        resolver=_write,
        description=f"Replaces the whole text. Null only together with an error, which has `line` and `column` in its "
        f"extensions for a text that cannot be read: {ERRORS}",
    )
    restore_config: ConfigPayload | None = strawberry.mutation(
        resolver=_restore,
        description=f"Puts back what a configuration file held once. Null only together with an error: {ERRORS}",
    )
