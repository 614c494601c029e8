"""`emoji`: the pictures that a bot may send."""

import base64
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.client import ApiClient, AsJson, Instance, Token, Url, connect, read_upload
from cli.console import Console, console_of, print_json
from cli.groups import InstanceFirst
from cli.instances import Name
from cli.language import described, help_text
from cli.sync import explain_nothing
from mailauncher.errors import InvalidParameter, LauncherError, ResourceNotFound, Text

SHOWN_ID = 8
SHOWN_WIDTH = 60
NAME_LENGTH = 64

emoji = typer.Typer(
    cls=InstanceFirst,
    help=help_text("列出、添加或删除实例的表情包。", "List, add or delete the emojis of an instance."),
)


@emoji.command()
@described("列出实例的表情包。", "List the emojis of an instance.")
def ls(
    context: typer.Context,
    name: Name,
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT...",
            help=help_text(
                "要在名称、说明和标签中查找的文字。", "Text to find in names, descriptions and tags."
            ),
        ),
    ] = None,
    tags: Annotated[
        list[str] | None,
        typer.Option(
            "--tag",
            metavar="TAG",
            help=help_text("只列出有此标签的，可给出多次。", "Only those with this tag; may be repeated."),
        ),
    ] = None,
    category: Annotated[
        str | None,
        typer.Option(
            "--category",
            metavar="CATEGORY",
            help=help_text("只列出此分类的。", "Only those of this category."),
        ),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    client = connect(context, url, token)
    instance = client.find(name)
    found = list(_search(client, instance, " ".join(words or ()), tags or (), category))
    if as_json:
        print_json(found)
    elif found:
        print(console_of(context).table(_HEADINGS, map(_row, found)))
    else:
        searched = bool(words or tags or category)
        explain_nothing(client, console_of(context), instance, "emojis", searched=searched)


@emoji.command()
@described(
    "添加表情包，以文件名命名。有文件失败时状态为 1。",
    "Add emojis, named after their files. Status 1 if any of them fails.",
)
def add(
    context: typer.Context,
    name: Name,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help=help_text("图片文件。", "Image files."))
    ],
    tags: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="TAG", help=help_text("标签，可给出多次。", "A tag; may be repeated.")),
    ] = None,
    category: Annotated[
        str, typer.Option("--category", metavar="CATEGORY", help=help_text("分类。", "The category."))
    ] = "",
    description: Annotated[
        str,
        typer.Option(
            "--description", metavar="TEXT", help=help_text("图片的说明。", "What the pictures show.")
        ),
    ] = "",
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    client = connect(context, url, token)
    instance = client.find(name)
    labels = {"tags": tags or [], "category": category, "description": description}

    def create(file: str) -> Any:
        body = {"name": Path(file).stem[:NAME_LENGTH], "image_data": _read_image(Path(file))} | labels
        return client.post(f"/resource/{instance.id}/emoji", body)

    _for_each(map(str, files), create, console_of(context), as_json=as_json)


@emoji.command()
@described(
    "删除表情包。Bot 自己收集的只在此处移除，仍归 Bot 所有。有一个失败时状态为 1。",
    "Delete emojis. Those that the bot collected itself are removed here only; the bot keeps them. Status 1 if any of"
    " them fails.",
)
def rm(
    context: typer.Context,
    name: Name,
    emojis: Annotated[
        list[str],
        typer.Argument(metavar="EMOJI...", help=help_text("表情包的名称或 ID。", "Names or ids of emojis.")),
    ],
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    client = connect(context, url, token)
    instance = client.find(name)

    def delete(wanted: str) -> Any:
        found = _find(client, instance, wanted)
        return client.delete(f"/resource/{instance.id}/emoji/{found}") | {"emoji_id": found}

    _for_each(emojis, delete, console_of(context), as_json=as_json)


def _search(
    client: ApiClient, instance: Instance, text: str, tags: Sequence[str] = (), category: str | None = None
) -> Iterator[dict[str, Any]]:
    search = {"query": text, "tags": list(tags), "category": category}
    return client.search(f"/resource/{instance.id}/emoji/search", "emojis", search)


_HEADINGS = (
    Text("名称", "NAME"),
    Text("分类", "CATEGORY"),
    Text("标签", "TAGS"),
    Text("ID", "ID"),
    Text("说明", "DESCRIPTION"),
)


def _row(emoji: dict[str, Any]) -> tuple[str, ...]:
    shown = " ".join(emoji["description"].split())[:SHOWN_WIDTH]
    return emoji["name"], emoji["category"], ", ".join(emoji["tags"]), emoji["id"][:SHOWN_ID], shown


def _read_image(file: Path) -> str:
    """The file in base64. Raises InvalidParameter."""
    try:
        with file.open("rb") as opened:
            return base64.b64encode(read_upload(opened)).decode()
    except OSError as error:
        raise InvalidParameter(
            f"无法读取 {file}：{error.strerror}", f"Cannot read {file}: {error.strerror}", field="items"
        ) from None


def _find(client: ApiClient, instance: Instance, wanted: str) -> str:
    """The id of the emoji with this name or id. Raises ResourceNotFound."""
    for emoji in _search(client, instance, wanted):
        if emoji["name"] == wanted:
            return str(emoji["id"])
    if len(wanted) == 40 and wanted.isalnum():
        return wanted
    raise ResourceNotFound(f"未找到表情包 '{wanted}'", f"Emoji '{wanted}' not found")


def _for_each(
    items: Iterable[str], command: Callable[[str], Any], console: Console, *, as_json: bool
) -> None:
    """Runs a command for each item and prints the answer or the error. Ends with status 1 if any of them fails."""
    failed = False
    for item in items:
        try:
            answer = command(item)
        except LauncherError as error:
            failed = True
            print(f"{item}:", file=sys.stderr, end=" ", flush=True)
            console.report(error)
        else:
            line = json.dumps(answer | {"item": item}, ensure_ascii=False)
            print(line if as_json else f"{item}: {answer['message']}", flush=True)
    if failed:
        raise typer.Exit(1)
