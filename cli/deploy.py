"""`deploy`, `follow`, `cancel`, `retry`: one deployment on a running server."""

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from cli import commanding, completion, progress
from cli.client import ApiClient, AsJson, Token, Url, connect
from cli.commanding import NoWait, Patience, Wait
from cli.confirm import confirm
from cli.console import Console, console_of, program_name
from cli.deployments import newest_deployment
from cli.instances import Name
from cli.language import described, help_text
from cli.versions import Recipe
from mailauncher.errors import Text
from mailauncher.home import expand

PAYLOAD = f"{{ message deployment {{ {progress.FIELDS} cursor }} }}"
_DEPLOY = f"mutation ($input: DeployInstanceInput!) {{ command: deployInstance(input: $input) {PAYLOAD} }}"
_CANCEL = (
    f"mutation ($input: CancelDeploymentInput!) {{ command: cancelDeployment(input: $input) {PAYLOAD} }}"
)
_RETRY = f"mutation ($input: RetryDeploymentInput!) {{ command: retryDeployment(input: $input) {PAYLOAD} }}"
_PAGES = "query ($id: ID!) { instance(id: $id) { webPages { url } } }"
_ENDS = "{ deployments { instanceId endedAt } }"
_CONSENT = (
    "query ($version: String!, $recipe: String!) "
    "{ consent(version: $version, recipe: $recipe) { version texts { name } } }"
)

Follow = Annotated[
    bool,
    typer.Option(
        "--follow/--no-follow",
        help=help_text("显示进度直到结束；默认如此。", "Show its progress until it ends; the default."),
    ),
]
AcceptTerms = Annotated[
    bool,
    typer.Option(
        "--accept-terms",
        help=help_text(
            "确认已阅读并接受 Bot 的用户协议与隐私条款（见 terms）。",
            "Confirm that you have read and accept the bot's licence and privacy terms (see terms).",
        ),
    ),
]


@described(
    "安装一个新的 Bot 及其服务，并显示进度。\n\n启动前须同意 Bot 的条款：加上 --accept-terms，或在终端回答，或之后用 accept。",
    "Install a new bot with its services and show the progress.\n\nThe bot starts only if you accept its terms: with --accept-terms, at the question, or later with accept.",
)
def deploy(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help=help_text("新实例的名称。", "Name of the new instance."))
    ],
    version: Annotated[
        str,
        typer.Option(
            "--version",
            metavar="VERSION",
            autocompletion=completion.version,
            help=help_text(
                "标签、分支，或 latest（最新的稳定标签）。",
                "A tag, a branch, or latest: the newest stable tag.",
            ),
        ),
    ] = "latest",
    path: Annotated[
        Path | None,
        typer.Option(
            "--path",
            metavar="FOLDER",
            help=help_text(
                "服务器所在机器上新的或空的文件夹；默认在工作区中。",
                "New or empty folder on the server's machine; by default one in the workspace.",
            ),
        ),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            metavar="PORT",
            help=help_text("Bot 的端口；默认选一个空闲的。", "The bot's port; by default a free one."),
        ),
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option(
            "--service",
            metavar="NAME",
            autocompletion=completion.new_service,
            help=help_text(
                "一同安装的服务，如 napcat，可多次给出。",
                "A service to install along, such as napcat; may be repeated.",
            ),
        ),
    ] = None,
    recipe: Recipe = "maibot",
    accept_terms: AcceptTerms = False,
    start: Annotated[
        bool, typer.Option("--start", help=help_text("完成后启动。", "Start the bot afterwards."))
    ] = False,
    follow: Follow = True,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    console = console_of(context)
    client = connect(context, url, token)
    if start and not accept_terms:
        accept_terms = _accept_terms(client, console, name, version, recipe)
    wanted = {
        "name": name,
        "version": version,
        "path": str(expand(path)) if path else None,
        "port": port,
        "services": [{"name": each} for each in service or ()],
        "recipe": recipe,
        "acceptTerms": accept_terms,
        "autoStart": start,
    }
    started = client.graphql(_DEPLOY, input=wanted)["command"]
    follow_or_hint(client, console, started, watch=follow, as_json=as_json)


def _accept_terms(client: ApiClient, console: Console, name: str, version: str, recipe: str) -> bool:
    """Whether the user accepts the terms now; otherwise the bot is installed and not started."""
    consent = client.graphql(_CONSENT, version=version, recipe=recipe)["consent"]
    if not consent["texts"] or ask_consent(console, consent, recipe):
        return True
    commands = " && ".join(f"{program_name()} {verb} {shlex.quote(name)}" for verb in ("accept", "start"))
    console.note(
        f"未接受条款：只安装，不启动。之后可运行：{commands}",
        f"Terms not accepted: the bot will be installed, but not started. To accept them and start it later: {commands}",
    )
    return False


