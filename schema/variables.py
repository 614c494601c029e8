"""The limit on the items of lists in variables, checked before graphql-core looks at each of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    type_from_ast,
)

ITEMS_MAX = 8_000
"""Maximum number of items of all lists together. The largest command has 200 emojis of 32 tags."""


def too_many_items(
    schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]
) -> list[GraphQLError]:
    """One error if the lists in the variables have more than ITEMS_MAX items. Values of the scalar `JSON` do not count."""
    items = 0
    for length in _lengths(schema, document, variables):
        items += length
        if items > ITEMS_MAX:
            return [GraphQLError(f"The lists in the variables have more than {ITEMS_MAX} items")]
    return []


def _lengths(schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> Iterator[int]:
    """The length of each list. The caller stops: what was counted bounds what is still to be visited."""
    definitions = [
        definition
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
        for definition in node.variable_definitions or ()
    ]
    pending = [
        (type_from_ast(schema, definition.type), variables.get(definition.variable.name.value))
        for definition in definitions
    ]
    while pending:
        kind, value = pending.pop()
        if isinstance(kind, GraphQLNonNull):
            kind = kind.of_type
        if isinstance(kind, GraphQLList) and isinstance(value, list):
            yield len(value)
            pending += [(kind.of_type, item) for item in value]
        elif isinstance(kind, GraphQLList):
            pending.append((kind.of_type, value))
        elif isinstance(kind, GraphQLInputObjectType) and isinstance(value, dict):
            pending += [(field.type, value[name]) for name, field in kind.fields.items() if name in value]
