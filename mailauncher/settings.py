"""Settings: defaults, then a TOML file, then `MAILAUNCHER_*` variables. Frozen, built once, passed in.

`docs/configuration.md` and `mailauncher settings` are generated from the fields below: the sentence of help stands
beside the type and its limits. The unit is part of the name.
"""

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import platformdirs
from msgspec import Meta

from mailauncher.errors import Code, LauncherError, Text

PREFIX = "MAILAUNCHER_"
FILE_NAME = "mailauncher.toml"
TOKEN_LENGTH = 16


class SettingsError(LauncherError):
    """A setting that cannot be used. The message names the setting, where it was set and what would be right."""

    code = Code.INVALID_PARAMETER


def _setting(zh: str, en: str, **limits: Any) -> Meta:
    return Meta(description=en, extra={"zh": zh}, **limits)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a user can set. Built by `load`, which checks it; relative folders are made absolute."""

    host: Annotated[
        str,
        _setting(
            "监听地址；`localhost` 表示 127.0.0.1 与 ::1。其他地址必须设置 token。",
            "Address to listen on; `localhost` means 127.0.0.1 and ::1. Anything but loopback needs a token.",
            min_length=1,
        ),
    ] = "localhost"
    port: Annotated[int, _setting("监听端口。", "Port to listen on.", ge=1, le=65535)] = 23456
    data: Annotated[
        str,
        _setting(
            "保存一切数据的文件夹：数据库、终端日志、图片、keeper 套接字。",
            "Folder of everything that is stored: database, terminal logs, images, keeper sockets.",
        ),
    ] = ""
    workspace: Annotated[
        str,
        _setting(
            "路径开头的 `~` 所指、实例默认部署到的文件夹。",
            "Folder that `~` at the start of a path means, where instances are deployed by default.",
        ),
    ] = ""
    database_url: Annotated[
        str,
        _setting(
            "Tortoise 数据库地址；留空则用数据文件夹中的 SQLite。",
            "Tortoise URL of the database; empty means SQLite in the data folder.",
        ),
    ] = ""
    token: Annotated[
        str,
        _setting(
            "调用者必须出示的口令（`Authorization: Bearer`）；留空则仅限本机、无需口令。",
            "Secret that callers must present (`Authorization: Bearer`); empty means loopback only, with no password.",
        ),
    ] = ""
    allowed_hosts: Annotated[
        list[str],
        _setting(
            "除本机名称外允许的 `Host` 名称，逗号分隔。",
            "Names allowed in the `Host` header beside the loopback ones, separated by commas.",
        ),
    ] = []
    allowed_origins: Annotated[
        list[str],
        _setting(
            "除本机与 Tauri 外允许的网页来源（`https://例子`），逗号分隔。",
            "Web origins (`https://example`) allowed beside loopback and Tauri, separated by commas.",
        ),
    ] = []
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], _setting("日志级别。", "Least level that is logged.")
    ] = "info"
    log_format: Annotated[
        Literal["text", "json"], _setting("日志格式。", "Form of a log line: for people or for machines.")
    ] = "text"
    shell: Annotated[
        str,
        _setting(
            "未运行时终端里的 shell；留空则用 `$SHELL`，再用 /bin/sh。",
            "Shell in the terminal of what does not run; empty means `$SHELL`, then /bin/sh.",
        ),
    ] = ""
    shell_idle_timeout_s: Annotated[
        float,
        _setting(
            "无人观看的 shell 在多少秒后关闭。",
            "Seconds after which a shell that nobody watches is closed.",
            gt=0,
            le=2_592_000,
        ),
    ] = 1800.0
    start_grace_s: Annotated[
        float,
        _setting(
            "进程启动后须存活多少秒才算启动成功。",
            "Seconds that a process must live before its start is called a success.",
            gt=0,
            le=5,
        ),
    ] = 0.8
    stop_timeout_s: Annotated[
        float,
        _setting(
            "停止时，配方未另行规定的每个信号之后等待的秒数。",
            "Seconds to wait after each signal of a stop for which the recipe says nothing else.",
            gt=0,
            le=3600,
        ),
    ] = 10.0
    stop_bots_at_exit: Annotated[
        bool,
        _setting(
            "服务器退出时是否停止所有 Bot；否则它们继续运行，下次启动的服务器会接管。",
            "Whether the end of the server stops every bot; else they run on and the next server takes over.",
        ),
    ] = False
    terminal_log_segment_bytes: Annotated[
        int,
        _setting(
            "终端日志每段的字节数。",
            "Bytes in one segment of a terminal's log.",
            ge=65536,
            le=1 << 30,
        ),
    ] = 16 << 20
    terminal_log_segments: Annotated[
        int,
        _setting("每个终端保留的日志段数。", "Segments kept of each terminal's log.", ge=2, le=1000),
    ] = 2
    sources_maibot: Annotated[
        list[str],
        _setting(
            "MaiBot 的 git 仓库地址，按优先顺序，逗号分隔；此处可用 `file://`。留空则用配方中的地址。",
            "Git URLs of MaiBot in order of preference, separated by commas; `file://` is allowed here. Empty: the recipe's.",
        ),
    ] = []
    python_index_url: Annotated[
        str,
        _setting(
            "安装 Python 包所用的索引地址；留空用 uv 自己的默认与配置，`project` 用 Bot 项目中写定的地址。",
            "Package index that dependencies come from; empty means uv's own default and configuration, `project` the one that the "
            "bot's project names.",
        ),
    ] = ""
    python_downloads: Annotated[
        bool,
        _setting(
            "没有合适的 Python 时是否允许 uv 下载一个。",
            "Whether uv may download a Python where none here fits a bot.",
        ),
    ] = True
    deployments_at_once: Annotated[
        int,
        _setting(
            "同时进行的部署数，其余排队。", "Deployments carried out at once; the others wait.", ge=1, le=16
        ),
    ] = 2
    deployment_accepts_terms: Annotated[
        bool,
        _setting(
            "REST 部署请求中的 `auto_start: true` 是否视为同意 Bot 的用户协议与隐私条款。",
            "Whether `auto_start: true` of a REST deployment counts as consent to the bot's licence and privacy terms.",
        ),
    ] = False
    versions_refresh_s: Annotated[
        float,
        _setting(
            "版本列表在多少秒后于后台重新获取。",
            "Seconds after which the list of versions is fetched anew in the background.",
            ge=1,
            le=2_592_000,
        ),
    ] = 3600.0
    backups_kept: Annotated[
        int, _setting("每个实例保留的备份数。", "Backups kept of each instance.", ge=1, le=1000)
    ] = 10
    metrics_interval_s: Annotated[
        float,
        _setting(
            "系统指标的采样间隔秒数。", "Seconds between two samples of the system's figures.", ge=0.1, le=60
        ),
    ] = 1.0
    max_body_bytes: Annotated[
        int,
        _setting("HTTP 请求体的最大字节数。", "Greatest size of a request body in bytes.", ge=1024),
    ] = 16 << 20
    graphql_max_depth: Annotated[
        int, _setting("GraphQL 查询的最大嵌套深度。", "Greatest depth of a GraphQL operation.", ge=3, le=100)
    ] = 12
    graphql_max_tokens: Annotated[
        int,
        _setting("GraphQL 文档的最大记号数。", "Greatest number of tokens in a GraphQL document.", ge=100),
    ] = 4000
    graphql_max_aliases: Annotated[
        int, _setting("GraphQL 文档的最大别名数。", "Greatest number of aliases in a GraphQL document.", ge=1)
    ] = 60
    graphql_max_subscriptions: Annotated[
        int,
        _setting(
            "每条连接的最大订阅数。", "Greatest number of operations at once on one GraphQL socket.", ge=1
        ),
    ] = 100

    @property
    def data_folder(self) -> Path:
        return Path(self.data)

    @property
    def workspace_folder(self) -> Path:
        return Path(self.workspace)

    @property
    def addresses(self) -> list[str]:
        """The addresses to bind: both families of loopback for `localhost`, else the one given."""
        return ["127.0.0.1", "::1"] if self.host == "localhost" else [self.host]

    @property
    def url(self) -> str:
        """The address that a person on this machine would type."""
        host = "127.0.0.1" if self.host in ("localhost", "0.0.0.0", "::") else self.host  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


class Setting(NamedTuple):
    """One setting as documented: `kind` is the type in words, `default` as it would be written in TOML."""

    name: str
    variable: str
    kind: str
    default: str
    zh: str
    en: str


_SHOWN_DEFAULTS = {"data": "the user's data folder", "workspace": "~/MaiBot"}
SECRETS = frozenset({"token", "database_url", "python_index_url"})
"""Settings that are never shown: the URL of a database or an index may hold a password."""


def catalogue() -> list[Setting]:
    """Every setting in the order of the class, for the docs and `mailauncher settings`."""
    found = []
    for field in msgspec.structs.fields(Settings):
        schema = msgspec.json.schema(field.type)
        kind = " | ".join(schema["enum"]) if "enum" in schema else str(schema["type"])
        default = _SHOWN_DEFAULTS.get(field.name) or msgspec.json.encode(_default(field)).decode()
        zh = next(str(meta.extra["zh"]) for meta in field.type.__metadata__ if meta.extra)
        found.append(
            Setting(field.name, PREFIX + field.name.upper(), kind, default, zh, schema["description"])
        )
    return found


def _default(field: msgspec.structs.FieldInfo) -> object:
    return field.default if field.default is not msgspec.NODEFAULT else field.default_factory()


def settings_file(environ: Mapping[str, str], data: object = None) -> Path:
    """The file that settings are read from, whether it exists or not: `MAILAUNCHER_CONFIG`, else `mailauncher.toml` in
    the data folder (`data`, as the command line has it, before that of the environment). Raises SettingsError."""
    if chosen := environ.get(f"{PREFIX}CONFIG"):
        return Path(_absolute("config", chosen, f"{PREFIX}CONFIG"))
    return Path(_data_folder(environ, data)) / FILE_NAME


def _data_folder(environ: Mapping[str, str], data: object) -> str:
    if data:
        return _absolute("data", str(data), "--data")
    if variable := environ.get(f"{PREFIX}DATA"):
        return _absolute("data", variable, f"{PREFIX}DATA")
    return platformdirs.user_data_dir("mailauncher", appauthor=False)


def load(environ: Mapping[str, str], **given: object) -> Settings:
    """Settings from defaults, `settings_file`, the environment and `given` (flags of the command line), in rising order.

    An empty variable and a flag that is None count as not given. Raises SettingsError for a file that cannot be read, a
    name in it that does not exist, or a value that is wrong.
    """
    file = settings_file(environ, given.get("data"))
    values = _read(file, required=bool(environ.get(f"{PREFIX}CONFIG")))
    origin = dict.fromkeys(values, str(file))
    for field in msgspec.structs.fields(Settings):
        # Other variables that begin like ours may be a later version's; a name in the file that is unknown is a typo.
        if value := environ.get(PREFIX + field.name.upper()):
            values[field.name] = value.split(",") if isinstance(_default(field), list) else value
            origin[field.name] = PREFIX + field.name.upper()
    for name, flag in given.items():
        if flag is not None:
            values[name] = flag
            origin[name] = "--" + name.replace("_", "-")
    settings = _convert(values, origin)
    data = settings.data or _data_folder(environ, None)
    settings = msgspec.structs.replace(
        settings,
        host=settings.host.strip(),
        data=_absolute("data", data, origin.get("data")),
        workspace=_absolute("workspace", settings.workspace or "~/MaiBot", origin.get("workspace")),
        allowed_hosts=[h.strip().lower() for h in settings.allowed_hosts if h.strip()],
        sources_maibot=[source.strip() for source in settings.sources_maibot if source.strip()],
        allowed_origins=[o.strip().rstrip("/").lower() for o in settings.allowed_origins if o.strip()],
    )
    _require_usable_token(settings, origin.get("token"))
    _refuse_public_without_token(settings, origin.get("host"))
    return settings


def _absolute(name: str, folder: str, origin: str | None) -> str:
    """A path with `~` for the home folder, which only a shell would have put in its place."""
    try:
        if "\0" in folder:
            raise ValueError("a NUL character")
        return str(Path(folder).expanduser().absolute())
    except (RuntimeError, ValueError) as error:
        raise _wrong(name, origin, f"不是可用的路径（{error}）", f"no usable path ({error})") from None


def _read(file: Path, *, required: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if required:
            raise SettingsError(f"找不到配置文件 {file}", f"Settings file {file} not found") from None
        return {}
    except (OSError, ValueError, RecursionError) as error:  # wrong UTF-8 and wrong TOML are ValueErrors
        raise SettingsError(
            f"无法读取配置文件 {file}：{error}", f"Cannot read settings file {file}: {error}"
        ) from None


def _convert(values: dict[str, Any], origin: dict[str, str]) -> Settings:
    unknown = next((name for name in values if name not in Settings.__struct_fields__), None)
    if unknown is not None:
        raise _wrong(unknown, origin.get(unknown), "没有这个设置", "there is no such setting")
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        name = re.split(r"\W", str(error).partition(" - at `$.")[2], maxsplit=1)[0]  # `allowed_hosts[0]` too
        raise _wrong(name, origin.get(name), *_wish(name)) from None


def _wish(name: str) -> Text:
    """What the value of a setting must be."""
    schema = msgspec.json.schema(next(f.type for f in msgspec.structs.fields(Settings) if f.name == name))
    if "enum" in schema:
        return Text("应为 " + "、".join(schema["enum"]), "it must be one of " + ", ".join(schema["enum"]))
    found = [(f"应为{_KINDS[schema['type']].zh}", f"it must be {_KINDS[schema['type']].en}")]
    found += [
        (zh + str(schema[key]), en + str(schema[key])) for key, (zh, en) in _BOUNDS.items() if key in schema
    ]
    return Text("，".join(zh for zh, _ in found), ", ".join(en for _, en in found))


_KINDS = {
    "boolean": Text(" true 或 false", "true or false"),
    "integer": Text("整数", "a whole number"),
    "number": Text("数", "a number"),
    "string": Text("文本", "text"),
    "array": Text("文本的列表", "a list of texts"),
}
_BOUNDS = {
    "minLength": ("长度至少 ", "of length at least "),
    "minimum": ("至少 ", "at least "),
    "exclusiveMinimum": ("大于 ", "above "),
    "maximum": ("至多 ", "at most "),
}


def _wrong(name: str, origin: str | None, zh: str, en: str) -> SettingsError:
    """What to say of a setting: its name, where it was set, why it cannot be so."""
    where = f" ({origin})" if origin else ""
    return SettingsError(
        f"设置 {name}{where} 无效：{zh}", f"Setting {name}{where} is invalid: {en}", field=name
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address. A name other than `localhost` is taken to be public."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _require_usable_token(settings: Settings, origin: str | None) -> None:
    token = settings.token
    if token and len(token) < TOKEN_LENGTH:
        raise _wrong(
            "token", origin, f"至少 {TOKEN_LENGTH} 个字符", f"it needs at least {TOKEN_LENGTH} characters"
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        # A header cannot carry it, or its reader cuts the spaces off: nobody could ever present it.
        raise _wrong(
            "token",
            origin,
            "只能是 ASCII 字母、数字和符号，不含空格与换行",
            "it may only have ASCII letters, digits and signs, no spaces or line breaks",
        )


def _refuse_public_without_token(settings: Settings, origin: str | None) -> None:
    if not is_loopback(settings.host) and not settings.token:
        where = f" ({origin})" if origin else ""
        raise SettingsError(
            f"监听 {settings.host}{where} 会让其他机器也能控制这些 Bot：请先设置 MAILAUNCHER_TOKEN",
            f"Listening on {settings.host}{where} lets other machines control the bots: set MAILAUNCHER_TOKEN first",
            field="host",
        )


def from_environment(**given: object) -> Settings:
    """`load` with this process's environment."""
    return load(os.environ, **given)
