"""Executes subscriptions: a source of events for each subscriber, and shared answers to the events."""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Iterable
from contextlib import aclosing
from typing import Any, cast

import msgspec
import strawberry
from graphql import ExecutionResult as CoreResult
from graphql import GraphQLError, create_source_event_stream, execute_subscription_event
from graphql.execution import Executor
from strawberry.types.execution import PreExecutionError
from strawberry.types.graphql import OperationType

from schema import errors
from schema.context import RequestContext
from schema.limits import DocumentCache
from schema.negotiation import is_subscription
from schema.shared_events import EventAnswer, SharedEvents, SubscriptionKey, encoded
from schema.variables import too_many_items

Stream = AsyncGenerator[Any, None]


class SubscribableSchema(strawberry.Schema):
    """Executes valid subscriptions itself, and leaves to Strawberry whatever is refused, and queries and mutations."""

    documents: DocumentCache
    events: SharedEvents

    async def stream(
        self,
        query: str | None,
        variable_values: dict[str, Any] | None = None,
        context_value: Any | None = None,
        root_value: Any | None = None,
        operation_name: str | None = None,
        operation_extensions: dict[str, Any] | None = None,
        allowed_operation_types: Iterable[OperationType] | None = None,
    ) -> Any:
        allowed = allowed_operation_types is None or OperationType.SUBSCRIPTION in allowed_operation_types
        if allowed and query and isinstance(context_value, RequestContext):
            executor = await self._executor(query, variable_values or {}, context_value, operation_name)
            if executor is not None:
                key = SubscriptionKey(
                    query,
                    operation_name,
                    msgspec.json.encode(variable_values, order="deterministic"),
                    context_value.reader,
                )
                return self._answers(executor, key)
        return await super().stream(
            query,
            variable_values,
            context_value,
            root_value,
            operation_name,
            operation_extensions,
            allowed_operation_types,
        )

    async def _executor(
        self, query: str, variables: dict[str, Any], context: RequestContext, operation_name: str | None
    ) -> Executor[Any] | None:
        """None: it is no subscription, or not a valid one."""
        try:
            document = await self.documents.load(self._schema, query)
        except GraphQLError:
            return None
        if document.errors or not is_subscription(document.node, operation_name):
            return None
        if too_many_items(self._schema, document.node, variables):
            return None
        built = self.execution_context_class.build(
            self._schema,
            document.node,
            context_value=context,
            raw_variable_values=variables,
            operation_name=operation_name,
        )
        return None if isinstance(built, list) else built

    async def _answers(self, executor: Executor[Any], key: SubscriptionKey) -> Stream:
        language = key.reader.language

        def answer(result: CoreResult, event: Any) -> EventAnswer:
            errors.add_codes(result.errors or (), language)
            return encoded(result.data, result.errors, getattr(event, "position", None))

        async def answer_later(result: Awaitable[CoreResult], event: Any) -> EventAnswer:
            return answer(await result, event)

        def execute(event: Any) -> EventAnswer | Awaitable[EventAnswer]:
            result = execute_subscription_event(executor.build_per_event_executor(event))
            return answer(result, event) if isinstance(result, CoreResult) else answer_later(result, event)

        try:
            found = create_source_event_stream(executor)
            source = found if isinstance(found, AsyncIterable | CoreResult) else await found
            if isinstance(source, CoreResult):
                errors.add_codes(source.errors or (), language)
                yield PreExecutionError(data=None, errors=source.errors)
                return
            events = cast(AsyncGenerator[Any, None], source)
            async with self.events.follow(key) as subscriber, aclosing(events):
                async for event in events:
                    yield await subscriber.answer(event, execute)
        except Exception as error:  # noqa: BLE001 - whatever a source raises is the last answer
            failure = (
                error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)
            )
            errors.add_codes([failure], language)
            yield encoded(None, [failure])
