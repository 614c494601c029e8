"""Configuration files, at the paths and in the format of that client; the operations are those of `/config/...`."""

from typing import Annotated, Any

import msgspec

from mailauncher.errors import Code, Text
from resolvers import configuration
from resolvers.context import Context
from rest.field_docs import about
from rest.operation import Call, Operation
from rest.values import Message, StatusSuccess, Success


class ClientConfig(msgspec.Struct):
    """The content of a configuration file, or the environment variables."""

    status: StatusSuccess
    data: Annotated[dict[str, Any], about("文件内容。", "Content as JSON.")]


class ClientConfigPatch(msgspec.Struct):
    """Keys of a configuration file to update, as in `PUT /config/...`."""

    config_data: Annotated[dict[str, Any], about("要更改的键。", "Keys to update.")]
    instance_id: Annotated[str | None, about("不使用：以地址为准。", "Ignored: the path has it.")] = None


class ClientVariablesPatch(msgspec.Struct):
    """Environment variables to update, as in `PUT /config/{id}/env`."""

    env_data: Annotated[dict[str, Any], about("要更改的变量。", "Variables to update.")]
    instance_id: Annotated[str | None, about("不使用：以地址为准。", "Ignored: the path has it.")] = None


class ClientUpdated(msgspec.Struct):
    """The file was updated."""

    status: StatusSuccess
    success: Success
    message: Message


def _configuration(place: str, name: str, text: Text) -> tuple[Operation, Operation]:
    """The client's routes that read and update a configuration file."""

    async def get(ctx: Context, call: Call) -> ClientConfig:
        view = await configuration.read(ctx, call.path["id"], name)
        return ClientConfig("success", await configuration.content(ctx, view))

    async def update(ctx: Context, call: Call) -> ClientUpdated:
        patch = call.body.env_data if name == "env" else call.body.config_data
        await configuration.merge(ctx, call.path["id"], name, patch)
        return ClientUpdated(
            "success", True, Text("配置已更新", "The configuration was updated").in_language(call.language)
        )

    get.__name__, update.__name__ = f"get_{name}", f"update_{name}"
    codes = (
        Code.INSTANCE_NOT_FOUND,
        Code.RESOURCE_NOT_FOUND,
        Code.INVALID_PARAMETER,
        Code.INVALID_PATH,
        Code.SERVICE_UNAVAILABLE,
    )
    return (
        Operation(
            method="GET",
            path=f"/api/v1/resources/{{id}}/{place}/get",
            group="resources",
            text=Text(f"获取{text.zh}", f"Get {text.en}"),
            handler=get,
            response=ClientConfig,
            codes=codes,
            ends_with_caller=True,
        ),
        Operation(
            method="POST",
            path=f"/api/v1/resources/{{id}}/{place}/update",
            group="resources",
            text=Text(f"更新{text.zh}", f"Update {text.en}"),
            handler=update,
            request=(ClientVariablesPatch if name == "env" else ClientConfigPatch,),
            response=ClientUpdated,
            codes=(*codes, Code.PORT_IN_USE, Code.CONFLICT, Code.INSUFFICIENT_SPACE),
            changes=True,
            ends_with_caller=True,
        ),
    )


OPERATIONS = (
    *_configuration("config", "bot", Text(" Bot 配置", "the bot's configuration")),
    *_configuration("lpmm", "lpmm", Text(" LPMM 配置", "the LPMM configuration")),
    *_configuration("env", "env", Text("环境变量", "the environment variables")),
    *_configuration("adapter/napcat", "adapter", Text("适配器配置", "the adapter's configuration")),
)
