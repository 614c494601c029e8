"""Relay connections: pages of a list that grows, each with a cursor for the next."""

from abc import ABC, abstractmethod
from typing import Any

import strawberry

from mailauncher.errors import InvalidParameter
from schema.context import Info

PAGE = 100
"""Items of one page of emojis or persons."""


class Page(ABC):
    """A part of a list, which stands for its connection and its page info."""

    @property
    @abstractmethod
    def end(self) -> int | None:
        """The last item's cursor; None for an empty page."""

    @abstractmethod
    async def more(self, info: Info) -> bool:
        """Whether the list goes on after this page."""


def itself(parent: strawberry.Parent[object]) -> Any:
    """What stands for the whole stands for its part too: the fields below read other attributes of it."""
    return parent


def _has_next_page(page: strawberry.Parent[Page], info: Info) -> Any:
    return page.more(info)


def _end_cursor(page: strawberry.Parent[Page]) -> strawberry.ID | None:
    return None if page.end is None else strawberry.ID(str(page.end))


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(
        resolver=_has_next_page,
        graphql_type=bool,
        description="Whether items follow this page now; later there may be others.",
    )
    end_cursor: strawberry.ID | None = strawberry.field(
        resolver=_end_cursor, description="Cursor of the page's last item. Null when the page is empty."
    )


def require_first(first: int) -> None:
    """Raises InvalidParameter unless it is 1 to PAGE."""
    if not 1 <= first <= PAGE:
        raise InvalidParameter(
            f"first 应在 1 与 {PAGE} 之间", f"first must be between 1 and {PAGE}", field="first"
        )