def ask_consent(console: Console, consent: dict[str, Any], recipe: str) -> bool:
    """Names the terms and the command to read them, and asks for consent. `consent` is that of GraphQL, with texts."""
    texts = ", ".join(text["name"] for text in consent["texts"])
    read = f"{program_name()} terms --version {shlex.quote(consent['version'])}"
    if recipe != "maibot":
        read += f" --recipe {shlex.quote(recipe)}"
    console.note(
        f"启动前须接受 {consent['version']} 的条款（{texts}）。阅读：{read}",
        f"{consent['version']} starts only once you accept its terms ({texts}). To read them: {read}",
    )
    return confirm(
        console,
        console.pick("您是否已阅读并接受这些条款？", "Have you read these terms, and do you accept them?"),
    )


@described(
    "显示部署的进度直到结束。按 Ctrl-C 只停止显示，不停止部署。",
    "Show the progress of a deployment until it ends. Ctrl-C stops watching, not the deployment.",
)
def follow(
    context: typer.Context,
    name: Name,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    client = connect(context, url, token)
    found = newest_deployment(client, name)
    _finish(client, console_of(context), found.id, found.name, after=None, as_json=as_json)


@described(
    "取消部署，移除已安装的内容。升级中的 Bot 保持原样。",
    "Cancel a deployment and remove what it installed. A bot being upgraded stays as it was.",
)
def cancel(
    context: typer.Context,
    name: Name,
    wait: Wait = commanding.WAIT_S,
    no_wait: NoWait = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    client = connect(context, url, token)
    instance_id = client.find(name).id
    answer = client.graphql(_CANCEL, input={"instanceId": instance_id})["command"]
    late = Text(
        f"{name}：{wait:g} 秒内未取消完毕，仍在进行",
        f"{name}: the cancellation is not complete within {wait:g} s; it continues",
    )

    def is_done() -> bool:
        found = client.graphql(_ENDS)["deployments"]
        return all(each["instanceId"] != instance_id or each["endedAt"] for each in found)

    commanding.wait_until(is_done, Patience.of(wait, no_wait=no_wait), late)
    print(_as_json(answer["deployment"]) if as_json else answer["message"])


@described(
    "从失败之处继续部署。若 Bot 已安装而缺少某些服务，则只补装这些服务。",
    "Resume a failed deployment where it stopped. If the bot was installed without some service, add that service alone.",
)
def retry(
    context: typer.Context,
    name: Name,
    follow: Follow = True,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    client = connect(context, url, token)
    started = client.graphql(_RETRY, input={"instanceId": client.find(name).id})["command"]
    after = started["deployment"]["cursor"]
    follow_or_hint(client, console_of(context), started, watch=follow, as_json=as_json, after=after)


def follow_or_hint(
    client: ApiClient,
    console: Console,
    started: dict[str, Any],
    *,
    watch: bool,
    as_json: bool,
    after: int | None = None,
) -> None:
    """Shows the progress of a started deployment from a cursor on, or prints how to."""
    deployment = started["deployment"]
    name, instance_id = deployment["name"], deployment["instanceId"]
    if watch:
        if not as_json:
            print(started["message"], flush=True)
        _finish(client, console, instance_id, name, after=after, as_json=as_json)
    elif as_json:
        print(_as_json(deployment))
    else:
        print(f"{started['message']}: {instance_id}")
        command = f"{program_name()} follow {shlex.quote(name)}"
        console.note(f"查看进度：{command}", f"Progress: {command}")


def _finish(
    client: ApiClient, console: Console, instance_id: str, name: str, *, after: int | None, as_json: bool
) -> None:
    ended = progress.follow(client, console, instance_id, name, after=after, silent=as_json)
    if as_json:
        print(_as_json(ended))
        if ended["status"] != "COMPLETED" or ended["failure"]:
            raise typer.Exit(progress.failure(ended, console).info.exit)
    else:
        pages = _web_pages(client, instance_id) if ended["status"] == "COMPLETED" else []
        progress.conclude(console, ended, pages)


def _web_pages(client: ApiClient, instance_id: str) -> list[str]:
    """Their addresses; none if the instance was deleted meanwhile."""
    instance = client.graphql(_PAGES, id=instance_id)["instance"]
    return [page["url"] for page in instance["webPages"]] if instance else []


def _as_json(deployment: progress.Deployment) -> str:
    return json.dumps(
        {key: value for key, value in deployment.items() if key != "cursor"}, ensure_ascii=False, indent=2
    )
