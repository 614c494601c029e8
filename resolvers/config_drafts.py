"""Texts that are being edited and not yet written: what they would change, values in them, and joining them with what somebody
else has written meanwhile. Nothing here writes a file."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, NamedTuple

from bots.documents import file, secrets, values
from bots.documents.outline import Entry, hidden, outline
from mailauncher.errors import FileTooLarge, InvalidParameter, LauncherError
from mailauncher.grants import Scope
from mailauncher.interruption import Check
from resolvers import configuration
from resolvers.configuration import ConfigView
from resolvers.configuring import ports as config_ports
from resolvers.configuring.diff import changed_keys, unified
from resolvers.configuring.files import ConfigLocation
from resolvers.configuring.merging import Part, merged
from resolvers.configuring.turns import Waiting
from resolvers.context import Context
from resolvers.rights import needs

EDITS_MAX = 100
HITS_MAX = 200
SEARCHED_CHARACTERS = 200

Action = Literal["set", "unset", "repeat"]


@dataclass(frozen=True, slots=True)
class ConfigDraft:
    """What a text would be in place of a file's content. With a syntax error it has no values and changes no keys."""

    view: ConfigView
    """The file as it is."""
    text: str
    problem: LauncherError | None
    entries: tuple[Entry, ...]
    hidden: tuple[tuple[int, int], ...]
    """Where secrets stand, in characters."""
    keys: tuple[str, ...]
    restart_needed: bool

    @property
    def fixed(self) -> tuple[str, ...]:
        return self.view.location.fixed


class _Understood(NamedTuple):
    problem: LauncherError | None
    entries: tuple[Entry, ...] | None = None
    keys: tuple[str, ...] = ()


@needs(Scope.OPERATE)
async def draft(ctx: Context, instance_id: str, name: str, text: str) -> ConfigDraft:
    """Raises InstanceNotFound, ResourceNotFound, what `file.read` raises, and ServiceUnavailable; nothing for a text that could
    not be written."""
    view = await configuration.read(ctx, instance_id, name)
    text = text.removeprefix("\ufeff")

    def look(check: Check) -> tuple[_Understood, list[tuple[int, int]]]:
        understood = _understood(view, text, check)
        if isinstance(understood.problem, FileTooLarge):
            return understood, [(0, len(text))]
        return understood, hidden(text, understood.entries)

    async with ctx.configs.turns.of(instance_id, Waiting.READS):
        (problem, entries, keys), places = await ctx.configs.run_interruptibly(look)
    needed = configuration.restart_needed(ctx, view.location, keys)
    return ConfigDraft(view, text, problem, entries or (), tuple(places), keys, needed)


def _understood(view: ConfigView, text: str, check: Check) -> _Understood:
    """Blocks."""
    location, problem = view.location, None
    try:
        file.encoded(text)
        _require_size(location, text)
        new = location.format.read(text)
    except LauncherError as error:
        return _Understood(error)
    check()
    keys: tuple[str, ...] = ()
    if text != view.text:
        old = configuration.parsed(location, view.loaded.content)
        check()
        keys = changed_keys(old, new)
        try:
            config_ports.changed_ports(location, old, new)
        except InvalidParameter as error:
            problem = error
    try:
        return _Understood(problem, tuple(outline(text, location.kind, new, check)), keys)
    except InvalidParameter as error:
        return _Understood(problem or error, None, keys)


@needs(Scope.OPERATE, filters=True)
async def diff(ctx: Context, draft: ConfigDraft) -> str:
    """What the text would change in the file: a unified diff, secrets hidden. Raises FileTooLarge, ServiceUnavailable."""
    location = draft.view.location
    _require_size(location, draft.text)
    content, path = draft.text.encode(errors="replace"), location.path
    async with ctx.configs.turns.of(location.instance_id, Waiting.READS):
        return await ctx.configs.run_interruptibly(
            lambda _: unified(location.kind, draft.view.text.encode(), content, path, path)
        )


class ConfigEdit(NamedTuple):
    """`set` a value, `unset` it, or `repeat` an element of an array: a copy is added at the array's end."""

    action: Action
    path: Sequence[str]
    value: Any = None


@needs(Scope.OPERATE)
async def edit(ctx: Context, instance_id: str, name: str, text: str, edits: Sequence[ConfigEdit]) -> str:
    """The text with other values, everything else unchanged. Raises InvalidParameter, DocumentSyntaxError for a text with a
    syntax error, FileTooLarge, InstanceNotFound, ResourceNotFound, ServiceUnavailable."""
    if len(edits) > EDITS_MAX:
        raise InvalidParameter(
            f"一次最多 {EDITS_MAX} 个修改", f"At most {EDITS_MAX} edits at once", field="edits"
        )
    location = await asyncio.to_thread(ctx.configs.find, instance_id, name)
    async with ctx.configs.turns.of(instance_id, Waiting.READS):
        return await ctx.configs.run_interruptibly(partial(_edited, location, text, edits))


