"""Configuration files: bot, lpmm, env, and any others that an instance has."""

import re
from typing import Annotated, Any

import msgspec

from mailauncher.errors import Code, Text
from resolvers import configuration
from resolvers.configuration import ANY, ConfigView
from resolvers.context import Context
from rest.body import AnyObject
from rest.done import Done, done
from rest.field_docs import about
from rest.operation import HEADERS, Call, Operation
from rest.responses import JSON, NO_STORE, Response, json_response

GROUP = "config"
READ = (
    Code.INSTANCE_NOT_FOUND,
    Code.INVALID_PARAMETER,
    Code.INVALID_PATH,
    Code.FILE_TOO_LARGE,
    Code.PERMISSION_DENIED,
    Code.SERVICE_UNAVAILABLE,
)
WRITE = (*READ, Code.CONFLICT, Code.PORT_IN_USE, Code.INSUFFICIENT_SPACE)
READ_DETAILS = Text(
    "ETag 标识文件内容；缺少的文件内容为空。有语法错误的文件给出行号和列号。",
    "The ETag identifies the content; a missing file is empty. A syntax error is reported with line and column.",
)
MERGE_DETAILS = Text(
    "逐键合并：表逐键合并，数组和标量整体替换，null 删除键（数组中不允许）。注释、顺序和未涉及的格式保持不变。"
    "带 If-Match 时，文件已变则回答 412，不作改动。",
    "Tables are merged key by key, arrays and scalars replaced; null removes a key (not allowed in arrays). Comments, order"
    " and formatting of everything else stay. With `If-Match`, a file that has changed in the meantime gives 412 and is"
    " not modified.",
)
_TAG = re.compile(rb'(W/)?"([^"]*)"')


class Config(msgspec.Struct):
    """The content of a configuration file."""

    config: Annotated[
        dict[str, Any],
        about("文件内容；日期为 ISO 8601 文本。", "Content as JSON; dates are ISO 8601 strings."),
    ]


class Variables(msgspec.Struct):
    """Environment variables of an instance."""

    variables: Annotated[
        dict[str, str], about("变量名与值，未展开 ${NAME}。", "Names and values; `${NAME}` is not expanded.")
    ]


class ConfigPatch(AnyObject):
    """Any JSON object: the keys to change, nested in their tables."""


class VariablesPatch(AnyObject):
    """A JSON object of variable names and string values; null removes a variable."""


async def _get(ctx: Context, call: Call, name: str) -> Response:
    view = await configuration.read(ctx, call.path["id"], name)
    config = await configuration.content(ctx, view)
    return _with_file_etag(view, Variables(config) if name == "env" else Config(config))


def _with_file_etag(view: ConfigView, content: object) -> Response:
    """Has the file's own ETag, for `If-Match`, and must not be cached: configuration files hold keys."""
    etag = b'"%b"' % view.etag.encode()
    return Response(json_response(content).body, (JSON, NO_STORE, (b"etag", etag)), etag=etag)


def if_match(call: Call) -> frozenset[str] | None:
    """The ETags in `If-Match`; weak ones never match (RFC 9110, 13.1.1)."""
    given: bytes | None = call.scope[HEADERS].get(b"if-match")
    if given is None:
        return None
    if given.strip() == b"*":
        return frozenset({ANY})
    return frozenset(tag.decode("latin-1") for weak, tag in _TAG.findall(given) if not weak)


async def _put(ctx: Context, call: Call, name: str, text: Text) -> Done:
    await configuration.merge(ctx, call.path["id"], name, call.body.values, if_match(call))
    return done(text, call)


async def _get_bot(ctx: Context, call: Call) -> Response:
    return await _get(ctx, call, "bot")


async def _put_bot(ctx: Context, call: Call) -> Done:
    return await _put(ctx, call, "bot", Text("Bot 配置已更新", "The bot's configuration was updated"))


async def _get_lpmm(ctx: Context, call: Call) -> Response:
    return await _get(ctx, call, "lpmm")


async def _put_lpmm(ctx: Context, call: Call) -> Done:
    return await _put(ctx, call, "lpmm", Text("LPMM 配置已更新", "The LPMM configuration was updated"))


async def _get_env(ctx: Context, call: Call) -> Response:
    return await _get(ctx, call, "env")


async def _put_env(ctx: Context, call: Call) -> Done:
    return await _put(ctx, call, "env", Text("环境变量已更新", "The environment variables were updated"))


async def _get_any(ctx: Context, call: Call) -> Response:
    return await _get(ctx, call, call.path["config"])


async def _put_any(ctx: Context, call: Call) -> Done:
    return await _put(ctx, call, call.path["config"], Text("配置已更新", "The configuration was updated"))


def _reading(path: str, text: Text, handler: Any, response: type[msgspec.Struct], *codes: Code) -> Operation:
    return Operation(
        method="GET",
        path=f"/api/v1/config/{{id}}/{path}",
        group=GROUP,
        text=text,
        details=READ_DETAILS,
        handler=handler,
        response=response,
        codes=(*READ, *codes),
        ends_with_caller=True,
    )


def _writing(path: str, text: Text, handler: Any, request: type[msgspec.Struct], *codes: Code) -> Operation:
    return Operation(
        method="PUT",
        path=f"/api/v1/config/{{id}}/{path}",
        group=GROUP,
        text=text,
        details=MERGE_DETAILS,
        handler=handler,
        request=(request,),
        response=Done,
        codes=(*WRITE, *codes),
        changes=True,
        ends_with_caller=True,
    )


OPERATIONS = (
    _reading("bot", Text("获取 Bot 配置", "Get the bot's configuration"), _get_bot, Config),
    _writing("bot", Text("更新 Bot 配置", "Update the bot's configuration"), _put_bot, ConfigPatch),
    _reading("lpmm", Text("获取 LPMM 配置", "Get the LPMM configuration"), _get_lpmm, Config),
    _writing("lpmm", Text("更新 LPMM 配置", "Update the LPMM configuration"), _put_lpmm, ConfigPatch),
    _reading("env", Text("获取环境变量", "Get the environment variables"), _get_env, Variables),
    _writing("env", Text("更新环境变量", "Update the environment variables"), _put_env, VariablesPatch),
    _reading(
        "{config}",
        Text("获取其他配置文件", "Get another configuration file"),
        _get_any,
        Config,
        Code.RESOURCE_NOT_FOUND,
    ),
    _writing(
        "{config}",
        Text("更新其他配置文件", "Update another configuration file"),
        _put_any,
        ConfigPatch,
        Code.RESOURCE_NOT_FOUND,
    ),
)
