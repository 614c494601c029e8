"""The web pages of an instance's programs."""

from collections.abc import Awaitable
from typing import cast

import strawberry

from resolvers import web_pages
from resolvers.views import InstanceView, WebPageView
from schema.context import Info


def _token(page: strawberry.Parent[WebPageView], info: Info) -> Awaitable[str | None]:
    return web_pages.token(info.context.ctx, page)


def _listening(page: strawberry.Parent[WebPageView]) -> Awaitable[bool]:
    return web_pages.listening(page)


@strawberry.type(
    description="The web page of a program, such as MaiBot's WebUI or NapCat's, as its recipe and its files describe it."
)
class WebPage:
    program: str = strawberry.field(description="Program that serves it: `main`, or the name of a service.")
    port: int = strawberry.field(description="TCP port, 1-65535.")
    url: str = strawberry.field(description="URL of the page on the server's own machine.")
    listening: bool = strawberry.field(
        resolver=_listening,
        description="Whether something listens on its port now. It may be another program, if this one does not run.",
    )
    token: str | None = strawberry.field(
        resolver=_token,
        description="The password with which one logs in there: a secret. Null: it has none, or the program has not chosen one yet.",
    )


def web_pages_of(instance: strawberry.Parent[InstanceView], info: Info) -> Awaitable[list[WebPage]]:
    return cast(Awaitable[list[WebPage]], info.context.loaders.web_pages.load(instance.id))
