"""Configuration files: read, change, list revisions, restore."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from bots.documents import file, values
from bots.documents.file import Loaded
from mailauncher import utf8
from mailauncher.errors import (
    Conflict,
    DatabaseError,
    InvalidParameter,
    LauncherError,
    ResourceNotFound,
    Text,
)
from mailauncher.grants import Scope
from mailauncher.interruption import Check
from resolvers.configuring import ports as config_ports
from resolvers.configuring.diff import changed_keys
from resolvers.configuring.files import ConfigLocation
from resolvers.configuring.turns import Waiting
from resolvers.context import Context
from resolvers.rights import needs
from store.revisions import Revision, Source

log = logging.getLogger(__name__)

PAGE_LIMIT = 100
ATTEMPTS = 5
"""How often an unconditional change is applied again, to what somebody else has written meanwhile."""
KEYS_IN_JOURNAL = 10
ANY = "*"
"""In `if_match`, instead of a revision: any content, if the file exists."""


@dataclass(frozen=True, slots=True)
class ConfigEntry:
    """A configuration file that an instance has, or could have."""

    location: ConfigLocation
    exists: bool


@dataclass(frozen=True, slots=True)
class ConfigView:
    """The content of a configuration file at one moment. `etag` identifies it; a missing file has that of zero bytes."""

    location: ConfigLocation
    loaded: Loaded

    @property
    def exists(self) -> bool:
        return self.loaded.exists

    @property
    def text(self) -> str:
        return self.loaded.text

    @property
    def etag(self) -> str:
        return self.loaded.revision

    def config(self) -> dict[str, Any]:
        """The text as JSON values. Blocks, long for a long text: see `content`. Raises InvalidParameter; DocumentSyntaxError
        for invalid syntax."""
        plain: dict[str, Any] = values.plain(dict(self.location.format.read(self.text)))
        return plain


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """What a command did. `keys` are the dotted names of what changed; `restart_needed`: the program is running and reads
    the change only after a restart."""

    view: ConfigView
    keys: tuple[str, ...]
    changed: bool
    restart_needed: bool


class ConfigEdit(NamedTuple):
    """How a command makes the new content from the old, and its text in the journal."""

    make: Callable[[Loaded, Check], bytes]
    source: Source
    text: Text
    whole: bool = False
    """Whether it replaces the whole content, with whatever that says of itself."""
    claimed: bool = False
    """Whether the caller holds `Locks.claims`, and has found its ports to be free."""


class _Prepared(NamedTuple):
    """A new content, the dotted names of what differs in it, and the ports that do."""

    content: bytes
    keys: tuple[str, ...]
    ports: Mapping[str, int]


@needs(Scope.OPERATE)
async def list_of(ctx: Context, instance_id: str) -> list[ConfigEntry]:
    """The files that the instance has, and those that its version may have. Raises InstanceNotFound."""

    def entries() -> list[ConfigEntry]:
        found = [ConfigEntry(location, location.exists) for location in ctx.configs.locations(instance_id)]
        return [entry for entry in found if entry.exists or entry.location.expected]

    return await asyncio.to_thread(entries)


@needs(Scope.OPERATE)
async def read(ctx: Context, instance_id: str, name: str) -> ConfigView:
    """Reads a file; a missing one is empty. A content that is not the newest revision becomes one.

    Raises InstanceNotFound, ResourceNotFound, and what `file.read` raises; nothing for invalid syntax.
    """
    location = await _location(ctx, instance_id, name)
    lock = ctx.configs.lock(location)
    async with lock:
        loaded = await asyncio.to_thread(file.read_bytes, location.folder, location.path)
        try:
            await ctx.configs.record(location, loaded)
        except DatabaseError:
            log.error("the revision of %s was not recorded", location.path)
    return ConfigView(location, file.with_text(loaded))


@needs(Scope.OPERATE)
async def read_many(
    ctx: Context, of_instances: Sequence[tuple[str, str]]
) -> list[ConfigView | LauncherError]:
    """For each (instance id, name of a file) what `read` returns or raises. One query for all of them, except for files
    that others have changed."""
    found = await asyncio.to_thread(lambda: [_loaded(ctx, *key) for key in of_instances])
    try:
        hashes = await ctx.configs.revisions.newest_hashes(instance_id for instance_id, _ in of_instances)
    except DatabaseError:
        hashes = {}  # `read` does without them, and logs it
    views: list[ConfigView | LauncherError] = []
    for key, one in zip(of_instances, found, strict=True):
        if isinstance(one, ConfigView) and hashes.get(key, "" if one.exists else one.etag) != one.etag:
            views.append(await _read_or_error(ctx, *key))
        else:
            views.append(one)
    return views


def _loaded(ctx: Context, instance_id: str, name: str) -> ConfigView | LauncherError:
    """Blocks."""
    try:
        location = ctx.configs.find(instance_id, name)
        return ConfigView(location, file.read(location.folder, location.path))
    except LauncherError as error:
        return error


async def _read_or_error(ctx: Context, instance_id: str, name: str) -> ConfigView | LauncherError:
    try:
        return await read(ctx, instance_id, name)
    except LauncherError as error:
        return error


@needs(Scope.OPERATE)
async def content(ctx: Context, view: ConfigView) -> dict[str, Any]:
    """The values in a file. Raises InvalidParameter; DocumentSyntaxError for invalid syntax; ServiceUnavailable."""
    async with ctx.configs.turns.of(view.location.instance_id, Waiting.READS):
        return await ctx.configs.run_interruptibly(lambda _: view.config())


# Changes. `if_match`: the file must have one of these revisions, else Conflict; None: any content. All raise ServiceUnavailable
# if too many wait for their turn. A caller that is cancelled has changed nothing, or all of it.

IfMatch = Collection[str] | None


@needs(Scope.ADMIN)
async def merge(
    ctx: Context, instance_id: str, name: str, patch: Mapping[str, Any], if_match: IfMatch = None
) -> ConfigChange:
    """Merges JSON into a file: tables key by key, arrays and scalars replaced, None removes a key."""
    location = await _location(ctx, instance_id, name)
    return await _edit_text(
        ctx, location, lambda text, check: location.format.merge(text, patch, check), if_match
    )


@needs(Scope.ADMIN)
async def set_value(
    ctx: Context, instance_id: str, name: str, path: Sequence[str], value: Any, if_match: IfMatch = None
) -> ConfigChange:
    """Sets the value at a path of keys and indices, and creates missing tables on the way."""
    location = await _location(ctx, instance_id, name)
    return await _edit_text(
        ctx, location, lambda text, check: location.format.set_value(text, path, value, check), if_match
    )


@needs(Scope.ADMIN)
async def unset(
    ctx: Context, instance_id: str, name: str, path: Sequence[str], if_match: IfMatch = None
) -> ConfigChange:
    """Removes the value at a path, if there is one."""
    location = await _location(ctx, instance_id, name)
    return await _edit_text(
        ctx, location, lambda text, check: location.format.unset(text, path, check), if_match
    )


@needs(Scope.ADMIN)
async def write_text(
    ctx: Context, instance_id: str, name: str, text: str, if_match: IfMatch = None
) -> ConfigChange:
    """Replaces the whole text; keeps the file's byte order mark, or its absence. Raises DocumentSyntaxError for invalid
    syntax."""
    location = await _location(ctx, instance_id, name)
    text = text.removeprefix("\ufeff")

    def make(loaded: Loaded, _: Check) -> bytes:
        location.format.read(text)
        return utf8.BOM * loaded.bom + file.encoded(text)

    return await _edit(
        ctx,
        location,
        ConfigEdit(make, "api", Text("修改配置", "configuration changed"), whole=True),
        if_match,
    )


@needs(Scope.OPERATE)
async def problem(ctx: Context, instance_id: str, name: str, text: str) -> LauncherError | None:
    """Why a text could not be written into a file; None: it could."""
    location = await _location(ctx, instance_id, name)
    try:
        async with ctx.configs.turns.of(instance_id, Waiting.READS):
            await ctx.configs.run_interruptibly(lambda _: location.format.read(text.removeprefix("\ufeff")))
        file.encoded(text)
    except InvalidParameter as error:
        return error
    return None


async def _edit_text(
    ctx: Context, location: ConfigLocation, edit: Callable[[str, Check], str], if_match: IfMatch
) -> ConfigChange:
    return await _edit(ctx, location, text_edit(location, edit), if_match)


def text_edit(
    location: ConfigLocation, edit: Callable[[str, Check], str], *, claimed: bool = False
) -> ConfigEdit:
    """A change of the text of a file, which keeps its byte order mark, or its absence."""

    def make(loaded: Loaded, check: Check) -> bytes:
        text = file.decoded(loaded.content, location.path)
        edited = edit(text, check)
        return loaded.content if edited == text else utf8.BOM * loaded.bom + file.encoded(edited)

    return ConfigEdit(make, "api", Text("修改配置", "configuration changed"), claimed=claimed)


# Revisions


@needs(Scope.OPERATE)
async def history(
    ctx: Context, instance_id: str, name: str, first: int = 20, before: int | None = None
) -> list[Revision]:
    """The revisions of a file, newest first, beginning with its current content. Raises InvalidParameter for a `first`
    outside 1-100."""
    if not 1 <= first <= PAGE_LIMIT:
        raise InvalidParameter(
            f"first 应在 1 与 {PAGE_LIMIT} 之间", f"first must be between 1 and {PAGE_LIMIT}", field="first"
        )
    view = await read(ctx, instance_id, name)
    return await ctx.configs.revisions.older_than(instance_id, view.location.name, before, first)


@needs(Scope.OPERATE)
async def revision(ctx: Context, instance_id: str, name: str, number: int) -> tuple[Revision, bytes]:
    """A revision with its content. Raises ResourceNotFound."""
    location = await _location(ctx, instance_id, name)
    found = await ctx.configs.revisions.find(instance_id, location.name, number)
    if found is None:
        raise ResourceNotFound(f"没有修订版 {number}", f"Revision {number} not found", field="revision")
    return found


@needs(Scope.OPERATE)
async def revision_text(ctx: Context, instance_id: str, name: str, number: int) -> str:
    """The text of a revision. Raises ResourceNotFound; InvalidParameter if it is not UTF-8."""
    found, content = await revision(ctx, instance_id, name, number)
    return file.decoded(content, found.file)


@needs(Scope.ADMIN)
async def restore(
    ctx: Context, instance_id: str, name: str, number: int, if_match: IfMatch = None
) -> ConfigChange:
    """Writes the content of a revision, byte for byte. Raises ResourceNotFound."""
    location = await _location(ctx, instance_id, name)
    _, content = await revision(ctx, instance_id, name, number)
    text = Text(f"恢复配置修订版 {number}", f"configuration restored to revision {number}")
    return await _edit(ctx, location, ConfigEdit(lambda *_: content, "restore", text, whole=True), if_match)


# The one way that a file is changed. The file's lock keeps other changes of this server out, but not an editor, or the bot
# itself. So the new content is written only if the file still has the revision that it was made from; where it does not, the
# change is made again from what is there now, and the foreign content has become a revision before it is replaced.
# Whoever waits holds the turn first and then the file's lock: readers, who take the lock alone, never wait for a whole queue.


async def _edit(ctx: Context, location: ConfigLocation, edit: ConfigEdit, if_match: IfMatch) -> ConfigChange:
    lock = ctx.configs.lock(location)
    async with ctx.configs.turns.of(location.instance_id, Waiting.CHANGES), lock:
        return await edit_held(ctx, location, edit, if_match)


@needs(Scope.ADMIN, filters=True)
async def edit_held(
    ctx: Context, location: ConfigLocation, edit: ConfigEdit, if_match: IfMatch = None
) -> ConfigChange:
    """Changes a file for a caller that has the instance's turn and the file's lock."""
    for attempt in range(1, ATTEMPTS + 1):
        before = await asyncio.to_thread(file.read_bytes, location.folder, location.path)
        await ctx.configs.record(location, before)
        _require(before, if_match, location)
        prepared = await ctx.configs.run_interruptibly(partial(_prepare, location, before, edit))
        if prepared.content == before.content:
            return ConfigChange(_view(location, before), (), False, False)
        try:
            after = await ctx.configs.write(_write(ctx, location, before, edit, prepared))
        except Conflict:
            if if_match is not None or attempt == ATTEMPTS:
                raise
            continue
        needed = restart_needed(ctx, location, prepared.keys)
        return ConfigChange(_view(location, after), prepared.keys, True, needed)
    raise AssertionError("the last attempt returns or raises")


async def _write(
    ctx: Context, location: ConfigLocation, before: Loaded, edit: ConfigEdit, prepared: _Prepared
) -> Loaded:
    """Changes the file, the ports of the instance, and then the records."""
    ports = prepared.ports
    async with AsyncExitStack() as stack:
        if ports and not edit.claimed:
            await stack.enter_async_context(ctx.locks.claims)
            if (record := ctx.store.registry.get(location.instance_id)) is not None:
                config_ports.require_distinct(record, ports)
            await ctx.ports.require_free(ctx.grant, ports.values(), record)
        after = await asyncio.to_thread(
            file.write_bytes,
            location.folder,
            location.path,
            prepared.content,
            like=before,
            expect=before.revision,
        )
        if ports:
            await ctx.live.set_ports(location.instance_id, ports)
    await _record_change(ctx, location, after, edit, prepared.keys)
    return after


def _require(loaded: Loaded, if_match: IfMatch, location: ConfigLocation) -> None:
    """Raises Conflict."""
    if if_match is None or loaded.revision in if_match or (ANY in if_match and loaded.exists):
        return
    raise Conflict(
        f"{location.path} 已被修改，请重新读取后再试",
        f"{location.path} has been changed meanwhile: read it again",
    )


async def _record_change(
    ctx: Context, location: ConfigLocation, after: Loaded, edit: ConfigEdit, keys: Sequence[str]
) -> None:
    """Adds the revision and the journal's entry, which has only the names of keys: values may be secrets."""
    try:
        await ctx.configs.revisions.add(
            location.instance_id,
            location.name,
            after.content,
            after.revision,
            caller=ctx.caller,
            source=edit.source,
        )
    except DatabaseError:
        # The file is written; the next read of it records the revision.
        log.error("the revision of %s was not recorded", location.path)
    named = ", ".join(keys[:KEYS_IN_JOURNAL]) + (", ..." if len(keys) > KEYS_IN_JOURNAL else "")
    record = ctx.store.registry.get(location.instance_id)
    name = record.name if record else location.instance_id
    text = Text(
        f"{name}：{edit.text.zh} {location.path}：{named}", f"{name}: {edit.text.en} {location.path}: {named}"
    )
    await ctx.store.journal.note("config", ctx.caller, text, location.instance_id)


