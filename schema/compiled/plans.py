"""Compiles the fields of a validated document into functions.

The functions do what `Executor.execute_field` and `Executor.complete_value` of graphql-core 3.3.2 do, step by step: the
same calls of resolvers, the same exceptions caught and raised at the same places, coroutines only where a resolver
returned an awaitable. What those methods find out anew for each object (the fields of its type, their resolvers, types
and arguments) is found out once.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import lru_cache
from operator import attrgetter
from types import CoroutineType, GeneratorType
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLLeafType,
    GraphQLObjectType,
    GraphQLOutputType,
    Undefined,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution import Executor, get_argument_values
from graphql.execution.collect_fields import FieldDetailsList
from graphql.execution.executor import collect_iterator_awaitables, to_nodes
from graphql.language import ArgumentNode, ListValueNode, ObjectValueNode, ValueNode, VariableNode
from graphql.pyutils import Path, gather_with_cancel, is_iterable
from strawberry.types.field import StrawberryField

from schema.compiled import leaves
from schema.compiled.cancellable import Cancellable
from schema.compiled.kept_objects import Rereader

Trail = tuple[Any, str | int, str | None] | None
"""A path as `graphql.pyutils.Path` has it (path above, key, type name), as a plain tuple: one is made for each object."""
Run = Callable[[Any, Any, Trail], Any]
"""Executes a field: (executor, object, path of the object) -> value, or a coroutine of it."""
Complete = Callable[[Any, Any, Trail], Any]
"""Completes a resolved value: (executor, value, its path) -> value, or a coroutine of it."""


class FieldPlan:
    """What is known of a field before it is executed."""

    def __init__(
        self,
        executor: Executor[Any],
        definition: GraphQLField,
        parent_type: GraphQLObjectType,
        details: FieldDetailsList,
    ) -> None:
        node = details[0].node
        self.definition = definition
        self.parent_type = parent_type
        self.details = details
        self.nodes = to_nodes(details)
        self.key = node.alias.value if node.alias else node.name.value
        self.name = f"{parent_type}.{node.name.value}"
        self.resolve = definition.resolve or executor.field_resolver
        # A resolver may change a list or an object that it is given: such arguments are coerced for each call.
        self.arguments_vary = any(
            isinstance(argument.value, VariableNode | ListValueNode | ObjectValueNode)
            for argument in node.arguments or ()
        )

    def runner(self) -> Run:
        complete = _completer(self, self.definition.type)
        guarded = _guarded(self, self.definition.type, complete)
        attribute = _attribute(self.definition)
        if attribute is not None:
            return _attribute_runner(self, attribute, guarded)
        return _resolver_runner(self, guarded)

    def arguments(self, executor: Executor[Any]) -> dict[str, Any]:
        return get_argument_values(
            self.definition, self.nodes[0], executor.variable_values, None, executor.hide_suggestions
        )

    def info(self, executor: Executor[Any], trail: Trail) -> Any:
        return executor.build_resolve_info(self.definition, self.nodes, self.parent_type, path_of(trail))

    def failed(
        self, executor: Executor[Any], error: Exception, type_: GraphQLOutputType, trail: Trail
    ) -> None:
        """Adds the error; raises it if the type is not nullable."""
        executor.handle_field_error(error, type_, self.details, path_of(trail))

    def complete_slowly(
        self, executor: Executor[Any], type_: GraphQLOutputType, value: Any, trail: Trail
    ) -> Any:
        """By graphql-core, with all below it."""
        return executor.complete_value(
            type_, self.details, self.info(executor, trail), path_of(trail), value, None
        )


class ObjectPlan:
    """The fields of a selection set. Compiled when the first object is there: an empty list costs nothing."""

    def __init__(self, type_: GraphQLObjectType, details: FieldDetailsList) -> None:
        self._type = type_
        self._details = details
        self._fields: list[tuple[str, Run]] | None = None

    def execute(self, executor: Executor[Any], source: Any, trail: Trail) -> Any:
        """The values by response name, or a coroutine of them."""
        fields = self._fields
        if fields is None:
            fields = self._fields = self._compile(executor)
        return values_of(fields, executor, source, trail)

    def _compile(self, executor: Executor[Any]) -> list[tuple[str, Run]]:
        collected = executor.collect_subfields(self._type, self._details).grouped_field_set
        fields = []
        for name, details in collected.items():
            definition = executor.schema.get_field(self._type, details[0].node.name.value)
            if definition is not None:
                fields.append((name, FieldPlan(executor, definition, self._type, details).runner()))
        return fields


def values_of(fields: Iterable[tuple[str, Run]], executor: Executor[Any], source: Any, trail: Trail) -> Any:
    """The values of an object's fields by response name, or a coroutine of them."""
    values: dict[str, Any] = {}
    waiting: list[str] = []
    try:
        for name, run in fields:
            value = values[name] = run(executor, source, trail)
            if type(value) is CoroutineType:
                waiting.append(name)
    except Exception:
        if waiting:
            executor.settle_in_background([values[name] for name in waiting])
        raise
    return _gathered(values, waiting) if waiting else values


