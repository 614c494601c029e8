"""The SSH gateway, and the keys that may log in there."""

from enum import Enum
from typing import Annotated, cast

import strawberry

from mailauncher.errors import Text
from mailauncher.grants import Scope
from resolvers import ssh_keys
from resolvers.ssh_keys import LIST_LIMIT, NAME_CHARACTERS, Unchanged
from schema.context import Info
from schema.descriptions import MESSAGE
from schema.scalars import Instant

ADDED = Text("密钥已受信任", "The key is trusted")
EDITED = Text("密钥的权限已保存", "What the key may do was saved")
EDITED_UNSTORED = Text(
    "密钥的权限已减少。数据库现在无法写入，稍后才会记下；若在那之前重新启动服务器，密钥会有原来的权限",
    "The key may do less now. The database cannot be written at present, and this will be recorded later: if the server is started "
    "anew before, the key may do again what it could",
)
REMOVED = Text("密钥已撤销", "The key was revoked")
REMOVED_UNSTORED = Text(
    "密钥已撤销。数据库现在无法写入，稍后才会记下；若在那之前重新启动服务器，密钥会再次有效",
    "The key was revoked. The database cannot be written at present, and this will be recorded later: if the server is started anew "
    "before, the key is trusted again",
)
_NAME = f"Name of the key, unique, at most {NAME_CHARACTERS} characters."


@strawberry.enum(description="What a key may do. Each scope includes those before it.")
class SshScope(Enum):
    READ = strawberry.enum_value("read", description="Looks only.")
    OPERATE = strawberry.enum_value("operate", description="Also types into terminals, starts and stops.")
    ADMIN = strawberry.enum_value("admin", description="Everything.")


@strawberry.type(description="A public key that may log in over SSH, or one whose certificates may.")
class SshKey:
    name: str = strawberry.field(description=_NAME)
    key: str = strawberry.field(description="The public key: type and base64.")
    fingerprint: str = strawberry.field(description="Its fingerprint, as `ssh-keygen -l` prints it.")
    authority: bool = strawberry.field(
        description="Whether it signs certificates instead of logging in itself."
    )
    principals: list[str] = strawberry.field(
        description="Of an authority: names of which a certificate needs one. Empty for other keys."
    )
    scope: SshScope = strawberry.field(description="What it may do.")
    instances: list[strawberry.ID] | None = strawberry.field(
        description="Ids of the instances that it is limited to. Null: it is not limited."
    )
    added_at: Instant = strawberry.field(description="When it was added.")
    used_at: Instant | None = strawberry.field(description="When it last logged in. Null: never.")
    used_from: str | None = strawberry.field(description="Address of the last login. Null: never.")


@strawberry.type(description="The SSH gateway, as a client has to know it.")
class SshGateway:
    enabled: bool = strawberry.field(description="Whether it is open: the setting `ssh`.")
    addresses: list[str] = strawberry.field(description="Addresses on which it listens.")
    port: int = strawberry.field(description="Its port.")
    host_key: str | None = strawberry.field(
        description="Its host key: type and base64, what follows the address in a `known_hosts` file. Null: it was never open."
    )
    fingerprint: str | None = strawberry.field(
        description="Fingerprint of the host key, as `ssh` shows it at the first connection. Null: it was never open."
    )


@strawberry.input(description="A key to be trusted.")
class AddSshKeyInput:
    name: str = strawberry.field(description=_NAME)
    key: str = strawberry.field(description="The public key, as a `.pub` file has it.")
    scope: SshScope = strawberry.field(description="What it may do.")
    instances: list[strawberry.ID] | None = strawberry.field(
        default=None,
        description=f"Ids of at most {LIST_LIMIT} instances that it is limited to. Null: it is not limited.",
    )
    principals: list[str] | None = strawberry.field(
        default=None,
        description=f"At most {LIST_LIMIT} names. With any, the key signs certificates instead of logging in itself, and a "
        "certificate needs one of these names. Null: none.",
    )
    proof: str | None = strawberry.field(
        default=None,
        description="For the first key only: what the client has written to `ssh/first-key` in the data folder, which proves that "
        "it runs on the server's machine as the server's user. Null: nothing.",
    )


