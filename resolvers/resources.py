"""The operations that emojis and persons share: create, get, search, update and delete, one or many at once."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from mailauncher.errors import Conflict, InvalidParameter, LauncherError, Text
from mailauncher.grants import Scope
from resolvers import validation
from resolvers.context import Context
from resolvers.rights import needs
from resolvers.syncing.bot_database import SHARED
from store.pictures import Picture
from store.resources import PageRequest, ResourceKind, Resources, Row
from store.search_index import Criteria


class _Change(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def if_match(self) -> str | None: ...


class _View(Protocol):
    @property
    def etag(self) -> str: ...


New = TypeVar("New")
Change = TypeVar("Change", bound=_Change)
Filter = TypeVar("Filter")
View = TypeVar("View", bound=_View)


@dataclass(frozen=True, slots=True)
class ResourceOperations(Generic[New, Change, Filter, View]):
    """The operations on one kind of resource, for each of its instance's rows."""

    kind: ResourceKind
    items: str
    """The name of a bulk command's list. An error names the item at fault, as in `emojis.3.name`."""
    listed_twice: Text
    table: Callable[[Context], Resources]
    prepare: Callable[[Context, New], Awaitable[tuple[Row, Picture | None]]]
    """Returns a new row, and the picture that is stored with it. Raises LauncherError for invalid input."""
    refuse: Callable[[Context, str, Sequence[New], Sequence[Row]], Awaitable[None]] | None
    """Raises LauncherError for what must not be added beside what the instance has. Pictures are not added meanwhile."""
    edit: Callable[[Change], Callable[[Row], Row]]
    """Returns what gives the changed columns of a row. Both raise InvalidParameter."""
    criteria: Callable[[Filter], Criteria]
    """Raises InvalidParameter."""
    view: Callable[[Row], View]

    @needs(Scope.ADMIN)
    async def create(self, ctx: Context, instance_id: str, new: New) -> View:
        """Raises InstanceNotFound, InvalidParameter, DuplicateResource; for emojis also InvalidImageFormat, FileTooLarge,
        InsufficientSpace."""
        ctx.live.view(instance_id)
        return (await self._add(ctx, instance_id, [new], [await self.prepare(ctx, new)]))[0]

    @needs(Scope.ADMIN)
    async def create_many(self, ctx: Context, instance_id: str, new: Sequence[New]) -> list[View]:
        """Creates all of them or none, in this order; at most 200. Raises as `create`."""
        ctx.live.view(instance_id)
        validation.require_bulk(new, self.items)
        prepared = []
        for place, one in enumerate(new):
            with _prefixing_field(f"{self.items}.{place}"):
                prepared.append(await self.prepare(ctx, one))
        return await self._add(ctx, instance_id, new, prepared)

    async def _add(
        self,
        ctx: Context,
        instance_id: str,
        new: Sequence[New],
        prepared: Sequence[tuple[Row, Picture | None]],
    ) -> list[View]:
        rows = [row for row, _ in prepared]
        pictures = [picture for _, picture in prepared if picture is not None]

        async def insert() -> list[Row]:
            if self.refuse is not None:
                await self.refuse(ctx, instance_id, new, rows)
            return await self.table(ctx).add(instance_id, rows)

        made = await (ctx.store.images.save(pictures, insert) if pictures else insert())
        ctx.synchronizer.schedule_push(instance_id)
        return [self.view(row) for row in made]

    @needs(Scope.READ)
    async def get(self, ctx: Context, instance_id: str, id: str) -> View:
        """Raises InstanceNotFound, ResourceNotFound."""
        ctx.live.view(instance_id)
        return self.view(await self.table(ctx).get(instance_id, id))

    @needs(Scope.READ)
    async def search(
        self, ctx: Context, instance_id: str, query: Filter, limit: int, offset: int
    ) -> tuple[list[View], int]:
        """Returns a page of the matches, newest first, and the total number of matches. Raises InstanceNotFound,
        InvalidParameter."""
        ctx.live.view(instance_id)
        validation.require_page(limit, offset)
        criteria = self.criteria(query)
        rows = await self.table(ctx).page(instance_id, criteria, limit, offset=offset)
        page = [self.view(row) for row in rows]
        if offset == 0 and len(rows) < limit:
            return page, len(rows)
        return page, await self.table(ctx).count(instance_id, criteria)

    @needs(Scope.READ)
    async def batch(
        self, ctx: Context, instance_id: str, query: Filter, batch_size: int, offset: int
    ) -> list[View]:
        """Returns up to `batch_size` (1-1000) matches, newest first. Raises InstanceNotFound, InvalidParameter."""
        ctx.live.view(instance_id)
        validation.require_page(batch_size, offset, field="batch_size", most=validation.BATCH_LIMIT)
        rows = await self.table(ctx).page(instance_id, self.criteria(query), batch_size, offset=offset)
        return [self.view(row) for row in rows]

    @needs(Scope.READ)
    async def count(self, ctx: Context, instance_id: str, query: Filter) -> int:
        """Returns the number of matches. Raises InstanceNotFound, InvalidParameter."""
        ctx.live.view(instance_id)
        return await self.table(ctx).count(instance_id, self.criteria(query))

    @needs(Scope.READ)
    async def pages(
        self, ctx: Context, of_instances: Sequence[tuple[str, Filter, int, int | None, int]]
    ) -> list[list[View]]:
        """For each (instance id, filter, first, after, skip): up to `first` matches, newest first, that come after the cursor
        `after` and `skip` more. Few queries for all. Raises InvalidParameter."""
        requests = [
            PageRequest(instance_id, self.criteria(query), first, offset=skip, before=after)
            for instance_id, query, first, after, skip in of_instances
        ]
        return [[self.view(row) for row in page] for page in await self.table(ctx).pages(requests)]

    @needs(Scope.READ)
    async def counts(self, ctx: Context, of_instances: Sequence[tuple[str, Filter]]) -> list[int]:
        """The number of matches for each (instance id, filter). Few queries for all. Raises InvalidParameter."""
        return await self.table(ctx).counts(
            [(instance_id, self.criteria(query)) for instance_id, query in of_instances]
        )

    def require_filter(self, query: Filter) -> None:
        """Raises InvalidParameter for a filter that `pages` and `counts` would refuse."""
        self.criteria(query)

    @needs(Scope.ADMIN)
    async def update(self, ctx: Context, instance_id: str, change: Change) -> View:
        """Raises InstanceNotFound, ResourceNotFound, InvalidParameter, DuplicateResource, Conflict."""
        [(_, after)] = await self._update(ctx, instance_id, {change.id: ("", change)})
        return after

    @needs(Scope.ADMIN)
    async def update_many(
        self, ctx: Context, instance_id: str, changes: Sequence[Change], *, skip_changed: bool = False
    ) -> list[tuple[View, View]]:
        """Changes all of them or none; at most 200, each resource once. Returns what each was and is, in this order. With
        `skip_changed` those that do not have their `if_match`, or are gone, are left out. Raises as `update`."""
        validation.require_bulk(changes, self.items)
        by_id = {change.id: (f"{self.items}.{place}", change) for place, change in enumerate(changes)}
        if len(by_id) < len(changes):
            raise InvalidParameter(*self.listed_twice, field=self.items)
        return await self._update(ctx, instance_id, by_id, skip_changed=skip_changed)

    async def _update(
        self,
        ctx: Context,
        instance_id: str,
        changes: dict[str, tuple[str, Change]],
        *,
        skip_changed: bool = False,
    ) -> list[tuple[View, View]]:
        """`changes`: (name of the item, change) by id."""
        ctx.live.view(instance_id)
        edits = {}
        skipped = set()
        for key, (item, change) in changes.items():
            with _prefixing_field(item):
                edits[key] = self.edit(change)

        def changed(row: Row) -> Row:
            item, change = changes[row["id"]]
            with _prefixing_field(item):
                if change.if_match in (None, self.view(row).etag):
                    return self._changed(row, edits[row["id"]])
                if not skip_changed:
                    raise Conflict(
                        "在此期间已被修改，请重新读取后再试",
                        "It has been changed meanwhile: read it again",
                        field="if_match",
                    )
            skipped.add(row["id"])
            return {"updated_at": row["updated_at"]}

        done = await self.table(ctx).change(instance_id, list(changes), changed, missing_ok=skip_changed)
        ctx.synchronizer.schedule_push(instance_id)
        return [(self.view(before), self.view(after)) for before, after in done if after["id"] not in skipped]

    @needs(Scope.ADMIN)
    async def update_each(
        self, ctx: Context, instance_id: str, changes: Sequence[Change]
    ) -> list[LauncherError | None]:
        """Applies the changes in this order, in one transaction, and returns the error of each: a change that fails leaves
        its resource as it was, and the others are made all the same. Raises InstanceNotFound."""
        ctx.live.view(instance_id)
        table = self.table(ctx)
        failures: list[LauncherError | None] = [table.not_found_error(change.id) for change in changes]
        places: dict[str, list[int]] = {}
        for place, change in enumerate(changes):
            places.setdefault(change.id, []).append(place)

        def changed(row: Row) -> Row:
            new: Row = {}
            for place in places[row["id"]]:
                try:
                    new |= self._changed(row | new, self.edit(changes[place]))
                    failures[place] = None
                except LauncherError as error:
                    failures[place] = error
            return new

        await table.change(instance_id, list(places), changed, missing_ok=True)
        ctx.synchronizer.schedule_push(instance_id)
        return failures

    def _changed(self, row: Row, edit: Callable[[Row], Row]) -> Row:
        """The changed columns of a row; what the bot shares is pending then."""
        new = edit(row)
        differs = any(new.get(name, row[name]) != row[name] for name in SHARED[self.kind])
        return new | ({"pending": "update"} if differs and row["bot_key"] and not row["pending"] else {})

    @needs(Scope.ADMIN)
    async def delete(
        self, ctx: Context, instance_id: str, ids: Sequence[str], *, from_bot: bool = False
    ) -> None:
        """Deletes all of them or none; at most 200. What the bot made itself disappears here and stays in the bot, unless
        `from_bot`. Raises InstanceNotFound, ResourceNotFound, InvalidParameter."""
        ctx.live.view(instance_id)
        validation.require_bulk(ids, "ids")
        await ctx.deletions.delete(self.kind, instance_id, list(dict.fromkeys(ids)), from_bot=from_bot)

    @needs(Scope.ADMIN)
    async def delete_for_now(
        self, ctx: Context, instance_id: str, ids: Sequence[str], *, from_bot: bool = False
    ) -> float:
        """As `delete`, but `restore` can undo it for as many seconds as are returned."""
        ctx.live.view(instance_id)
        validation.require_bulk(ids, "ids")
        return await ctx.deletions.put_aside(
            self.kind, instance_id, list(dict.fromkeys(ids)), from_bot=from_bot
        )

    @needs(Scope.ADMIN)
    async def restore(self, ctx: Context, instance_id: str, ids: Sequence[str]) -> list[View]:
        """Undoes `delete_for_now` of all of them or none; at most 200. They are what they were. Raises InstanceNotFound,
        InvalidParameter, ResourceNotFound (it is too late), DuplicateResource (another one has its name, or user id, now)."""
        ctx.live.view(instance_id)
        validation.require_bulk(ids, "ids")
        rows = await self.table(ctx).take_back(instance_id, list(dict.fromkeys(ids)))
        ctx.synchronizer.schedule_push(instance_id)
        return [self.view(row) for row in rows]


@contextmanager
def _prefixing_field(item: str) -> Iterator[None]:
    """Puts the item's name before the field that an error names."""
    try:
        yield
    except LauncherError as error:
        if item:
            error.field = ".".join(filter(None, (item, error.field)))
        raise