def path_of(trail: Trail) -> Any:
    """The path for graphql-core. None: the operation itself."""
    return None if trail is None else Path(path_of(trail[0]), trail[1], trail[2])


def _attribute(definition: GraphQLField) -> str | None:
    """The attribute that the field reads. None: it has a resolver of its own."""
    field = definition.extensions.get("strawberry-definition")
    if not getattr(definition.resolve, "_is_default", False) or not isinstance(field, StrawberryField):
        return None
    return field.python_name if field.default_resolver is getattr else None


def _attribute_runner(plan: FieldPlan, attribute: str, guarded: Complete) -> Run:
    """Most fields are attributes, and most attributes are plain values: this is where most of the time is spent."""
    read = attrgetter(attribute)
    key, typename, type_ = plan.key, plan.parent_type.name, plan.definition.type
    required = is_non_null_type(type_)
    inner = type_.of_type if is_non_null_type(type_) else type_
    unchanged = leaves.unchanged_type(inner) if is_leaf_type(inner) else None
    convert = leaves.converter(inner) if is_leaf_type(inner) else None
    # Types whose values are neither awaitable nor exceptions.
    plain: set[type] = {str, int, float, bool}

    def run(executor: Any, source: Any, parent: Trail) -> Any:
        try:
            value = read(source)
            kind = type(value)
            if kind is unchanged:
                return value
            if convert is not None:
                if kind in plain:
                    return convert(value)
                if issubclass(kind, Enum):
                    plain.add(kind)
            if value is None and not required:
                return None
        except Exception as error:  # noqa: BLE001 - whatever a resolver raises is an error of its field
            plan.failed(executor, error, type_, (parent, key, typename))
            return None
        return guarded(executor, value, (parent, key, typename))

    return run


def _resolver_runner(plan: FieldPlan, guarded: Complete) -> Run:
    key, typename, type_ = plan.key, plan.parent_type.name, plan.definition.type
    resolve, fixed = plan.resolve, None if plan.arguments_vary else _Once(plan)

    def run(executor: Any, source: Any, parent: Trail) -> Any:
        trail = (parent, key, typename)
        info = plan.info(executor, trail)
        try:
            arguments = fixed.arguments(executor) if fixed else plan.arguments(executor)
            value = resolve(source, info, **arguments)
        except Exception as error:  # noqa: BLE001 - whatever a resolver raises is an error of its field
            plan.failed(executor, error, type_, trail)
            return None
        return guarded(executor, value, trail)

    return run


def _guarded(plan: FieldPlan, type_: GraphQLOutputType, complete: Complete) -> Complete:
    """Completes a value that may be awaitable; what is raised becomes null there, or goes on up if the type is not nullable."""

    async def awaited(executor: Any, value: Any, trail: Trail) -> Any:
        try:
            completed = complete(executor, await value, trail)
            return await completed if type(completed) is CoroutineType else completed
        except Exception as error:  # noqa: BLE001 - whatever a resolver raises is an error of its field
            plan.failed(executor, error, type_, trail)
            return None

    async def awaited_completion(executor: Any, completed: Any, trail: Trail) -> Any:
        try:
            return await completed
        except Exception as error:  # noqa: BLE001 - whatever a resolver raises is an error of its field
            plan.failed(executor, error, type_, trail)
            return None

    def run(executor: Any, value: Any, trail: Trail) -> Any:
        try:
            if _may_be_awaitable(value.__class__) and executor.is_awaitable(value):
                return awaited(executor, value, trail)
            completed = complete(executor, value, trail)
        except Exception as error:  # noqa: BLE001 - whatever a resolver raises is an error of its field
            plan.failed(executor, error, type_, trail)
            return None
        if type(completed) is CoroutineType:
            return awaited_completion(executor, completed, trail)
        return completed

    return run


