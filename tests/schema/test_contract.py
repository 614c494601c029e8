"""The schema as a contract: complete, described, and equal to the schema file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
)

from mailauncher.settings import Settings
from schema import limits, reference, root
from schema.status import Status
from terminals.states import State

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def printed() -> str:
    return root.printed()


@pytest.fixture(scope="module")
def contract(printed: str) -> GraphQLSchema:
    """The schema as a client reads it."""
    return build_schema(printed)


def test_the_schema_file_is_the_printed_schema(printed: str) -> None:
    """`mailauncher schema --write` writes it."""
    assert (ROOT / "schema" / "schema.graphql").read_text("utf-8") == printed


def test_the_reference_page_is_the_generated_one() -> None:
    """`mailauncher schema --docs` writes it."""
    assert (ROOT / "docs" / "reference" / "graphql.md").read_text("utf-8") == reference.page()


def described(contract: GraphQLSchema) -> Iterator[tuple[str, str | None]]:
    """Everything that can have a description, with its description."""
    for name, kind in contract.type_map.items():
        if name.startswith("__") or name in ("Int", "Float", "String", "Boolean", "ID"):
            continue
        yield name, kind.description
        if isinstance(kind, GraphQLEnumType):
            yield from ((f"{name}.{value}", it.description) for value, it in kind.values.items())
        elif isinstance(kind, GraphQLInputObjectType):
            yield from ((f"{name}.{field}", it.description) for field, it in kind.fields.items())
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field_name, field in kind.fields.items():
                yield f"{name}.{field_name}", field.description
                for argument_name, argument in field.args.items():
                    yield f"{name}.{field_name}({argument_name})", argument.description


def test_each_type_field_argument_and_value_is_described(contract: GraphQLSchema) -> None:
    without = [place for place, description in described(contract) if not (description or "").strip()]
    assert without == []


def test_each_description_is_a_sentence(contract: GraphQLSchema) -> None:
    wrong = [
        place
        for place, description in described(contract)
        if description and (not description.endswith(".") or description != description.strip())
    ]
    assert wrong == []


def test_each_nullable_field_describes_its_null(contract: GraphQLSchema) -> None:
    silent = [
        f"{name}.{field_name}"
        for name, kind in contract.type_map.items()
        if isinstance(kind, GraphQLObjectType) and not name.startswith("__") and name != "Mutation"
        for field_name, field in kind.fields.items()
        if not str(field.type).endswith("!") and "ull" not in (field.description or "")
    ]
    assert silent == []


def test_mutations_are_verbs_with_one_input_and_a_payload(contract: GraphQLSchema) -> None:
    assert contract.mutation_type is not None
    for name, field in contract.mutation_type.fields.items():
        assert list(field.args) == ["input"], name
        assert str(field.args["input"].type) == f"{name[0].upper()}{name[1:]}Input!", name
        assert str(field.type).endswith("Payload"), name


def test_statuses_are_the_states_of_programs() -> None:
    assert {status.name: str(status.value) for status in Status} == {
        state.name: str(state) for state in State
    }


@pytest.mark.parametrize(
    "without",
    [{"emojis", "persons", "config"}, {"deployment", "backups", "recentEvents", "services", "config"}],
)
def test_a_query_of_all_fields_of_an_instance_is_within_the_limits(without: set[str]) -> None:
    """A query of all fields of a list at once: all but its pages of emojis and persons, or only these."""
    graphql = root.create(Settings())._schema
    document = f"{{ instances {everything(graphql, 'Instance', without)} }}"
    examined = limits.DocumentCache(Settings()).examine(graphql, document)
    assert examined.errors == ()


def everything(graphql: GraphQLSchema, name: str, without: set[str]) -> str:
    """A selection of all fields of a type, recursively."""
    kind = graphql.type_map[name]
    assert isinstance(kind, GraphQLObjectType)
    parts = []
    for field_name, field in kind.fields.items():
        if field_name in without:
            continue
        inner = str(field.type).strip("[]!")
        nested = isinstance(graphql.type_map[inner], GraphQLObjectType)
        parts.append(f"{field_name} {everything(graphql, inner, without)}" if nested else field_name)
    return "{" + " ".join(parts) + "}"
