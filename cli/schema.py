"""`mailauncher schema`: prints, checks and writes the descriptions of GraphQL and REST, and the generated pages."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.console import Console, console_of
from cli.language import described, help_text
from mailauncher import files
from mailauncher.errors import InvalidParameter, InvalidPath

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def command(pages: "Callable[[], Mapping[str, str]]") -> "Callable[..., None]":
    """The command `schema`. `pages` returns the generated pages of docs/ by their path; that of the command line is made
    of the tree of commands, which this module is a part of and so cannot import."""

    @described("输出 GraphQL schema。", "Print the GraphQL schema.")
    def schema(
        context: typer.Context,
        check: Annotated[
            bool,
            typer.Option(
                "--check",
                help=help_text(
                    "与仓库中的文件比较；不同则状态为 1。",
                    "Compare it with the checked-in file; status 1 if they differ.",
                ),
            ),
        ] = False,
        write: Annotated[
            bool, typer.Option("--write", help=help_text("写入该文件。", "Write it to that file."))
        ] = False,
        rest: Annotated[
            bool,
            typer.Option(
                "--rest",
                help=help_text(
                    "改为输出 REST 接口的 OpenAPI 文档。",
                    "Print the OpenAPI description of the REST API instead.",
                ),
            ),
        ] = False,
        docs: Annotated[
            bool,
            typer.Option(
                "--docs",
                help=help_text(
                    "写出 ./docs 下自动生成的页面（在源码目录中）。",
                    "Write the generated pages below ./docs of a source checkout.",
                ),
            ),
        ] = False,
    ) -> None:
        console = console_of(context)
        if sum((check, write, rest, docs)) > 1:
            raise InvalidParameter(
                "--check、--write、--rest、--docs 只能给出一个",
                "--check, --write, --rest and --docs exclude each other",
            )
        if rest:
            print(_openapi(console.language), end="")
        elif docs:
            _write_pages(pages(), console)
        else:
            _graphql(console, check=check, write=write)

    return schema


def _openapi(language: str) -> str:
    """The OpenAPI description of the REST API, as JSON."""
    from rest import api, openapi

    document = msgspec.json.encode(openapi.document(api.TABLE, language))
    return msgspec.json.format(document).decode() + "\n"


def _graphql(console: Console, *, check: bool, write: bool) -> None:
    from schema.root import printed

    text, file = printed(), checked_in()
    if write:
        file.write_text(text, "utf-8")
    elif check:
        _compare(file.read_text("utf-8-sig") if files.exists(file) else "", text, console)
    else:
        print(text, end="")


def checked_in() -> Path:
    """The schema file of the package."""
    import schema

    return Path(schema.__path__[0]) / "schema.graphql"


def _compare(former: str, present: str, console: Console) -> None:
    if former == present:
        return
    lines = difflib.unified_diff(
        former.splitlines(keepends=True),
        present.splitlines(keepends=True),
        "schema.graphql",
        console.pick("代码中的 schema", "the schema of the code"),
    )
    print("".join(lines), end="")
    console.note(
        "schema.graphql 与代码不一致，请运行 mailauncher schema --write",
        "schema.graphql differs from the code; run mailauncher schema --write",
    )
    raise typer.Exit(1)


def _write_pages(pages: "Mapping[str, str]", console: Console) -> None:
    root = Path("docs")
    if not files.is_folder(root):
        raise InvalidPath(
            "当前文件夹中没有 docs，请在源码目录中运行",
            "There is no docs folder here; run this in a source checkout",
        )
    for name, text in pages.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        console.note(f"已写入 {file}", f"Wrote {file}")
