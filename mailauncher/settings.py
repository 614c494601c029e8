"""Settings: defaults, then a TOML file, then `MAILAUNCHER_*` variables. Frozen, built once, passed in.

`docs/configuration.md` and `mailauncher settings` are generated from the fields below, each of which has its help beside
its type and limits. The unit is part of the name.
"""

import difflib
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

from mailauncher import files, utf8
from mailauncher.errors import Code, InvalidPath, LauncherError, Text
from mailauncher.home import expand, home
from mailauncher.utf8 import NotUtf8

PREFIX = "MAILAUNCHER_"
FILE_NAME = "mailauncher.toml"
MIN_TOKEN_LENGTH = 16


class SettingsError(LauncherError):
    """An invalid setting. The message names the setting, where it was set, and which values are valid."""

    code = Code.INVALID_PARAMETER


def _setting(zh: str, en: str, **limits: Any) -> Meta:
    return Meta(description=en, extra={"zh": zh}, **limits)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything a user can set. Built by `load`, which checks it; relative folders are made absolute."""

    host: Annotated[
        str,
        _setting(
            "监听地址；`localhost` 表示 127.0.0.1 与 ::1。其他地址必须设置 token。",
            "Address to listen on; `localhost` means 127.0.0.1 and ::1. Any address but loopback requires a token.",
            min_length=1,
        ),
    ] = "localhost"
    port: Annotated[int, _setting("监听端口。", "Port to listen on.", ge=1, le=65535)] = 23456
    data: Annotated[
        str,
        _setting(
            "保存所有数据的文件夹：数据库、终端日志、图片、keeper 套接字。",
            "Folder for all stored data: database, terminal logs, images, keeper sockets.",
        ),
    ] = ""
    workspace: Annotated[
        str,
        _setting(
            "实例默认部署到的文件夹；实例路径开头的 `~` 即指它。",
            "Folder in which instances are deployed by default; `~` at the start of an instance's path stands for it.",
        ),
    ] = ""
    database_url: Annotated[
        str,
        _setting(
            "PostgreSQL 数据库的地址（`postgres://用户:密码@主机:端口/库名`）；或 SQLite 文件（`sqlite:///路径`）；留空则用数据文件夹中的 SQLite 文件。",
            "PostgreSQL database (`postgres://user:password@host:port/name`) or SQLite file (`sqlite:///path`); empty means a SQLite "
            "file in the data folder.",
        ),
    ] = ""
    token: Annotated[
        str,
        _setting(
            "调用者必须出示的令牌（`Authorization: Bearer`）；留空则无需令牌，且只能监听本机地址。",
            "Token that clients must present (`Authorization: Bearer`); empty means no authentication, allowed on loopback only.",
        ),
    ] = ""
    allowed_hosts: Annotated[
        list[str],
        _setting(
            "除本机名称与 `host` 外 `Host` 头允许的主机名，逗号分隔。",
            "Host names accepted in the `Host` header besides loopback names and that of `host`, separated by commas.",
        ),
    ] = []
    allowed_origins: Annotated[
        list[str],
        _setting(
            "除本机、Tauri 与服务器自己的页面外允许的网页来源（`https://例子`），逗号分隔。",
            "Web origins (`https://example`) accepted besides loopback, Tauri and the server's own pages, separated by commas.",
        ),
    ] = []
    ssh: Annotated[
        bool,
        _setting(
            "是否开启 SSH 网关：用 ssh 使用终端和命令。只有用 `mailauncher ssh add` 添加过的密钥可以登录。",
            "Whether to open the SSH gateway: terminals and commands by ssh. Only keys that were added with `mailauncher ssh add` may log in.",
        ),
    ] = False
    ssh_host: Annotated[
        str,
        _setting(
            "SSH 网关的监听地址；留空则与 `host` 相同，`0.0.0.0` 为所有 IPv4 地址。",
            "Address on which the SSH gateway listens; empty means that of `host`, `0.0.0.0` every IPv4 address.",
        ),
    ] = ""
    ssh_port: Annotated[int, _setting("SSH 网关的端口。", "Port of the SSH gateway.", ge=1, le=65535)] = 2222
    ssh_handshakes_per_minute: Annotated[
        int,
        _setting(
            "每个地址每分钟最多多少次没有登录成功的 SSH 连接。",
            "How many SSH connections an address may open in a minute without logging in.",
            ge=1,
            le=100_000,
        ),
    ] = 10
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], _setting("最低日志级别。", "Minimum log level.")
    ] = "info"
    log_format: Annotated[
        Literal["text", "json"],
        _setting("日志格式：供人阅读的文本，或 JSON。", "Log format: text for people, or JSON."),
    ] = "text"
    shell: Annotated[
        str,
        _setting(
            "Bot 未运行时终端里的 shell；留空则用 `$SHELL`，否则 /bin/sh。",
            "Shell in terminals whose program is not running; empty means `$SHELL`, or /bin/sh without it.",
        ),
    ] = ""
    shell_idle_timeout_s: Annotated[
        float,
        _setting(
            "无人观看的 shell 在多少秒后关闭。",
            "Seconds until a shell without viewers is closed.",
            gt=0,
            le=2_592_000,
        ),
    ] = 1800.0
    start_grace_s: Annotated[
        float,
        _setting(
            "进程启动后须存活多少秒才算启动成功。",
            "Seconds that a process must survive for its start to count as successful.",
            gt=0,
            le=5,
        ),
    ] = 0.8
    stop_timeout_s: Annotated[
        float,
        _setting(
            "停止时每个信号之后等待的秒数，实例或其配方另有规定的除外。",
            "Seconds to wait after each signal when stopping a program, unless its instance or its recipe specifies otherwise.",
            gt=0,
            le=3600,
        ),
    ] = 10.0
    stop_bots_at_exit: Annotated[
        bool,
        _setting(
            "服务器退出时是否停止所有 Bot；否则它们继续运行，由下次启动的服务器接管。",
            "Whether the server stops all bots when it exits; otherwise they keep running and the next server adopts them.",
        ),
    ] = False
    terminal_log_segment_bytes: Annotated[
        int,
        _setting(
            "终端日志每段的大小（字节）。",
            "Size of a terminal log segment in bytes.",
            ge=65536,
            le=1 << 30,
        ),
    ] = 16 << 20
    terminal_log_segments: Annotated[
        int,
        _setting(
            "每个终端最多保留多少段写满的日志。",
            "How many full log segments are kept per terminal at most.",
            ge=2,
            le=1000,
        ),
    ] = 2
    sources_maibot: Annotated[
        list[str],
        _setting(
            "MaiBot 的 git 仓库地址，按优先顺序，逗号分隔；此处可用 `file://`。留空则用配方中的地址。",
            "Git URLs of MaiBot in order of preference, separated by commas; `file://` is allowed here. Empty means those of the recipe.",
        ),
    ] = []
    sources: Annotated[
        list[str],
        _setting(
            "下载其他配方的来源，形如 `配方=地址`，逗号分隔，同一配方可有多个，按优先顺序：git 仓库的地址，或与配方中文件同名的压缩包的地址，"
            "如 `nonebot-ada=https://git.example/adapter`。",
            "Sources of recipes as `RECIPE=URL`, separated by commas; several of one recipe are in order of preference. A URL is that of "
            "the git repository, or of an archive with the file name that it has in the recipe, such as "
            "`nonebot-ada=https://git.example/adapter`.",
        ),
    ] = []
    github_mirror: Annotated[
        str,
        _setting(
            "GitHub 镜像的地址前缀，会加在每个 `https://github.com/...` 地址之前先行尝试，下载 Python 时也用它；不影响 `sources` 中的地址。",
            "Prefix of a mirror of GitHub, which is put before each URL `https://github.com/...` and tried first, also to download a "
            "Python. URLs in `sources` are used as they are.",
        ),
    ] = ""
    python_index_url: Annotated[
        str,
        _setting(
            "安装 Python 包所用的索引地址；留空用 uv 的默认与配置，`project` 用 Bot 项目中写定的地址。",
            "URL of the index for Python packages; empty means the default and configuration of uv, `project` the index that "
            "the bot's project names.",
        ),
    ] = ""
    python: Annotated[
        list[str],
        _setting(
            "Bot 所用的 Python，按优先顺序，逗号分隔：路径，或 `3.12` 这样的版本；每个 Bot 用其中第一个符合的。留空则用任何已安装且符合的。",
            "Pythons for bots in order of preference, separated by commas: paths, or versions such as `3.12`. Each bot gets the first "
            "one that fits. Empty means any that is installed and fits.",
        ),
    ] = []
    python_downloads: Annotated[
        bool,
        _setting(
            "没有合适的 Python 时是否允许 uv 下载一个。",
            "Whether uv may download a Python version if no installed one suits a bot.",
        ),
    ] = True
    deployments_at_once: Annotated[
        int,
        _setting(
            "同时进行的最大部署数，其余排队。",
            "Maximum number of concurrent deployments; others wait in a queue.",
            ge=1,
            le=16,
        ),
    ] = 2
    deployment_accepts_terms: Annotated[
        bool,
        _setting(
            "REST 部署请求中的 `auto_start: true` 是否视为同意 Bot 的用户协议与隐私条款。",
            "Whether `auto_start: true` in a REST deployment request counts as consent to the bot's licence and privacy terms.",
        ),
    ] = False
    versions_refresh_s: Annotated[
        float,
        _setting(
            "版本列表在多少秒后于后台刷新。",
            "Seconds after which the list of versions is refreshed in the background.",
            ge=1,
            le=2_592_000,
        ),
    ] = 3600.0
    backups_kept: Annotated[
        int,
        _setting("每个实例最多保留的备份数。", "Maximum number of backups kept per instance.", ge=1, le=1000),
    ] = 10
    metrics_interval_s: Annotated[
        float,
        _setting(
            "系统指标的采样间隔（秒）。", "Interval of system metrics sampling in seconds.", ge=0.1, le=60
        ),
    ] = 1.0
    max_body_bytes: Annotated[
        int,
        _setting(
            "HTTP 请求体的最大大小（字节），上传的文件除外。",
            "Maximum HTTP request body size in bytes, except for uploaded files.",
            ge=1024,
        ),
    ] = 16 << 20
    max_upload_bytes: Annotated[
        int,
        _setting(
            "上传到实例文件夹的单个文件的最大大小（字节）。",
            "Maximum size in bytes of a file that is uploaded into an instance's folder.",
            ge=1024,
        ),
    ] = 4 << 30
    graphql_max_depth: Annotated[
        int, _setting("GraphQL 查询的最大嵌套深度。", "Maximum depth of a GraphQL operation.", ge=3, le=100)
    ] = 12
    graphql_max_tokens: Annotated[
        int,
        _setting("GraphQL 文档的最大记号数。", "Maximum number of tokens in a GraphQL document.", ge=100),
    ] = 4000
    graphql_max_aliases: Annotated[
        int, _setting("GraphQL 文档的最大别名数。", "Maximum number of aliases in a GraphQL document.", ge=1)
    ] = 60
    graphql_max_subscriptions: Annotated[
        int,
        _setting(
            "每条 GraphQL WebSocket 连接上同时进行的最大操作数。",
            "Maximum number of concurrent operations on a GraphQL WebSocket connection.",
            ge=1,
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
        """The addresses to bind: IPv4 and IPv6 loopback for `localhost`, else the given one."""
        return _addresses(self.host)

    @property
    def ssh_addresses(self) -> list[str]:
        """The same for the SSH gateway."""
        return _addresses(self.ssh_host or self.host)

    @property
    def url(self) -> str:
        """The URL to open on this machine."""
        host = "127.0.0.1" if self.host in ("localhost", "0.0.0.0", "::") else self.host  # noqa: S104 - compared, not bound
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def _addresses(host: str) -> list[str]:
    return ["127.0.0.1", "::1"] if host == "localhost" else [host]


class Setting(NamedTuple):
    """A setting as documented: `kind` is its type in words, `default` as written in TOML."""

    name: str
    variable: str
    kind: str
    default: str
    zh: str
    en: str


_SHOWN_DEFAULTS = {"data": "the user's data folder", "workspace": "~/MaiBot"}
SECRETS = frozenset({"token", "database_url", "github_mirror", "python_index_url"})
"""Settings whose values are never shown: the URL of a database, a mirror or an index may contain a password."""


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
    """The settings file, whether it exists or not: `MAILAUNCHER_CONFIG`, else `mailauncher.toml` in the data folder, which
    is `data` (from the command line), else that of the environment. Raises SettingsError."""
    if chosen := environ.get(f"{PREFIX}CONFIG"):
        return Path(_absolute("config", chosen, f"{PREFIX}CONFIG"))
    return Path(_data_folder(environ, data)) / FILE_NAME


def _data_folder(environ: Mapping[str, str], data: object) -> str:
    if data:
        return _absolute("data", str(data), "--data")
    if variable := environ.get(f"{PREFIX}DATA"):
        return _absolute("data", variable, f"{PREFIX}DATA")
    try:
        return platformdirs.user_data_dir("mailauncher", appauthor=False)
    except RuntimeError:
        raise _no_home("DATA", "WORKSPACE") from None


def load(environ: Mapping[str, str], **given: object) -> Settings:
    """Settings from defaults, `settings_file`, the environment and `given` (command-line options); later ones override.

    An empty variable and an option that is None count as not given. Raises SettingsError for an unreadable file, an
    unknown name in it, or an invalid value.
    """
    file = settings_file(environ, given.get("data"))
    values = read_file(file, required=bool(environ.get(f"{PREFIX}CONFIG")))
    origin = dict.fromkeys(values, str(file))
    for field in msgspec.structs.fields(Settings):
        # An unknown variable with our prefix may belong to a later version; an unknown name in the file is a typo.
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
        ssh_host=settings.ssh_host.strip(),
        data=_absolute("data", data, origin.get("data")),
        workspace=_absolute("workspace", settings.workspace or _default_workspace(), origin.get("workspace")),
        allowed_hosts=[h.strip().lower() for h in settings.allowed_hosts if h.strip()],
        sources_maibot=[source.strip() for source in settings.sources_maibot if source.strip()],
        sources=[source.strip() for source in settings.sources if source.strip()],
        github_mirror=_prefix(settings.github_mirror, origin.get("github_mirror")),
        python=[one.strip() for one in settings.python if one.strip()],
        allowed_origins=[o.strip().rstrip("/").lower() for o in settings.allowed_origins if o.strip()],
    )
    _require_named_sources(settings, origin.get("sources"))
    _require_usable_token(settings, origin.get("token"))
    _refuse_public_without_token(settings, origin.get("host"))
    return settings


def _prefix(mirror: str, origin: str | None) -> str:
    mirror = mirror.strip()
    if mirror and not mirror.startswith(("https://", "http://")):
        raise _invalid(
            "github_mirror", origin, "应以 https:// 或 http:// 开头", "it must start with https:// or http://"
        )
    return mirror.rstrip("/") + "/" if mirror else ""


def _require_named_sources(settings: Settings, origin: str | None) -> None:
    for source in settings.sources:
        name, _, url = source.partition("=")
        if not name.strip() or "/" in name or "://" not in url:
            raise _invalid(
                "sources",
                origin,
                "每项应形如 配方=地址，如 nonebot-ada=https://git.example/adapter",
                "each must have the form RECIPE=URL, such as nonebot-ada=https://git.example/adapter",
            )


def _default_workspace() -> str:
    if home() is None:
        raise _no_home("WORKSPACE")
    return "~/MaiBot"


def _no_home(*missing: str) -> SettingsError:
    names = [PREFIX + name for name in missing]
    return SettingsError(
        f"当前用户没有主目录（没有 HOME，passwd 中也没有记录）：请将 {' 与 '.join(names)} 设为绝对路径",
        f"This user has no home folder (no HOME, and no entry in passwd): set {' and '.join(names)} to absolute paths",
    )


def _absolute(name: str, folder: str, origin: str | None) -> str:
    """An absolute path. Expands `~`, which no shell has expanded in a file or in the environment of a service."""
    try:
        if "\0" in folder:
            raise ValueError("a NUL character")
        return str(expand(folder))
    except (InvalidPath, ValueError) as error:
        raise _invalid(name, origin, f"不是可用的路径（{error}）", f"not a usable path ({error})") from None


def read_file(file: Path, *, required: bool = False) -> dict[str, Any]:
    """The values in a settings file; none if there is no such file, unless it is `required`. Raises SettingsError."""
    try:
        return tomllib.loads(utf8.decode(files.read(file)))
    except NotUtf8 as error:
        raise SettingsError(
            f"无法读取配置文件 {file}：{error.text.zh}",
            f"Cannot read settings file {file}: it is {error.text.en}",
        ) from None
    except (FileNotFoundError, NotADirectoryError):
        if required:
            raise SettingsError(f"找不到配置文件 {file}", f"Settings file {file} not found") from None
        return {}
    except (OSError, ValueError, RecursionError) as error:  # invalid TOML is a ValueError
        raise SettingsError(
            f"无法读取配置文件 {file}：{error}", f"Cannot read settings file {file}: {error}"
        ) from None


def _convert(values: dict[str, Any], origin: dict[str, str]) -> Settings:
    unknown = next((name for name in values if name not in Settings.__struct_fields__), None)
    if unknown is not None:
        raise _invalid(unknown, origin.get(unknown), *_no_such(unknown))
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        name = re.split(r"\W", str(error).partition(" - at `$.")[2], maxsplit=1)[0]  # `allowed_hosts[0]` too
        raise _invalid(name, origin.get(name), *_expected(name)) from None


def _no_such(name: str) -> Text:
    near = difflib.get_close_matches(name, Settings.__struct_fields__, 1)
    if not near:
        return Text(
            "没有这个设置；mailauncher settings 列出所有设置",
            "no such setting; mailauncher settings lists all",
        )
    return Text(f"没有这个设置，是否想用 {near[0]}？", f"no such setting; did you mean {near[0]}?")


def _expected(name: str) -> Text:
    """Which values of a setting are valid."""
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
    "integer": Text("整数", "an integer"),
    "number": Text("数", "a number"),
    "string": Text("文本", "a string"),
    "array": Text("文本的列表", "a list of strings"),
}
_BOUNDS = {
    "minLength": ("长度至少 ", "of length at least "),
    "minimum": ("至少 ", "at least "),
    "exclusiveMinimum": ("大于 ", "above "),
    "maximum": ("至多 ", "at most "),
}


def _invalid(name: str, origin: str | None, zh: str, en: str) -> SettingsError:
    """The error for a setting: its name, where it was set, why the value is invalid."""
    where = f" ({origin})" if origin else ""
    return SettingsError(
        f"设置 {name}{where} 无效：{zh}", f"Setting {name}{where} is invalid: {en}", field=name
    )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address. Any name but `localhost` counts as public."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _require_usable_token(settings: Settings, origin: str | None) -> None:
    token = settings.token
    if token and len(token) < MIN_TOKEN_LENGTH:
        raise _invalid(
            "token",
            origin,
            f"至少要有 {MIN_TOKEN_LENGTH} 个字符",
            f"it must have at least {MIN_TOKEN_LENGTH} characters",
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        # A header cannot carry it, or its reader strips the spaces: no client could ever present it.
        raise _invalid(
            "token",
            origin,
            "只能是 ASCII 字母、数字和符号，不含空格与换行",
            "only ASCII letters, digits and punctuation are allowed, no spaces or line breaks",
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
    """`load` with the environment of this process."""
    return load(os.environ, **given)
