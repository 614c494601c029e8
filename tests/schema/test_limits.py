"""The limits of documents, and attempts to evade them."""

import asyncio
import time
from contextlib import suppress

import pytest
from graphql import GraphQLError, GraphQLSchema, get_introspection_query, parse
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from strawberry.schema.schema import validate_document

from mailauncher.errors import InvalidParameter
from mailauncher.settings import Settings
from schema import limits, root, variables
from schema.complexity import Complexity, ComplexityAnalyzer
from schema.limits import DocumentCache
from tests.support.context import settings_for
from tests.support.graphql import ask, client, conversing
from tests.support.growth import require_linear
from tests.support.server import Launcher, running

GRAPHQL = root.create(Settings())._schema


@pytest.fixture
def graphql() -> GraphQLSchema:
    return GRAPHQL


def measured(document: str) -> Complexity:
    return ComplexityAnalyzer(parse(document)).analyze()


def complaints(graphql: GraphQLSchema, document: str, **given: int) -> list[str]:
    return [
        error.message
        for error in DocumentCache(replace(Settings(), **given)).examine(graphql, document).errors
    ]


@pytest.mark.parametrize(
    "document, depth",
    [
        ("{ a }", 0),
        ("{ a { b } }", 1),
        ("{ a { b { c } d } e }", 2),
        ("{ a { ... { b { c } } } }", 2),
        ("{ a { ...F } } fragment F on T { b { c { d } } }", 3),
        ("{ __schema { types { fields { type { ofType { ofType { name } } } } } } }", 0),
        ("query A { a } query B { a { b } }", 1),
        ("mutation { a { b { c } } }", 2),
        ("subscription { a { b } }", 1),
    ],
)
def test_depth_is_the_nesting_of_fields(document: str, depth: int) -> None:
    assert measured(document).depth == depth


@pytest.mark.parametrize(
    "document, aliases",
    [
        ("{ a b }", 0),
        ("{ x: a { y: b } }", 2),
        ("{ a { ...F } b { ...F } } fragment F on T { x: c }", 2),
        ("query A { x: a } query B { x: a }", 2),
        ("{ x: __typename a { y: __typename } }", 2),
    ],
)
def test_aliases_count_each_time_their_fragment_is_spread(document: str, aliases: int) -> None:
    assert measured(document).aliases == aliases


@pytest.mark.parametrize(
    "document, cost",
    [
        ("{ a b }", 2),
        ("{ a { b c } }", 3),
        ("{ instances { name status } }", 201),
        ("{ instances { recentEvents(first: 2) { at } } }", 301),
        ("query ($n: Int!) { instances { recentEvents(first: $n) { at } } }", 5101),
        ("{ instances { recentEvents(first: 999999) { at } } }", 5101),
        ("{ events(first: -7) { edges { cursor } } }", 1),
        ("{ events(last: 2) { edges { cursor } } }", 5),
        ("{ events(first: " + "9" * 5000 + ") { edges { cursor } } }", 401),
        ("{ instance { emojis(first: 3) { totalCount edges { node { id name } } } } }", 15),
        ("{ instance { emojis { ...e } } } fragment e on EmojiConnection { edges { cursor } }", 22),
        ("query ($n: Int) { instance { persons(first: $n) { edges { cursor } totalCount } } }", 203),
        ("{ __schema { types { name } } }", 152),
        ("{ __schema { ...s } } fragment s on __Schema { types { fields { name } } }", 902),
        ('{ __type(name: "Query") { fields { args { name } } } }', 12),
    ],
)
def test_cost_is_the_number_of_fields_in_the_response(document: str, cost: int) -> None:
    assert measured(document).cost == cost


@pytest.mark.parametrize(
    "document, pairs",
    [
        ("{ a b c: b }", 0),
        ("{ a a a }", 3),
        ("{ a { b } a { b c } }", 2),
        ("{ a { ...F } a { b } c { ...F } } fragment F on T { b ... { b } }", 5),
        ("{ x: a { b { c } } x: d { b { c c } } }", 5),
        ("query A { a } query B { a }", 0),
        ("{ ...F } fragment F on T { a ...F }", 0),
    ],
)
def test_repetitions_are_pairs_of_fields_in_the_same_place(document: str, pairs: int) -> None:
    assert ComplexityAnalyzer(parse(document)).repetitions(100) == pairs


REPEATED = "{" + "systemHealth { status }" * 200 + "}"


