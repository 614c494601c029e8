"""Limits on GraphQL operations, and a cache of parsed and validated documents.

Strawberry's caches are shared by the whole process and hold documents of any length; this one belongs to one schema and is
bounded. Documents are examined in a thread: a document within the limits takes up to a tenth of a second, and validation has
no place where it could let terminals go on.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    execute_sync,
    parse,
    specified_rules,
)
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

from mailauncher.errors import InvalidParameter
from mailauncher.settings import Settings
from schema.complexity import Complexity, ComplexityAnalyzer
from schema.context import RequestContext
from schema.variables import too_many_items
from schema.versioned import is_by_version

DOCUMENT_CHARACTERS_MAX = 100_000
"""Maximum length of a document. The limit on tokens counts neither comments nor the length of a string."""
COST_MAX = 100_000
"""Maximum `Complexity.cost`: assembling that many fields takes about a second."""
REPETITIONS_MAX = 10_000
"""Maximum of `ComplexityAnalyzer.repetitions`: a field may stand in the same place 140 times. Comparing them takes 50 ms."""
CACHED_DOCUMENTS = 64
CACHED_CHARACTERS_MAX = 2 * DOCUMENT_CHARACTERS_MAX
"""Maximum length of all cached documents together. The densest take 225 bytes for each character."""


def require_length(text: str) -> None:
    """Raises InvalidParameter for a document of more than DOCUMENT_CHARACTERS_MAX."""
    if len(text) > DOCUMENT_CHARACTERS_MAX:
        raise InvalidParameter(
            f"GraphQL 文档超过 {DOCUMENT_CHARACTERS_MAX} 个字符",
            f"The GraphQL document exceeds {DOCUMENT_CHARACTERS_MAX} characters",
            field="query",
        )


class ParsedDocument(NamedTuple):
    """A parsed document and its validation errors. `introspection`: it asks for nothing but the schema. `by_version`: see
    `schema.versioned`."""

    node: DocumentNode
    errors: tuple[GraphQLError, ...]
    introspection: bool
    by_version: bool


class DocumentCache:
    """Parses, limits and validates the documents of one schema; caches the most recently used ones."""

    def __init__(self, settings: Settings) -> None:
        self.max_tokens = settings.graphql_max_tokens
        self._limits = Complexity(settings.graphql_max_depth, settings.graphql_max_aliases, COST_MAX)
        self._cached: OrderedDict[str, ParsedDocument] = OrderedDict()
        self._characters = 0
        self.turn = asyncio.Semaphore()
        """For work on documents in a thread. One at a time: the threads are few, and files are read in them too."""

    async def load(self, schema: GraphQLSchema, text: str) -> ParsedDocument:
        """Raises GraphQLError for a syntax error."""
        found = self._cached.get(text)
        if found is None:
            async with self.turn:
                found = self._cached.get(text)  # examined meanwhile for somebody else
                if found is None:
                    found = await asyncio.to_thread(self.examine, schema, text)
                    self._keep(text, found)
        if text in self._cached:
            self._cached.move_to_end(text)
        return found

    def _keep(self, text: str, document: ParsedDocument) -> None:
        self._cached[text] = document
        self._characters += len(text)
        while len(self._cached) > CACHED_DOCUMENTS or self._characters > CACHED_CHARACTERS_MAX:
            dropped, _ = self._cached.popitem(last=False)
            self._characters -= len(dropped)

    def examine(self, schema: GraphQLSchema, text: str) -> ParsedDocument:
        """Blocks. Raises GraphQLError for a syntax error."""
        node = parse(text, max_tokens=self.max_tokens)
        try:
            # The limits come first: they are quick, and bound the work of the other rules.
            errors = self._exceeded(node) or validate_document(schema, node, tuple(specified_rules))
        except RecursionError:
            errors = [GraphQLError("The document is nested too deeply")]
        by_version = not errors and is_by_version(schema, node)
        return ParsedDocument(node, tuple(errors), _is_introspection(node), by_version)

    def _exceeded(self, node: DocumentNode) -> list[GraphQLError]:
        names = ("depth", "number of aliases", "estimated number of fields in the response")
        analyzer = ComplexityAnalyzer(node)
        exceeded = [
            GraphQLError(f"The {name} exceeds the limit of {limit}")
            for name, found, limit in zip(names, analyzer.analyze(), self._limits, strict=True)
            if found > limit
        ]
        if not exceeded and analyzer.repetitions(REPETITIONS_MAX) > REPETITIONS_MAX:
            return [
                GraphQLError("The same fields are selected too often in the same place: select each once")
            ]
        return exceeded


def _is_introspection(document: DocumentNode) -> bool:
    return all(
        node.operation is OperationType.QUERY
        and all(
            isinstance(field, FieldNode) and field.name.value.startswith("__")
            for field in node.selection_set.selections
        )
        for node in document.definitions
        if isinstance(node, OperationDefinitionNode)
    )


class LimitsExtension(SchemaExtension):
    """Applies the cache to one operation. Syntax errors are left to Strawberry, which reports them on every protocol."""

    def __init__(self, cache: DocumentCache) -> None:
        self._cache = cache
        self._document: ParsedDocument | None = None

    async def on_operation(self) -> AsyncIterator[None]:
        context = self.execution_context
        context.parse_options["max_tokens"] = self._cache.max_tokens
        with suppress(GraphQLError):
            self._document = await self._cache.load(context.schema._schema, context.query or "")
        yield

    def on_parse(self) -> Iterator[None]:
        if self._document is not None:
            self.execution_context.graphql_document = self._document.node
        yield

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        if self._document is not None:
            errors = list(self._document.errors)
            context.pre_execution_errors = errors or too_many_items(
                context.schema._schema, self._document.node, context.variables or {}
            )
        yield

    async def on_execute(self) -> AsyncIterator[None]:
        context = self.execution_context
        if self._document is not None and self._document.introspection:
            # In a thread, because it needs nothing of the loop and keeps it for 50 ms.
            async with self._cache.turn:
                context.result = await asyncio.to_thread(
                    execute_sync,
                    context.schema._schema,
                    self._document.node,
                    variable_values=context.variables,
                    operation_name=context.operation_name,
                )
        request = context.context
        if self._document is None or not self._document.by_version or not isinstance(request, RequestContext):
            yield
            return
        version = request.ctx.live.version
        yield
        failed = context.result is None or context.result.errors
        request.version = version if not failed and version == request.ctx.live.version else None
