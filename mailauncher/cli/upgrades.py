"""`upgrade`, `rollback`, `clone`: another version of a bot, the former one again, or a copy of it."""

from pathlib import Path
from typing import Annotated

import typer

from mailauncher.cli.deploy import PAYLOAD, AcceptTerms, Follow, accepts, settle
from mailauncher.cli.instances import Name
from mailauncher.cli.remote import AsJson, Refused, Remote, Token, Url, connect
from mailauncher.cli.voice import Voice, voice_of
from mailauncher.errors import InvalidParameter

_INSTANCE = "query ($id: ID!) { instance(id: $id) { status version recipe } }"
_CONSENT = """query ($version: String!, $recipe: String!) {
                consent(version: $version, recipe: $recipe) { version texts { name digest } } }"""
_AT_REST = ("STOPPED", "FAILED")
"""An instance that is in one of these is not started by an upgrade."""
_UPGRADE = f"mutation ($input: UpgradeInstanceInput!) {{ command: upgradeInstance(input: $input) {PAYLOAD} }}"
_ROLLBACK = (
    f"mutation ($input: RollbackInstanceInput!) {{ command: rollbackInstance(input: $input) {PAYLOAD} }}"
)
_CLONE = f"mutation ($input: CloneInstanceInput!) {{ command: cloneInstance(input: $input) {PAYLOAD} }}"


def upgrade(
    context: typer.Context,
    name: Name,
    version: Annotated[
        str,
        typer.Option(
            "--version", metavar="VERSION", help="A tag, a branch, or latest: the newest stable tag."
        ),
    ] = "latest",
    accept_terms: AcceptTerms = False,
    follow: Follow = True,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Put another version in a bot's place, with its configuration and data.

    It runs on while the new version is built. Where that does not get ready, the present one comes back by itself.
    """
    voice, remote = voice_of(context), connect(context, url, token)
    instance_id = remote.find(name).id
    accepted = accept_terms or _asked(remote, voice, instance_id, version)
    wanted = {"id": instance_id, "version": version, "acceptTerms": accepted}
    begun = remote.graphql(_UPGRADE, input=wanted)["command"]
    settle(remote, voice, begun, watch=follow, as_json=as_json)


def _asked(remote: Remote, voice: Voice, instance_id: str, version: str) -> bool:
    """Whether the user accepts the other terms of the other version, where that would have to be started.

    Raises InvalidParameter if not: the new version would be made in vain.
    """
    try:
        instance = remote.graphql(_INSTANCE, id=instance_id)["instance"]
        if instance["status"] in _AT_REST:
            return False
        recipe = instance["recipe"]
        new = remote.graphql(_CONSENT, version=version, recipe=recipe)["consent"]
        old = remote.graphql(_CONSENT, version=instance["version"], recipe=recipe)["consent"]
    except Refused:  # of terms that cannot be read: whether it can be upgraded is for the server to say
        return False
    known = {text["digest"] for text in old["texts"]}
    texts = [text for text in new["texts"] if text["digest"] not in known]
    if not texts or accepts(voice, {**new, "texts": texts}, recipe):
        return bool(texts)
    raise InvalidParameter(
        f"{new['version']} 的条款与现有版本不同，尚未接受，因此没有升级：阅读后加上 --accept-terms",
        f"{new['version']} has other terms, which are not accepted: nothing was upgraded. Read them, then add --accept-terms",
        field="acceptTerms",
    )


def rollback(
    context: typer.Context,
    name: Name,
    follow: Follow = True,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Put the version back that the last upgrade replaced, with its data as they were."""
    remote = connect(context, url, token)
    begun = remote.graphql(_ROLLBACK, input={"id": remote.find(name).id})["command"]
    settle(remote, voice_of(context), begun, watch=follow, as_json=as_json)


def clone(
    context: typer.Context,
    name: Name,
    new: Annotated[str, typer.Argument(metavar="NAME", help="Name of the new instance.")],
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
    follow: Follow = True,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Copy a bot with its configuration and data, to ports and an environment of its own."""
    remote = connect(context, url, token)
    wanted = {
        "id": remote.find(name).id,
        "name": new,
        "path": str(path.expanduser().absolute()) if path else None,
        "port": port,
    }
    begun = remote.graphql(_CLONE, input=wanted)["command"]
    settle(remote, voice_of(context), begun, watch=follow, as_json=as_json)
