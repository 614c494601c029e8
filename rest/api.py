"""The front door of REST: the one table of routes, and what stands around it."""

from collections.abc import Mapping
from typing import Any

from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import ExceptionHandler

from resolvers.context import Context
from rest import (
    configuration,
    deployments,
    emojis,
    existing_client,
    instances,
    metrics_text,
    openapi,
    pages,
    person_files,
    persons,
    services,
    static_images,
    system,
    terminal_logs,
    terminal_socket,
)
from rest.envelope import Envelope
from rest.guard import Guard
from rest.operation import Operation
from rest.origins import Origins
from rest.table import Paths, Table

_DOCUMENTED: tuple[Operation, ...] = (
    *instances.OPERATIONS,
    *services.OPERATIONS,
    *deployments.OPERATIONS,
    *system.OPERATIONS,
    *terminal_logs.OPERATIONS,
    *configuration.OPERATIONS,
    *emojis.OPERATIONS,
    *persons.OPERATIONS,
    *person_files.OPERATIONS,
    *static_images.OPERATIONS,
    *existing_client.OPERATIONS,
    *metrics_text.OPERATIONS,
    *pages.OPERATIONS,
)
TABLE: tuple[Operation, ...] = (*_DOCUMENTED, openapi.operation(_DOCUMENTED))
PATHS = Paths(TABLE)


def routes(ctx: Context) -> list[BaseRoute]:
    """REST first, in one look-up, then the terminals' sockets."""
    return [Table(ctx, PATHS), *terminal_socket.routes(ctx)]


def middleware(ctx: Context) -> list[Middleware]:
    """For the whole application, GraphQL and WebSockets included: the envelope outside, the guard within."""
    origins = Origins(ctx.settings)
    return [
        Middleware(Envelope, origins=origins),
        Middleware(Guard, settings=ctx.settings, origins=origins, paths=PATHS),
    ]


def exception_handlers() -> Mapping[Any, ExceptionHandler]:
    """None: the envelope turns whatever comes out into an answer."""
    return {}
