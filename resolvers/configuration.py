"""Configuration files: read, change, look back, restore."""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, NamedTuple

from mailauncher.bots.documents import file, values
from mailauncher.bots.documents.file import Loaded
from mailauncher.errors import (
    Conflict,
    DatabaseError,
    InvalidParameter,
    LauncherError,
    ResourceNotFound,
    Text,
)
from mailauncher.store.revisions import Revision, Source
from resolvers import config_diff, config_files, config_ports
from resolvers.config_files import Place
from resolvers.context import Context

log = logging.getLogger(__name__)

PAGE_LIMIT = 100
ATTEMPTS = 5
"""How often a change without a condition is made anew on what somebody else has written meanwhile."""
KEYS_NAMED = 10
ANY = "*"
"""Instead of a revision: whatever the file holds, if it is there."""


@dataclass(frozen=True, slots=True)
class ConfigEntry:
    """A configuration file that an instance has, or could have."""

    place: Place
    exists: bool


@dataclass(frozen=True, slots=True)
class ConfigView:
    """What a configuration file holds at one moment. `etag` names the content; of a missing file it is that of no bytes."""

    place: Place
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
        """The text as JSON has it. Raises InvalidParameter, for a broken text BrokenText. May take long for a long text."""
        plain: dict[str, Any] = values.plain(dict(self.place.document.read(self.text)))
        return plain


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """What a command did. `keys` are the dotted names of what changed; `restart_needed`: the program runs, and the change
    counts only when it has been restarted."""

    view: ConfigView
    keys: tuple[str, ...]
    changed: bool
    restart_needed: bool


class _Edit(NamedTuple):
    """How a command makes the new content of the old, and how the journal tells of it."""

    make: Callable[[Loaded], bytes]
    source: Source
    words: Text


async def list_of(ctx: Context, instance_id: str) -> list[ConfigEntry]:
    """Raises InstanceNotFound."""

    def entries() -> list[ConfigEntry]:
        return [
            ConfigEntry(place, place.exists)
            for place in config_files.places(ctx.registry, ctx.catalogue, instance_id)
        ]

    return await asyncio.to_thread(entries)


async def read(ctx: Context, instance_id: str, name: str) -> ConfigView:
    """A missing file is empty. What somebody else wrote into it becomes a revision.

    Raises InstanceNotFound, ResourceNotFound, and what `file.read` raises; never for a broken text.
    """
    place = await _place(ctx, instance_id, name)
    lock = ctx.configs.lock(place)
    async with lock:
        loaded = await asyncio.to_thread(file.look, place.folder, place.path)
        try:
            await _notice(ctx, place, loaded)
        except DatabaseError:
            log.error("a change of %s on disk could not be kept", place.path)
    return ConfigView(place, file.with_text(loaded))


async def notice_all(ctx: Context, instance_id: str, source: Source) -> None:
    """Keeps what all files of an instance hold now: after a deployment, say. Those that cannot be read are left out."""
    for entry in await list_of(ctx, instance_id):
        place = entry.place
        lock = ctx.configs.lock(place)
        async with lock:
            try:
                loaded = await asyncio.to_thread(file.look, place.folder, place.path)
                await _notice(ctx, place, loaded, source)
            except LauncherError as error:
                log.warning("%s of %s: %s", place.path, instance_id, error.text.en)


# Changes. `if_match`: revisions one of which the file must have, else Conflict; None: whatever it has.

IfMatch = Collection[str] | None


async def merge(
    ctx: Context, instance_id: str, name: str, patch: Mapping[str, Any], if_match: IfMatch = None
) -> ConfigChange:
    """Merges JSON into a file: tables key by key, arrays and scalars replaced, None removes a key."""
    place = await _place(ctx, instance_id, name)
    return await _edit_text(ctx, place, lambda text: place.document.merge(text, patch), if_match)


async def set_value(
    ctx: Context, instance_id: str, name: str, path: Sequence[str], value: Any, if_match: IfMatch = None
) -> ConfigChange:
    """Sets what stands at a path of keys and indices; what is missing on the way is made."""
    place = await _place(ctx, instance_id, name)
    return await _edit_text(ctx, place, lambda text: place.document.set_value(text, path, value), if_match)


