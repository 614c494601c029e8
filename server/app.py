"""The ASGI application: all front doors over a running context."""

from dataclasses import replace

from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from resolvers.context import Context
from rest import api
from schema import endpoint


def create_app(ctx: Context) -> Starlette:
    """The application over a running context: REST, terminals, GraphQL, and access control."""
    graphql = endpoint.create(replace(ctx, caller="graphql"))
    routes = [
        *api.routes(replace(ctx, caller="rest")),
        Route("/graphql", graphql),
        WebSocketRoute("/graphql", graphql),
    ]
    return Starlette(
        routes=routes, middleware=api.middleware(ctx), exception_handlers=api.exception_handlers()
    )