@strawberry.input(description="What a key may do from now on. What is left out stays as it is.")
class EditSshKeyInput:
    name: str = strawberry.field(description="Name of the key.")
    scope: SshScope | None = strawberry.field(default=None, description="What it may do. Null: as before.")
    instances: list[strawberry.ID] | None = strawberry.field(
        default=strawberry.UNSET,
        description=f"Ids of at most {LIST_LIMIT} instances that it is limited to. Null: it is not limited.",
    )


@strawberry.input(description="A key to be trusted no longer.")
class RemoveSshKeyInput:
    name: str = strawberry.field(description=_NAME)


@strawberry.type(description="A key after a change.")
class SshKeyPayload:
    key: SshKey = strawberry.field(description="The key; one that was removed as it was.")
    message: str = strawberry.field(description=MESSAGE)


async def _keys(info: Info) -> list[SshKey]:
    return cast(list[SshKey], await ssh_keys.list_all(info.context.ctx))


async def _gateway(info: Info) -> SshGateway:
    found = await ssh_keys.gateway(info.context.ctx)
    key = found.host_key
    return SshGateway(
        enabled=found.enabled,
        addresses=list(found.addresses),
        port=found.port,
        host_key=key.line if key else None,
        fingerprint=key.fingerprint if key else None,
    )


async def _add(
    info: Info, input: Annotated[AddSshKeyInput, strawberry.argument(description="The key.")]
) -> SshKeyPayload | None:
    new = ssh_keys.NewKey(
        input.name,
        input.key,
        Scope[input.scope.name],
        input.instances,
        input.principals or (),
        input.proof or "",
    )
    record = await info.context.complete(ssh_keys.add(info.context.ctx, new))
    return SshKeyPayload(key=cast(SshKey, record), message=ADDED.in_language(info.context.language))


async def _edit(
    info: Info,
    input: Annotated[EditSshKeyInput, strawberry.argument(description="The key and the changes.")],
) -> SshKeyPayload | None:
    scope = None if input.scope is None else Scope[input.scope.name]
    only = Unchanged() if input.instances is strawberry.UNSET else input.instances
    record, stored = await info.context.complete(ssh_keys.edit(info.context.ctx, input.name, scope, only))
    message = (EDITED if stored else EDITED_UNSTORED).in_language(info.context.language)
    return SshKeyPayload(key=cast(SshKey, record), message=message)


async def _remove(
    info: Info, input: Annotated[RemoveSshKeyInput, strawberry.argument(description="The key.")]
) -> SshKeyPayload | None:
    record, stored = await info.context.complete(ssh_keys.remove(info.context.ctx, input.name))
    message = (REMOVED if stored else REMOVED_UNSTORED).in_language(info.context.language)
    return SshKeyPayload(key=cast(SshKey, record), message=message)


@strawberry.type
class SshKeyQuery:
    ssh_keys: list[SshKey] = strawberry.field(
        resolver=_keys, description="Keys that may log in over SSH, in the order they were added."
    )
    ssh_gateway: SshGateway = strawberry.field(
        resolver=_gateway, description="Where the SSH gateway listens, and its host key."
    )


@strawberry.type
class SshKeyMutation:
    add_ssh_key: SshKeyPayload | None = strawberry.mutation(
        resolver=_add,
        description="Trusts a key from now on. Null only with an error: `INVALID_PARAMETER`, `DUPLICATE_RESOURCE`, "
        "`INSTANCE_NOT_FOUND`, `PERMISSION_DENIED` for the first key without `proof`.",
    )
    edit_ssh_key: SshKeyPayload | None = strawberry.mutation(
        resolver=_edit,
        description="Changes what a key may do; its sessions that may do more than that end within a second. Null only with an "
        "error: `RESOURCE_NOT_FOUND`, `INVALID_PARAMETER`, `INSTANCE_NOT_FOUND`.",
    )
    remove_ssh_key: SshKeyPayload | None = strawberry.mutation(
        resolver=_remove,
        description="Trusts a key no longer; its sessions end within a second. Null only with an error: `RESOURCE_NOT_FOUND`.",
    )
