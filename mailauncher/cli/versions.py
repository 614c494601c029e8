"""`versions`, `deployments`, `terms`, `accept`: what can be deployed, what was, and what must be accepted."""

import json
import shlex
from typing import Annotated

import msgspec
import typer

from mailauncher.cli.instances import Name
from mailauncher.cli.remote import AsJson, Remote, Token, Url, connect, find
from mailauncher.cli.voice import called, table, voice_of
from mailauncher.errors import InvalidParameter

SHOWN_COMMIT = 12
_VERSIONS = """query ($recipe: String!, $refresh: Boolean!) { deployVersions(recipe: $recipe, refresh: $refresh) {
               fetchedAt source versions { name kind commit stable target } } }"""
_DEPLOYMENTS = """{ deployments { instanceId name kind status progress step message version commit createdAt endedAt
                  failure { step code message lastLines } todo } }"""
_TERMS = """query ($version: String!, $recipe: String!) { consent(version: $version, recipe: $recipe) {
            version commit texts { name text digest } } }"""
_VERSION = "query ($id: ID!) { instance(id: $id) { version recipe deployment { version } } }"
_ACCEPT = "mutation ($input: AcceptTermsInput!) { acceptTerms(input: $input) { message } }"

Recipe = Annotated[
    str, typer.Option("--recipe", metavar="RECIPE", help="Which kind of bot, by the name of its recipe.")
]


class Deployment(msgspec.Struct, frozen=True):
    """A deployment, as far as it takes to find it."""

    id: str = msgspec.field(name="instanceId")
    name: str = ""


def newest_deployment(remote: Remote, wanted: str) -> Deployment:
    """The newest deployment of a name or id, also of an instance that is gone. Raises InstanceNotFound, InvalidParameter."""
    found = msgspec.convert(
        remote.graphql("{ deployments { instanceId name } }"), dict[str, list[Deployment]]
    )
    return find(found["deployments"][::-1], wanted)


def versions(
    context: typer.Context,
    recipe: Recipe = "maibot",
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Ask the repository now, instead of showing what is known.")
    ] = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """List the versions that can be deployed, the newest first."""
    voice = voice_of(context)
    found = connect(context, url, token).graphql(_VERSIONS, recipe=recipe, refresh=refresh)["deployVersions"]
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    rows = [
        (
            version["name"],
            version["target"] or version["kind"].lower(),
            (version["commit"] or "")[:SHOWN_COMMIT],
        )
        for version in found["versions"]
    ]
    print(table([voice.pick("版本 是 提交", "VERSION IS COMMIT").split(), *rows]))
    if found["source"]:
        voice.note(
            f"来自 {found['source']}，获取于 {found['fetchedAt']}",
            f"From {found['source']}, asked at {found['fetchedAt']}",
        )


def deployments(
    context: typer.Context, as_json: AsJson = False, url: Url = None, token: Token = None
) -> None:
    """List the newest deployment of each instance, cancelled ones included."""
    voice = voice_of(context)
    found = connect(context, url, token).graphql(_DEPLOYMENTS)["deployments"]
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
        return
    if not found:
        voice.note("还没有部署，用 deploy 开始一个", "No deployments yet; begin one with deploy")
        return
    headings = voice.pick(
        "名称 种类 状态 进度 版本 开始时间 ID", "NAME KIND STATUS DONE VERSION BEGUN ID"
    ).split()
    rows = [
        (
            entry["name"],
            entry["kind"].lower(),
            entry["status"].lower(),
            f"{entry['progress']}%",
            entry["version"],
            entry["createdAt"][:19] + "Z",
            entry["instanceId"][:8],
        )
        for entry in found
    ]
    heading, *lines = table([headings, *rows]).splitlines()
    print(heading)
    for entry, line in zip(found, lines, strict=True):
        print(line)
        if entry["failure"]:
            print(f"    {entry['failure']['message']}")


def terms(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[INSTANCE]", help="The instance whose terms are meant, or give --version."),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option("--version", metavar="VERSION", help="The terms of a version, installed or not."),
    ] = None,
    recipe: Recipe = "maibot",
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Print the licence and privacy texts that a bot's makers want accepted before it starts."""
    if (name is None) == (version is None):
        raise InvalidParameter(
            "请给出实例，或者 --version", "Name an instance, or say --version", field="version"
        )
    remote = connect(context, url, token)
    if name is not None:
        instance = remote.graphql(_VERSION, id=remote.find(name).id)["instance"]
        version, recipe = (instance["deployment"] or instance)["version"], instance["recipe"]
    found = remote.graphql(_TERMS, version=version, recipe=recipe)["consent"]
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    elif not found["texts"]:
        voice_of(context).note(
            f"{found['version']} 没有须接受的条款", f"{found['version']} asks for no consent"
        )
    for text in () if as_json else found["texts"]:
        print(f"==> {text['name']} ({found['version']}) <==\n\n{text['text'].strip()}\n")


def accept(context: typer.Context, name: Name, url: Url = None, token: Token = None) -> None:
    """Accept the licence and privacy terms of a bot, so that it can be started. To read them: terms."""
    remote = connect(context, url, token)
    instance = remote.find(name)
    answer = remote.graphql(_ACCEPT, input={"instanceId": instance.id})["acceptTerms"]
    print(answer["message"])
    if instance.status not in ("stopped", "failed"):  # what asks in its terminal does not look again
        again = f"{called()} restart {shlex.quote(instance.name)}"
        voice_of(context).note(
            f"如果它正在终端里询问是否同意，请重启它：{again}",
            f"If it is asking for consent in its terminal, restart it: {again}",
        )
