"""Answers that are kept while no instance changes."""

from typing import Any, get_type_hints

import httpx
import pytest
from graphql import GraphQLObjectType, parse

from mailauncher.errors import Text
from mailauncher.settings import Settings
from resolvers.running.live_instances import StatusOverride
from resolvers.views import InstanceView, ServiceView, Stats
from schema import root
from schema.context import Reader
from schema.kept_answers import KEPT_BYTES, Asked, KeptAnswers
from schema.versioned import is_by_version
from terminals.states import Failure, State
from tests.support.context import add_bot
from tests.support.graphql import client
from tests.support.server import Launcher

SCHEMA = root.create(Settings())._schema
QUERY = "query ($s: Status) { instances(status: $s) { __typename name status reason services { name } } }"


@pytest.mark.parametrize(
    "document, expected",
    [
        (QUERY, True),
        ("{ instanceStats { total } instance(id: 1) { ...I } } fragment I on Instance { question }", True),
        ("{ instances { failure { reason hint at } waitingFor } }", True),
        ("{ instances { usage { memory } } }", False),
        ("{ instances { services { terminal { end } } } }", False),
        ("{ instances { ...I } } fragment I on Instance { recentEvents { id } }", False),
        ("{ instanceStats { total } systemHealth { uptime } }", False),
        ("{ instanceStats { total } __schema { description } }", False),
        ('mutation { startInstance(input: {id: "1"}) { instance { id } } }', False),
        ("subscription { instanceChanged { id } }", False),
    ],
)
def test_a_query_is_kept_if_all_its_fields_change_with_the_version(document: str, expected: bool) -> None:
    assert is_by_version(SCHEMA, parse(document)) is expected


@pytest.mark.parametrize(
    "type_, view",
    [("Instance", InstanceView), ("Service", ServiceView), ("Failure", Failure), ("InstanceStats", Stats)],
)
def test_fields_without_a_resolver_read_what_a_view_holds(type_: str, view: type) -> None:
    """A property would be computed anew, and might change without a version."""
    found = SCHEMA.type_map[type_]
    assert isinstance(found, GraphQLObjectType)
    fields = [field.extensions["strawberry-definition"] for field in found.fields.values()]
    read = {field.python_name for field in fields if field.base_resolver is None}
    assert read
    assert read <= set(get_type_hints(view))


def test_kept_answers_are_bounded_and_of_one_version() -> None:
    kept = KeptAnswers()
    size = KEPT_BYTES // 4
    asked = [Asked("POST", b"%d" % number, b"", b"", Reader()) for number in range(5)]
    for each in asked[:3]:
        kept.keep(each, 1, b" " * size, ())
    assert kept.find(asked[0], 1)
    kept.keep(asked[3], 1, b" " * size, ())
    assert [number for number, each in enumerate(asked) if kept.find(each, 1)] == [0, 2, 3]
    assert kept.find(asked[0], 2) is None
    kept.keep(asked[4], 2, b"", ())
    assert len(kept) == 1


@pytest.mark.slow
async def test_a_kept_answer_is_that_of_its_language_variables_and_version(launcher: Launcher) -> None:
    """Each request is sent twice: the second time its answer is kept."""
    bot = await add_bot(launcher.ctx, launcher.ctx.settings.workspace_folder / "kept")
    why = Failure(reason=Text("原因", "the reason"), at=0)
    launcher.ctx.live.override(bot.id, StatusOverride(State.FAILED, why))
    async with client(launcher) as http:

        async def ask(language: str, status: str | None) -> list[dict[str, Any]]:
            answers = [
                await http.post(
                    "/graphql",
                    json={"query": QUERY, "variables": {"s": status}},
                    headers={"Accept-Language": language},
                )
                for _ in range(2)
            ]
            assert answers[0].json() == answers[1].json()
            found: list[dict[str, Any]] = answers[1].json()["data"]["instances"]
            return found

        for _ in range(2):
            assert [found["reason"] for found in await ask("zh", None)] == ["原因"]
            assert [found["reason"] for found in await ask("en", None)] == ["the reason"]
            assert await ask("zh", "RUNNING") == []
        launcher.ctx.live.override(bot.id, None)
        assert [(found["status"], found["reason"]) for found in await ask("en", None)] == [("STOPPED", None)]


@pytest.mark.slow
async def test_a_kept_answer_to_get_is_revalidated_and_others_are_not(launcher: Launcher) -> None:
    bot = await add_bot(launcher.ctx, launcher.ctx.settings.workspace_folder / "tagged")
    async with client(launcher) as http:

        async def get(query: str, etag: str = "", language: str = "zh") -> httpx.Response:
            headers = {"If-None-Match": etag, "Accept-Language": language}
            return await http.get("/graphql", params={"query": query}, headers=headers)

        first = await get("{ instances { status } }")
        etag = first.headers["etag"]
        known = await get("{ instances { status } }", f'"x", W/{etag}')
        assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", etag)
        assert "Accept-Language" in known.headers["vary"]
        assert (await get("{ instances { status } }", '"x"')).json() == first.json()
        launcher.ctx.live.override(bot.id, StatusOverride(State.INSTALLING))
        assert (await get("{ instances { status } }", etag)).json() != first.json()
        for query in ("{ systemHealth { status } }", "{ instances { usage { memory } } }", "{"):
            assert "etag" not in (await get(query)).headers
        assert "etag" not in (await get('{ instance(id: "none") { id } }')).headers
        posted = await http.post("/graphql", json={"query": "{ instances { status } }"})
        assert "etag" not in posted.headers
