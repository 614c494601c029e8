"""Output values of scalars and enums: as graphql-core converts them, with shortcuts for values that stay as they are."""

from collections.abc import Callable
from enum import Enum
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
    Undefined,
)
from graphql.execution import Executor
from graphql.type import GRAPHQL_MAX_INT, GRAPHQL_MIN_INT

Convert = Callable[[Any], Any]

_UNCHANGED: dict[str, type] = {GraphQLString.name: str, GraphQLID.name: str, GraphQLBoolean.name: bool}


def unchanged_type(type_: GraphQLLeafType) -> type | None:
    """The Python type whose values this GraphQL type returns as they are. Subclasses of it are converted."""
    return _UNCHANGED.get(type_.name)


def converter(type_: GraphQLLeafType) -> Convert:
    """The conversion of values that are not None. It raises what graphql-core raises."""

    coerce = type_.coerce_output_value

    def convert(value: Any) -> Any:
        coerced = coerce(value)
        if coerced is None or coerced is Undefined:
            return Executor.complete_leaf_value(type_, value)  # raises
        return coerced

    if type_.name == GraphQLInt.name:
        return _integer(convert)
    if isinstance(type_, GraphQLEnumType):
        return _name(convert)
    return convert


def _integer(convert: Convert) -> Convert:
    def integer(value: Any) -> Any:
        if type(value) is int and GRAPHQL_MIN_INT <= value <= GRAPHQL_MAX_INT:
            return value
        return convert(value)

    return integer


def _name(convert: Convert) -> Convert:
    """Strawberry compares a value with all members of the enum; here each value is looked for once."""
    names: dict[tuple[type, Any], Any] = {}

    def name(value: Any) -> Any:
        if not isinstance(value, Enum):
            return convert(value)
        found = names.get((type(value), value))
        if found is None:
            found = names[type(value), value] = convert(value)
        return found

    return name
