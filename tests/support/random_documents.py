"""Random GraphQL documents that are valid for a schema, and random answers to them, both repeatable by their seed.

A document has aliases, fragments, variables, `@skip` and `@include`. An answer has nulls, errors (raised and returned),
awaitables that take a random number of turns of the event loop, and values of wrong types.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)

UNKNOWN = object()

LITERALS: dict[str, list[str]] = {
    "String": ['"a"', '"b\\n"', '""'],
    "ID": ['"1"', "7"],
    "Int": ["0", "3", "20"],
    "Long": ["5"],
    "Float": ["1.5", "2"],
    "Boolean": ["true", "false"],
    "DateTime": ['"2025-07-05T10:30:00Z"'],
    "JSON": ["{a: [1, null]}", '"x"'],
}


class RandomDocument:
    """`text`, and `variables` for it."""

    def __init__(self, schema: GraphQLSchema, chance: random.Random) -> None:
        self._schema = schema
        self._chance = chance
        self._definitions: list[str] = []
        self._fragments: list[str] = []
        self._names = 0
        self.variables: dict[str, Any] = {}
        operation = chance.choice([*OperationType, OperationType.QUERY])
        root = schema.get_root_type(operation)
        assert root is not None
        body = self._selections(root, 4, 1 if operation is OperationType.SUBSCRIPTION else 3)
        head = f"({', '.join(self._definitions)})" if self._definitions else ""
        self.text = f"{operation.value} Q{head} {body}\n" + "\n".join(self._fragments)

    def _selections(self, type_: GraphQLObjectType, depth: int, most: int) -> str:
        parts = [self._selection(type_, depth) for _ in range(self._chance.randint(1, most))]
        return "{ " + " ".join(parts) + " }"

    def _selection(self, type_: GraphQLObjectType, depth: int) -> str:
        root = type_ is self._schema.subscription_type
        kind = 1.0 if root else self._chance.random()
        if kind < 0.06:
            return "__typename"
        if kind < 0.12:
            return f"... {self._directives()}{self._selections(type_, depth, 4)}"
        if kind < 0.18:
            return f"... on {type_.name} {self._directives()}{self._selections(type_, depth, 4)}"
        if kind < 0.24:
            name = self._new("F")
            self._fragments.append(f"fragment {name} on {type_.name} {self._selections(type_, depth, 4)}")
            return f"...{name} {self._directives()}"
        names = [
            name
            for name, field in type_.fields.items()
            if depth > 0 or is_leaf_type(get_named_type(field.type))
        ]
        if not names:
            return "__typename"
        name = self._chance.choice(names)
        return self._field(name, type_.fields[name], depth, plain=root)

    def _field(self, name: str, field: GraphQLField, depth: int, plain: bool) -> str:
        arguments = []
        for key, argument in field.args.items():
            if is_required_argument(argument) or self._chance.random() < 0.3:
                arguments.append(f"{key}: {self._value(argument.type)}")
        # Fields with arguments get a name of their own: two of one name must have equal arguments.
        alias = f"{self._new('a')}: " if arguments or self._chance.random() < 0.2 else ""
        text = f"{alias}{name}" + (f"({', '.join(arguments)})" if arguments else "")
        text += " " + ("" if plain else self._directives())
        named = get_named_type(field.type)
        if isinstance(named, GraphQLObjectType):
            text += self._selections(named, depth - 1, 6)
        return text

    def _directives(self) -> str:
        kind = self._chance.random()
        if kind > 0.15:
            return ""
        name = self._chance.choice(["skip", "include"])
        if kind < 0.05:
            return f"@{name}(if: {self._chance.choice(['true', 'false'])}) "
        return f"@{name}(if: ${self._variable('Boolean!', self._chance.random() < 0.5)}) "

    def _variable(self, type_: str, value: Any) -> str:
        name = self._new("v")
        self._definitions.append(f"${name}: {type_}")
        self.variables[name] = value
        return name

    def _value(self, type_: Any) -> str:
        if is_non_null_type(type_):
            return self._value_of(type_.of_type)
        if self._chance.random() < 0.1:
            return "null"
        return self._value_of(type_)

    def _value_of(self, type_: Any) -> str:
        if is_list_type(type_):
            return (
                "[" + ", ".join(self._value(type_.of_type) for _ in range(self._chance.randint(0, 2))) + "]"
            )
        if isinstance(type_, GraphQLEnumType):
            names: list[str] = list(type_.values)
            return self._chance.choice(names)
        if isinstance(type_, GraphQLInputObjectType):
            fields = [
                f"{name}: {self._value(field.type)}"
                for name, field in type_.fields.items()
                if is_required_input_field(field) or self._chance.random() < 0.5
            ]
            return "{" + ", ".join(fields) + "}"
        if type_.name in ("Int", "String") and self._chance.random() < 0.4:
            value = self._chance.randint(0, 9) if type_.name == "Int" else "from a variable"
            return f"${self._variable(type_.name + '!', value)}"
        literals = LITERALS.get(type_.name, ['"x"'])
        return self._chance.choice(literals)

    def _new(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"


class Answers:
    """Random values for the fields of a schema, equal for equal seeds and paths however often they are asked for."""

    def __init__(self, seed: int, trouble: float) -> None:
        self._seed = seed
        self._trouble = trouble
        """The share of values that are null, errors or of a wrong type."""

    def value(self, type_: Any, path: str) -> Any:
        """May raise. May be awaitable."""
        chance = random.Random(f"{self._seed} {path}")
        kind = chance.random()
        if kind < self._trouble / 3:
            raise ValueError(f"raised at {path}")
        if kind < self._trouble / 2:
            return ValueError(f"returned at {path}")
        if kind > 0.85:
            return self._later(type_, path, chance)
        return self._now(type_, path, chance)

    async def _later(self, type_: Any, path: str, chance: random.Random) -> Any:
        for _ in range(chance.randint(0, 3)):
            await asyncio.sleep(0)
        if chance.random() < self._trouble:
            raise ValueError(f"raised later at {path}")
        return self._now(type_, path, chance)

    def _now(self, type_: Any, path: str, chance: random.Random) -> Any:
        if chance.random() < self._trouble:
            return None
        if is_non_null_type(type_):
            return self._now(type_.of_type, path, chance)
        if is_list_type(type_):
            return self._list(type_.of_type, path, chance)
        if isinstance(type_, GraphQLEnumType):
            values: list[Any] = list(getattr(type_, "wrapped_cls", ())) or list(type_.values)
            return chance.choice(
                [*values, *([UNKNOWN, "nothing"] if chance.random() < self._trouble else [])]
            )
        if is_leaf_type(type_):
            return self._leaf(type_.name, chance)
        return Thing(self, type_, path)

    def _leaf(self, name: str, chance: random.Random) -> Any:
        values: dict[str, list[Any]] = {
            "Int": [0, -1, 2**31 - 1, True],
            "Long": [0, 2**40],
            "Float": [1.5, 2, 0.0, False],
            "Boolean": [True, False, 1],
            "DateTime": [1_700_000_000_123, "1700000000123"],
            "JSON": ['{"a": [1, null]}', "null", "7"],
        }
        right = values.get(name, ["", "text", 5, "中文"])
        wrong: list[Any] = [UNKNOWN, float("nan"), 2**60, [1], "text"]
        return chance.choice(wrong if chance.random() < self._trouble else right)

    def _list(self, item: Any, path: str, chance: random.Random) -> Any:
        count = chance.randint(0, 4)
        if chance.random() < self._trouble:
            return chance.choice([5, "text"])

        def items() -> Iterator[Any]:
            for index in range(count):
                try:
                    value = self.value(item, f"{path}.{index}")
                except ValueError as error:
                    value = error
                yield value

        async def later() -> AsyncIterator[Any]:
            for value in items():
                await asyncio.sleep(0)
                yield value

        kind = chance.random()
        if kind < 0.1:
            return later()
        return items() if kind < 0.2 else tuple(items()) if kind < 0.3 else list(items())


class Thing:
    """An object whose attributes are answers."""

    def __init__(self, answers: Answers, type_: GraphQLObjectType, path: str) -> None:
        self._answers = answers
        self._type = type_
        self._path = path

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        for field in self._type.fields.values():
            definition = field.extensions.get("strawberry-definition")
            if definition is not None and definition.python_name == name:
                return self._answers.value(field.type, f"{self._path}.{name}")
        raise AttributeError(name)


def answer_every_field(schema: GraphQLSchema) -> None:
    """Replaces the resolvers that are not attributes. The context is an `Answers`, and so is the root value."""
    for type_ in schema.type_map.values():
        if isinstance(type_, GraphQLObjectType) and not type_.name.startswith("__"):
            for name, field in type_.fields.items():
                if not getattr(field.resolve, "_is_default", False):
                    field.resolve = _resolver(name, field)


def _resolver(name: str, field: GraphQLField) -> Any:
    def resolve(source: Any, info: Any, **arguments: Any) -> Any:
        path = getattr(source, "_path", "")
        return info.context.value(
            field.type, f"{path}.{name}{sorted(arguments.items(), key=lambda item: item[0])}"
        )

    return resolve