async def unset(
    ctx: Context, instance_id: str, name: str, path: Sequence[str], if_match: IfMatch = None
) -> ConfigChange:
    """Removes what stands at a path; what is not there is no error."""
    place = await _place(ctx, instance_id, name)
    return await _edit_text(ctx, place, lambda text: place.document.unset(text, path), if_match)


async def write_text(
    ctx: Context, instance_id: str, name: str, text: str, if_match: IfMatch = None
) -> ConfigChange:
    """Replaces the whole text; a byte order mark stays as the file has it. Raises BrokenText for one that could not be
    read."""
    place = await _place(ctx, instance_id, name)
    text = text.removeprefix("\ufeff")

    def make(loaded: Loaded) -> bytes:
        place.document.read(text)
        return file.BOM * loaded.bom + file.encoded(text)

    return await _edit(ctx, place, _Edit(make, "api", Text("修改配置", "configuration changed")), if_match)


async def problem(ctx: Context, instance_id: str, name: str, text: str) -> LauncherError | None:
    """Why a text could not be written into a file; None: it could."""
    place = await _place(ctx, instance_id, name)
    try:
        await asyncio.to_thread(place.document.read, text.removeprefix("\ufeff"))
        file.encoded(text)
    except InvalidParameter as error:
        return error
    return None


async def _edit_text(
    ctx: Context, place: Place, edit: Callable[[str], str], if_match: IfMatch
) -> ConfigChange:
    def make(loaded: Loaded) -> bytes:
        text = file.decoded(loaded.content, place.path)
        edited = edit(text)
        return loaded.content if edited == text else file.BOM * loaded.bom + file.encoded(edited)

    return await _edit(ctx, place, _Edit(make, "api", Text("修改配置", "configuration changed")), if_match)


# Looking back


async def history(
    ctx: Context, instance_id: str, name: str, first: int = 20, before: int | None = None
) -> list[Revision]:
    """What the file has held, newest first; the first one is what it holds. Raises InvalidParameter for `first` outside of
    1-100."""
    if not 1 <= first <= PAGE_LIMIT:
        raise InvalidParameter(
            f"first 应在 1 与 {PAGE_LIMIT} 之间", f"first must be between 1 and {PAGE_LIMIT}", field="first"
        )
    view = await read(ctx, instance_id, name)
    return await ctx.configs.revisions.before(instance_id, view.place.name, before, first)


async def revision(ctx: Context, instance_id: str, name: str, number: int) -> tuple[Revision, bytes]:
    """A revision with its content. Raises ResourceNotFound."""
    place = await _place(ctx, instance_id, name)
    found = await ctx.configs.revisions.find(instance_id, place.name, number)
    if found is None:
        raise ResourceNotFound(f"没有修订版 {number}", f"There is no revision {number}", field="revision")
    return found


async def revision_text(ctx: Context, instance_id: str, name: str, number: int) -> str:
    """What a revision held. Raises ResourceNotFound, InvalidParameter for what is not UTF-8."""
    found, content = await revision(ctx, instance_id, name, number)
    return file.decoded(content, found.file)


async def diff(ctx: Context, instance_id: str, name: str, number: int, against: int | None = None) -> str:
    """What a revision changed: a unified diff from the one before it, or from `against`, with secrets hidden. Raises
    ResourceNotFound."""
    place = await _place(ctx, instance_id, name)
    later, content = await revision(ctx, instance_id, name, number)
    if against is None:
        older = await ctx.configs.revisions.before(instance_id, place.name, number, 1)
        against = older[0].number if older else None
    former = b""
    if against is not None:
        _, former = await revision(ctx, instance_id, name, against)
    names = f"{place.path}@{against or 0}", f"{place.path}@{later.number}"
    return await asyncio.to_thread(config_diff.unified, place.kind, former, content, *names)


async def restore(
    ctx: Context, instance_id: str, name: str, number: int, if_match: IfMatch = None
) -> ConfigChange:
    """Puts back what a revision held, byte for byte. Raises ResourceNotFound."""
    place = await _place(ctx, instance_id, name)
    _, content = await revision(ctx, instance_id, name, number)
    words = Text(f"恢复配置修订版 {number}", f"configuration restored to revision {number}")
    return await _edit(ctx, place, _Edit(lambda _: content, "restore", words), if_match)


# The one way that a file is changed


