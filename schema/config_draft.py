"""Texts of configuration files that are being edited: what they mean, edits, joining two changes, and searching for values."""

from collections.abc import Awaitable
from enum import Enum
from typing import Annotated, cast

import msgspec
import strawberry

from bots.documents.file import LIMIT_BYTES
from bots.documents.outline import COMMENT_LINES, Entry
from bots.documents.values import DEPTH
from resolvers import config_drafts
from resolvers.config_diffs import DIFF_LINES
from resolvers.config_drafts import EDITS_MAX, HITS_MAX, SEARCHED_CHARACTERS, Action, ConfigEdit
from resolvers.config_drafts import ConfigDraft as Draft
from resolvers.config_drafts import ConfigHit as Hit
from resolvers.config_drafts import ConfigMerge as Merge
from resolvers.config_drafts import ConfigSearch as Search
from schema.configuration import SECRETS, ConfigProblem, FileName, problem_of
from schema.context import Info
from schema.descriptions import InstanceId
from schema.scalars import Json

VALUES_MAX = 2000
CHARACTERS = "in characters from 0; a line break counts as written"


@strawberry.enum(description="What kind of value a configuration file has in a place.")
class ConfigShape(Enum):
    TABLE = strawberry.enum_value("table", description="A section or an inline table: its values follow.")
    ARRAY = strawberry.enum_value(
        "array", description="An array with tables or arrays in it: its elements follow."
    )
    LIST = strawberry.enum_value("list", description="An array of plain values.")
    STRING = strawberry.enum_value("string", description="A text.")
    INTEGER = strawberry.enum_value("integer", description="An integer.")
    FLOAT = strawberry.enum_value("float", description="A floating-point number.")
    BOOLEAN = strawberry.enum_value("boolean", description="`true` or `false`.")
    TIME = strawberry.enum_value("time", description="A date, a time, or both.")
    NULL = strawberry.enum_value("null", description="`null`, in JSON.")


def _shape(entry: strawberry.Parent[Entry]) -> ConfigShape:
    return ConfigShape(entry.shape)


def _value(entry: strawberry.Parent[Entry]) -> Json | None:
    return None if entry.value is None else Json(msgspec.json.encode(entry.value).decode())


@strawberry.type(description="A value in a text of a configuration file.")
class ConfigValue:
    path: list[str] = strawberry.field(description="Keys and, in arrays, indices from 0.")
    shape: ConfigShape = strawberry.field(resolver=_shape, description="What kind of value it is.")
    value: Json | None = strawberry.field(
        resolver=_value,
        description=f"The value; dates are ISO 8601 strings. {SECRETS} Null for null, tables and arrays with tables in them.",
    )
    comment: str = strawberry.field(
        description=f"The comment lines directly above it, the last {COMMENT_LINES}, and the comment behind it, secrets hidden. Empty: none."
    )
    secret: bool = strawberry.field(
        description="Whether it is a secret, by its name or that of a table around it."
    )
    line: int = strawberry.field(description="Line in which it begins, from 1.")
    start: int = strawberry.field(
        description=f"Where it begins, {CHARACTERS}. Of a section: the end of its name."
    )
    end: int = strawberry.field(description=f"Where it ends, {CHARACTERS}.")


def _problem(draft: strawberry.Parent[Draft], info: Info) -> ConfigProblem | None:
    return None if draft.problem is None else problem_of(draft.problem, info)


def _values(draft: strawberry.Parent[Draft]) -> list[ConfigValue]:
    return cast(list[ConfigValue], list(draft.entries[:VALUES_MAX]))


def _value_count(draft: strawberry.Parent[Draft]) -> int:
    return len(draft.entries)


def _hidden(draft: strawberry.Parent[Draft]) -> Json:
    return Json(msgspec.json.encode(draft.hidden).decode())


def _etag(of: strawberry.Parent[Draft | Merge]) -> str:
    return of.view.etag


def _changed_keys(draft: strawberry.Parent[Draft]) -> list[str]:
    return list(draft.keys)


def _fixed(draft: strawberry.Parent[Draft]) -> list[str]:
    return list(draft.fixed)


async def _diff(draft: strawberry.Parent[Draft], info: Info) -> str | None:
    return await config_drafts.diff(info.context.ctx, draft)