def test_a_field_that_stands_many_times_in_one_place_is_refused_at_once(graphql: GraphQLSchema) -> None:
    """Validation compared each of them with each other: 900 took 1.2 seconds."""
    assert "selected too often" in complaints(graphql, REPEATED)[0]
    assert complaints(graphql, "{" + "systemHealth { status }" * 99 + "}") == []
    cache = DocumentCache(Settings())

    def cost(times: int) -> float:
        text = "{" + "systemHealth { status }" * 200 * times + "}"
        began = time.thread_time()
        cache.examine(graphql, text)
        return time.thread_time() - began

    require_linear(cost)


def test_exponentially_spread_fragments_are_analyzed_quickly() -> None:
    """If every spread is followed, as by Strawberry's limiters, these 3 kB take billions of years."""
    bomb = "{ ...F0 } " + " ".join(
        f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(100)
    )
    last = "fragment F100 on Query { x: systemHealth { status } }"
    assert measured(f"{bomb} {last}") == Complexity(1, 2**100, 2**101)


def test_a_fragment_that_spreads_itself_is_refused(graphql: GraphQLSchema) -> None:
    found = complaints(graphql, "{ ...F } fragment F on Query { systemHealth { status } ...F }")
    assert found == ["Cannot spread fragment 'F' within itself."]


@pytest.mark.parametrize("length", [300, 490])
def test_a_chain_of_too_many_fragments_is_refused(graphql: GraphQLSchema, length: int) -> None:
    """At one of these lengths the validation rules exceed the recursion limit, at the other the analyzer does."""
    chain = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(length))
    last = f"fragment F{length} on Query {{ systemHealth {{ status }} }}"
    assert len(complaints(graphql, f"{{ ...F0 }} {chain} {last}")) == 1


def test_a_document_within_the_limits_is_accepted(graphql: GraphQLSchema) -> None:
    document = "{ instances { services { terminal { end } } } }"
    assert complaints(graphql, document, graphql_max_depth=3) == []
    assert complaints(graphql, document, graphql_max_depth=2) == ["The depth exceeds the limit of 2"]


async def test_documents_are_parsed_and_validated_once(
    graphql: GraphQLSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    validated = []

    def counted(*given: object) -> object:
        validated.append(given)
        return validate_document(*given)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(limits, "validate_document", counted)
    cache = DocumentCache(Settings())
    asked = [cache.load(graphql, "{ systemHealth { status } }") for _ in range(3)]
    first, *others = await asyncio.gather(*asked)
    assert others == [first, first]
    assert len(validated) == 1


async def test_the_cached_documents_have_a_maximum_length_together(graphql: GraphQLSchema) -> None:
    """Long documents were examined anew each time."""
    cache = DocumentCache(Settings())
    texts = [f"{{ systemHealth {{ status }} }} #{n}" + " " * 90_000 for n in range(3)]
    first, _, last = [await cache.load(graphql, text) for text in texts]
    assert await cache.load(graphql, texts[2]) is last
    assert await cache.load(graphql, texts[0]) is not first


WORDS = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "...",
    ":",
    "!",
    "=",
    "&",
    "|",
    "#",
    '"',
    '\\"',
    '""\\"',
    "@include",
    "$a",
    "on",
    "fragment",
    "F",
    "Query",
    "query",
    "subscription",
    "instances",
    "first",
    "recentEvents",
    "events",
    "id",
    "__schema",
    "-1",
    "1e9999",
    "null",
    "true",
    "é",
]


@given(st.lists(st.sampled_from([*WORDS, "9" * 5000, "\n", "\x00", "\ud800"]), max_size=30))
def test_any_text_is_a_document_or_a_graphql_error(words: list[str]) -> None:
    with suppress(GraphQLError):
        DocumentCache(Settings()).examine(GRAPHQL, " ".join(words))


def test_a_document_has_a_maximum_length() -> None:
    limits.require_length("x" * limits.DOCUMENT_CHARACTERS_MAX)
    with pytest.raises(InvalidParameter):
        limits.require_length("x" * (limits.DOCUMENT_CHARACTERS_MAX + 1))


ALIASES = "{ a: systemHealth { status } b: systemHealth { status } }"
TOKENS = "{ systemHealth {" + " status" * 100 + " } }"
DEAR = (
    "{"
    + " ".join(f"instances {{ recentEvents {{ at kind caller f{n}: message }} }}" for n in range(30))
    + "}"
)