def _edited(location: ConfigLocation, text: str, edits: Sequence[ConfigEdit], check: Check) -> str:
    for action, path, value in edits:
        if action == "set":
            text = location.format.set_value(text, path, value, check)
        elif action == "unset":
            text = location.format.unset(text, path, check)
        else:
            text = _repeated(location, text, path, check)
    return text


def _repeated(location: ConfigLocation, text: str, path: Sequence[str], check: Check) -> str:
    document = location.format.read(text)
    values.require_path(path)
    try:
        array, element = values.value_at(document, path[:-1]), values.value_at(document, path)
    except LookupError:
        array = element = None
    if not isinstance(array, list):
        shown = values.dotted(path)[:200]
        raise InvalidParameter(
            f"'{shown}' 不是数组中的元素", f"'{shown}' is not an element of an array", field=shown or None
        )
    return location.format.set_value(text, [*path[:-1], str(len(array))], element, check)


@dataclass(frozen=True, slots=True)
class ConfigMerge:
    """Two changes of one text, part by part. `shown`: the lines of base, mine and theirs with secrets hidden."""

    view: ConfigView
    """Theirs: the file as it is."""
    parts: tuple[Part, ...]
    shown: tuple[list[str], list[str], list[str]]


@needs(Scope.OPERATE)
async def merge(ctx: Context, instance_id: str, name: str, base: str, text: str) -> ConfigMerge:
    """Joins what a text has changed of `base` with what the file has of it now. Raises as `draft`, and FileTooLarge."""
    view = await configuration.read(ctx, instance_id, name)
    for given in (base, text):
        _require_size(view.location, given)
    kind = view.location.kind

    def join(_: Check) -> ConfigMerge:
        base_lines, mine, theirs = (_lines(one) for one in (base, text, view.text))
        shown = [_lines(secrets.masked(one, kind)) for one in (base, text, view.text)]
        return ConfigMerge(view, tuple(merged(base_lines, mine, theirs)), (shown[0], shown[1], shown[2]))

    async with ctx.configs.turns.of(instance_id, Waiting.READS):
        return await ctx.configs.run_interruptibly(join)


def _require_size(location: ConfigLocation, text: str) -> None:
    """Raises FileTooLarge."""
    if len(text.encode(errors="replace")) > file.LIMIT_BYTES:
        raise file.too_large(location.path)


def _lines(text: str) -> list[str]:
    """Lines with their ends, so that the last one may have none."""
    return [f"{line}\n" for line in text.split("\n")[:-1]] + (
        [last] if (last := text.rpartition("\n")[2]) else []
    )


@dataclass(frozen=True, slots=True)
class ConfigHit:
    """A value that was found, and the name of its file."""

    file: str
    entry: Entry


@dataclass(frozen=True, slots=True)
class ConfigSearch:
    """`unread`: names of files that could not be searched, each with the reason."""

    hits: tuple[ConfigHit, ...]
    total: int
    unread: tuple[tuple[str, LauncherError], ...]


@needs(Scope.OPERATE)
async def search(ctx: Context, instance_id: str, text: str) -> ConfigSearch:
    """Values whose path, comment or text contains all words of `text`, in all files of an instance; values of secrets are not
    searched. Raises InstanceNotFound, InvalidParameter, ServiceUnavailable."""
    words = text.casefold().split()
    if not words or len(text) > SEARCHED_CHARACTERS:
        raise InvalidParameter(
            f"请输入 1 到 {SEARCHED_CHARACTERS} 个字符",
            f"Give 1 to {SEARCHED_CHARACTERS} characters",
            field="text",
        )
    entries = [entry for entry in await configuration.list_of(ctx, instance_id) if entry.exists]
    hits: list[ConfigHit] = []
    unread: list[tuple[str, LauncherError]] = []
    total = 0
    for location in (entry.location for entry in entries):
        try:
            view = await configuration.read(ctx, instance_id, location.name)
            async with ctx.configs.turns.of(instance_id, Waiting.READS):
                found = await ctx.configs.run_interruptibly(partial(_matches, view, words))
        except LauncherError as error:
            unread.append((location.name, error))
            continue
        total += len(found)
        hits += [ConfigHit(location.name, entry) for entry in found[: HITS_MAX - len(hits)]]
    return ConfigSearch(tuple(hits), total, tuple(unread))


def _matches(view: ConfigView, words: Sequence[str], check: Check) -> list[Entry]:
    entries = outline(view.text, view.location.kind, check=check)
    return [entry for entry in entries if all(word in _searched(entry) for word in words)]


def _searched(entry: Entry) -> str:
    shown = "" if entry.secret or entry.value is None else str(entry.value)
    return f"{values.dotted(entry.path)}\n{entry.comment}\n{shown}".casefold()