@strawberry.type(
    description="What a text would be as the content of a configuration file. Nothing is written."
)
class ConfigDraft:
    etag: str = strawberry.field(resolver=_etag, description="`etag` of the file that it was compared with.")
    problem: ConfigProblem | None = strawberry.field(
        resolver=_problem,
        description="Why it could not be written, such as a syntax error. Null: nothing found.",
    )
    values: list[ConfigValue] = strawberry.field(
        resolver=_values,
        description=f"The values in it, in the order of the text; the first {VALUES_MAX}. None for a syntax error.",
    )
    value_count: int = strawberry.field(
        resolver=_value_count, description="How many values there are, those that are left out among them."
    )
    hidden: Json = strawberry.field(
        resolver=_hidden,
        description=f"Where secrets stand in it, also in comments and with a syntax error: pairs of start and end, {CHARACTERS}.",
    )
    fixed: list[str] = strawberry.field(
        resolver=_fixed, description="Dotted names of values that only the program itself sets."
    )
    changed_keys: list[str] = strawberry.field(
        resolver=_changed_keys,
        description="Dotted names of the values that it would change; an array counts as one. Empty for a syntax error.",
    )
    restart_needed: bool = strawberry.field(
        description="Whether the program is running and would have to be restarted to apply the change."
    )
    diff: str | None = strawberry.field(
        resolver=_diff,
        description=f"What it would change: a unified diff of at most {DIFF_LINES} lines, secrets hidden; empty for no change. "
        "Null only with an error: `FILE_TOO_LARGE`, `SERVICE_UNAVAILABLE`.",
    )


@strawberry.enum(description="What to do to a value in a text.")
class ConfigAction(Enum):
    SET = strawberry.enum_value("set", description="Set it; missing tables are created.")
    UNSET = strawberry.enum_value("unset", description="Remove it; a missing one is not an error.")
    REPEAT = strawberry.enum_value(
        "repeat", description="It is an element of an array: add a copy at the array's end."
    )


@strawberry.input(description="A change of one value in a text.")
class ConfigEditInput:
    action: ConfigAction = strawberry.field(description="What to do.")
    path: list[str] = strawberry.field(
        description=f'Path of keys and, in arrays, indices from 0: `["api", "hosts", "0"]`. At most {DEPTH} steps.'
    )
    value: Json | None = strawberry.field(
        default=None, description="The value to set. Null is allowed in JSON files only."
    )


@strawberry.enum(description="Who has changed a part of a text.")
class ConfigOrigin(Enum):
    SAME = strawberry.enum_value("same", description="Nobody.")
    MINE = strawberry.enum_value("mine", description="The given text.")
    THEIRS = strawberry.enum_value("theirs", description="The file.")
    BOTH = strawberry.enum_value("both", description="Both, in the same way.")
    CONFLICT = strawberry.enum_value("conflict", description="Both, each in another way.")


@strawberry.type(description="Lines of a text.")
class ConfigLines:
    first: int = strawberry.field(description="The first line, from 0.")
    last: int = strawberry.field(description="The line after the last one; equal to `first`: no lines.")
    shown: str = strawberry.field(description="The lines with secrets hidden; empty for an unchanged part.")


@strawberry.type(
    description="A part of two changes of one text. All parts in their order are the whole texts."
)
class ConfigMergePart:
    origin: ConfigOrigin = strawberry.field(description="Who has changed it.")
    base: ConfigLines = strawberry.field(description="The part before both changes.")
    mine: ConfigLines = strawberry.field(description="The part in the given text.")
    theirs: ConfigLines = strawberry.field(description="The part in the file.")


def _text(merge: strawberry.Parent[Merge]) -> str:
    return merge.view.text


def _parts(merge: strawberry.Parent[Merge]) -> list[ConfigMergePart]:
    made = []
    for origin, *places in merge.parts:
        sides = [
            ConfigLines(first=first, last=last, shown="" if origin == "same" else "".join(lines[first:last]))
            for (first, last), lines in zip(places, merge.shown, strict=True)
        ]
        made.append(
            ConfigMergePart(origin=ConfigOrigin(origin), base=sides[0], mine=sides[1], theirs=sides[2])
        )
    return made


@strawberry.type(
    description="A change of a text beside what somebody else has made of it meanwhile. Nothing is written."
)
class ConfigMerge:
    etag: str = strawberry.field(resolver=_etag, description="`etag` of the file.")
    text: str = strawberry.field(resolver=_text, description=f"The content of the file. {SECRETS}")
    parts: list[ConfigMergePart] = strawberry.field(resolver=_parts, description="The parts, in order.")


def _hit_value(hit: strawberry.Parent[Hit]) -> ConfigValue:
    return cast(ConfigValue, hit.entry)


