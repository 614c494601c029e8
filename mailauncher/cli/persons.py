"""`person`: those whom a bot knows."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from mailauncher.cli.instances import Name
from mailauncher.cli.remote import AsJson, Instance, Remote, Token, Url, connect
from mailauncher.cli.voice import Voice, table, voice_of
from mailauncher.errors import InvalidParameter

PAGE = 200  # the most that a search gives at once
SHOWN_ID = 8
SHOWN_FAILURES = 20

Form = Literal["jsonl", "csv"]


def person(
    context: typer.Context,
    name: Name,
    action: Annotated[
        Literal["ls", "import", "export"],
        typer.Argument(metavar="ls|import|export", help="What is to be done."),
    ] = "ls",
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="WHAT",
            help="With import and export: the file; by default standard input and output. With ls: a text to find.",
        ),
    ] = None,
    form: Annotated[
        Form | None,
        typer.Option(
            "--format", metavar="jsonl|csv", help="Form of the file; by default as it is called, else jsonl."
        ),
    ] = None,
    existing: Annotated[
        Literal["fail", "skip", "update"],
        typer.Option(
            "--existing",
            metavar="fail|skip|update",
            help="With import: what is done with a user id that is there.",
        ),
    ] = "fail",
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """List the persons of an instance, or read them from a file, or write them into one.

    JSON Lines: an object on each line with user_id, username, nickname, avatar_url, profile. CSV: the first line names
    the columns, profile is JSON. Status 1 when a line came to nothing.
    """
    remote = connect(context, url, token)
    instance = remote.find(name)
    voice = voice_of(context)
    if action == "ls":
        _list(remote, instance, voice, what or "", as_json=as_json)
    elif action == "export":
        _export(remote, instance, what, form or _form(what))
    elif _import(remote, instance, voice, what, f"format={form or _form(what)}&existing={existing}", as_json):
        raise typer.Exit(1)


def _form(file: str | None) -> Form:
    return "csv" if file and file.lower().endswith(".csv") else "jsonl"


def _all(remote: Remote, instance: Instance, text: str) -> Iterator[dict[str, Any]]:
    """Every person that fits, page by page."""
    offset = 0
    while True:
        search = {"query": text, "limit": PAGE, "offset": offset}
        page = remote.post(f"/resource/{instance.id}/person/search", search)["persons"]
        yield from page
        if len(page) < PAGE:
            return
        offset += PAGE


def _list(remote: Remote, instance: Instance, voice: Voice, text: str, *, as_json: bool) -> None:
    found = list(_all(remote, instance, text))
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    elif found:
        print(table([_HEADINGS[voice.language], *map(_row, found)]))
    else:
        voice.note("没有用户信息", "No persons")


_HEADINGS = {
    "zh": ("用户 ID", "用户名", "昵称", "ID"),
    "en": ("USER ID", "USER NAME", "NICKNAME", "ID"),
}


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    return one["user_id"], one["username"], one["nickname"], one["id"][:SHOWN_ID]


def _export(remote: Remote, instance: Instance, file: str | None, form: Form) -> None:
    with ExitStack() as stack:
        try:
            target = (
                sys.stdout.buffer if file in (None, "-") else stack.enter_context(Path(str(file)).open("wb"))
            )
        except OSError as error:
            raise _unusable(file, error) from None
        remote.download(f"/resource/{instance.id}/persons/export?format={form}", target)


def _import(
    remote: Remote, instance: Instance, voice: Voice, file: str | None, query: str, as_json: bool
) -> bool:
    """Whether a line failed."""
    try:
        data = sys.stdin.buffer.read() if file in (None, "-") else Path(str(file)).read_bytes()
    except OSError as error:
        raise _unusable(file, error) from None
    report = remote.upload(f"/resource/{instance.id}/persons/import?{query}", data)
    if as_json:
        print(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        failures = (line for line in report["lines"] if line["status"] == "failed")
        for line in islice(failures, SHOWN_FAILURES):
            said = f"{line['code']}: {line['message']}"
            voice.note(f"第 {line['line']} 行 {said}", f"Line {line['line']} {said}")
        print(report["message"])
    return bool(report["failed"])


def _unusable(file: str | None, error: OSError) -> InvalidParameter:
    return InvalidParameter(
        f"无法使用 {file}：{error.strerror}", f"Cannot use {file}: {error.strerror}", field="what"
    )
