"""`mailauncher logs --grep`: searches the past output of terminals, and prints each line as soon as it is found."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import typer

from cli.client import ApiClient
from cli.console import Console
from mailauncher.errors import InvalidParameter

LIMIT = 10_000
_MATCHES = """subscription ($text: String!, $instanceId: ID, $sessionId: ID, $first: Int!, $regex: Boolean!,
        $caseSensitive: Boolean!, $wholeWord: Boolean!, $level: LogLevel, $begin: DateTime, $context: Int!) {
    found: terminalMatches(text: $text, instanceId: $instanceId, sessionId: $sessionId, first: $first, regex: $regex,
        caseSensitive: $caseSensitive, wholeWord: $wholeWord, level: $level, begin: $begin, context: $context)
    { sessionId line before after } }"""
_AGO = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Wanted(msgspec.Struct, frozen=True, rename="camel"):
    """Which lines, with the names of the API's `terminalMatches`."""

    text: str
    regex: bool
    case_sensitive: bool
    whole_word: bool
    level: str | None
    begin: str | None
    context: int
    first: int


def search(
    client: ApiClient, console: Console, wanted: Wanted, instance_id: str | None, session_id: str | None
) -> None:
    """Prints the lines of one terminal, of those of an instance, or of all; then ends with status 1 if there are none. Lines of
    several terminals begin with `NAME/TERMINAL:`, and `-` instead of `:` where they are only near one that was found."""
    names = {} if session_id else {instance.id: instance.name for instance in client.instances()}
    found = 0
    for match in _matches(client, wanted, instance_id, session_id):
        if wanted.context and found:
            print("--")
        found += 1
        owner, _, terminal = match["sessionId"].rpartition("_")
        place = "" if session_id else f"{names.get(owner, owner)}/{terminal}"
        _print(place, "-", match["before"])
        _print(place, ":", [match["line"]])
        _print(place, "-", match["after"])
    if found == wanted.first:
        console.note(
            f"[{found} 行之后停止，可能还有；用 --since 缩小范围，或用 --max 增加（最多 {LIMIT}）]",
            f"[stopped after {found} lines; there may be more: narrow it down with --since, or raise --max, to {LIMIT} at most]",
        )
    if not found:
        raise typer.Exit(1)


def _matches(
    client: ApiClient, wanted: Wanted, instance_id: str | None, session_id: str | None
) -> Iterator[Any]:
    from cli.subscription import subscribe

    query = msgspec.to_builtins(wanted)
    for data in subscribe(client, _MATCHES, instanceId=instance_id, sessionId=session_id, **query):
        yield data["found"]


def _print(place: str, mark: str, lines: list[str]) -> None:
    for line in lines:
        print(f"{place}{mark if place else ''}{line}", flush=True)


def moment(given: str) -> str:
    """The time of `30m` (so long ago; also s, h, d) or of an ISO 8601 date or time, local unless it says otherwise; as the API
    takes it. Raises InvalidParameter."""
    try:
        if ago := _AGO.fullmatch(given):
            found = datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            found = datetime.fromisoformat(given).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidParameter(
            f"时间无效：{given}（应如 30m、2h、3d 或 2026-01-31T08:00）",
            f"Invalid time: {given} (valid ones: 30m, 2h, 3d, 2026-01-31T08:00)",
            field="since",
        ) from None
    return found.isoformat(timespec="milliseconds")
