"""Commands on the files in an instance's folder: folders, renames, removals, edited texts."""

from typing import Annotated, cast

import strawberry

from bots.documents.file import LIMIT_BYTES
from mailauncher.errors import Text
from resolvers import files
from schema.context import Info
from schema.descriptions import INSTANCE_ID, MESSAGE
from schema.file import PATH, FileText, FolderEntry

CREATED = Text("文件夹已新建", "The folder was created")
RENAMED = Text("已移动", "Moved")
DELETED = Text("已删除", "Deleted")
WRITTEN = Text("文件已保存", "The file was saved")
ERRORS = (
    "`INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`, `INVALID_PATH`, `PERMISSION_DENIED`, `INSUFFICIENT_SPACE`, "
    "`SERVICE_UNAVAILABLE` while the instance is being installed, upgraded or restored"
)


@strawberry.type(description="Result of a command on a file.")
class FilePayload:
    file: FolderEntry = strawberry.field(
        description="The file or folder; after `deleteFile` the deleted one."
    )
    message: str = strawberry.field(description=MESSAGE)


@strawberry.type(description="Result of writing a text.")
class FileTextPayload:
    written: FileText = strawberry.field(description="The file with its new text and `etag`.")
    message: str = strawberry.field(description=MESSAGE)


@strawberry.input(description="The folder to create.")
class CreateFolderInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    path: str = strawberry.field(description=f"{PATH} The folder that it will be in exists.")


@strawberry.input(description="The file, folder or link to rename or move.")
class RenameFileInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    path: str = strawberry.field(description=PATH)
    new_path: str = strawberry.field(description=f"{PATH} Nothing is there, but its folder exists.")


@strawberry.input(description="The file, folder or link to delete.")
class DeleteFileInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    path: str = strawberry.field(description=f"{PATH} Of a link, itself is deleted, not its target.")
    recursive: bool = strawberry.field(
        default=False, description="Whether to delete a folder that is not empty, with all its contents."
    )


@strawberry.input(description="The new text of a file.")
class WriteFileTextInput:
    instance_id: strawberry.ID = strawberry.field(description=INSTANCE_ID)
    path: str = strawberry.field(description=f"{PATH} A missing file is created.")
    text: str = strawberry.field(
        description=f"The whole text, at most {LIMIT_BYTES >> 20} MiB. A byte order mark that the file has is kept."
    )
    if_match: str | None = strawberry.field(
        default=None,
        description="The `etag` that the file must have, else `CONFLICT`. Null: whatever it contains is replaced.",
    )
    create: bool = strawberry.field(
        default=False, description="Whether the file must not exist yet, else `DUPLICATE_RESOURCE`."
    )


async def _create_folder(
    info: Info, input: Annotated[CreateFolderInput, strawberry.argument(description="The folder.")]
) -> FilePayload | None:
    command = files.create_folder(info.context.ctx, input.instance_id, input.path)
    made = await info.context.complete(command)
    return FilePayload(file=cast(FolderEntry, made), message=CREATED.in_language(info.context.language))


async def _rename(
    info: Info, input: Annotated[RenameFileInput, strawberry.argument(description="The file.")]
) -> FilePayload | None:
    command = files.rename(info.context.ctx, input.instance_id, input.path, input.new_path)
    moved = await info.context.complete(command)
    return FilePayload(file=cast(FolderEntry, moved), message=RENAMED.in_language(info.context.language))


async def _delete(
    info: Info, input: Annotated[DeleteFileInput, strawberry.argument(description="The file.")]
) -> FilePayload | None:
    command = files.delete(info.context.ctx, input.instance_id, input.path, recursive=input.recursive)
    gone = await info.context.complete(command)
    return FilePayload(file=cast(FolderEntry, gone), message=DELETED.in_language(info.context.language))


async def _write(
    info: Info, input: Annotated[WriteFileTextInput, strawberry.argument(description="The text.")]
) -> FileTextPayload | None:
    command = files.write_text(
        info.context.ctx, input.instance_id, input.path, input.text, input.if_match, create=input.create
    )
    written = await info.context.complete(command)
    return FileTextPayload(
        written=cast(FileText, written), message=WRITTEN.in_language(info.context.language)
    )


@strawberry.type
class FileMutation:
    create_folder: FilePayload | None = strawberry.mutation(
        resolver=_create_folder,
        description=f"Creates a folder. Null only with an error: {ERRORS}, `DUPLICATE_RESOURCE` if the name exists.",
    )
    rename_file: FilePayload | None = strawberry.mutation(
        resolver=_rename,
        description="Renames or moves a file, folder or link; replaces nothing. Null only with an error: "
        f"{ERRORS}, `DUPLICATE_RESOURCE` if the new path exists.",
    )
    delete_file: FilePayload | None = strawberry.mutation(
        resolver=_delete,
        description="Deletes a file, folder or link, for good; its name is gone at once. What cannot be deleted of a folder is in "
        f"its place again. Null only with an error: {ERRORS}, `INVALID_PARAMETER` with the field `recursive` for a folder that is not empty.",
    )
    write_file_text: FileTextPayload | None = strawberry.mutation(
        resolver=_write,
        description="Replaces the text of a file, whole or not at all. Files of any size and content are uploaded with "
        "`PUT /api/v1/files/{id}/content`. Null only with an error: "
        f"{ERRORS}, `CONFLICT`, `DUPLICATE_RESOURCE`, `FILE_TOO_LARGE`, `INVALID_PARAMETER`.",
    )