@needs(Scope.OPERATE, filters=True)
def restart_needed(ctx: Context, location: ConfigLocation, keys: Sequence[str]) -> bool:
    """Whether a program is running that reads a change of these keys only after a restart."""
    if location.instance_id not in ctx.live or not (
        location.restart or config_ports.changes_any_port(location, keys)
    ):
        return False
    programs = ctx.live.supervisor(location.instance_id).programs
    return (programs.get(location.component) or programs["main"]).lives


async def _location(ctx: Context, instance_id: str, name: str) -> ConfigLocation:
    return await asyncio.to_thread(ctx.configs.find, instance_id, name)


def _view(location: ConfigLocation, loaded: Loaded) -> ConfigView:
    """The text is empty if the file is not UTF-8, which a restored one may not be."""
    try:
        return ConfigView(location, file.with_text(loaded))
    except InvalidParameter:
        return ConfigView(location, loaded)


def _prepare(location: ConfigLocation, before: Loaded, edit: ConfigEdit, check: Check) -> _Prepared:
    """Blocks. Raises InvalidParameter for a value that only the program itself sets."""
    content = edit.make(before, check)
    check()
    old = parsed(location, before.content)
    check()
    new = parsed(location, content)
    check()
    if not edit.whole:
        _require_fixed(location, old, new)
    return _Prepared(content, changed_keys(old, new), config_ports.changed_ports(location, old, new))


def _require_fixed(location: ConfigLocation, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raises InvalidParameter if a value that the program maintains is another one, or gone. A missing one may be added."""
    for dotted in location.fixed:
        path = dotted.split(".")
        try:
            before = values.value_at(old, path)
        except LookupError:
            continue
        try:
            same = values.is_same(before, values.value_at(new, path))
        except LookupError:
            same = False
        if not same:
            raise InvalidParameter(
                f"{dotted} 由程序自己维护，用来判断文件的版本，不能修改",
                f"{dotted} cannot be changed: the program itself maintains it, and knows by it how old the file is",
                field=dotted,
            )


def parsed(location: ConfigLocation, content: bytes) -> Mapping[str, Any]:
    """The values of a content; none if it has invalid syntax."""
    try:
        return location.format.read(file.decoded(content, location.path))
    except InvalidParameter:
        return {}
