"""What that client's resource manager does with emojis and persons alike: counting, batches, changes in MaiBot's columns."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET

from mailauncher.errors import Code, InvalidParameter, LauncherError, Text
from mailauncher.system_text import to_json
from resolvers.context import Context
from resolvers.validation import BATCH_LIMIT
from rest.done import Done
from rest.field_docs import about
from rest.operation import Call, Handler, Operation
from rest.responses import JSON, NO_STORE, StreamedResponse
from rest.values import StatusSuccess

GROUP = "resources"
PART_ROWS = 16
"""How many rows of a batch are read and encoded at a time: the longest of persons have 200 KB."""

V = TypeVar("V")
Flag = bool | int
"""MaiBot's databases have 0 and 1."""
BatchSize = Annotated[
    int,
    about(f"返回的最大数量，1-{BATCH_LIMIT}。", f"Maximum number of rows, 1-{BATCH_LIMIT}."),
]


class ResourceDone(Done):
    """The command was carried out."""

    status: StatusSuccess


def resource_done(message: Text, call: Call) -> ResourceDone:
    return ResourceDone(True, message.in_language(call.language), "success")


class Count(msgspec.Struct):
    """A number of rows."""

    total_count: Annotated[int, about("符合条件的总数。", "Total number of matches.")]


class Counted(msgspec.Struct):
    """The number of matching rows."""

    status: StatusSuccess
    data: Annotated[Count, about("数量。", "The number.")]


def counted(total: int) -> Counted:
    return Counted("success", Count(total))


def as_flag(value: Flag | None) -> bool | None:
    return None if value is None else bool(value)


@contextmanager
def naming(columns: Mapping[str, str]) -> Iterator[None]:
    """Errors name MaiBot's columns instead of the fields that they are here, also where their message begins with the name."""
    try:
        yield
    except LauncherError as error:
        field = error.field or ""
        if column := columns.get(field):
            error.field = column
            error.text = Text(*(re.sub(rf"\A{field}(?= )", column, text) for text in error.text))
        raise


def changes(
    given: msgspec.Struct, current: msgspec.Struct, writable: tuple[str, ...], fixed: tuple[str, ...]
) -> Mapping[str, Any]:
    """The writable columns that a client changes. It sends back the rest of the row as it has read it, which the bot may have
    changed since: that is ignored. null is an empty text. Raises InvalidParameter for a change of a fixed column, which the
    client lets its user change."""
    changed = {
        name: value
        for name in given.__struct_fields__
        if (value := getattr(given, name)) is not UNSET and (value or "") != (getattr(current, name) or "")
    }
    if wrong := next((name for name in fixed if name in changed), None):
        raise InvalidParameter(
            f"{wrong} 由 Bot 自己维护，不能在此更改",
            f"{wrong} is kept by the bot and cannot be changed here",
            field=wrong,
        )
    return {name: value or "" for name, value in changed.items() if name in writable}


async def batch_response(
    ctx: Context, found: Sequence[V], columns: Callable[[Context, Sequence[V]], Awaitable[Sequence[object]]]
) -> StreamedResponse:
    """A batch, made part by part; nothing is sent before all of it is there."""
    parts = []
    for at in range(0, len(found), PART_ROWS):
        rows = await columns(ctx, found[at : at + PART_ROWS])
        parts.append((await asyncio.to_thread(to_json, rows))[1:-1])
    return StreamedResponse(_joined(parts), (JSON, NO_STORE))


async def _joined(parts: Sequence[bytes]) -> AsyncGenerator[bytes, None]:
    yield b'{"status":"success","data":['
    for number, part in enumerate(parts):
        yield b"," + part if number else part
    yield b"]}"


def operations(
    kind: str,
    noun: Text,
    *,
    count: Handler,
    filters: type[msgspec.Struct],
    batch: Handler,
    batches: type[msgspec.Struct],
    response: type[msgspec.Struct],
) -> tuple[Operation, ...]:
    """The two routes of a kind of rows. `noun` is their plural."""
    return (
        Operation(
            method="POST",
            path=f"/api/v1/resource/{{id}}/{kind}/count",
            group=GROUP,
            text=Text(f"统计{noun.zh}", f"Count {noun.en}"),
            details=Text(
                "先从 Bot 的数据库读入，至多每分钟一次。",
                "First reads what is new in the bot's database, at most once a minute.",
            ),
            handler=count,
            request=(filters,),
            response=Counted,
            codes=(Code.INSTANCE_NOT_FOUND,),
            body_optional=True,
            changes=True,
        ),
        Operation(
            method="POST",
            path=f"/api/v1/resource/{{id}}/{kind}/batch",
            group=GROUP,
            text=Text(f"分批获取{noun.zh}", f"Get a batch of {noun.en}"),
            handler=batch,
            request=(batches,),
            response=response,
            codes=(Code.INSTANCE_NOT_FOUND, Code.DATABASE_ERROR),
        ),
    )
