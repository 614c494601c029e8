"""`mailauncher schema`: the contracts of the two front doors, printed, checked and written."""

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailauncher.cli.voice import Voice, voice_of
from mailauncher.errors import InvalidPath

if TYPE_CHECKING:
    from collections.abc import Mapping


def schema(
    context: typer.Context,
    check: Annotated[
        bool,
        typer.Option("--check", help="Compare it with the file that is checked in; status 1 if they differ."),
    ] = False,
    write: Annotated[bool, typer.Option("--write", help="Write it to that file.")] = False,
    rest: Annotated[
        bool, typer.Option("--rest", help="Print the OpenAPI description of the REST API instead.")
    ] = False,
    docs: Annotated[
        bool, typer.Option("--docs", help="Write the generated pages below ./docs, as a checkout has it.")
    ] = False,
) -> None:
    """Print the GraphQL schema."""
    if sum((check, write, rest, docs)) > 1:
        raise typer.BadParameter("--check, --write, --rest, --docs: one at a time")
    if rest:
        from mailauncher.cli.pages import openapi

        print(openapi(voice_of(context).language), end="")
    elif docs:
        from mailauncher.cli.pages import generated

        _write_pages(generated(), voice_of(context))
    else:
        _graphql(voice_of(context), check=check, write=write)


def _graphql(voice: Voice, *, check: bool, write: bool) -> None:
    from schema.root import printed

    text, file = printed(), checked_in()
    if write:
        file.write_text(text, "utf-8")
    elif check:
        _compare(file.read_text("utf-8") if file.exists() else "", text, voice)
    else:
        print(text, end="")


def checked_in() -> Path:
    """The printed schema that the package carries."""
    import schema

    return Path(schema.__path__[0]) / "schema.graphql"


def _compare(former: str, present: str, voice: Voice) -> None:
    if former == present:
        return
    lines = difflib.unified_diff(
        former.splitlines(keepends=True),
        present.splitlines(keepends=True),
        "schema.graphql",
        voice.pick("代码中的 schema", "the schema of the code"),
    )
    print("".join(lines), end="")
    voice.note(
        "schema.graphql 与代码不一致，请运行 mailauncher schema --write",
        "schema.graphql is not that of the code; run mailauncher schema --write",
    )
    raise typer.Exit(1)


def _write_pages(pages: "Mapping[str, str]", voice: Voice) -> None:
    root = Path("docs")
    if not root.is_dir():
        raise InvalidPath(
            "当前文件夹中没有 docs，请在源码目录中运行", "There is no docs folder here; run it in a checkout"
        )
    for name, text in pages.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        voice.note(f"已写入 {file}", f"wrote {file}")
