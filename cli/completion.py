"""What a shell may complete: names and values that a running server knows.

Each function gets the context of the command line so far, and what is typed of the word. Where no server answers there is
nothing to complete: nobody asked for an error.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import typer

from mailauncher.errors import LauncherError

ANSWER_S = 3.0
"""Somebody waits at a prompt."""
Complete = Callable[[typer.Context, str], list[str]]
_INSTANCES = "{ instances { id name services { name } } }"
_FILES = "query ($id: ID!) { found: configFiles(instanceId: $id) { name } }"
_REVISIONS = (
    "query ($id: ID!, $file: String!) { found: configFile(instanceId: $id, name: $file) "
    "{ revisions(first: 20) { id } } }"
)
_BACKUPS = "query ($id: ID!) { found: instance(id: $id) { backups { id } } }"
_VERSIONS = "query ($recipe: String!) { found: deployVersions(recipe: $recipe) { versions { name } } }"
_SERVICES = "{ found: deployServices { name } }"


def completing(find: Callable[[Callable[..., Any], dict[str, Any]], Iterable[str]]) -> Complete:
    """A completion for Typer. `find` gets a function that asks the server, and the parameters of the command so far."""

    def complete(context: typer.Context, incomplete: str) -> list[str]:
        try:
            return [word for word in find(_server(context), context.params) if word.startswith(incomplete)]
        except LauncherError:
            return []

    return complete


def _server(context: typer.Context) -> Callable[..., Any]:
    """Asks the server that the command line names so far."""
    from cli.client import ApiClient
    from mailauncher.settings import from_environment

    given = context.params
    client = ApiClient(from_environment(), given.get("url"), given.get("token"), "en")
    return lambda operation, **variables: client.graphql(operation, timeout_s=ANSWER_S, **variables)


@completing
def instance(ask: Callable[..., Any], given: dict[str, Any]) -> Iterator[str]:
    """Names, and the id of an instance whose name has spaces: the shells would take that for several words."""
    for found in ask(_INSTANCES)["instances"]:
        if found["name"] not in (given.get("names") or ()):
            yield found["id"] if " " in found["name"] else found["name"]


@completing
def service(ask: Callable[..., Any], given: dict[str, Any]) -> Iterable[str]:
    """Of the instances on the line, or of all."""
    named = given.get("names") or [given.get("name")]
    found = ask(_INSTANCES)["instances"]
    chosen = [each for each in found if each["name"] in named or each["id"] in named] or found
    return dict.fromkeys(part["name"] for each in chosen for part in each["services"])


@completing
def terminal(ask: Callable[..., Any], given: dict[str, Any]) -> Iterable[str]:
    wanted = given.get("name")
    parts = [
        part for each in ask(_INSTANCES)["instances"] if each["name"] == wanted for part in each["services"]
    ]
    return ["main", *(part["name"] for part in parts), "deploy"]


@completing
def file(ask: Callable[..., Any], given: dict[str, Any]) -> Iterable[str]:
    return _names(ask(_FILES, id=_id(ask, given))["found"])


@completing
def revision(ask: Callable[..., Any], given: dict[str, Any]) -> Iterable[str]:
    found = ask(_REVISIONS, id=_id(ask, given), file=given.get("file"))["found"]
    return [each["id"] for each in found["revisions"]]


@completing
def backup(ask: Callable[..., Any], given: dict[str, Any]) -> Iterable[str]:
    return [each["id"] for each in ask(_BACKUPS, id=_id(ask, given))["found"]["backups"]]


@completing
def version(ask: Callable[..., Any], given: dict[str, Any]) -> Iterable[str]:
    return _names(ask(_VERSIONS, recipe=given.get("recipe") or "maibot")["found"]["versions"])


@completing
def new_service(ask: Callable[..., Any], _given: dict[str, Any]) -> Iterable[str]:
    """One that a deployment may install."""
    return _names(ask(_SERVICES)["found"])


def _id(ask: Callable[..., Any], given: dict[str, Any]) -> str:
    """The id of the instance on the line; what is no name may be one."""
    wanted = str(given.get("name"))
    return next((found["id"] for found in ask(_INSTANCES)["instances"] if found["name"] == wanted), wanted)


def _names(found: Iterable[dict[str, str]]) -> list[str]:
    return [each["name"] for each in found]
