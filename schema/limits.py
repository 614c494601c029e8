"""What a document may ask for, and the memory of documents that were parsed and validated already.

Strawberry's own limiters follow a fragment each time it is spread, so a document of a few hundred bytes whose fragments
spread each other twice keeps them busy for hours. Here each fragment is measured once. Its caches are shared by the
whole process and hold documents of any length; these belong to one schema and are bounded.
"""

from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    parse,
    specified_rules,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

from mailauncher.errors import InvalidParameter
from mailauncher.settings import Settings

MAX_CHARACTERS = 100_000
"""Of a document. The limit on tokens counts neither comments nor the length of a string."""
MAX_COST = 100_000
"""Fields of an answer as `Measure.cost` estimates them: putting them together takes a second or so."""
KEPT_DOCUMENTS = 64
KEPT_CHARACTERS = 8_000
"""Longer documents are not remembered. The densest that are take 1.8 MB each."""

_ITEMS = {
    "instances": 100,
    "services": 4,
    "terminals": 4,
    "recentEvents": 50,
    "events": 200,
    "backups": 10,
    "deployments": 100,
    "versions": 200,
    "recipes": 10,
    "deployServices": 10,
    "emojis": 100,
    "persons": 100,
    "configFiles": 16,
    "revisions": 20,
}
"""How many items a field is taken to give at most, where no number after `first` says less. Others give one."""
_CONNECTIONS = {"emojis": 10, "persons": 10}
"""Those whose items are their `edges`, which alone are counted so many times, and how many without `first`."""


class Measure(NamedTuple):
    """How deeply fields are nested, how many are renamed, and how many an answer may have.

    Fragments count each time they are spread. Introspection counts for its aliases only: a rule of graphql-core limits it.
    """

    depth: int = 0
    aliases: int = 0
    cost: int = 0

    def beside(self, other: "Measure") -> "Measure":
        return Measure(max(self.depth, other.depth), self.aliases + other.aliases, self.cost + other.cost)


class Meter:
    """Measures one document: all its operations together. May raise RecursionError."""

    def __init__(self, document: DocumentNode) -> None:
        self._document = document
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._measured: dict[tuple[str, int], Measure] = {}

    def measure(self) -> Measure:
        total = Measure()
        for node in self._document.definitions:
            if isinstance(node, OperationDefinitionNode):
                total = total.beside(self._selections(node.selection_set))
        return total

    def _selections(self, node: SelectionSetNode | None, edges: int = 1) -> Measure:
        """`edges`: how many there are, where these are fields of a connection."""
        total = Measure()
        for selection in node.selections if node else ():
            if isinstance(selection, FieldNode):
                found = self._field(selection)
                times = edges if selection.name.value == "edges" else 1
                total = total.beside(found._replace(cost=found.cost * times))
            elif isinstance(selection, FragmentSpreadNode):
                total = total.beside(self._fragment(selection.name.value, edges))
            elif isinstance(selection, InlineFragmentNode):
                total = total.beside(self._selections(selection.selection_set, edges))
        return total

    def _fragment(self, name: str, edges: int) -> Measure:
        if (name, edges) not in self._measured:
            # One that spreads itself finds this; another rule refuses it.
            self._measured[name, edges] = Measure()
            if fragment := self._fragments.get(name):
                self._measured[name, edges] = self._selections(fragment.selection_set, edges)
        return self._measured[name, edges]

    def _field(self, node: FieldNode) -> Measure:
        items = _items(node)
        connected = node.name.value in _CONNECTIONS
        inner = self._selections(node.selection_set, items if connected else 1)
        aliases = inner.aliases + (node.alias is not None)
        if node.name.value.startswith("__"):
            return Measure(aliases=aliases)
        depth = inner.depth + 1 if node.selection_set else 0
        return Measure(depth, aliases, 1 + inner.cost * (1 if connected else items))


def _items(node: FieldNode) -> int:
    first = next(
        (argument.value for argument in node.arguments or () if argument.name.value == "first"), None
    )
    usual = _ITEMS.get(node.name.value, 1)
    if first is None:
        return _CONNECTIONS.get(node.name.value, usual)
    if not isinstance(first, IntValueNode) or len(first.value) > 9:
        return usual
    return max(0, min(int(first.value), usual))


def require_length(text: str) -> None:
    """Raises InvalidParameter for a document of more than MAX_CHARACTERS."""
    if len(text) > MAX_CHARACTERS:
        raise InvalidParameter(
            f"GraphQL 文档超过 {MAX_CHARACTERS} 个字符",
            f"The GraphQL document has more than {MAX_CHARACTERS} characters",
            field="query",
        )


class Document(NamedTuple):
    """A parsed document and what is wrong with it."""

    node: DocumentNode
    errors: tuple[GraphQLError, ...]


class Desk:
    """Parses, measures and validates the documents of one schema; remembers the last ones."""

    def __init__(self, settings: Settings) -> None:
        self.max_tokens = settings.graphql_max_tokens
        self._limits = Measure(settings.graphql_max_depth, settings.graphql_max_aliases, MAX_COST)
        self._remembered = lru_cache(KEPT_DOCUMENTS)(self._examine)

    def document(self, schema: GraphQLSchema, text: str) -> Document:
        """Raises GraphQLError for a text that is no document."""
        examine = self._remembered if len(text) <= KEPT_CHARACTERS else self._examine
        return examine(schema, text)

    def _examine(self, schema: GraphQLSchema, text: str) -> Document:
        node = parse(text, max_tokens=self.max_tokens)
        try:
            # The limits first: they are quick, and keep the other rules from long work.
            errors = self._excess(node) or validate_document(schema, node, tuple(specified_rules))
        except RecursionError:
            errors = [GraphQLError("The document is nested too deeply")]
        return Document(node, tuple(errors))

    def _excess(self, node: DocumentNode) -> list[GraphQLError]:
        names = ("depth", "number of aliases", "estimated number of fields in the answer")
        return [
            GraphQLError(f"The {name} is over the limit of {limit}")
            for name, found, limit in zip(names, Meter(node).measure(), self._limits, strict=True)
            if found > limit
        ]


class Examination(SchemaExtension):
    """Lets one operation go by its desk. What cannot be parsed is left to Strawberry, which reports it on every protocol."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._document: Document | None = None

    def on_operation(self) -> Iterator[None]:
        self.execution_context.parse_options["max_tokens"] = self._desk.max_tokens
        yield

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        with suppress(GraphQLError):
            self._document = self._desk.document(context.schema._schema, context.query or "")
            context.graphql_document = self._document.node
        yield

    def on_validate(self) -> Iterator[None]:
        if self._document is not None:
            self.execution_context.pre_execution_errors = list(self._document.errors)
        yield
