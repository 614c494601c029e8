"""The REST API as a whole: its table of routes, and the middleware of the application."""

from collections.abc import Mapping
from typing import Any

from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import ExceptionHandler

from resolvers.context import Context
from rest import (
    configuration,
    dashboard,
    deployments,
    emojis,
    existing_client,
    files,
    instances,
    metrics_text,
    openapi,
    pages,
    person_files,
    persons,
    services,
    sign_in,
    static_images,
    system,
    terminal_logs,
    terminal_socket,
)
from rest.guard import Guard
from rest.operation import Operation
from rest.origins import Origins
from rest.outer_middleware import OuterMiddleware
from rest.routing import OperationsRoute, Router

_DOCUMENTED: tuple[Operation, ...] = (
    *instances.OPERATIONS,
    *services.OPERATIONS,
    *deployments.OPERATIONS,
    *system.OPERATIONS,
    *terminal_logs.OPERATIONS,
    *configuration.OPERATIONS,
    *files.OPERATIONS,
    *emojis.OPERATIONS,
    *persons.OPERATIONS,
    *person_files.OPERATIONS,
    *static_images.OPERATIONS,
    *existing_client.OPERATIONS,
    *metrics_text.OPERATIONS,
    *pages.OPERATIONS,
)
TABLE: tuple[Operation, ...] = (*_DOCUMENTED, openapi.operation(_DOCUMENTED))
# The pages, and what only they need, are no API.
ROUTER = Router((*TABLE, *dashboard.OPERATIONS, *sign_in.OPERATIONS))


def routes(ctx: Context) -> list[BaseRoute]:
    """The documented routes first, in one lookup, then the terminal sockets."""
    return [OperationsRoute(ctx, ROUTER), *terminal_socket.routes(ctx)]


def middleware(ctx: Context) -> list[Middleware]:
    """For the whole application, including GraphQL and WebSockets: the guard inside the outer middleware."""
    origins = Origins(ctx.settings)
    return [
        Middleware(OuterMiddleware, origins=origins),
        Middleware(
            Guard,
            settings=ctx.settings,
            origins=origins,
            router=ROUTER,
            sessions=ctx.sessions,
            delegations=ctx.delegations,
        ),
    ]


def exception_handlers() -> Mapping[Any, ExceptionHandler]:
    """None: the outer middleware turns every exception into a response."""
    return {}
