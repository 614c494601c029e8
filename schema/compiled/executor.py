"""graphql-core's executor with compiled fields."""

import weakref
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from graphql import GraphQLObjectType, OperationDefinitionNode
from graphql.execution.collect_fields import FieldDetailsList, GroupedFieldSet
from graphql.language import FieldNode, InlineFragmentNode
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from schema.compiled.kept_objects import KeptObjects
from schema.compiled.plans import FieldPlan, Run, values_of, variables_in

VARIANTS_MAX = 16
"""Maximum number of plans of an operation for different values of the variables in its `@skip` and `@include`."""


class Fallback(StrEnum):
    """Why a root field is left to graphql-core. Documents that ask for nothing but the schema do not get here."""

    INTROSPECTION = "introspection"
    MIDDLEWARE = "middleware"
    FRAGMENT_ARGUMENTS = "fragment_arguments"
    VARIANTS = "variants"


class PlanCache:
    """The plans of all operations whose documents are in memory."""

    def __init__(self, fallbacks: Counter[str] | None = None) -> None:
        self._operations: dict[int, OperationPlans] = {}
        self.fallbacks: Counter[str] = Counter() if fallbacks is None else fallbacks
        """Root fields that were left to graphql-core, by `Fallback`."""
        self.kept = KeptObjects()

    def __len__(self) -> int:
        """The number of operations."""
        return len(self._operations)

    def of(self, executor: "Executor") -> "OperationPlans":
        key = id(executor.operation)
        found = self._operations.get(key)
        if found is None:

            def forget(_: object) -> None:
                del self._operations[key]

            # Plans hold nodes below the operation and never the operation itself, so they end with its document.
            reference = weakref.ref(executor.operation, forget)
            found = self._operations[key] = OperationPlans(executor, reference)
        return found


class OperationPlans:
    """The plans of one operation, by root field and values of the variables that decide which fields there are."""

    def __init__(self, executor: "Executor", reference: weakref.ref[OperationDefinitionNode]) -> None:
        self._reference = reference
        self._conditions = tuple(sorted(set(_conditions(executor))))
        self._variants: dict[tuple[Any, ...], dict[str | int, Run]] = {}

    def variant(self, executor: "Executor") -> dict[str | int, Run] | None:
        """The compiled root fields by response name. None: there are too many variants."""
        values = executor.variable_values.coerced
        key = tuple(values.get(name) for name in self._conditions)
        found = self._variants.get(key)
        if found is None and len(self._variants) < VARIANTS_MAX:
            found = self._variants[key] = {}
        return found


class Executor(StrawberryGraphQLCoreExecutionContext):
    """Executes root fields by their plans, and leaves to graphql-core what has none."""

    plans: PlanCache

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Path | None,
        grouped_field_set: GroupedFieldSet,
        position_context: Any,
    ) -> Any:
        if path is not None:
            return super().execute_fields(
                parent_type, source_value, path, grouped_field_set, position_context
            )

        def root_field(name: str, details: FieldDetailsList) -> Run:
            at = Path(None, name, parent_type.name)
            return lambda executor, source, _trail: executor.execute_field(
                parent_type, source, details, at, position_context
            )

        fields = ((name, root_field(name, details)) for name, details in grouped_field_set.items())
        return values_of(fields, self, source_value, None)

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: FieldDetailsList,
        path: Path,
        position_context: Any,
    ) -> Any:
        # Below a root field this is called only where graphql-core completes a value for a plan, or has no plan above.
        if path.prev is None:
            run = self._plan(parent_type, field_details_list, path)
            if isinstance(run, Fallback):
                self.plans.fallbacks[run] += 1
            else:
                return run(self, source, None)
        return super().execute_field(parent_type, source, field_details_list, path, position_context)

    def _plan(self, parent_type: GraphQLObjectType, details: FieldDetailsList, path: Path) -> Run | Fallback:
        name = details[0].node.name.value
        if name in ("__schema", "__type"):
            return Fallback.INTROSPECTION
        if self.middleware_manager and self.middleware_manager.middlewares:
            return Fallback.MIDDLEWARE
        if any(fragment.variable_signatures for fragment in self.fragments.values()):
            return Fallback.FRAGMENT_ARGUMENTS
        variant = self.plans.of(self).variant(self)
        if variant is None:
            return Fallback.VARIANTS
        run = variant.get(path.key)
        if run is None:
            definition = self.schema.get_field(parent_type, name)
            assert definition is not None, "a validated document has known fields only"
            run = variant[path.key] = FieldPlan(self, definition, parent_type, details).runner()
        return run

    def build_per_event_executor(self, payload: Any) -> Any:
        """Without the memory that graphql-core 3.3.2 keeps for each event of a subscription.

        Each event is executed by a shallow copy of the subscription's executor, so all events share one memo of collected
        fields. Its keys are identities of lists that are new for each event: nothing in it is ever found again.
        """
        executor = super().build_per_event_executor(payload)
        executor._relevant_sub_fields = {}
        return executor


def _conditions(executor: Executor) -> Iterator[str]:
    """The variables in the directives of selections: they decide which fields there are."""
    fragments = executor.fragment_definitions.values()
    pending = [executor.operation.selection_set, *(fragment.selection_set for fragment in fragments)]
    while pending:
        for selection in pending.pop().selections:
            for directive in selection.directives or ():
                yield from variables_in(directive.arguments or ())
            if isinstance(selection, FieldNode | InlineFragmentNode) and selection.selection_set:
                pending.append(selection.selection_set)