INTROSPECTING = "{" + "__schema { types { name fields { name } } }" * 100 + "}"
"""Merged into one, but looked at a hundred times for each type."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "document, told",
    [
        ("subscription { instanceChanged { instance { services { terminal { end } } } } }", "depth"),
        (ALIASES, "number of aliases"),
        (TOKENS, "tokens"),
        (DEAR, "number of fields"),
        (INTROSPECTING, "number of fields"),
        (REPEATED, "selected too often"),
        ("{ instances " + "{ x " * 900 + "}" * 900 + "}", "tokens"),
        ("{" * 99, "tokens|nested|Syntax"),
    ],
    ids=["depth", "aliases", "tokens", "cost", "introspection", "repetition", "nesting", "braces"],
)
async def test_documents_over_a_limit_are_refused_on_every_transport(
    tmp_path_factory: pytest.TempPathFactory, document: str, told: str
) -> None:
    folder = tmp_path_factory.mktemp("limited")
    limited = settings_for(folder, graphql_max_depth=3, graphql_max_aliases=1, graphql_max_tokens=100)
    dear = settings_for(folder, graphql_max_aliases=1000)
    async with running(dear if document in (DEAR, INTROSPECTING, REPEATED) else limited) as launcher:
        over_http = await ask(launcher, document)
        async with conversing(launcher) as socket:
            over_socket = await socket.ask(document)
            assert (await socket.ask("{ systemHealth { status } }")).result == {"status": "healthy"}
    assert over_http.errors == over_socket.errors
    assert over_http.data is None
    assert over_http.error["extensions"] == {"code": "INVALID_PARAMETER", "status": 400}
    assert any(word in over_http.error["message"] for word in told.split("|")), over_http.error


@pytest.mark.slow
async def test_a_parsed_document_is_the_same_for_every_request(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed = []

    def counted(text: str, **options: int) -> object:
        parsed.append(text)
        return parse(text, max_tokens=options["max_tokens"])

    monkeypatch.setattr(limits, "parse", counted)
    for _ in range(3):
        assert (await ask(launcher, "{ systemHealth { status } }")).result == {"status": "healthy"}
    assert len(parsed) == 1


@pytest.mark.slow
async def test_the_introspection_of_the_explorer_is_within_the_limits(launcher: Launcher) -> None:
    document = get_introspection_query(
        specified_by_url=True,
        directive_is_repeatable=True,
        schema_description=True,
        input_value_deprecation=True,
    )
    answer = await ask(launcher, document)
    assert answer.errors == []
    assert len(answer.data["__schema"]["types"]) > 20


@pytest.mark.slow
async def test_lists_in_variables_have_a_maximum_length_together(launcher: Launcher) -> None:
    """Each of half a million items was looked at, in 1.5 seconds during which nothing else was served."""
    document = "mutation ($input: DeletePersonsInput!) { deletePersons(input: $input) { message } }"
    many = {"instanceId": "x", "ids": [7] * (variables.ITEMS_MAX + 1)}
    few = {"instanceId": "x", "ids": ["7"] * variables.ITEMS_MAX}
    over_http = await ask(launcher, document, input=many)
    async with conversing(launcher) as socket:
        assert (await socket.ask(document, input=many)).errors == over_http.errors
    assert over_http.code == "INVALID_PARAMETER"
    assert "more than 8000 items" in over_http.error["message"]
    assert (await ask(launcher, document, input=few)).code == "INSTANCE_NOT_FOUND"
    scalar = 'mutation ($p: JSON!) { createPerson(input: {instanceId: "x", userId: "x", profile: $p}) { message } }'
    profile = {"numbers": [7] * (variables.ITEMS_MAX + 1)}
    assert (await ask(launcher, scalar, p=profile)).code == "INSTANCE_NOT_FOUND"


@pytest.mark.slow
async def test_introspection_takes_variables_and_names_of_operations(launcher: Launcher) -> None:
    document = """query Both($a: Boolean!) { __schema @include(if: $a) { queryType { name } } }
      query Other { __type(name: "Query") { name } }"""
    async with client(launcher) as http:
        asked = {"query": document, "operationName": "Both", "variables": {"a": True}}
        answer = (await http.post("/graphql", json=asked)).json()
        other = (await http.post("/graphql", json=asked | {"operationName": "Other"})).json()
        missing = (await http.post("/graphql", json=asked | {"variables": {}})).json()
    assert answer == {"data": {"__schema": {"queryType": {"name": "Query"}}}}
    assert other == {"data": {"__type": {"name": "Query"}}}
    assert missing["errors"][0]["extensions"]["code"] == "INVALID_PARAMETER"


@pytest.mark.slow
async def test_introspection_cannot_be_nested_into_itself(launcher: Launcher) -> None:
    document = "{ __schema { types " + "{ fields { type " * 3 + "{ name }" + "} }" * 3 + " } }"
    answer = await ask(launcher, document)
    assert {error["message"] for error in answer.errors} == {"Maximum introspection depth exceeded"}