async def _edit(ctx: Context, place: Place, edit: _Edit, if_match: IfMatch) -> ConfigChange:
    lock = ctx.configs.lock(place)
    async with lock:
        for attempt in range(1, ATTEMPTS + 1):
            before = await asyncio.to_thread(file.look, place.folder, place.path)
            await _notice(ctx, place, before)
            _require(before, if_match, place)
            content, keys, ports = await asyncio.to_thread(_prepared, place, before, edit)
            if content == before.content:
                return ConfigChange(_shown(place, before), (), False, False)
            try:
                after = await _write(ctx, place, before, content, ports)
            except Conflict:
                if if_match is not None or attempt == ATTEMPTS:
                    raise
                continue
            await _note(ctx, place, after, edit, keys)
            return ConfigChange(_shown(place, after), keys, True, _restart_needed(ctx, place, keys))
    raise AssertionError("the last attempt returns or raises")


async def _write(
    ctx: Context, place: Place, before: Loaded, content: bytes, ports: Mapping[str, int]
) -> Loaded:
    async with AsyncExitStack() as stack:
        if ports:
            await stack.enter_async_context(ctx.fleet.adding)
            config_ports.require_free(ctx.registry, place, ports)
        after = await asyncio.to_thread(
            file.write_bytes, place.folder, place.path, content, like=before, expect=before.revision
        )
        if ports:
            await ctx.fleet.set_ports(place.instance_id, ports)
    return after


def _require(loaded: Loaded, if_match: IfMatch, place: Place) -> None:
    """Raises Conflict."""
    if if_match is None or loaded.revision in if_match or (ANY in if_match and loaded.exists):
        return
    raise Conflict(
        f"{place.path} 已被修改，请重新读取后再试", f"{place.path} has changed meanwhile: read it again"
    )


async def _notice(ctx: Context, place: Place, loaded: Loaded, source: Source = "disk") -> None:
    """Keeps what the file holds if that is not its newest revision. Raises DatabaseError."""
    newest = await ctx.configs.revisions.newest(place.instance_id, place.name)
    if newest.hash == loaded.revision if newest else not loaded.exists:
        return
    await ctx.configs.revisions.add(
        place.instance_id, place.name, loaded.content, loaded.revision, caller=source, source=source
    )


async def _note(ctx: Context, place: Place, after: Loaded, edit: _Edit, keys: Sequence[str]) -> None:
    """In the revisions and in the journal, by names only: values may be secrets."""
    try:
        await ctx.configs.revisions.add(
            place.instance_id,
            place.name,
            after.content,
            after.revision,
            caller=ctx.caller,
            source=edit.source,
        )
    except DatabaseError:
        # It stands in the file; the next look at it keeps it.
        log.error("a revision of %s could not be kept", place.path)
    named = ", ".join(keys[:KEYS_NAMED]) + (", ..." if len(keys) > KEYS_NAMED else "")
    record = ctx.registry.get(place.instance_id)
    name = record.name if record else place.instance_id
    words = Text(
        f"{name}：{edit.words.zh} {place.path}：{named}", f"{name}: {edit.words.en} {place.path}: {named}"
    )
    await ctx.journal.note("config", ctx.caller, words, place.instance_id)


def _restart_needed(ctx: Context, place: Place, keys: Sequence[str]) -> bool:
    if place.instance_id not in ctx.fleet or not (place.restart or config_ports.touched(place, keys)):
        return False
    programs = ctx.fleet.crew(place.instance_id).programs
    return (programs.get(place.component) or programs["main"]).alive


async def _place(ctx: Context, instance_id: str, name: str) -> Place:
    return await asyncio.to_thread(config_files.find, ctx.registry, ctx.catalogue, instance_id, name)


def _shown(place: Place, loaded: Loaded) -> ConfigView:
    """Without the text where it is not UTF-8: what was restored may be that."""
    try:
        return ConfigView(place, file.with_text(loaded))
    except InvalidParameter:
        return ConfigView(place, loaded)


def _prepared(place: Place, before: Loaded, edit: _Edit) -> tuple[bytes, tuple[str, ...], dict[str, int]]:
    """The new content, the names of what changes, the ports that do. Blocks."""
    content = edit.make(before)
    old, new = _said(place, before.content), _said(place, content)
    return content, config_diff.changed_keys(old, new), config_ports.changed(place, old, new)


def _said(place: Place, content: bytes) -> Mapping[str, Any]:
    """What cannot be read says nothing."""
    try:
        return place.document.read(file.decoded(content, place.path))
    except InvalidParameter:
        return {}
