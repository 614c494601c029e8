"""Searches in the past output of terminals: a page of one, or a stream of several."""

from collections.abc import AsyncGenerator
from enum import Enum
from typing import Annotated, cast

import strawberry

from resolvers import log_search, logs
from resolvers.log_search import CONTEXT_CHARACTERS, CONTEXT_LIMIT, LogQuery
from schema.context import Info
from schema.scalars import Instant, Long
from schema.terminal import SESSION, SessionId
from terminals import line_search
from terminals.line_search import QUERY_CHARACTERS, LineQuery

FIRST_STREAMED = 1000
_ACCURACY = f"to {logs.TIME_ACCURACY_MS} ms"


@strawberry.enum(description="How serious a line of a log is.")
class LogLevel(Enum):
    DEBUG = strawberry.enum_value(line_search.LogLevel.DEBUG, description="`DEBUG` and `TRACE`.")
    INFO = strawberry.enum_value(line_search.LogLevel.INFO, description="`INFO` and `SUCCESS`.")
    WARNING = strawberry.enum_value(line_search.LogLevel.WARNING, description="`WARNING` and `WARN`.")
    ERROR = strawberry.enum_value(line_search.LogLevel.ERROR, description="`ERROR`.")
    CRITICAL = strawberry.enum_value(line_search.LogLevel.CRITICAL, description="`CRITICAL` and `FATAL`.")


@strawberry.type(description="A line of a terminal's log that was searched for.")
class TerminalMatch:
    session_id: strawberry.ID = strawberry.field(description=f"The terminal that printed it: {SESSION}")
    offset: Long = strawberry.field(
        description="Offset in bytes of its first byte in all that the terminal has ever printed."
    )
    line: str = strawberry.field(
        description=f"The line without terminal sequences, cut after {logs.LINE_BYTES >> 10} KiB."
    )
    before: list[str] = strawberry.field(
        description=f"The lines before it, each cut after {CONTEXT_CHARACTERS:,} characters; empty without `context`."
    )
    after: list[str] = strawberry.field(description="The lines behind it, as `before`.")


@strawberry.type(description="Lines that were searched for, oldest first.")
class TerminalSearch:
    matches: list[TerminalMatch] = strawberry.field(description="The lines of this page.")
    next: Long | None = strawberry.field(
        description="Pass it as `after` to get further lines. Null: the end of the log was reached."
    )


Text = Annotated[
    str,
    strawberry.argument(
        description=f"The text to find, 1-{QUERY_CHARACTERS} characters, or a regular expression, see `regex`."
    ),
]
Regex = Annotated[
    bool,
    strawberry.argument(
        description="Whether `text` is a regular expression, in the syntax of RE2, which has neither backreferences nor "
        "lookarounds; it matches within one line, with `^` and `$` as its ends."
    ),
]
CaseSensitive = Annotated[bool, strawberry.argument(description="Whether case matters.")]
WholeWord = Annotated[
    bool,
    strawberry.argument(
        description="Whether no letter, digit or underscore may stand directly before or behind the match."
    ),
]
Level = Annotated[
    LogLevel | None,
    strawberry.argument(
        description="Only lines of at least this level. A line that names none, such as those of a traceback, has that of the "
        "line before. Null: any."
    ),
]
Begin = Annotated[
    Instant | None,
    strawberry.argument(description=f"Only lines printed from this time on, {_ACCURACY}. Null: any."),
]
End = Annotated[
    Instant | None,
    strawberry.argument(description=f"Only lines printed up to this time, {_ACCURACY}. Null: any."),
]
ContextLines = Annotated[
    int,
    strawberry.argument(
        description=f"How many lines before and behind each line to give, 0-{CONTEXT_LIMIT}."
    ),
]


def _query(
    text: str,
    regex: bool,
    case_sensitive: bool,
    whole_word: bool,
    level: LogLevel | None,
    begin: int | None,
    end: int | None,
    context: int,
) -> LogQuery:
    least = None if level is None else line_search.LogLevel[level.name]
    return LogQuery(LineQuery(text, regex, case_sensitive, whole_word, least), begin, end, context)


async def _search(
    info: Info,
    session_id: SessionId,
    text: Text,
    after: Annotated[
        Long | None,
        strawberry.argument(description="Offset in bytes to start at. Null: the oldest output kept."),
    ] = None,
    first: Annotated[
        int, strawberry.argument(description=f"Maximum number of lines, 1-{log_search.MATCHES_LIMIT}.")
    ] = 50,
    regex: Regex = False,
    case_sensitive: CaseSensitive = False,
    whole_word: WholeWord = False,
    level: Level = None,
    begin: Begin = None,
    end: End = None,
    context: ContextLines = 0,
) -> TerminalSearch | None:
    query = _query(text, regex, case_sensitive, whole_word, level, begin, end, context)
    found = await log_search.page(info.context.ctx, session_id, query, after or 0, first)
    return cast(TerminalSearch, found)


@strawberry.type
class TerminalSearchQuery:
    search_terminal: TerminalSearch | None = strawberry.field(
        resolver=_search,
        description="Lines of a terminal's log that contain a text or match a regular expression. Null only with an error: "
        "`INVALID_PARAMETER`, or as for `terminal`.",
    )


async def _stream(
    info: Info,
    text: Text,
    instance_id: Annotated[
        strawberry.ID | None,
        strawberry.argument(description="Only the terminals of this instance. Null: of all instances."),
    ] = None,
    session_id: Annotated[
        strawberry.ID | None,
        strawberry.argument(description=f"Only this terminal: {SESSION} Null: every terminal."),
    ] = None,
    first: Annotated[
        int,
        strawberry.argument(description=f"Maximum number of lines in all, 1-{log_search.STREAMED_LIMIT:,}."),
    ] = FIRST_STREAMED,
    regex: Regex = False,
    case_sensitive: CaseSensitive = False,
    whole_word: WholeWord = False,
    level: Level = None,
    begin: Begin = None,
    end: End = None,
    context: ContextLines = 0,
) -> AsyncGenerator[TerminalMatch, None]:
    query = _query(text, regex, case_sensitive, whole_word, level, begin, end, context)
    found = await log_search.stream(
        info.context.ctx, query, first, instance_id=instance_id, session_id=session_id
    )
    return cast(AsyncGenerator[TerminalMatch, None], found)


@strawberry.type
class TerminalSearchSubscription:
    terminal_matches: AsyncGenerator[TerminalMatch, None] = strawberry.subscription(
        resolver=_stream,
        description="Lines of the logs of one terminal, of an instance's, or of all, that contain a text or match a regular "
        "expression: each as soon as it is found, terminal by terminal, oldest first. It ends with the last one.",
    )
