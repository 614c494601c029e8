"""The keys that may log in over SSH, and what a client has to know of the gateway."""

import asyncio
import hmac
import os
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mailauncher import files, host_key, public_keys
from mailauncher.errors import InvalidParameter, PermissionDenied, Text
from mailauncher.grants import Scope
from mailauncher.host_key import HostKey
from resolvers import instances
from resolvers.context import Context
from resolvers.rights import needs
from resolvers.validation import line
from store.ssh_keys import SshKeyRecord

NAME_CHARACTERS = 32
KEYS_LIMIT = 1000
PRINCIPAL_CHARACTERS = 64
LIST_LIMIT = 100
PROOF_BYTES = 32


class Unchanged:
    """In place of a value that is not changed, where None means something."""


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key to be trusted. `principals`: it signs certificates, of which each needs one of these names. `instances` None: all.

    `proof` is the content of the file `first-key` in the server's data folder, which only the first key needs.
    """

    name: str
    key: str
    scope: Scope
    instances: Sequence[str] | None = None
    principals: Sequence[str] = ()
    proof: str = ""


@dataclass(frozen=True, slots=True)
class Gateway:
    """Where the SSH gateway listens; `host_key` None: it was never open."""

    enabled: bool
    addresses: Sequence[str]
    port: int
    host_key: HostKey | None


@needs(Scope.ADMIN)
async def list_all(ctx: Context) -> list[SshKeyRecord]:
    """In the order they were added."""
    return list(ctx.store.ssh_keys)


@needs(Scope.ADMIN)
async def add(ctx: Context, new: NewKey) -> SshKeyRecord:
    """Trusts a key from now on. Raises InvalidParameter, DuplicateResource, InstanceNotFound; PermissionDenied for the first key
    without proof that it is added on the server's machine, by the server's user: whoever can reach the API must not be able
    to turn that into a login."""
    record = await _record(ctx, new)
    if not len(ctx.store.ssh_keys):
        file = ctx.settings.data_folder / host_key.FOLDER / host_key.FIRST_KEY
        await asyncio.to_thread(_require_proof, file, new.proof)
    await ctx.store.ssh_keys.add(record)
    text = Text(
        f"信任 SSH 密钥 {record.name}（{record.scope}）",
        f"trusted the SSH key {record.name} ({record.scope})",
    )
    await ctx.store.journal.note("ssh-key", ctx.caller, text)
    return record


@needs(Scope.ADMIN)
async def edit(
    ctx: Context, name: str, scope: Scope | None, only: Sequence[str] | Unchanged | None
) -> tuple[SshKeyRecord, bool]:
    """Changes what a key may do: `scope` None leaves it, `only` are the instances that it is limited to from now on, None for all.
    Its sessions that may do more than that end. Returns the key, and whether the change is stored. Raises ResourceNotFound,
    InvalidParameter, InstanceNotFound."""

    def changed(record: SshKeyRecord) -> SshKeyRecord:
        limits = record.instances if isinstance(only, Unchanged) else _instances(ctx, only)
        return msgspec.structs.replace(record, scope=scope or record.scope, instances=limits)

    former, record, stored = await ctx.store.ssh_keys.change(name, changed)
    if record.grant != former.grant:
        text = Text(
            f"将 SSH 密钥 {name} 改为 {_described(ctx, record).zh}（原为 {_described(ctx, former).zh}）",
            f"changed the SSH key {name} to {_described(ctx, record).en} (it was {_described(ctx, former).en})",
        )
        await ctx.store.journal.note("ssh-key", ctx.caller, text)
    return record, stored


@needs(Scope.ADMIN)
async def remove(ctx: Context, name: str) -> tuple[SshKeyRecord, bool]:
    """Trusts a key no longer; its sessions end. Returns the key as it was, and whether the removal is stored. Raises
    ResourceNotFound."""
    record, stored = await ctx.store.ssh_keys.remove(name)
    await ctx.store.journal.note(
        "ssh-key", ctx.caller, Text(f"撤销 SSH 密钥 {name}", f"revoked the SSH key {name}")
    )
    return record, stored


@needs(Scope.READ, filters=True)
async def gateway(ctx: Context) -> Gateway:
    settings = ctx.settings
    found = await asyncio.to_thread(host_key.read_public, settings.data_folder)
    return Gateway(settings.ssh, settings.ssh_addresses, settings.ssh_port, found)


async def _record(ctx: Context, new: NewKey) -> SshKeyRecord:
    name = line(new.name, "name", NAME_CHARACTERS, least=1)
    key = public_keys.parse(new.key)
    if len(ctx.store.ssh_keys) >= KEYS_LIMIT:
        raise InvalidParameter(f"最多 {KEYS_LIMIT} 个密钥", f"There can be {KEYS_LIMIT} keys at most")
    _require_few(new.principals, "principals")
    principals = [line(one, "principals", PRINCIPAL_CHARACTERS, least=1) for one in new.principals]
    return SshKeyRecord(
        name=name,
        key=key.line,
        fingerprint=key.fingerprint,
        authority=bool(principals),
        principals=tuple(dict.fromkeys(principals)),
        scope=new.scope,
        instances=_instances(ctx, new.instances),
        added_at=int(time.time() * 1000),
    )


def _instances(ctx: Context, wanted: Sequence[str] | None) -> tuple[str, ...] | None:
    """Ids of the instances that a key is limited to; None: it is not limited. Raises InvalidParameter, InstanceNotFound."""
    if wanted is None:
        return None
    if not wanted:
        raise InvalidParameter(
            "instances 为空的密钥什么都不能用：null 表示所有实例",
            "A key for no instance could do nothing: null means all of them",
            field="instances",
        )
    _require_few(wanted, "instances")
    return tuple(dict.fromkeys(instances.get(ctx, one).id for one in wanted))


def _require_few(items: Sequence[str], field: str) -> None:
    """Raises InvalidParameter."""
    if len(items) > LIST_LIMIT:
        raise InvalidParameter(
            f"{field} 最多 {LIST_LIMIT} 项", f"{field} can have {LIST_LIMIT} items at most", field=field
        )


def _described(ctx: Context, record: SshKeyRecord) -> Text:
    """What a key may do, for the journal."""
    if record.instances is None:
        return Text(record.scope, record.scope)
    known = {view.id: view.name for view in instances.list_all(ctx)}
    names = [known.get(one, one) for one in record.instances]
    return Text(f"{record.scope}，仅 {'、'.join(names)}", f"{record.scope}, only for {', '.join(names)}")


def _require_proof(file: Path, proof: str) -> None:
    """Raises PermissionDenied. The file counts if the server's user alone may write to it; it is removed, used or not."""
    try:
        with files.open_regular(file) as opened:
            status = os.fstat(opened.fileno())
            held = opened.read(1024)
        file.unlink()
    except OSError:
        status, held = None, b""
    own = (
        status is not None
        and status.st_uid == os.geteuid()
        and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )
    given = proof.encode("utf-8", "replace")
    if not (own and len(given) >= PROOF_BYTES and hmac.compare_digest(held, given)):
        raise PermissionDenied(
            "第一个 SSH 密钥只能在服务器所在的机器上、以运行服务器的用户添加：mailauncher ssh add",
            "The first SSH key can only be added on the server's machine, by the user who runs the server: mailauncher ssh add",
            field="proof",
        )
