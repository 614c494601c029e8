"""What a document may ask for: each limit, and that none can be led round."""

from contextlib import suppress

import pytest
from graphql import GraphQLError, GraphQLSchema, get_introspection_query, parse
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from strawberry.schema.schema import validate_document

from mailauncher.errors import InvalidParameter
from mailauncher.settings import Settings
from schema import limits, root
from schema.limits import Desk, Measure, Meter
from tests.support.context import settings_for
from tests.support.graphql import ask, conversing
from tests.support.server import Launcher, running

GRAPHQL = root.create(Settings())._schema


@pytest.fixture
def graphql() -> GraphQLSchema:
    return GRAPHQL


def measured(document: str) -> Measure:
    return Meter(parse(document)).measure()


def complaints(graphql: GraphQLSchema, document: str, **given: int) -> list[str]:
    return [error.message for error in Desk(replace(Settings(), **given)).document(graphql, document).errors]


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
        ("{ events(first: " + "9" * 5000 + ") { edges { cursor } } }", 401),
        ("{ instance { emojis(first: 3) { totalCount edges { node { id name } } } } }", 15),
        ("{ instance { emojis { ...e } } } fragment e on EmojiConnection { edges { cursor } }", 22),
        ("query ($n: Int) { instance { persons(first: $n) { edges { cursor } totalCount } } }", 203),
        ("{ __schema { types { name } } }", 0),
    ],
)
def test_cost_is_the_number_of_fields_in_the_answer(document: str, cost: int) -> None:
    assert measured(document).cost == cost


def test_fragments_that_double_each_time_are_measured_in_no_time() -> None:
    """Followed at every spread, as Strawberry's limiters do, these 3 kB take longer than the sun will shine."""
    bomb = "{ ...F0 } " + " ".join(
        f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(100)
    )
    last = "fragment F100 on Query { x: systemHealth { status } }"
    assert measured(f"{bomb} {last}") == Measure(1, 2**100, 2**101)


def test_a_fragment_that_spreads_itself_is_refused(graphql: GraphQLSchema) -> None:
    found = complaints(graphql, "{ ...F } fragment F on Query { systemHealth { status } ...F }")
    assert found == ["Cannot spread fragment 'F' within itself."]


@pytest.mark.parametrize("length", [300, 490])
def test_a_chain_of_fragments_too_long_to_follow_is_refused(graphql: GraphQLSchema, length: int) -> None:
    """At one of these lengths the other rules give up, at the other the measuring does."""
    chain = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} }}" for n in range(length))
    last = f"fragment F{length} on Query {{ systemHealth {{ status }} }}"
    assert len(complaints(graphql, f"{{ ...F0 }} {chain} {last}")) == 1


def test_a_document_within_the_limits_has_no_complaint(graphql: GraphQLSchema) -> None:
    document = "{ instances { services { terminal { end } } } }"
    assert complaints(graphql, document, graphql_max_depth=3) == []
    assert complaints(graphql, document, graphql_max_depth=2) == ["The depth is over the limit of 2"]


def test_documents_are_parsed_and_validated_once(
    graphql: GraphQLSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    validated = []

    def counted(*given: object) -> object:
        validated.append(given)
        return validate_document(*given)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(limits, "validate_document", counted)
    desk = Desk(Settings())
    first = desk.document(graphql, "{ systemHealth { status } }")
    assert desk.document(graphql, "{ systemHealth { status } }") is first
    assert len(validated) == 1


def test_long_documents_are_not_remembered(graphql: GraphQLSchema) -> None:
    desk = Desk(Settings())
    long = "{ systemHealth { status } }" + " " * limits.KEPT_CHARACTERS
    assert desk.document(graphql, long) is not desk.document(graphql, long)


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
def test_no_text_gives_anything_but_a_document_or_an_error_of_graphql(words: list[str]) -> None:
    with suppress(GraphQLError):
        Desk(Settings()).document(GRAPHQL, " ".join(words))


def test_a_document_has_a_greatest_length() -> None:
    limits.require_length("x" * limits.MAX_CHARACTERS)
    with pytest.raises(InvalidParameter):
        limits.require_length("x" * (limits.MAX_CHARACTERS + 1))


ALIASES = "{ a: systemHealth { status } b: systemHealth { status } }"
TOKENS = "{ systemHealth {" + " status" * 100 + " } }"
DEAR = (
    "{"
    + " ".join(f"instances {{ recentEvents {{ at kind caller f{n}: message }} }}" for n in range(30))
    + "}"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "document, told",
    [
        ("subscription { instanceChanged { instance { services { terminal { end } } } } }", "depth"),
        (ALIASES, "number of aliases"),
        (TOKENS, "tokens"),
        (DEAR, "number of fields"),
        ("{ instances " + "{ x " * 900 + "}" * 900 + "}", "tokens"),
        ("{" * 99, "tokens|nested|Syntax"),
    ],
    ids=["depth", "aliases", "tokens", "cost", "nesting", "braces"],
)
async def test_what_is_over_a_limit_is_refused_on_every_transport(
    tmp_path_factory: pytest.TempPathFactory, document: str, told: str
) -> None:
    folder = tmp_path_factory.mktemp("limited")
    limited = settings_for(folder, graphql_max_depth=3, graphql_max_aliases=1, graphql_max_tokens=100)
    dear = settings_for(folder, graphql_max_aliases=1000)
    async with running(dear if document == DEAR else limited) as launcher:
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
async def test_introspection_cannot_be_nested_into_itself(launcher: Launcher) -> None:
    document = "{ __schema { types " + "{ fields { type " * 3 + "{ name }" + "} }" * 3 + " } }"
    answer = await ask(launcher, document)
    assert {error["message"] for error in answer.errors} == {"Maximum introspection depth exceeded"}
