"""Queries that are a function of the version of the live instances, so that their answers can be kept.

A field without a resolver reads an attribute of a view, which never changes. A field with one may read anything: it keeps a
query out unless it is declared `BY_VERSION` where it is defined.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLField,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    TypeInfo,
    TypeInfoVisitor,
    TypeNameMetaFieldDef,
    Visitor,
    VisitorAction,
    visit,
)
from graphql.language.visitor import BREAK
from strawberry.types.field import StrawberryField

BY_VERSION = MappingProxyType({"by_version": True})
"""The `metadata` of a field whose resolver returns the same for the same version, arguments and language. It must not wait."""
BY_OBJECT = MappingProxyType({"by_version": True, "by_object": True})
"""The same for the same object and language: the resolver looks at nothing else."""


def views_by_version(view: type) -> Mapping[str, object]:
    """The `metadata` of a field with a list of such views, which never change: their objects are kept (`schema.compiled`)."""
    return MappingProxyType({"by_version": True, "views": view})


def by_object(field: StrawberryField) -> bool:
    return "by_object" in field.metadata


def view_class(definition: GraphQLField) -> type | None:
    """Of which class the items of the list are, if they are declared to be views."""
    field = definition.extensions.get("strawberry-definition")
    return field.metadata.get("views") if isinstance(field, StrawberryField) else None


def is_by_version(schema: GraphQLSchema, document: DocumentNode) -> bool:
    """Whether every operation of a valid document is a query whose fields change with the version only."""
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if any(node.operation is not OperationType.QUERY for node in operations):
        return False
    types = TypeInfo(schema)
    fields = _Fields(types)
    visit(document, TypeInfoVisitor(types, fields))
    return not fields.others


class _Fields(Visitor):
    """Looks for a field that changes without a version."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types = types
        self.others = False

    def enter_field(self, *_: Any) -> VisitorAction:
        self.others = not _changes_with_version(self._types.get_field_def())
        return BREAK if self.others else None


def _changes_with_version(definition: GraphQLField | None) -> bool:
    if definition is TypeNameMetaFieldDef:
        return True
    field = definition.extensions.get("strawberry-definition") if definition else None
    if not isinstance(field, StrawberryField):
        return False
    return field.base_resolver is None or "by_version" in field.metadata
