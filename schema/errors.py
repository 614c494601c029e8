"""Failures as GraphQL errors: `extensions` has the code, the HTTP status that REST would return, and the invalid field."""

import logging
from collections.abc import Iterable

from graphql import GraphQLError
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError

from bots.documents.errors import DocumentSyntaxError
from mailauncher.errors import ERROR_INFO, UNEXPECTED, Code, LauncherError, as_known

log = logging.getLogger(__name__)

_CLIENT_ERRORS = (
    type(None),
    GraphQLError,
    MissingQueryError,
    CannotGetOperationTypeError,
    InvalidOperationTypeError,
)


def add_codes(errors: Iterable[GraphQLError], language: str) -> None:
    """Adds code and message to errors, in place. Unexpected errors are logged with a traceback and masked.

    Messages of GraphQL itself (syntax, validation, variables) are always in English.
    """
    for error in errors:
        cause = _cause(error)
        if isinstance(cause, LauncherError):
            error.message = cause.text.in_language(language)
            error.extensions = extensions(cause.code, cause.field)
            if isinstance(cause, DocumentSyntaxError):
                error.extensions |= {"line": cause.line, "column": cause.column}
        elif _is_client_error(error, cause):
            error.extensions = extensions(Code.INVALID_PARAMETER)
        else:
            log.error("graphql field %s failed", error.path, exc_info=cause or error)
            error.message = UNEXPECTED.in_language(language)
            error.extensions = extensions(Code.INTERNAL_ERROR)


def extensions(code: Code, field: str | None = None) -> dict[str, str | int]:
    """`field` is present only if a single input field is invalid, as in REST."""
    details: dict[str, str | int] = {"code": code.value, "status": ERROR_INFO[code].http}
    return details if field is None else {**details, "field": field}


def _cause(error: GraphQLError) -> Exception | None:
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return as_known(cause) or cause


def _is_client_error(error: GraphQLError, cause: Exception | None) -> bool:
    """Whether the request caused the error. Before execution: if the error has a position in the document. Later: for an
    invalid argument, to which GraphQL's own error points; a result that a type cannot represent has no position."""
    if error.path is None:
        return error.nodes is not None or isinstance(cause, _CLIENT_ERRORS)
    return isinstance(cause, GraphQLError) and cause.nodes is not None
