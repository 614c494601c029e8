"""Relay connections: pages of a list that grows, with cursors."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Protocol, Self, TypeVar

import strawberry

from mailauncher.errors import InvalidParameter
from schema.context import Info

PAGE_SIZE_MAX = 100
"""Maximum number of emojis or persons on one page."""
SKIP_MAX = 10_000_000

First = Annotated[int, strawberry.argument(description=f"Maximum number of items, 1-{PAGE_SIZE_MAX}.")]
After = Annotated[
    strawberry.ID | None,
    strawberry.argument(description="Cursor of the last item seen. Null: start with the newest."),
]
Skip = Annotated[
    int,
    strawberry.argument(
        description=f"Number of items to leave out after that, 0-{SKIP_MAX:,}: leads far into a long list at once."
    ),
]


class Item(Protocol):
    @property
    def cursor(self) -> int: ...


Items = TypeVar("Items", bound=Item)
Filter = TypeVar("Filter")


@dataclass(frozen=True)
class Page(ABC, Generic[Items]):
    """A page of a list. It stands for its connection and its page info."""

    edges: Sequence[Items]

    @property
    def end(self) -> int | None:
        """The last item's cursor; None for an empty page."""
        return self.edges[-1].cursor if self.edges else None

    @abstractmethod
    async def more(self, info: Info) -> bool:
        """Whether items follow this page."""


@dataclass(frozen=True)
class FilteredPage(Page[Items], Generic[Items, Filter]):
    """A page of an instance's emojis or persons, and the filter that selected them."""

    instance_id: str
    wanted: Filter
    has_more: bool
    total: int | None
    """The number of all that match, where it need not be counted: the first page has them all. None: it has to be counted."""

    @classmethod
    def of(
        cls, found: Sequence[Items], first: int, instance_id: str, wanted: Filter, *, skipped: bool
    ) -> Self:
        """The first of the found items, of which one more than wanted was asked for. `skipped`: others may come before them."""
        has_more = len(found) > first
        total = None if has_more or skipped else len(found)
        return cls(found[:first], instance_id, wanted, has_more, total)

    async def more(self, info: Info) -> bool:
        return self.has_more


def identity(parent: strawberry.Parent[object]) -> Any:
    """The object stands for its part too: the fields of the part read other attributes of it."""
    return parent


def _has_next_page(page: strawberry.Parent[Page[Any]], info: Info) -> Any:
    return page.more(info)


def _end_cursor(page: strawberry.Parent[Page[Any]]) -> strawberry.ID | None:
    return None if page.end is None else strawberry.ID(str(page.end))


@strawberry.type(description="Position of a page in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(
        resolver=_has_next_page,
        graphql_type=bool,
        description="Whether items follow this page at the moment; more may be added later.",
    )
    end_cursor: strawberry.ID | None = strawberry.field(
        resolver=_end_cursor, description="Cursor of the page's last item. Null: the page is empty."
    )


def require_page(first: int, skip: int) -> None:
    """Raises InvalidParameter unless they are 1 to PAGE_SIZE_MAX and 0 to SKIP_MAX."""
    if not 0 <= skip <= SKIP_MAX:
        raise InvalidParameter(
            f"skip 应在 0 与 {SKIP_MAX} 之间", f"skip must be between 0 and {SKIP_MAX}", field="skip"
        )
    if not 1 <= first <= PAGE_SIZE_MAX:
        raise InvalidParameter(
            f"first 应在 1 与 {PAGE_SIZE_MAX} 之间",
            f"first must be between 1 and {PAGE_SIZE_MAX}",
            field="first",
        )
