"""Completed objects that are taken again in the next execution: of a thousand instances, one has changed since.

A list may declare that its items are views, which never change. What is read of such a view, by attributes and by resolvers
that look at nothing else, is the same as long as it is the same view.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

from graphql import GraphQLField, GraphQLObjectType, get_named_type
from graphql.execution import Executor
from graphql.execution.collect_fields import FieldDetailsList
from strawberry.types.field import StrawberryField

from schema.versioned import by_object, view_class

OBJECTS_MAX = 10_000
"""Maximum number of kept objects, without those in the list that was executed last."""

Found = dict[int, tuple[Any, dict[str, Any]]]
"""Views and their completed objects, by the identity of the view, which lives as long as it stands here."""
Complete = Callable[[Any, Any, Any], Any]


class KeptObjects:
    """The objects of the lists that were executed last, each as it was in its last execution."""

    def __init__(self) -> None:
        self._lists: OrderedDict[Hashable, Found] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._lists.values()))

    def replace(self, key: Hashable, found: Found) -> Found:
        """The objects of the execution before. `found` is filled by the present one."""
        former = self._lists.pop(key, {})
        while self._lists and len(self) > OBJECTS_MAX:
            self._lists.popitem(last=False)
        self._lists[key] = found
        return former


class Rereader:
    """Completes the items of one list of a document."""

    def __init__(self, definition: GraphQLField, details: FieldDetailsList) -> None:
        self._view_class = view_class(definition)
        self._details = details
        item = get_named_type(definition.type)
        self._item = item if isinstance(item, GraphQLObjectType) else None
        self._key = object()
        self._suited: bool | None = None

    def completer(self, executor: Any, complete: Complete) -> Complete:
        """`complete`, or for one execution a function that asks it only for what is new."""
        if self._suited is None:
            self._suited = self._depends_on_views_only(executor)
        if not self._suited:
            return complete
        present: Found = {}
        reader = getattr(executor.context_value, "reader", None)
        former = executor.plans.kept.replace((self._key, reader), present)
        errors = executor.collected_errors.errors

        def run(executor: Any, view: Any, trail: Any) -> Any:
            found = former.get(id(view))
            if found is None:
                before = len(errors)
                completed = complete(executor, view, trail)
                # The path of an error has the place in the list, so an object with errors is made anew.
                if type(view) is not self._view_class or type(completed) is not dict or len(errors) > before:
                    return completed
                found = (view, completed)
            present[id(view)] = found
            return found[1]

        return run

    def _depends_on_views_only(self, executor: Executor[Any]) -> bool:
        if self._view_class is None or self._item is None:
            return False
        pending = [(self._item, self._details)]
        while pending:
            type_, details = pending.pop()
            for fields in executor.collect_subfields(type_, details).grouped_field_set.values():
                name = fields[0].node.name.value
                definition = executor.schema.get_field(type_, name)
                if name != "__typename" and not (definition and _reads_view(definition)):
                    return False
                below = get_named_type(definition.type) if definition else None
                if isinstance(below, GraphQLObjectType):
                    pending.append((below, fields))
        return True


def _reads_view(definition: GraphQLField) -> bool:
    field = definition.extensions.get("strawberry-definition")
    return (
        isinstance(field, StrawberryField)
        and not definition.args
        and (field.base_resolver is None or by_object(field))
    )