def _completer(plan: FieldPlan, type_: GraphQLOutputType) -> Complete:
    required = is_non_null_type(type_)
    inner = type_.of_type if is_non_null_type(type_) else type_
    if is_list_type(inner):
        return _list(plan, inner, required)
    if is_leaf_type(inner):
        return _leaf(plan, inner, required)
    if is_object_type(inner) and not inner.is_type_of:
        return _object(plan, inner, required)
    return lambda executor, value, trail: plan.complete_slowly(executor, type_, value, trail)


def _no_value(plan: FieldPlan, value: Any, required: bool) -> None:
    """The result for a value that is None, undefined, or an exception that was returned instead of raised."""
    if isinstance(value, Exception):
        raise value
    if required:
        raise TypeError(f"Cannot return null for non-nullable field {plan.name}.")


def _leaf(plan: FieldPlan, type_: GraphQLLeafType, required: bool) -> Complete:
    convert = leaves.converter(type_)

    def complete(_executor: Any, value: Any, _trail: Trail) -> Any:
        if value is None or value is Undefined or isinstance(value, Exception):
            return _no_value(plan, value, required)
        return convert(value)

    return complete


def _object(plan: FieldPlan, type_: GraphQLObjectType, required: bool) -> Complete:
    execute = ObjectPlan(type_, plan.details).execute

    def complete(executor: Any, value: Any, trail: Trail) -> Any:
        if value is None or value is Undefined or isinstance(value, Exception):
            return _no_value(plan, value, required)
        return execute(executor, value, trail)

    return complete


def _list(plan: FieldPlan, type_: Any, required: bool) -> Complete:
    item = _guarded(plan, type_.of_type, _completer(plan, type_.of_type))
    rereader = Rereader(plan.definition, plan.details)

    def complete(executor: Any, value: Any, trail: Trail) -> Any:
        if type(value) is not list and type(value) is not tuple:
            if value is None or value is Undefined or isinstance(value, Exception):
                return _no_value(plan, value, required)
            if executor.is_async_iterable(value):
                return plan.complete_slowly(executor, type_, value, trail)
            if not is_iterable(value):
                raise GraphQLError(f"Expected Iterable, but did not find one for field '{plan.name}'.")
        return _items(executor, iter(value), rereader.completer(executor, item), trail)

    return complete


def _items(executor: Any, items: Iterator[Any], item: Complete, trail: Trail) -> Any:
    values: list[Any] = []
    waiting: list[int] = []
    try:
        for index, source in enumerate(items):
            value = item(executor, source, (trail, index, None))
            values.append(value)
            if type(value) is CoroutineType:
                waiting.append(index)
    except Exception:
        # The resolver may have begun work for the items that are left: it must end, and its errors be noticed.
        rest = [values[index] for index in waiting] + collect_iterator_awaitables(
            items, executor.is_awaitable
        )
        if rest:
            executor.settle_in_background(rest)
        raise
    return _gathered(values, waiting) if waiting else values


async def _gathered(values: Any, waiting: Iterable[Any]) -> Any:
    """Awaits the coroutines among the values, at the same time, and puts what they return in their places."""
    keys = list(waiting)
    if len(keys) == 1:
        values[keys[0]] = await values[keys[0]]
        return values
    for key, value in zip(
        keys, await gather_with_cancel(*(Cancellable(values[key]) for key in keys)), strict=True
    ):
        values[key] = value
    return values


@lru_cache(1024)
def _may_be_awaitable(kind: type) -> bool:
    return issubclass(kind, CoroutineType | GeneratorType) or hasattr(kind, "__await__")


class _Once:
    """Arguments that are equal for all calls, coerced when they are needed first."""

    def __init__(self, plan: FieldPlan) -> None:
        self._plan = plan
        self._arguments: dict[str, Any] | None = None

    def arguments(self, executor: Executor[Any]) -> dict[str, Any]:
        if self._arguments is None:
            self._arguments = self._plan.arguments(executor)
        return self._arguments


def variables_in(nodes: Iterable[ArgumentNode]) -> Iterator[str]:
    """The names of the variables that the arguments are made of."""
    values: list[ValueNode] = [node.value for node in nodes]
    while values:
        value = values.pop()
        if isinstance(value, VariableNode):
            yield value.name.value
        elif isinstance(value, ListValueNode):
            values.extend(value.values)
        elif isinstance(value, ObjectValueNode):
            values.extend(field.value for field in value.fields)