@strawberry.type(description="A value that was found in a configuration file.")
class ConfigHit:
    file: str = strawberry.field(description="Name of the file.")
    value: ConfigValue = strawberry.field(resolver=_hit_value, description="The value.")


def _unread(search: strawberry.Parent[Search], info: Info) -> list["UnreadConfigFile"]:
    language = info.context.language
    return [UnreadConfigFile(name=name, reason=why.text.in_language(language)) for name, why in search.unread]


@strawberry.type(description="A configuration file that could not be searched.")
class UnreadConfigFile:
    name: str = strawberry.field(description="Name of the file.")
    reason: str = strawberry.field(description="Why, in the language of the request.")


def _hits(search: strawberry.Parent[Search]) -> list[ConfigHit]:
    return cast(list[ConfigHit], list(search.hits))


@strawberry.type(description="What a search in the configuration files of an instance has found.")
class ConfigSearch:
    hits: list[ConfigHit] = strawberry.field(
        resolver=_hits,
        description=f"The values found, file by file in the order of the text; at most {HITS_MAX}.",
    )
    total: int = strawberry.field(description="How many there are, those that are left out among them.")
    unread: list[UnreadConfigFile] = strawberry.field(
        resolver=_unread, description="Files that could not be searched, such as those with a syntax error."
    )


def _draft(
    info: Info,
    instance_id: InstanceId,
    name: FileName,
    text: Annotated[str, strawberry.argument(description="The text.")],
) -> Awaitable[ConfigDraft | None]:
    found = config_drafts.draft(info.context.ctx, instance_id, name, text)
    return cast(Awaitable[ConfigDraft | None], found)


async def _edited(
    info: Info,
    instance_id: InstanceId,
    name: FileName,
    text: Annotated[str, strawberry.argument(description="The text, without a syntax error.")],
    edits: Annotated[
        list[ConfigEditInput],
        strawberry.argument(description=f"The changes, made one after the other; at most {EDITS_MAX}."),
    ],
) -> str | None:
    asked = [ConfigEdit(cast(Action, edit.action.value), edit.path, edit.value) for edit in edits]
    return await config_drafts.edit(info.context.ctx, instance_id, name, text, asked)


def _merge(
    info: Info,
    instance_id: InstanceId,
    name: FileName,
    base: Annotated[
        str, strawberry.argument(description="The content of the file that `text` was made from.")
    ],
    text: Annotated[str, strawberry.argument(description="What has been made of it.")],
) -> Awaitable[ConfigMerge | None]:
    found = config_drafts.merge(info.context.ctx, instance_id, name, base, text)
    return cast(Awaitable[ConfigMerge | None], found)


def _search(
    info: Info,
    instance_id: InstanceId,
    text: Annotated[
        str,
        strawberry.argument(
            description=f"Words, 1-{SEARCHED_CHARACTERS} characters, all of which must be in a value's path, comment or text."
        ),
    ],
) -> Awaitable[ConfigSearch | None]:
    found = config_drafts.search(info.context.ctx, instance_id, text)
    return cast(Awaitable[ConfigSearch | None], found)


_ERRORS = (
    "`INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`, `INVALID_PATH`, `INVALID_PARAMETER`, `FILE_TOO_LARGE`, "
    "`PERMISSION_DENIED`, `SERVICE_UNAVAILABLE` if too much of the instance's configuration is being read."
)


@strawberry.type
class ConfigDraftQuery:
    config_draft: ConfigDraft | None = strawberry.field(
        resolver=_draft,
        graphql_type=ConfigDraft | None,
        description="What a text would be as the content of a configuration file: its values, what it would change, and whether "
        f"that needs a restart. Writes nothing. Null only with an error: {_ERRORS}",
    )
    edit_config_text: str | None = strawberry.field(
        resolver=_edited,
        description="A text with other values, everything else byte for byte as it was; writes nothing. At most "
        f"{LIMIT_BYTES >> 20} MiB. Null only with an error, which has `line` and `column` in its extensions for a syntax error: "
        f"{_ERRORS}",
    )
    merge_config_text: ConfigMerge | None = strawberry.field(
        resolver=_merge,
        graphql_type=ConfigMerge | None,
        description="A change of a text beside what the file has become meanwhile, part by part. Writes nothing. Null only with "
        f"an error: {_ERRORS}",
    )
    search_config: ConfigSearch | None = strawberry.field(
        resolver=_search,
        graphql_type=ConfigSearch | None,
        description="Searches the paths, comments and values of all configuration files of an instance, but no secrets. Null "
        f"only with an error: {_ERRORS}",
    )
