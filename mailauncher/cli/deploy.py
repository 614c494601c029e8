"""`deploy`, `follow`, `cancel`, `retry`: one deployment on a running server."""

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from mailauncher.cli import progress
from mailauncher.cli.instances import Name
from mailauncher.cli.question import ask
from mailauncher.cli.remote import AsJson, Remote, Token, Url, connect
from mailauncher.cli.versions import Recipe, newest_deployment
from mailauncher.cli.voice import Voice, called, voice_of

PAYLOAD = f"{{ message deployment {{ {progress.FIELDS} cursor }} }}"
_DEPLOY = f"mutation ($input: DeployInstanceInput!) {{ command: deployInstance(input: $input) {PAYLOAD} }}"
_CANCEL = (
    f"mutation ($input: CancelDeploymentInput!) {{ command: cancelDeployment(input: $input) {PAYLOAD} }}"
)
_RETRY = f"mutation ($input: RetryDeploymentInput!) {{ command: retryDeployment(input: $input) {PAYLOAD} }}"
_CONSENT = (
    "query ($version: String!, $recipe: String!) "
    "{ consent(version: $version, recipe: $recipe) { version texts { name } } }"
)

Follow = Annotated[
    bool, typer.Option("--follow/--no-follow", help="Show its progress until it has ended; the default.")
]
AcceptTerms = Annotated[
    bool,
    typer.Option(
        "--accept-terms", help="You have read and accept the bot's licence and privacy terms (see terms)."
    ),
]


def deploy(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new instance.")],
    version: Annotated[
        str,
        typer.Option(
            "--version", metavar="VERSION", help="A tag, a branch, or latest: the newest stable tag."
        ),
    ] = "latest",
    path: Annotated[
        Path | None,
        typer.Option(
            "--path",
            metavar="FOLDER",
            help="New or empty folder on the server's machine; by default one in the workspace.",
        ),
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="PORT", help="The bot's port; by default a free one.")
    ] = None,
    service: Annotated[
        list[str] | None,
        typer.Option(
            "--service", metavar="NAME", help="A service to install with it, such as napcat; may be repeated."
        ),
    ] = None,
    recipe: Recipe = "maibot",
    accept_terms: AcceptTerms = False,
    start: Annotated[bool, typer.Option("--start", help="Start it at the end.")] = False,
    follow: Follow = True,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Install a new bot, with its services, and follow how that goes.

    It needs your consent to the bot's terms to be started: --accept-terms, an answer at the terminal, or later accept.
    """
    voice = voice_of(context)
    remote = connect(context, url, token)
    if start and not accept_terms:
        accept_terms = _asked(remote, voice, name, version, recipe)
    wanted = {
        "name": name,
        "version": version,
        "path": str(path.expanduser().absolute()) if path else None,
        "port": port,
        "services": [{"name": each} for each in service or ()],
        "recipe": recipe,
        "acceptTerms": accept_terms,
        "autoStart": start,
    }
    begun = remote.graphql(_DEPLOY, input=wanted)["command"]
    settle(remote, voice, begun, watch=follow, as_json=as_json)


def _asked(remote: Remote, voice: Voice, name: str, version: str, recipe: str) -> bool:
    """Whether the user accepts the terms now; what is not accepted is installed, and not started."""
    consent = remote.graphql(_CONSENT, version=version, recipe=recipe)["consent"]
    if not consent["texts"] or accepts(voice, consent, recipe):
        return True
    commands = " && ".join(f"{called()} {verb} {shlex.quote(name)}" for verb in ("accept", "start"))
    voice.note(
        f"未接受条款：只安装，不启动。之后可运行：{commands}",
        f"Not accepted: it will be installed, and not started. Afterwards: {commands}",
    )
    return False


def accepts(voice: Voice, consent: dict[str, Any], recipe: str) -> bool:
    """Says which terms there are and where to read them, and asks; `consent` as in GraphQL, with some texts."""
    texts = ", ".join(text["name"] for text in consent["texts"])
    read = f"{called()} terms --version {shlex.quote(consent['version'])}"
    if recipe != "maibot":
        read += f" --recipe {shlex.quote(recipe)}"
    voice.note(
        f"启动前须接受 {consent['version']} 的条款（{texts}）。阅读：{read}",
        f"To be started, the terms of {consent['version']} ({texts}) must be accepted. To read them: {read}",
    )
    return ask(
        voice, voice.pick("您是否已阅读并接受这些条款？", "Have you read them, and do you accept them?")
    )


def follow(
    context: typer.Context,
    name: Name,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Follow a deployment until it has ended. Ctrl-C stops following, and not the deployment."""
    remote = connect(context, url, token)
    found = newest_deployment(remote, name)
    _finish(remote, voice_of(context), found.id, found.name, after=None, as_json=as_json)


def cancel(
    context: typer.Context, name: Name, as_json: AsJson = False, url: Url = None, token: Token = None
) -> None:
    """Cancel a deployment and remove what it has made. An upgraded bot stays as it was."""
    remote = connect(context, url, token)
    answer = remote.graphql(_CANCEL, input={"instanceId": remote.find(name).id})["command"]
    print(_shown(answer["deployment"]) if as_json else answer["message"])


def retry(
    context: typer.Context,
    name: Name,
    follow: Follow = True,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Go on with a failed deployment from where it stopped."""
    remote = connect(context, url, token)
    begun = remote.graphql(_RETRY, input={"instanceId": remote.find(name).id})["command"]
    after = begun["deployment"]["cursor"]
    settle(remote, voice_of(context), begun, watch=follow, as_json=as_json, after=after)


def settle(
    remote: Remote,
    voice: Voice,
    begun: dict[str, Any],
    *,
    watch: bool,
    as_json: bool,
    after: int | None = None,
) -> None:
    """What is left to do once a deployment has begun: follow it from a cursor on, or say how to."""
    deployment = begun["deployment"]
    name, instance_id = deployment["name"], deployment["instanceId"]
    if watch:
        if not as_json:
            print(begun["message"], flush=True)
        _finish(remote, voice, instance_id, name, after=after, as_json=as_json)
    elif as_json:
        print(_shown(deployment))
    else:
        print(f"{begun['message']}: {instance_id}")
        command = f"{called()} follow {shlex.quote(name)}"
        voice.note(f"查看进度：{command}", f"To follow it: {command}")


def _finish(
    remote: Remote, voice: Voice, instance_id: str, name: str, *, after: int | None, as_json: bool
) -> None:
    ended = progress.follow(remote, voice, instance_id, name, after=after, silent=as_json)
    if as_json:
        print(_shown(ended))
        if ended["status"] != "COMPLETED":
            raise typer.Exit(progress.failure(ended, voice).verdict.exit)
    else:
        progress.conclude(voice, ended)


def _shown(deployment: progress.Deployment) -> str:
    return json.dumps(
        {key: value for key, value in deployment.items() if key != "cursor"}, ensure_ascii=False, indent=2
    )
