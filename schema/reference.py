"""`docs/reference/graphql.md`, made from the schema and the settings so that it cannot fall behind them."""

import json
from collections.abc import Iterator

from graphql import GraphQLArgument, GraphQLField, GraphQLObjectType, is_required_argument

from mailauncher.errors import VERDICTS
from mailauncher.settings import Settings, catalogue
from schema import explorer, limits, root
from schema.endpoint import INIT_TIMEOUT_S

_INTRODUCTION = f"""# GraphQL

Written by `mailauncher schema --docs` from the code; a test compares the two.

All of it stands at `/graphql`. The whole contract, with a description of every type, field, argument and value, is
[`schema/schema.graphql`](../../schema/schema.graphql); `mailauncher schema` prints it, and a browser at `/graphql` gets
an explorer that knows it.

## Transport

| What | How |
| --- | --- |
| Query, mutation | `POST` with `Content-Type: application/json` and `{{"query", "variables", "operationName"}}` |
| Query without a body | `GET` with `?query=`; mutations are refused |
| Anything, subscriptions too | WebSocket with the subprotocol `graphql-transport-ws`; `connection_init` within {INIT_TIMEOUT_S:.0f} s |
| Anything, subscriptions too | `POST` with `Accept: text/event-stream`: server-sent events `next` and `complete` |

With a token set, HTTP wants `Authorization: Bearer <token>`. A WebSocket may send the same header with its handshake, or
`{{"authorization": "Bearer <token>"}}` as the payload of `connection_init`.

One request carries one operation; nothing is uploaded. Messages come in Chinese, with `Accept-Language: en` in English.
Offsets and sizes are of type `Long` (JSON numbers up to 2^53 - 1), times of type `DateTime` (ISO 8601, UTC, milliseconds);
REST has `installedAt` as milliseconds since 1970 instead. Ids are those of REST.
"""

_ERRORS = """## Errors

A failure is an entry of `errors` whose `extensions` hold `code`, the `status` that REST would answer with and, where one
input field is at fault, `field`. The answer itself has HTTP status 200, unless the request never got as far as GraphQL:
then it is a failure of the same shape as REST's. Syntax errors, documents that do not fit the schema, unfit variables and
exceeded limits are `INVALID_PARAMETER`. What nobody foresaw is `INTERNAL_ERROR`; the log has it under the request's id.
"""

_EXAMPLE = f"""## Example

What the explorer begins with:

```graphql
{explorer.QUERY.strip()}
```
"""


def page() -> str:
    """The page as Markdown."""
    return "\n".join([_INTRODUCTION, *_operations(), _ERRORS, *_codes(), *_limits(), _EXAMPLE])


def _operations() -> Iterator[str]:
    graphql = root.create(Settings())._schema
    for heading, kind in (
        ("Queries", graphql.query_type),
        ("Mutations", graphql.mutation_type),
        ("Subscriptions", graphql.subscription_type),
    ):
        assert isinstance(kind, GraphQLObjectType)
        yield f"## {heading}\n\n| Field | Meaning |\n| --- | --- |"
        for name, field in sorted(kind.fields.items()):
            yield f"| `{_signature(name, field)}` | {field.description} |"
        yield ""


def _signature(name: str, field: GraphQLField) -> str:
    arguments = ", ".join(_argument(*item) for item in field.args.items())
    return f"{name}({arguments}): {field.type}" if arguments else f"{name}: {field.type}"


def _argument(name: str, argument: GraphQLArgument) -> str:
    optional = not is_required_argument(argument) and argument.default_value is not None
    return f"{name}: {argument.type}" + (f" = {json.dumps(argument.default_value)}" if optional else "")


def _codes() -> Iterator[str]:
    yield "| Code | Status |\n| --- | --- |"
    yield from (f"| `{code}` | {verdict.http} |" for code, verdict in VERDICTS.items())
    yield ""


def _limits() -> Iterator[str]:
    yield "## Limits\n\n| Limit | Default | Setting |\n| --- | --- | --- |"
    for setting in catalogue():
        if setting.name.startswith("graphql_") or setting.name == "max_body_bytes":
            yield f"| {setting.en} | {setting.default} | `{setting.variable}` |"
    yield f"| Greatest length of a document in characters. | {limits.MAX_CHARACTERS} | |"
    yield (
        "| Greatest number of fields in an answer, estimated before it is made: a list counts as its `first`, or as "
        f"the number of items it usually has. | {limits.MAX_COST} | |"
    )
    yield ""
