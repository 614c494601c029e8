"""The ASGI application: all front doors over a running context."""

from dataclasses import replace

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute

from resolvers.context import Context
from rest import api, dashboard
from schema import endpoint


def create_app(ctx: Context) -> Starlette:
    """The application over a running context: REST, terminals, GraphQL, and access control."""
    graphql = endpoint.create(replace(ctx, caller="graphql"), dashboard.documents(), _explorer)
    routes = [
        *api.routes(replace(ctx, caller="rest")),
        Route("/graphql", graphql),
        WebSocketRoute("/graphql", graphql),
    ]
    return Starlette(
        routes=routes, middleware=api.middleware(ctx), exception_handlers=api.exception_handlers()
    )


def _explorer(language: str) -> Response:
    """The explorer's page, as Strawberry answers."""
    page = dashboard.explorer(language)
    response = Response(page.body, page.status)
    response.raw_headers = [*page.headers, (b"content-length", b"%d" % len(page.body))]
    return response
