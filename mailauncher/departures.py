"""Ends work whose client has left: a server tells of that, but stops nothing."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeVar

T = TypeVar("T")
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

UNWATCHED_S = 0.1
"""Most work is done before; then nobody looks whether the client has left."""


class ClientLeft(Exception):
    """Nobody waits for the response any more."""


async def unless_left(work: Awaitable[T], receive: Receive) -> T:
    """The result of `work`, which is cancelled when the client leaves. The body must have been read. Raises ClientLeft."""
    working = asyncio.ensure_future(work)
    begun: set[asyncio.Future[Any]] = {working}
    try:
        await asyncio.wait({working}, timeout=UNWATCHED_S)
        if not working.done():
            begun.add(asyncio.ensure_future(_departure(receive)))
            await asyncio.wait(begun, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientLeft
    finally:
        for one in begun:
            one.cancel()
        await asyncio.wait(begun)


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
