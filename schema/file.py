"""The files in an instance's folder."""

from enum import Enum
from typing import Annotated, cast

import strawberry

from bots.browsing import listing
from bots.documents.file import LIMIT_BYTES
from resolvers import files, validation
from schema.context import Info
from schema.descriptions import InstanceId
from schema.scalars import Instant, Long

PATH = "Path in the instance's folder, with `/`. A byte of a name that is not UTF-8 is `\\xNN` in it, and a backslash is doubled."
READ_ERRORS = (
    "`INSTANCE_NOT_FOUND`, `RESOURCE_NOT_FOUND`, `PERMISSION_DENIED`, `INVALID_PARAMETER`, `INVALID_PATH` for what is of "
    "another kind, mounted there, or leads out of the folder by a link"
)
FilePath = Annotated[str, strawberry.argument(description=PATH)]


@strawberry.enum(description="What kind of file something is.")
class FileKind(Enum):
    FILE = strawberry.enum_value("file", description="A regular file.")
    FOLDER = strawberry.enum_value("folder", description="A folder.")
    LINK = strawberry.enum_value("link", description="A symbolic link; followed only within the folder.")
    OTHER = strawberry.enum_value("other", description="A device, pipe or socket, which is never opened.")


@strawberry.enum(description="Order of the entries of a folder.")
class FileOrder(Enum):
    NAME = strawberry.enum_value("name", description="Folders first, each by name, case ignored.")
    MODIFIED = strawberry.enum_value("modified", description="The last changed first.")
    SIZE = strawberry.enum_value("size", description="The largest first.")


@strawberry.type(description="Something in an instance's folder.")
class FolderEntry:
    name: str = strawberry.field(description="Its name, for people: what is not UTF-8 in it is U+FFFD.")
    path: str = strawberry.field(description=f"{PATH} For other operations.")
    kind: FileKind = strawberry.field(description="What kind of file it is.")
    size: Long = strawberry.field(description="Size of a regular file in bytes.")
    modified_at: Instant = strawberry.field(description="Time of its last change.")
    target: str | None = strawberry.field(description="Text of a link. Null: not a link.")
    target_kind: FileKind | None = strawberry.field(
        description="What a link leads to. Null: not a link, or it leads nowhere or out of the folder, and is not followed."
    )
    mounted: bool = strawberry.field(description="Whether it is mounted from elsewhere, and not accessed.")


@strawberry.type(description="A page of a folder.")
class FolderPage:
    path: str = strawberry.field(description="Path of the folder; empty for the instance's own.")
    entries: list[FolderEntry] = strawberry.field(description="The entries of this page.")
    total: int = strawberry.field(description="Number of entries that match.")
    more: bool = strawberry.field(description="Whether entries follow this page.")
    cursor: str | None = strawberry.field(
        description="Pass it as `after` to continue. Null: there is nothing on this page."
    )
    truncated: bool = strawberry.field(
        description=f"Whether the folder has more than {listing.ENTRIES_MAX:,} entries, of which the others were not looked at."
    )


@strawberry.type(description="The text of a file.")
class FileText:
    file: FolderEntry = strawberry.field(description="The file.")
    text: str = strawberry.field(description="Its text, without a byte order mark; line ends as they are.")
    etag: str = strawberry.field(description="Identifies the content; pass it as `ifMatch`.")


async def _folder(
    info: Info,
    instance_id: InstanceId,
    path: Annotated[str, strawberry.argument(description=f"{PATH} Empty: the instance's own folder.")] = "",
    order: Annotated[FileOrder, strawberry.argument(description="Order of the entries.")] = FileOrder.NAME,
    query: Annotated[
        str,
        strawberry.argument(
            description=f"Only names that contain this, case ignored; at most {validation.QUERY_CHARACTERS} characters."
        ),
    ] = "",
    first: Annotated[
        int, strawberry.argument(description=f"Maximum number of entries, 1-{files.PAGE_MAX}.")
    ] = 200,
    after: Annotated[
        str | None, strawberry.argument(description="`cursor` of the page before. Null: from the beginning.")
    ] = None,
) -> FolderPage | None:
    wanted = listing.FileOrder[order.name]
    found = await files.folder(info.context.ctx, instance_id, path, wanted, query, first, after)
    return cast(FolderPage, found)


async def _text(info: Info, instance_id: InstanceId, path: FilePath) -> FileText | None:
    return cast(FileText, await files.text(info.context.ctx, instance_id, path))


@strawberry.type
class FileQuery:
    folder: FolderPage | None = strawberry.field(
        resolver=_folder,
        description=f"What is in a folder of an instance. Null only with an error: {READ_ERRORS}.",
    )
    file_text: FileText | None = strawberry.field(
        resolver=_text,
        description=f"The text of a file of at most {LIMIT_BYTES >> 20} MiB, to show or edit it; "
        "`GET /api/v1/files/{id}/content` has the bytes of any file. Null only with an error: "
        f"{READ_ERRORS}, `INVALID_PARAMETER` also for what is no UTF-8 text, `FILE_TOO_LARGE`.",
    )
