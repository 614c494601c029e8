"""The files in an instance's folder: list, read, upload, edit, rename, delete.

Whoever may operate the instance may read every file there, configuration and keys included; changes need all rights. What leads
out of the folder is not accessed; see `bots.browsing`.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from bots.browsing import changes, failures, listing, paths
from bots.browsing.changes import Removal
from bots.browsing.listing import FileOrder, FolderPage
from bots.browsing.tree import Tree, opened
from bots.browsing.upload import Upload
from bots.browsing.view import FileView, view_of
from bots.documents import file
from bots.documents.file import Loaded
from mailauncher.errors import Conflict, InvalidParameter, InvalidPath, LauncherError, PermissionDenied, Text
from mailauncher.grants import Scope
from mailauncher.interruption import Check
from resolvers import validation
from resolvers.context import Context
from resolvers.rights import needs

Result = TypeVar("Result")

PAGE_MAX = 500
PIECE_BYTES = 256 << 10
WRITE_BYTES = 1 << 20
"""Received bytes that are written at once."""
SHOWN_CHARACTERS = 200
_NO_MORE = Text("", "")


@dataclass(frozen=True, slots=True)
class FileText:
    """A text with its `etag`, which changes with its content."""

    file: FileView
    text: str
    etag: str


@dataclass(frozen=True, slots=True)
class Download:
    """An open file: whoever has it reads it with `pieces` and closes it. `etag` changes whenever the file does."""

    file: BinaryIO
    name: str
    size: int
    etag: str


# Reading


@needs(Scope.READ)
async def folder(
    ctx: Context,
    instance_id: str,
    path: str = "",
    order: FileOrder = FileOrder.NAME,
    query: str = "",
    first: int = 200,
    after: str | None = None,
) -> FolderPage:
    """A page of a folder; an empty path is the instance's own. Raises InstanceNotFound, InvalidParameter, InvalidPath,
    ResourceNotFound, PermissionDenied."""
    ctx.folders.record(instance_id)
    if not 1 <= first <= PAGE_MAX:
        raise InvalidParameter(
            f"first 应在 1 与 {PAGE_MAX} 之间", f"first must be between 1 and {PAGE_MAX}", field="first"
        )
    validation.require_query(query, "query")
    decoded = paths.decoded(path)

    def read(tree: Tree, check: Check) -> FolderPage:
        return listing.page(tree, decoded, order, query.strip(), first, after, check)

    return await ctx.folders.read(instance_id, read)


@needs(Scope.OPERATE)
async def text(ctx: Context, instance_id: str, path: str) -> FileText:
    """The text of a file, to show or edit it. Raises as `folder`, FileTooLarge, and InvalidParameter if it is not UTF-8 text."""
    decoded = _named(ctx, instance_id, path)

    def read(tree: Tree, _: Check) -> FileText:
        with tree.regular(decoded):
            pass  # what is no file is refused with its reason
        return _text_of(tree, decoded, file.read(tree.root.path, decoded))

    return await ctx.folders.read(instance_id, read)


@needs(Scope.OPERATE)
async def download(ctx: Context, instance_id: str, path: str) -> Download:
    """Opens a file. Raises as `folder`."""
    decoded = _named(ctx, instance_id, path)

    def read(tree: Tree, _: Check) -> Download:
        opened_file = tree.regular(decoded)
        found = os.fstat(opened_file.fileno())
        etag = f"{found.st_dev:x}-{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
        return Download(opened_file, decoded.rpartition("/")[2], found.st_size, etag)

    return await ctx.folders.read(instance_id, read)


async def pieces(download: Download, begin: int, length: int) -> AsyncGenerator[bytes, None]:
    """`length` bytes from an offset on. Raises Conflict if the file has become too short for that."""
    while length > 0:
        wanted = min(PIECE_BYTES, length)
        piece = await asyncio.to_thread(os.pread, download.file.fileno(), wanted, begin)
        if not piece:
            raise Conflict(
                f"'{download.name}' 在下载期间变短了：请重新下载",
                f"'{download.name}' has become shorter during the download: download it again",
            )
        begin, length = begin + len(piece), length - len(piece)
        yield piece


# Changes. All raise ServiceUnavailable while the instance is being installed, upgraded or restored, PermissionDenied for what is
# the launcher's own, and InsufficientSpace; then everything is as it was.


@needs(Scope.ADMIN)
async def upload(
    ctx: Context, instance_id: str, path: str, received: AsyncIterable[bytes], *, replace: bool = False
) -> FileView:
    """Receives a file; it is there whole or not at all. Raises DuplicateResource if the name exists, unless `replace`."""
    decoded = _named(ctx, instance_id, path)
    async with ctx.folders.uploading():
        sending = Upload(decoded, ctx.folders.server, replace=replace)
        try:
            await ctx.folders.change(instance_id, sending.begin)
            waiting = bytearray()
            async for piece in received:
                waiting += piece
                if len(waiting) >= WRITE_BYTES:
                    await ctx.folders.step(partial(sending.write, bytes(waiting)))
                    waiting.clear()
            await ctx.folders.step(partial(sending.write, bytes(waiting)))
            made = await ctx.folders.change(instance_id, sending.finish)
        finally:
            await ctx.folders.step(sending.close)
    words = Text("上传", "uploaded")
    await _note(ctx, instance_id, words, path, Text(f"（{made.size} 字节）", f" ({made.size} bytes)"))
    return made


@needs(Scope.ADMIN)
async def write_text(
    ctx: Context,
    instance_id: str,
    path: str,
    new_text: str,
    if_match: str | None = None,
    *,
    create: bool = False,
) -> FileText:
    """Replaces the text of a file, or makes the file; keeps its byte order mark and mode. Raises Conflict if its `etag` is not
    `if_match`, DuplicateResource if the file is to be created and exists, and FileTooLarge."""
    decoded = _named(ctx, instance_id, path)
    lock = ctx.configs.lock_at(Path(ctx.folders.record(instance_id).path, decoded))
    async with lock:  # it may be a configuration, which others change under this lock
        made = await ctx.folders.change(instance_id, partial(_write, decoded, new_text, if_match, create))
    await _note(ctx, instance_id, Text("修改", "edited"), path)
    return made


@needs(Scope.ADMIN)
async def create_folder(ctx: Context, instance_id: str, path: str) -> FileView:
    """Raises DuplicateResource if the name exists."""
    decoded = _named(ctx, instance_id, path)
    make = partial(_in_tree, lambda tree: changes.make_folder(tree, decoded))
    made = await ctx.folders.change(instance_id, make)
    await _note(ctx, instance_id, Text("新建文件夹", "created the folder"), path)
    return made


@needs(Scope.ADMIN)
async def rename(ctx: Context, instance_id: str, path: str, new_path: str) -> FileView:
    """Renames or moves a file, link or folder. Raises DuplicateResource if the new path exists."""
    decoded, wanted = _named(ctx, instance_id, path), _new(new_path)
    move = partial(_in_tree, lambda tree: changes.rename(tree, decoded, wanted))
    made = await ctx.folders.change(instance_id, move)
    target = new_path[:SHOWN_CHARACTERS]
    await _note(ctx, instance_id, Text("移动", "moved"), path, Text(f" 到 {target}", f" to {target}"))
    return made


@needs(Scope.ADMIN)
async def delete(ctx: Context, instance_id: str, path: str, *, recursive: bool = False) -> FileView:
    """Deletes a file, a link (not its target) or an empty folder; with `recursive` also a folder with its contents. Returns what
    it was. Raises InvalidParameter for a folder that is not empty."""
    decoded = _named(ctx, instance_id, path)
    with ExitStack() as stack:

        def take(tree: Tree) -> tuple[FileView, Removal | None]:
            found, removal = changes.take_away(tree, decoded, ctx.folders.server, recursive=recursive)
            if removal is not None:
                stack.callback(removal.close)  # here: a caller who is cancelled now never gets it
            return found, removal

        found, removal = await ctx.folders.change(instance_id, partial(_in_tree, take))
        if removal is not None:
            await _discard(ctx, instance_id, removal)
    await _note(ctx, instance_id, Text("删除", "deleted"), path)
    return found


async def _discard(ctx: Context, instance_id: str, removal: Removal) -> None:
    """Removes what was taken away, whatever has become of the bot's folder. What cannot be removed returns to its place, unless the
    folder is being exchanged, or was. Raises PermissionDenied."""
    try:
        await ctx.folders.remove(removal.discard)
    except OSError as error:
        try:
            await ctx.folders.change(instance_id, removal.put_back)
            left = Text("其余的仍在原处", "What is left is in its place again")
        except (OSError, LauncherError):
            left = Text(
                f"其余的没能放回原处，现名为 {removal.name}",
                f"What is left could not return to its place, and is called {removal.name}",
            )
        raise PermissionDenied(
            f"'{error.filename}' 无法删除：{error.strerror}。{left.zh}",
            f"'{error.filename}' cannot be removed: {error.strerror}. {left.en}",
        ) from error


def _named(ctx: Context, instance_id: str, path: str) -> str:
    """The system's path of something in the folder. Raises InstanceNotFound, InvalidPath."""
    ctx.folders.record(instance_id)
    return paths.named(path)


