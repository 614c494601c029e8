"""How much work a GraphQL document is, found out from its syntax alone, before anything else looks at it.

Strawberry's own limiters follow a fragment each time it is spread, so a document of a few hundred bytes whose fragments
spread each other twice keeps them busy for hours. Here each fragment is analyzed once.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

_ITEMS = {
    "instances": 100,
    "services": 4,
    "terminals": 4,
    "webPages": 2,
    "recentEvents": 50,
    "results": 100,
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
    "values": 300,
    "parts": 20,
    "hits": 50,
    "entries": 500,
}
"""Assumed number of items of a list field, unless `first` or `last` says fewer. Other fields have one."""
_CONNECTIONS = {"emojis": 10, "persons": 10}
"""Fields whose items are their `edges`, which alone are multiplied, and the default of `first`."""
_INTROSPECTED_ITEMS = {"types": 150, "directives": 5, "fields": 5, "inputFields": 2, "enumValues": 2}
"""The same inside `__schema` and `__type`: averages of our schema, rounded up."""


class Complexity(NamedTuple):
    """Nesting depth of fields, number of aliases, and estimated number of fields in the response.

    Fragments count each time they are spread. Introspection has no depth: a rule of graphql-core limits it.
    """

    depth: int = 0
    aliases: int = 0
    cost: int = 0

    def combined(self, other: "Complexity") -> "Complexity":
        return Complexity(max(self.depth, other.depth), self.aliases + other.aliases, self.cost + other.cost)


class ComplexityAnalyzer:
    """Computes the complexity of one document, all its operations together. May raise RecursionError."""

    def __init__(self, document: DocumentNode) -> None:
        self._operations = [
            node for node in document.definitions if isinstance(node, OperationDefinitionNode)
        ]
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._fragment_complexity: dict[tuple[str, int], Complexity] = {}

    def analyze(self) -> Complexity:
        total = Complexity()
        for node in self._operations:
            total = total.combined(self._selections(node.selection_set))
        return total

    def repetitions(self, limit: int) -> int:
        """The pairs of fields that have the same name in the same place of the response. A validation rule compares the two
        of each pair. Stops counting beyond `limit`. Visits no more fields than `Complexity.cost`."""
        found = 0
        pending = [[node.selection_set] for node in self._operations]
        while pending and found <= limit:
            alike: dict[str, list[FieldNode]] = defaultdict(list)
            for field in self._fields(pending.pop(), set()):
                alike[(field.alias or field.name).value].append(field)
            for fields in alike.values():
                found += len(fields) * (len(fields) - 1) // 2
                if inner := [field.selection_set for field in fields if field.selection_set]:
                    pending.append(inner)
        return found

    def _fields(self, sets: Iterable[SelectionSetNode], seen: set[str]) -> Iterator[FieldNode]:
        """The fields of selection sets and of the fragments in them, each fragment once."""
        for selection in (selection for node in sets for selection in node.selections):
            if isinstance(selection, FieldNode):
                yield selection
            elif isinstance(selection, InlineFragmentNode):
                yield from self._fields([selection.selection_set], seen)
            elif isinstance(selection, FragmentSpreadNode) and selection.name.value not in seen:
                seen.add(selection.name.value)
                if fragment := self._fragments.get(selection.name.value):
                    yield from self._fields([fragment.selection_set], seen)

    def _selections(
        self, node: SelectionSetNode | None, edges: int = 1, *, introspected: bool = False
    ) -> Complexity:
        """`edges`: the number of edges, if these are the fields of a connection."""
        total = Complexity()
        for selection in node.selections if node else ():
            if isinstance(selection, FieldNode):
                found = self._field(selection, introspected=introspected)
                times = edges if selection.name.value == "edges" else 1
                total = total.combined(found._replace(cost=found.cost * times))
            elif isinstance(selection, FragmentSpreadNode):
                total = total.combined(self._fragment(selection.name.value, edges))
            elif isinstance(selection, InlineFragmentNode):
                total = total.combined(
                    self._selections(selection.selection_set, edges, introspected=introspected)
                )
        return total

    def _fragment(self, name: str, edges: int) -> Complexity:
        if (name, edges) not in self._fragment_complexity:
            # A fragment that spreads itself finds this; a validation rule refuses it.
            self._fragment_complexity[name, edges] = Complexity()
            if fragment := self._fragments.get(name):
                introspected = fragment.type_condition.name.value.startswith("__")
                self._fragment_complexity[name, edges] = self._selections(
                    fragment.selection_set, edges, introspected=introspected
                )
        return self._fragment_complexity[name, edges]

    def _field(self, node: FieldNode, *, introspected: bool) -> Complexity:
        name = node.name.value
        introspected = introspected or name.startswith("__")
        items = _INTROSPECTED_ITEMS.get(name, 1) if introspected else _items(node)
        connected = not introspected and name in _CONNECTIONS
        inner = self._selections(node.selection_set, items if connected else 1, introspected=introspected)
        aliases = inner.aliases + (node.alias is not None)
        depth = inner.depth + 1 if node.selection_set and not introspected else 0
        return Complexity(depth, aliases, 1 + inner.cost * (1 if connected else items))


def _items(node: FieldNode) -> int:
    first = next(
        (argument.value for argument in node.arguments or () if argument.name.value in ("first", "last")),
        None,
    )
    default = _ITEMS.get(node.name.value, 1)
    if first is None:
        return _CONNECTIONS.get(node.name.value, default)
    if not isinstance(first, IntValueNode) or len(first.value) > 9:
        return default
    return max(0, min(int(first.value), default))
