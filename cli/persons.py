"""`person`: the people whom a bot knows."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cli.client import FILE_TIMEOUT_S, AsJson, Token, Url, connect, read_upload
from cli.console import console_of, print_json
from cli.destination import destination, unusable
from cli.groups import InstanceFirst
from cli.instances import Name
from cli.language import described, help_text
from cli.sync import explain_nothing
from mailauncher.errors import Text

SHOWN_ID = 8
SHOWN_FAILURES = 20

FileFormat = Annotated[
    Literal["jsonl", "csv"] | None,
    typer.Option(
        "--format",
        metavar="jsonl|csv",
        help=help_text(
            "文件格式；默认由文件名决定，否则为 jsonl。",
            "Format of the file; by default that of its name, otherwise jsonl.",
        ),
    ),
]

person = typer.Typer(
    cls=InstanceFirst,
    help=help_text(
        "列出、导入或导出实例的用户信息。\n\nJSON Lines：每行一个对象，含 user_id、username、nickname、avatar_url、profile。"
        "CSV：首行为列名，profile 为 JSON。",
        "List, import or export the persons of an instance.\n\nJSON Lines: an object on each line with user_id, username,"
        " nickname, avatar_url, profile. CSV: the first line names the columns, profile is JSON.",
    ),
)


@person.command()
@described("列出实例的用户信息。", "List the persons of an instance.")
def ls(
    context: typer.Context,
    name: Name,
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT",
            help=help_text(
                "要在用户名、昵称和用户 ID 中查找的文字。",
                "Text to find in user names, nicknames and user ids.",
            ),
        ),
    ] = "",
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    client = connect(context, url, token)
    instance = client.find(name)
    path = f"/resource/{instance.id}/person/search"
    found = list(client.search(path, "persons", {"query": text}))
    if as_json:
        print_json(found)
    elif found:
        print(console_of(context).table(_HEADINGS, map(_row, found)))
    else:
        explain_nothing(client, console_of(context), instance, "persons", searched=bool(text))


@person.command("import")
@described(
    "从文件导入用户信息。有行失败时状态为 1。", "Import persons from a file. Status 1 if any line fails."
)
def import_file(
    context: typer.Context,
    name: Name,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help=help_text("文件；默认为标准输入。", "The file; by default standard input."),
            show_default=False,
        ),
    ] = "-",
    form: FileFormat = None,
    existing: Annotated[
        Literal["fail", "skip", "update"],
        typer.Option(
            "--existing",
            metavar="fail|skip|update",
            help=help_text("用户 ID 已存在时如何处理。", "What to do if a user id exists already."),
        ),
    ] = "fail",
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help=help_text(
                "只给出每一行会有的结果，不写入。", "Only tell what would become of each line; write nothing."
            ),
        ),
    ] = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    client = connect(context, url, token)
    instance = client.find(name)
    try:
        with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as opened:
            data = read_upload(opened)
    except OSError as error:
        raise unusable(file, error) from None
    query = f"format={form or _format_of(file)}&existing={existing}&dry_run={str(dry_run).lower()}"
    report = client.upload(f"/resource/{instance.id}/persons/import?{query}", data)
    if as_json:
        print_json(report)
    else:
        failures = [line for line in report["lines"] if line["status"] == "failed"]
        for line in failures[:SHOWN_FAILURES]:
            reason = f"{line['code']}: {line['message']}"
            console_of(context).note(f"第 {line['line']} 行 {reason}", f"Line {line['line']} {reason}")
        if more := len(failures[SHOWN_FAILURES:]):
            console_of(context).note(
                f"另有 {more} 行失败；--json 列出全部", f"{more} more lines failed; --json lists all of them"
            )
        print(report["message"])
    if report["failed"]:
        raise typer.Exit(1)


@person.command("export")
@described("把用户信息导出到文件。", "Export the persons to a file.")
def export_file(
    context: typer.Context,
    name: Name,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help=help_text("文件；默认为标准输出。", "The file; by default standard output."),
            show_default=False,
        ),
    ] = "-",
    form: FileFormat = None,
    url: Url = None,
    token: Token = None,
) -> None:
    client = connect(context, url, token)
    instance = client.find(name)
    path = f"/resource/{instance.id}/persons/export?format={form or _format_of(file)}"
    with destination(file) as target:
        for chunk in client.stream(path, FILE_TIMEOUT_S):
            target.write(chunk)


def _format_of(file: str) -> Literal["jsonl", "csv"]:
    return "csv" if file.lower().endswith(".csv") else "jsonl"


_HEADINGS = (
    Text("用户 ID", "USER ID"),
    Text("用户名", "USER NAME"),
    Text("昵称", "NICKNAME"),
    Text("ID", "ID"),
)


def _row(person: dict[str, Any]) -> tuple[str, ...]:
    return person["user_id"], person["username"], person["nickname"], person["id"][:SHOWN_ID]
