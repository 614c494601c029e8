"""Objects of views that have not changed are taken from the execution before."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from graphql import ExecutionResult, execute, parse
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from mailauncher.errors import Text
from resolvers.context import Context
from resolvers.views import InstanceView
from schema import root
from schema.compiled.kept_objects import OBJECTS_MAX, KeptObjects
from schema.context import Reader, RequestContext
from schema.loaders import Loaders
from terminals.states import Failure, State
from tests.support.context import add_bot

LIST = "{ instances { name status reason __typename failure { reason lastLines } services { name } } }"


class Lists:
    """Executes a document over the same instances by plans and by graphql-core."""

    def __init__(self, ctx: Context, document: str) -> None:
        schema = root.create(ctx.settings)
        self._schema, self._executor = schema._schema, schema.execution_context_class
        self.kept = self._executor.plans.kept  # type: ignore[union-attr]
        self._document = parse(document)
        self._ctx = ctx

    def execute(self, language: str = "zh") -> list[dict[str, Any]]:
        """The list, which both give alike, as the plans give it."""
        found, expected = [
            self._execute(executor, language)
            for executor in (self._executor, StrawberryGraphQLCoreExecutionContext)
        ]
        assert found.data == expected.data
        assert [error.formatted for error in found.errors or ()] == [
            error.formatted for error in expected.errors or ()
        ]
        listed: list[dict[str, Any]] = (found.data or {})["instances"]
        return listed

    def _execute(self, executor: Any, language: str) -> ExecutionResult:
        context = RequestContext(self._ctx, Loaders(self._ctx), Reader(language))
        result = execute(self._schema, self._document, context_value=context, executor_class=executor)
        assert isinstance(result, ExecutionResult)
        return result


@pytest_asyncio.fixture
async def views(ctx: Context, tmp_path: Path) -> dict[str, InstanceView]:
    """Three instances by id, in their order; each may be replaced."""
    bot = await add_bot(ctx, tmp_path / "bot")
    found = ctx.live._views
    view = found.pop(bot.id)
    found.update({str(number): replace(view, id=str(number), name=f"bot{number}") for number in range(3)})
    return found


async def test_only_the_object_of_a_view_that_changed_is_made_anew(
    ctx: Context, views: dict[str, InstanceView]
) -> None:
    """A list of a thousand instances was executed as a whole whenever one of them changed."""
    lists = Lists(ctx, LIST)
    first = lists.execute()
    views["1"] = replace(views["1"], status=State.STARTING)
    second = lists.execute()
    assert [one is other for one, other in zip(first, second, strict=True)] == [True, False, True]
    del views["0"]
    assert [one is other for one, other in zip(second[1:], lists.execute(), strict=True)] == [True, True]
    assert len(lists.kept) == 2


async def test_kept_objects_are_those_of_their_language(ctx: Context, views: dict[str, InstanceView]) -> None:
    views["1"] = replace(views["1"], failure=Failure(reason=Text("原因", "the reason"), at=0))
    lists = Lists(ctx, LIST)
    for _ in range(2):
        assert lists.execute()[1]["failure"]["reason"] == "原因"
        assert lists.execute("en")[1]["failure"]["reason"] == "the reason"


async def test_an_object_with_an_error_is_made_anew(ctx: Context, views: dict[str, InstanceView]) -> None:
    """The path of its error has its place in the list, which the removal of another one changes."""
    views["2"] = replace(views["2"], failure=Failure(reason=Text("", ""), at=0, exit_code="no number"))  # type: ignore[arg-type]
    lists = Lists(ctx, "{ instances { name failure { exitCode } } }")
    lists.execute()
    del views["0"]
    lists.execute()
    assert len(lists.kept) == 1


@pytest.mark.parametrize("other", ["usage { memory }", "terminals { end }", "supervision { restart }"])
async def test_nothing_is_kept_that_depends_on_more_than_the_view(
    ctx: Context, tmp_path: Path, other: str
) -> None:
    await add_bot(ctx, tmp_path / "bot")
    for skipped, kept in (("false", 0), ("true", 1)):
        lists = Lists(ctx, f"{{ instances {{ name ... @skip(if: {skipped}) {{ {other} }} }} }}")
        assert len(lists.execute()) == 1
        assert len(lists.kept) == kept


def test_kept_objects_are_bounded() -> None:
    kept = KeptObjects()
    for number in range(8):
        kept.replace(number, dict.fromkeys(range(OBJECTS_MAX // 2), (None, {})))
    assert len(kept) == OBJECTS_MAX * 3 // 2
    assert kept.replace(7, {})
    assert not kept.replace(0, {})
