"""The bot's own database, which that client's resource manager asks for first."""

from typing import Annotated

import msgspec

from mailauncher.errors import Code, Text
from resolvers import sync
from resolvers.context import Context
from rest.existing_client.bot_columns import GROUP
from rest.field_docs import about
from rest.operation import Call, Operation
from rest.values import StatusSuccess


class ClientDatabase(msgspec.Struct):
    """The file of a bot's own database."""

    exists: Annotated[bool, about("文件是否存在。", "Whether the file exists.")]
    valid: Annotated[bool, about("能否读取并识别。", "Whether it can be read, and its layout is known.")]
    size: Annotated[int, about("字节数。", "Size in bytes.")]
    path: Annotated[str, about("绝对路径。", "Absolute path.")]


class ClientResources(msgspec.Struct):
    """Where an instance's emojis and persons come from."""

    database: Annotated[ClientDatabase, about("Bot 自己的数据库。", "The bot's own database.")]


class ClientInfo(msgspec.Struct):
    """Where an instance's emojis and persons come from."""

    status: StatusSuccess
    data: Annotated[ClientResources, about("来源。", "The source.")]


async def _info(ctx: Context, call: Call) -> ClientInfo:
    found = await sync.database(ctx, call.path["id"])
    return ClientInfo(
        "success", ClientResources(ClientDatabase(found.exists, found.valid, found.size, found.path))
    )


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/resource/{id}/info",
        group=GROUP,
        text=Text("Bot 的数据库", "Get the state of the bot's database"),
        handler=_info,
        response=ClientInfo,
        codes=(Code.INSTANCE_NOT_FOUND,),
    ),
)