def _new(path: str) -> str:
    try:
        return paths.named(path)
    except InvalidPath as error:
        raise InvalidPath(*error.text, field="new_path") from None


async def _note(ctx: Context, instance_id: str, did: Text, path: str, more: Text = _NO_MORE) -> None:
    name, shown = ctx.folders.record(instance_id).name, path[:SHOWN_CHARACTERS]
    text = Text(f"{name}：{did.zh} {shown}{more.zh}", f"{name}: {did.en} {shown}{more.en}")
    await ctx.store.journal.note("files", ctx.caller, text, instance_id)


# Blocking


def _in_tree(work: Callable[[Tree], Result], folder: Path) -> Result:
    with opened(folder) as tree:
        return work(tree)


def _write(path: str, text: str, if_match: str | None, create: bool, folder: Path) -> FileText:
    with opened(folder) as tree:
        with tree.new_place(path):  # what may not be changed is refused with its reason
            if create and tree.root.exists(path):
                raise failures.existing(paths.encoded(path))
        if create:
            if_match = file.revision(b"")  # nothing that appears now is replaced
        return _text_of(tree, path, file.write(tree.root.path, path, text, expect=if_match))


def _text_of(tree: Tree, path: str, loaded: Loaded) -> FileText:
    """Raises InvalidParameter for what only looks like text, since it has a null character."""
    if "\0" in loaded.text:
        shown = paths.encoded(path)
        raise InvalidParameter(
            f"'{shown}' 不是文本文件：请下载后用别的程序打开",
            f"'{shown}' is not a text: download it, and open it with another program",
        )
    return FileText(view_of(tree, path), loaded.text, loaded.revision)
