"""`emoji`: the pictures that a bot may send."""

import base64
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from mailauncher.cli.instances import Name
from mailauncher.cli.remote import AsJson, Instance, Remote, Token, Url, connect
from mailauncher.cli.voice import Voice, table, voice_of
from mailauncher.errors import InvalidParameter, LauncherError, ResourceNotFound

PAGE = 200  # the most that a search gives at once
SHOWN_ID = 8
SHOWN_WIDTH = 60
NAME_LENGTH = 64


def emoji(
    context: typer.Context,
    name: Name,
    action: Annotated[
        Literal["ls", "add", "rm"], typer.Argument(metavar="ls|add|rm", help="What is to be done.")
    ] = "ls",
    items: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="WHAT...",
            help="With add: image files. With rm: names or ids of emojis. With ls: a text to find.",
        ),
    ] = None,
    tags: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="TAG", help="A tag, to give or to find; may be given several times."),
    ] = None,
    category: Annotated[
        str | None,
        typer.Option("--category", metavar="CATEGORY", help="The category, to give or to find."),
    ] = None,
    description: Annotated[
        str | None,
        typer.Option("--description", metavar="TEXT", help="With add: what the pictures show."),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """List, add or delete the emojis of an instance.

    An added emoji is called like its file. What the bot collected itself is only forgotten by rm, and stays the bot's.
    """
    remote = connect(context, url, token)
    instance = remote.find(name)
    voice = voice_of(context)
    found = items or []
    if action == "ls":
        _list(remote, instance, voice, _search(found, tags, category), as_json=as_json)
        return
    if not found:
        raise InvalidParameter("请给出文件或表情包", "Name the files or the emojis", field="items")
    if action == "add":
        labels = {"tags": tags or [], "category": category or "", "description": description or ""}
        failed = sum(not _add(remote, instance, voice, Path(file), labels, as_json) for file in found)
    else:
        failed = sum(not _remove(remote, instance, voice, wanted, as_json) for wanted in found)
    if failed:
        raise typer.Exit(1)


def _search(words: Sequence[str], tags: Sequence[str] | None, category: str | None) -> dict[str, Any]:
    return {"query": " ".join(words), "tags": list(tags or ()), "category": category}


def _all(remote: Remote, instance: Instance, search: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every emoji that fits, page by page."""
    offset = 0
    while True:
        page = remote.post(
            f"/resource/{instance.id}/emoji/search", search | {"limit": PAGE, "offset": offset}
        )["emojis"]
        yield from page
        if len(page) < PAGE:
            return
        offset += PAGE


def _list(remote: Remote, instance: Instance, voice: Voice, search: dict[str, Any], *, as_json: bool) -> None:
    found = list(_all(remote, instance, search))
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    elif found:
        print(table([_HEADINGS[voice.language], *map(_row, found)]))
    else:
        voice.note("没有表情包", "No emojis")


_HEADINGS = {
    "zh": ("名称", "分类", "标签", "ID", "说明"),
    "en": ("NAME", "CATEGORY", "TAGS", "ID", "DESCRIPTION"),
}


def _row(one: dict[str, Any]) -> tuple[str, ...]:
    shown = " ".join(one["description"].split())[:SHOWN_WIDTH]
    return one["name"], one["category"], ", ".join(one["tags"]), one["id"][:SHOWN_ID], shown


def _add(
    remote: Remote, instance: Instance, voice: Voice, file: Path, labels: dict[str, Any], as_json: bool
) -> bool:
    """Whether it was added; what it failed of is said."""
    try:
        image = base64.b64encode(file.read_bytes()).decode()
    except OSError as error:
        voice.fail(
            InvalidParameter(
                f"无法读取 {file}：{error.strerror}", f"Cannot read {file}: {error.strerror}", field="items"
            )
        )
        return False
    body = {"name": file.stem[:NAME_LENGTH], "image_data": image} | labels
    return _done(
        lambda: remote.post(f"/resource/{instance.id}/emoji", body), voice, str(file), as_json=as_json
    )


def _remove(remote: Remote, instance: Instance, voice: Voice, wanted: str, as_json: bool) -> bool:
    def remove() -> Any:
        found = _find(remote, instance, wanted)
        return remote.delete(f"/resource/{instance.id}/emoji/{found}") | {"emoji_id": found}

    return _done(remove, voice, wanted, as_json=as_json)


def _find(remote: Remote, instance: Instance, wanted: str) -> str:
    """The id of the emoji with this name or id. Raises ResourceNotFound."""
    for one in _all(remote, instance, _search([wanted], None, None)):
        if one["name"] == wanted:
            return str(one["id"])
    if len(wanted) == 40 and wanted.isalnum():
        return wanted
    raise ResourceNotFound(f"未找到表情包 '{wanted}'", f"Emoji '{wanted}' not found")


def _done(command: Any, voice: Voice, what: str, *, as_json: bool) -> bool:
    try:
        answer = command()
    except LauncherError as error:
        print(f"{what}:", file=sys.stderr, end=" ", flush=True)
        voice.fail(error)
        return False
    print(
        json.dumps(answer | {"item": what}, ensure_ascii=False)
        if as_json
        else f"{what}: {answer['message']}",
        flush=True,
    )
    return True
