"""Whatever is sent to `/graphql`, the answer says what is wrong. An operation that is added is tried as well."""

import itertools
from collections.abc import Iterator
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    GraphQLUnionType,
    get_named_type,
)

from mailauncher.errors import Code
from schema import root
from schema.limits import DocumentCache
from tests.support.graphql import client, conversing
from tests.support.hostile import (
    BODIES,
    MARKS,
    MEDIA_TYPES,
    VALUES,
    Place,
    encoded,
    hostile_place,  # noqa: F401 - a fixture
    in_turn,
    quoted,
    require_answer,
    without_tracebacks,  # noqa: F401 - a fixture
)

pytestmark = MARKS

HEALTH = "{ systemHealth { status } }"
SUBSCRIPTION = "subscription { instanceChanged { id } }"
DOCUMENTS = (
    SUBSCRIPTION, "{ a", "{ a }", "# nothing", "fragment a on Query { a }", f"query a {HEALTH} query b {HEALTH}",
    '{ instance(id: "\\ud800") { id } }', "query ($a: Nothing) " + HEALTH, "{ instance(id: $a) { id } }",
    "query ($a: ID = 1, $a: ID) { instance(id: $a) { id } }", "{ __schema { types { name } } }", "mutation { a }",
)  # fmt: skip
QUERIES = (
    "query", "query=", "query={", "query=%ff", "variables=x&query={a}", "query=mutation{a}", f"query={quoted(SUBSCRIPTION)}",
    *(f"query={quoted(HEALTH)}&{rest}" for rest in ("variables=[]", "variables=%22", "variables=nul", "query=x",
    "operationName=%00", "extensions=1")),
)  # fmt: skip


def selection(kind: Any, depth: int = 2) -> str:
    """All fields that need no arguments, down to some depth."""
    named = get_named_type(kind)
    if isinstance(named, GraphQLScalarType | GraphQLEnumType):
        return ""
    fields = ["__typename"]
    if depth and not isinstance(named, GraphQLUnionType):
        for name, field in named.fields.items():
            if not any(isinstance(argument.type, GraphQLNonNull) for argument in field.args.values()):
                inner = selection(field.type, depth - 1)
                fields.append(f"{name}{inner}")
    return f" {{ {' '.join(fields)} }}"


def good(name: str, kind: Any, place: Place) -> Any:
    """A value of a type, with nothing that is not required."""
    if isinstance(kind, GraphQLNonNull):
        return good(name, kind.of_type, place)
    if isinstance(kind, GraphQLList):
        return [good(name, kind.of_type, place)]
    if isinstance(kind, GraphQLInputObjectType):
        required = {
            key: field.type for key, field in kind.fields.items() if isinstance(field.type, GraphQLNonNull)
        }
        return {key: good(key, type_, place) for key, type_ in required.items()}
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    return place.good.get(name, {"ID": place.ids["id"], "Boolean": False}.get(kind.name, 1))


def places_in(kind: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The places in a value of this type at which another value may stand."""
    yield at
    named = kind.of_type if isinstance(kind, GraphQLNonNull) else kind
    if isinstance(named, GraphQLInputObjectType):
        for key, field in named.fields.items():
            yield from places_in(field.type, (*at, key))


def replaced(value: Any, at: tuple[str, ...], by: Any) -> Any:
    if not at:
        return by
    return {**(value or {}), at[0]: replaced((value or {}).get(at[0]), at[1:], by)}


def document(kind: str, name: str, field: GraphQLField, arguments: dict[str, Any]) -> str:
    declared = ", ".join(f"${key}: {argument.type}" for key, argument in arguments.items())
    passed = ", ".join(f"{key}: ${key}" for key in arguments)
    return f"{kind} ({declared}) {{ {name}({passed}){selection(field.type)} }}"


def requests(place: Place, *kinds: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """A document and variables, for each place in each argument of each operation, and each of its hostile values."""
    settings = place.launcher.ctx.settings
    schema = root.create(settings, DocumentCache(settings))._schema
    found = [
        (kind, name, field, argument, at)
        for kind in kinds
        for name, field in getattr(schema, f"{kind}_type").fields.items()
        for argument in field.args
        for at in places_in(field.args[argument].type)
    ]
    for (kind, name, field, argument, at), values in zip(found, in_turn(len(found)), strict=True):
        used = {
            k: other
            for k, other in field.args.items()
            if k == argument or isinstance(other.type, GraphQLNonNull)
        }
        known = {key: good(key, other.type, place) for key, other in used.items()}
        for value in values:
            yield document(kind, name, field, used), known | {argument: replaced(known[argument], at, value)}


def require_no_internal_error(errors: list[dict[str, Any]], what: object) -> None:
    for error in errors:
        assert error["extensions"]["code"] != Code.INTERNAL_ERROR, (what, error)


async def test_no_argument_is_an_internal_error(place: Place) -> None:
    async with client(place.launcher, {"content-type": "application/json"}) as http:
        for text, variables in requests(place, "query", "mutation"):
            answer = await http.post("/graphql", content=encoded({"query": text, "variables": variables}))
            require_answer(answer, (text, variables))
            require_no_internal_error(answer.json().get("errors", []), (text, variables))


async def test_no_argument_of_a_subscription_is_an_internal_error(place: Place) -> None:
    async with conversing(place.launcher) as socket:
        for text, variables in requests(place, "subscription"):
            if b"\\ud" in encoded(variables):
                continue  # that is no JSON, so that the socket would be closed
            operation_id = await socket.follow(text, **variables)
            await socket.end(operation_id)
            for message in socket.taken():
                payload = message.get("payload", [])
                errors = payload if isinstance(payload, list) else payload.get("errors", [])
                require_no_internal_error(errors, (text, variables))


async def test_no_form_of_a_request_is_an_internal_error(place: Place) -> None:
    """A subscription by plain POST was one."""
    keys = ("query", "variables", "operationName", "extensions")
    forms = [{"query": HEALTH, key: value} for key in keys for value in VALUES]
    forms += [{"query": text} for text in DOCUMENTS]
    async with client(place.launcher, {"content-type": "application/json"}) as http:
        accepted = itertools.cycle(("application/json", "application/graphql-response+json"))
        for form, accept in zip(forms, accepted, strict=False):
            answer = await http.post("/graphql", content=encoded(form), headers={"accept": accept})
            found = answer.json()
            if "errors" not in found:
                require_answer(answer, form)
            require_no_internal_error(found.get("errors", []), form)
        for body, media_type in itertools.product(BODIES, MEDIA_TYPES):
            answer = await http.post("/graphql", content=body, headers={b"content-type": media_type})
            require_answer(answer, (body, media_type))
        for query in QUERIES:
            answer = await http.get(f"/graphql?{query}", headers={"accept": "application/json"})
            require_answer(answer, query)
        for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
            require_answer(await http.request(method, "/graphql"), method)
