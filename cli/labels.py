"""`edit`: the name, notes and tags of an instance."""

from typing import Annotated, Any

import typer

from cli.client import AsJson, Token, Url, connect
from cli.console import print_json
from cli.instances import Name
from cli.language import described, help_text

_FIELDS = "id name notes tags"
_EDIT = f"mutation ($input: EditInstanceInput!) {{ done: editInstance(input: $input) {{ instance {{ {_FIELDS} }} }} }}"


@described(
    "修改实例的名称、备注和标签；不带选项时显示。文件夹保留原来的名称。",
    "Change the name, notes and tags of an instance; without options, show them. Its folder keeps its name.",
)
def edit(
    context: typer.Context,
    name: Name,
    new_name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help=help_text("新的名称。", "The new name."))
    ] = None,
    notes: Annotated[
        str | None,
        typer.Option(
            "--notes",
            metavar="TEXT",
            help=help_text("备注；空文本即删除。", "Notes; an empty text removes them."),
        ),
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            "--tag",
            metavar="TAG",
            help=help_text(
                "标签，取代原有的全部标签；可重复，空文本即全部删除。",
                "A tag; all that there are now are replaced. May be repeated; an empty text removes all.",
            ),
        ),
    ] = None,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    client = connect(context, url, token)
    given: dict[str, Any] = {
        "name": new_name,
        "notes": notes,
        "tags": None if tag is None else [one for one in tag if one],
    }
    changes = {field: value for field, value in given.items() if value is not None}
    instance_id = client.find(name).id
    if changes:
        found = client.graphql(_EDIT, input={"id": instance_id, **changes})["done"]["instance"]
    else:
        found = client.graphql(f"query ($id: ID!) {{ instance(id: $id) {{ {_FIELDS} }} }}", id=instance_id)[
            "instance"
        ]
    if as_json:
        print_json(found)
        return
    print(found["name"])
    for text in (" ".join(f"#{one}" for one in found["tags"]), found["notes"]):
        if text:
            print(text)
