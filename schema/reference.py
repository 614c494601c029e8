"""`docs/reference/graphql.md`, generated from the schema and the settings."""

from collections.abc import Iterator

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLObjectType,
    ast_from_value,
    is_required_argument,
    print_ast,
)

from mailauncher.errors import ERROR_INFO
from mailauncher.settings import Settings, catalogue
from schema import examples, limits, root, variables
from schema.endpoint import INIT_TIMEOUT_S

_INTRODUCTION = f"""# GraphQL

Written by `mailauncher schema --docs` from the code; a test compares the two.

The endpoint is `/graphql`. The complete schema, with a description of every type, field, argument and value, is
[`schema/schema.graphql`](../../schema/schema.graphql); `mailauncher schema` prints it, and browsers get an explorer of it
at `/graphql`.

## Transport

| Operation | Transport |
| --- | --- |
| Query, mutation | `POST` with `Content-Type: application/json` and `{{"query", "variables", "operationName"}}` |
| Query | `GET` with `?query=`; mutations are refused |
| Any, including subscriptions | WebSocket with the subprotocol `graphql-transport-ws`; `connection_init` within {INIT_TIMEOUT_S:.0f} s |
| Any, including subscriptions | `POST` with `Accept: text/event-stream`: server-sent events `next` and `complete` |

The answer to a query whose fields change only when an instance does (`instances`, `instance` and `instanceStats` with all but
`usage`, `terminals`, `terminal` and what is stored elsewhere) is encoded once and sent again until then. To `GET` it has an
`ETag`; with `If-None-Match` the response is 304 if nothing has changed.

Equal subscriptions (document, operation name, variables and language) share their work, not their place: each subscriber
gets every event from where it began. Server-sent events of `events`, `deploymentProgress` and `terminalOutput` have an `id`;
a client that sends it as `Last-Event-ID` when it reconnects continues after that event, whatever `after` says. Those of the
other subscriptions have none. When the server stops, streams end at once.

All clients notice a restart at the same moment. One that has lost its connection should wait before each attempt, at first
less than a second and twice as long after each failure, up to ten seconds, each time shortened by a random part of up to a
half, so that not all come back at once; after a response with status 503 for as many seconds as its `Retry-After` says. It continues where it
was: `events` and `deploymentProgress` from their cursor, `terminalOutput` from `end`; what has no cursor, such as
`instanceChanged`, is subscribed to first and then read anew.

If a token is set, HTTP requests need the header `Authorization: Bearer <token>`, or the cookie of a browser that has signed in
([Security](../security.md)). A WebSocket may send the same with its handshake, or `{{"authorization": "Bearer <token>"}}` as the
payload of `connection_init`.

One request has one operation; file uploads are not supported. Messages are in Chinese by default, in English with
`Accept-Language: en`. Offsets and sizes have the type `Long` (JSON numbers up to 2^53 - 1), times the type `DateTime`
(ISO 8601, UTC, milliseconds); REST has `installedAt` as milliseconds since 1970 instead. Ids are the same as in REST.
"""

_ERRORS = """## Errors

A failure is an entry of `errors`. Its `extensions` have `code`, the HTTP `status` that REST would return and, if a single
input field is invalid, `field`. The response itself has HTTP status 200, unless the request was refused before GraphQL
handled it: then the body is the same as in REST. Syntax errors, documents that do not match the schema, invalid variables
and exceeded limits are `INVALID_PARAMETER`. Unexpected errors are `INTERNAL_ERROR`; the log has the details under the
request id. Solutions are in [Error codes](../errors.md).
"""

_EXAMPLE = f"""## Example

The initial content of the explorer:

```graphql
{examples.QUERY.strip()}
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
    return f"{name}: {argument.type}" + (f" = {_default(argument)}" if optional else "")


def _default(argument: GraphQLArgument) -> str:
    value = ast_from_value(argument.default_value, argument.type)
    return "" if value is None else print_ast(value)


def _codes() -> Iterator[str]:
    yield "| Code | Status | Meaning |\n| --- | --- | --- |"
    yield from (f"| `{code}` | {info.http} | {info.meaning.en} |" for code, info in ERROR_INFO.items())
    yield ""


def _limits() -> Iterator[str]:
    yield "## Limits\n\n| Limit | Default | Setting |\n| --- | --- | --- |"
    for setting in catalogue():
        if setting.name.startswith("graphql_") or setting.name == "max_body_bytes":
            yield f"| {setting.en} | {setting.default} | `{setting.variable}` |"
    yield f"| Maximum length of a document in characters. | {limits.DOCUMENT_CHARACTERS_MAX} | |"
    yield (
        "| Maximum number of fields in a response, estimated in advance: a list is assumed to have `first` items, or a "
        f"typical number of them. | {limits.COST_MAX} | |"
    )
    yield (
        "| Maximum number of pairs of fields with the same name in the same place of the response. "
        f"| {limits.REPETITIONS_MAX} | |"
    )
    yield (
        "| Maximum number of items of all lists in the variables, those in `JSON` values not counted. "
        f"| {variables.ITEMS_MAX} | |"
    )
    yield ""
