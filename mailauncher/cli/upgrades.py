"""`upgrade`, `rollback`, `clone`: another version of a bot, the former one again, or a copy of it."""

from pathlib import Path
from typing import Annotated

import typer

from mailauncher.cli.deploy import PAYLOAD, AcceptTerms, Follow, settle
from mailauncher.cli.instances import Name
from mailauncher.cli.remote import AsJson, Token, Url, connect
from mailauncher.cli.voice import voice_of

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
    remote = connect(context, url, token)
    wanted = {"id": remote.find(name).id, "version": version, "acceptTerms": accept_terms}
    begun = remote.graphql(_UPGRADE, input=wanted)["command"]
    settle(remote, voice_of(context), begun, watch=follow, as_json=as_json)


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
