"""Compiled execution gives the answers of graphql-core."""

import asyncio
import gc
import importlib
import json
import pkgutil
import random
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    GraphQLError,
    OperationDefinitionNode,
    execute,
    parse,
    validate,
)
from graphql.pyutils import is_awaitable
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

import cli
from mailauncher.settings import Settings
from schema import examples, root
from schema.compiled.executor import VARIANTS_MAX, Executor, PlanCache
from tests.support.random_documents import Answers, RandomDocument, answer_every_field
from tests.support.stress import sized

REPOSITORY = Path(__file__).parents[2]
SEEDS = sized(200, 20_000)
PARTS = sized(4, 200)


class Compared:
    """The schema with made-up answers, and both ways to execute it."""

    def __init__(self) -> None:
        self.plans = PlanCache()
        root.types.cache_clear()  # their resolvers are replaced here: they are nobody else's
        schema = root.create(Settings(), plans=self.plans)
        root.types.cache_clear()
        self.schema = schema._schema
        self._compiled = schema.execution_context_class
        answer_every_field(self.schema)

    async def check(self, document: DocumentNode, variables: dict[str, Any], answers: Answers) -> None:
        """Twice: the second time with the plan of the first."""
        expected = await self._execute(StrawberryGraphQLCoreExecutionContext, document, variables, answers)
        for _ in range(2):
            found = await self._execute(self._compiled, document, variables, answers)
            assert msgspec.json.encode(found.data) == msgspec.json.encode(expected.data)
            assert _errors(found) == _errors(expected)

    async def _execute(
        self, executor: Any, document: DocumentNode, variables: dict[str, Any], answers: Answers
    ) -> ExecutionResult:
        result = execute(
            self.schema,
            document,
            context_value=answers,
            variable_values=variables,
            executor_class=executor,
            is_awaitable=cast(Any, optimized_is_awaitable),
        )
        return cast(ExecutionResult, await result if is_awaitable(result) else result)


def _errors(result: ExecutionResult) -> Counter[str]:
    """Errors as a set: awaited ones come in the order in which they happen."""
    return Counter(
        json.dumps(error.formatted | {"cause": repr(error.original_error)}) for error in result.errors or ()
    )


@pytest.fixture(scope="module")
def compared() -> Compared:
    return Compared()


# graphql-core cancels what it awaits beside an error, and leaves what that had not begun yet; so do the plans.
@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.slow
@pytest.mark.stress
@pytest.mark.parametrize("part", range(PARTS))
async def test_random_documents_have_equal_answers(compared: Compared, part: int) -> None:
    for seed in range(part, SEEDS, PARTS):
        chance = random.Random(seed)
        made = RandomDocument(compared.schema, chance)
        document = parse(made.text)
        assert validate(compared.schema, document) == [], made.text
        answers = Answers(seed, chance.choice([0, 0, 0.02, 0.2]))
        opposite = {
            name: not value if isinstance(value, bool) else value for name, value in made.variables.items()
        }
        try:
            await compared.check(document, made.variables, answers)
            await compared.check(document, opposite, answers)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {made.text}") from error
        await asyncio.sleep(0)
    gc.collect()
    assert not compared.plans.fallbacks


async def test_arguments_that_cannot_be_coerced_are_errors_of_their_fields(compared: Compared) -> None:
    document = parse(
        "query ($first: Int, $no: Boolean!) { instances { recentEvents(first: $first) { id @skip(if: $no) } } }"
    )
    for variables in ({"first": None, "no": True}, {"no": False}, {"first": 3, "no": False}):
        await compared.check(document, variables, Answers(1, 0))


@pytest.mark.parametrize(
    "text",
    [
        "{ a: instances { id } b: instances { id } }",
        "{ instances { a: services { name } b: webPages { url } } }",
    ],
)
async def test_what_is_cancelled_at_any_moment_leaves_no_resolver_unawaited(text: str) -> None:
    """The warnings of this are errors here. Each number of turns of the event loop is another moment."""
    schema = root.create(Settings())._schema
    document = parse(text)
    assert validate(schema, document) == []
    begun = Counter[str]()

    async def answer(_source: Any, info: Any, **_arguments: Any) -> Any:
        begun["resolvers"] += 1
        await asyncio.sleep(0)
        return [object(), object()] if info.path.prev is None else []

    async def answered() -> None:
        executed = execute(
            schema,
            document,
            field_resolver=answer,
            executor_class=Executor,
            is_awaitable=cast(Any, optimized_is_awaitable),
        )
        assert is_awaitable(executed)
        await executed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Executor, "plans", PlanCache(), raising=False)
        for type_ in ("Query", "Instance"):
            for field in cast(Any, schema.get_type(type_)).fields.values():
                patch.setattr(field, "resolve", answer)
        for turns in range(12):
            asked = asyncio.ensure_future(answered())
            for _ in range(turns):
                await asyncio.sleep(0)
            asked.cancel()
            with suppress(asyncio.CancelledError):
                await asked
            gc.collect(1)  # what is young; all there is takes a quarter of a second
    assert begun["resolvers"] > 12


async def test_plans_end_with_their_document() -> None:
    compared = Compared()
    document = parse("{ instances { id } }")
    await compared.check(document, {}, Answers(1, 0))
    assert len(compared.plans) == 1
    del document
    gc.collect()
    assert len(compared.plans) == 0


async def test_the_variants_of_a_document_are_bounded() -> None:
    compared = Compared()
    names = [f"v{number}" for number in range(5)]
    fields = " ".join(f"{name}: id @include(if: ${name})" for name in names)
    document = parse(
        f"query ({' '.join(f'${name}: Boolean!' for name in names)}) {{ instances {{ id {fields} }} }}"
    )
    combinations = 2 ** len(names)
    assert combinations > VARIANTS_MAX
    for number in range(combinations):
        chosen = {name: bool(number >> at & 1) for at, name in enumerate(names)}
        await compared.check(document, chosen, Answers(1, 0))
    assert compared.plans.fallbacks == {"variants": 2 * (combinations - VARIANTS_MAX)}


def own_documents() -> Iterator[str]:
    yield examples.QUERY
    for module in pkgutil.walk_packages(cli.__path__, "cli."):
        for value in vars(importlib.import_module(module.name)).values():
            if isinstance(value, str):
                yield value
    yield from json.loads(
        (REPOSITORY / "dashboard/src/gql/persisted-documents.json").read_text("utf-8")
    ).values()
    for page in REPOSITORY.glob("docs/**/*.md"):
        yield from re.findall(r"```graphql\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def test_the_documents_of_the_pages_the_command_line_and_the_guides_are_compiled() -> None:
    found = 0
    for text in own_documents():
        with suppress(GraphQLError):
            for operation in parse(text).definitions:
                if isinstance(operation, OperationDefinitionNode):
                    found += 1
                    for field in operation.selection_set.selections:
                        assert isinstance(field, FieldNode)
                        assert not field.name.value.startswith("__"), text
    assert found > 20
