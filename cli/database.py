"""`mailauncher database`: moves what the launcher keeps between SQLite and PostgreSQL, while no server runs."""

from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import Annotated

import typer

from cli.console import console_of
from cli.language import described, help_text
from mailauncher import files, lock
from mailauncher.errors import InvalidParameter, InvalidPath, Text
from mailauncher.log import mask

database = typer.Typer(
    no_args_is_help=True,
    help=help_text("把启动器的数据移到另一个数据库。", "Move the launcher's data to another database."),
)
_PLACE = Text("数据文件夹，或 postgres://…", "A data folder, or postgres://...")


@database.command("copy")
@described(
    "把一个数据库的全部内容复制到另一个；期间服务器须停止，Bot 可继续运行。",
    "Copy everything in one database to another. The server must be stopped; bots may go on running.",
)
def copy(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="FROM",
            help=help_text(f"来源：{_PLACE.zh}。", f"The source. {_PLACE.en}."),
        ),
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TO",
            help=help_text(f"目标：{_PLACE.zh}。", f"The target. {_PLACE.en}."),
        ),
    ],
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help=help_text("替换目标中已有的其他内容。", "Replace other content that the target has."),
        ),
    ] = False,
) -> None:
    """Compares all of it before it counts; a failure leaves the target as it was."""
    if source == target:
        raise InvalidParameter("来源与目标相同", "The source and the target are the same")
    console = console_of(context)
    places = [_place(source, must_exist=True), _place(target, must_exist=False)]
    with ExitStack() as held:
        for place in places:
            if isinstance(place, Path):
                held.enter_context(lock.hold(place, ""))
        import asyncio

        copied = asyncio.run(_copy(*places, replace=replace))
    if copied:
        console.note("已复制，并逐行核对一致", "Copied, and each row compared")
    else:
        console.note("目标中已是同样的内容，无需复制", "The target has the same content already")


def _place(given: str, *, must_exist: bool) -> Path | str:
    """A data folder, or a URL."""
    from store.database import FILE_NAME, is_postgresql

    if is_postgresql(given):
        return given
    if "://" in given:
        raise InvalidParameter(
            f"{mask(given)} 既不是数据文件夹也不是 postgres://…",
            f"{mask(given)} is neither a data folder nor postgres://...",
        )
    folder = Path(given).expanduser().absolute()
    if must_exist and not files.exists(folder / FILE_NAME):
        raise InvalidPath(
            f"{folder} 中没有数据库 {FILE_NAME}", f"There is no database {FILE_NAME} in {folder}"
        )
    return folder


async def _copy(source: Path | str, target: Path | str, *, replace: bool) -> bool:
    from store import copying
    from store.database import Database

    async with AsyncExitStack() as opened:
        both = []
        for place in (source, target):
            where = (place, "") if isinstance(place, Path) else (Path(), place)
            both.append(await Database.open(*where, patient=True))
            opened.push_async_callback(both[-1].close)
        one, other = both
        return await copying.copy(one, other, _print, replace=replace)


def _print(table: str, count: int) -> None:
    print(f"{table:16} {count:8}")
