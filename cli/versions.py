"""`versions`, `terms`, `accept`: available versions, their terms and consent to them."""

import shlex
from typing import Annotated

import typer

from cli import completion
from cli.client import AsJson, Token, Url, connect
from cli.console import console_of, print_json, program_name
from cli.instances import Name
from cli.language import described, help_text
from mailauncher.errors import InvalidParameter, Text

SHOWN_COMMIT = 12
_VERSIONS = """query ($recipe: String!, $refresh: Boolean!) { deployVersions(recipe: $recipe, refresh: $refresh) {
               fetchedAt source versions { name kind commit stable target } } }"""
_TERMS = """query ($version: String!, $recipe: String!) { consent(version: $version, recipe: $recipe) {
            version commit texts { name text digest } } }"""
_VERSION = "query ($id: ID!) { instance(id: $id) { version recipe deployment { version } } }"
_ACCEPT = "mutation ($input: AcceptTermsInput!) { acceptTerms(input: $input) { message } }"

_HEADINGS = (Text("版本", "VERSION"), Text("类型", "KIND"), Text("提交", "COMMIT"))
_KINDS = {
    "TAG": Text("标签", "tag"),
    "BRANCH": Text("分支", "branch"),
    "ALIAS": Text("别名", "alias"),
}
Recipe = Annotated[
    str,
    typer.Option(
        "--recipe",
        metavar="RECIPE",
        help=help_text("哪一种 Bot，以配方名称表示。", "The kind of bot: the name of its recipe."),
    ),
]


@described("列出可部署的版本，从新到旧。", "List the versions that can be deployed, newest first.")
def versions(
    context: typer.Context,
    recipe: Recipe = "maibot",
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh",
            help=help_text(
                "立即询问仓库，而不是显示已知的版本。",
                "Ask the repository now instead of using the cache.",
            ),
        ),
    ] = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    console = console_of(context)
    found = connect(context, url, token).graphql(_VERSIONS, recipe=recipe, refresh=refresh)["deployVersions"]
    if as_json:
        print_json(found)
        return
    rows = [
        (
            version["name"],
            version["target"] or console.translate(_KINDS[version["kind"]]),
            (version["commit"] or "")[:SHOWN_COMMIT],
        )
        for version in found["versions"]
    ]
    print(console.table(_HEADINGS, rows))
    if found["source"]:
        console.note(
            f"来自 {found['source']}，获取于 {found['fetchedAt']}",
            f"From {found['source']}, fetched at {found['fetchedAt']}",
        )


@described(
    "输出启动前须接受的用户协议与隐私条款。",
    "Print the licence and privacy terms that must be accepted before a bot starts.",
)
def terms(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="INSTANCE",
            autocompletion=completion.instance,
            help=help_text(
                "哪个实例的条款；或给出 --version。",
                "The instance whose terms to print; alternatively give --version.",
            ),
        ),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(
            "--version",
            metavar="VERSION",
            autocompletion=completion.version,
            help=help_text(
                "某个版本的条款，无论是否已安装。", "Print the terms of this version, installed or not."
            ),
        ),
    ] = None,
    recipe: Recipe = "maibot",
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    if (name is None) == (version is None):
        raise InvalidParameter(
            "请给出实例或 --version，二者取一", "Give either an instance or --version", field="version"
        )
    client = connect(context, url, token)
    if name is not None:
        instance = client.graphql(_VERSION, id=client.find(name).id)["instance"]
        version, recipe = (instance["deployment"] or instance)["version"], instance["recipe"]
    found = client.graphql(_TERMS, version=version, recipe=recipe)["consent"]
    if as_json:
        print_json(found)
    elif not found["texts"]:
        console_of(context).note(
            f"{found['version']} 没有须接受的条款", f"{found['version']} has no terms to accept"
        )
    for text in () if as_json else found["texts"]:
        print(f"==> {text['name']} ({found['version']}) <==\n\n{text['text'].strip()}\n")


@described(
    "接受 Bot 的用户协议与隐私条款，使其可以启动。阅读条款：terms。",
    "Accept the licence and privacy terms of a bot, so that it can start. Read them with terms.",
)
def accept(context: typer.Context, name: Name, url: Url = None, token: Token = None) -> None:
    client = connect(context, url, token)
    instance = client.find(name)
    answer = client.graphql(_ACCEPT, input={"instanceId": instance.id})["acceptTerms"]
    print(answer["message"])
    if instance.status not in (
        "stopped",
        "failed",
    ):  # a bot that asks in its terminal does not read the new consent
        again = f"{program_name()} restart {shlex.quote(instance.name)}"
        console_of(context).note(
            f"如果它正在终端里询问是否同意，请重启它：{again}",
            f"If the bot is asking for consent in its terminal, restart it: {again}",
        )
