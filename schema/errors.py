"""Failures as GraphQL errors: a code, the HTTP status that REST would give, and the field at fault in `extensions`."""

import logging
from collections.abc import Iterable

from graphql import GraphQLError
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from mailauncher.bots.documents.broken import BrokenText
from mailauncher.errors import VERDICTS, Code, LauncherError, Text

log = logging.getLogger(__name__)

UNEXPECTED = Text("内部服务器错误，详见日志", "Internal server error; the log says more")

_OF_THE_CALLER = (
    type(None),
    GraphQLError,
    MissingQueryError,
    CannotGetOperationTypeError,
    InvalidOperationTypeError,
)


def describe(errors: Iterable[GraphQLError], language: str) -> None:
    """Completes errors in place. The unexpected is logged with its traceback and masked.

    Messages of GraphQL itself (syntax, validation, variables) are in English whatever the language.
    """
    for error in errors:
        cause = _cause(error)
        if isinstance(cause, LauncherError):
            error.message = cause.text.in_language(language)
            error.extensions = extensions(cause.code, cause.field)
            if isinstance(cause, BrokenText):
                error.extensions |= {"line": cause.line, "column": cause.column}
        elif _is_the_callers(error, cause):
            error.extensions = extensions(Code.INVALID_PARAMETER)
        else:
            log.error("graphql field %s failed", error.path, exc_info=cause or error)
            error.message = UNEXPECTED.in_language(language)
            error.extensions = extensions(Code.INTERNAL_ERROR)


def extensions(code: Code, field: str | None = None) -> dict[str, str | int]:
    """`field` is there only where a single input field is at fault, as in REST."""
    details: dict[str, str | int] = {"code": code.value, "status": VERDICTS[code].http}
    return details if field is None else {**details, "field": field}


def _cause(error: GraphQLError) -> Exception | None:
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _is_the_callers(error: GraphQLError, cause: Exception | None) -> bool:
    """Whether the request is at fault. Before execution: where the error points into the document. Later: for arguments,
    which GraphQL's own error points at; what a type cannot represent is such an error too, without a place."""
    if error.path is None:
        return error.nodes is not None or isinstance(cause, _OF_THE_CALLER)
    return isinstance(cause, GraphQLError) and cause.nodes is not None
