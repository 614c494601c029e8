"""The error classes, and one table: code -> HTTP status, WebSocket close code, CLI exit status, meaning.

REST, GraphQL, the WebSocket and the CLI have no errors of their own: each converts a `LauncherError` to its format with
`ERROR_INFO`. Programs switch on `code`; people read `text` in their language.
"""

import re
from enum import StrEnum
from typing import NamedTuple

from mailauncher import files
from mailauncher.system_text import readable

_LANGUAGES_MAX = 64
"""Of more languages in a header those behind are not read: each costs time of the loop."""


class Text(NamedTuple):
    """One text in both languages. Chinese is the default, as in the API reference."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        """The text for a language tag such as `en-GB`; Chinese for every language but English."""
        return self.en if language.lower().startswith("en") else self.zh


def preferred_language(accept_language: str) -> str:
    """`en` if an `Accept-Language` header prefers English to Chinese, else `zh`. Of equal weights the first wins."""
    best, weight = "zh", 0.0
    for part in accept_language.split(",", _LANGUAGES_MAX)[:_LANGUAGES_MAX]:
        tag, _, parameters = part.partition(";")
        language = tag.strip().lower().partition("-")[0]
        if language in ("zh", "en") and (found := _weight(parameters)) > weight:
            best, weight = language, found
    return best


def locale_language(locale: str) -> str:
    """The language of a terminal's user, by the name of a locale: `zh` for `zh*`, else `en`."""
    return "zh" if locale.lower().startswith("zh") else "en"


def _weight(parameters: str) -> float:
    """The `q` of an entry; 1 if it is missing or invalid."""
    match = re.match(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*(?:;|$)", parameters)
    return float(match[1]) if match else 1.0


class Code(StrEnum):
    """The error codes of the API, the same in every language."""

    INSTANCE_NOT_FOUND = "INSTANCE_NOT_FOUND"
    INVALID_PARAMETER = "INVALID_PARAMETER"
    DATABASE_ERROR = "DATABASE_ERROR"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    INTERNAL_ERROR = "INTERNAL_ERROR"
    INSTANCE_ALREADY_RUNNING = "INSTANCE_ALREADY_RUNNING"
    INSTANCE_NOT_RUNNING = "INSTANCE_NOT_RUNNING"
    PORT_IN_USE = "PORT_IN_USE"
    INVALID_PATH = "INVALID_PATH"
    VERSION_NOT_FOUND = "VERSION_NOT_FOUND"
    DEPLOYMENT_FAILED = "DEPLOYMENT_FAILED"
    INSUFFICIENT_SPACE = "INSUFFICIENT_SPACE"
    DOWNLOAD_FAILED = "DOWNLOAD_FAILED"
    RESOURCE_NOT_FOUND = "RESOURCE_NOT_FOUND"
    INVALID_IMAGE_FORMAT = "INVALID_IMAGE_FORMAT"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    DUPLICATE_RESOURCE = "DUPLICATE_RESOURCE"
    CONFLICT = "CONFLICT"
    INVALID_SESSION = "INVALID_SESSION"
    CONNECTION_FAILED = "CONNECTION_FAILED"
    TERMINAL_NOT_FOUND = "TERMINAL_NOT_FOUND"
    COMMAND_FAILED = "COMMAND_FAILED"
    INCOMPLETE = "INCOMPLETE"
    UNKNOWN_DOCUMENT = "UNKNOWN_DOCUMENT"


class ErrorInfo(NamedTuple):
    """What one code means in each interface. Exit statuses: 1 failure, 2 bad input, 3 not found, 4 conflict, 5 refused,
    6 unavailable, 7 not complete yet. `meaning` is one sentence, from which all documentation of the code is made."""

    http: int
    close: int
    exit: int
    meaning: Text


ERROR_INFO: dict[Code, ErrorInfo] = {
    Code.INSTANCE_NOT_FOUND: ErrorInfo(
        404,
        4404,
        3,
        Text("实例不存在。", "The instance does not exist."),
    ),
    Code.INVALID_PARAMETER: ErrorInfo(
        400,
        4400,
        2,
        Text("参数、请求体或设置无效。", "A parameter, the request body or a setting is invalid."),
    ),
    Code.DATABASE_ERROR: ErrorInfo(
        500,
        4500,
        1,
        Text("数据库无法打开、读取或写入。", "The database cannot be opened, read or written."),
    ),
    Code.PERMISSION_DENIED: ErrorInfo(
        403,
        4403,
        5,
        Text(
            "令牌缺失或错误、来自其他网站的页面、主机名未被允许，或文件不允许访问或删除。",
            "The token is missing or wrong, the calling page belongs to another site, the host name is not allowed, or files may not be accessed or deleted.",
        ),
    ),
    Code.SERVICE_UNAVAILABLE: ErrorInfo(
        503,
        4503,
        6,
        Text(
            "服务器正在停止，或暂时无法处理，例如数据库无法访问。",
            "The server is shutting down, or cannot handle the request at the moment, for instance since its database is away.",
        ),
    ),
    Code.INTERNAL_ERROR: ErrorInfo(
        500,
        4500,
        1,
        Text("意料之外的错误。", "An unexpected error occurred."),
    ),
    Code.INSTANCE_ALREADY_RUNNING: ErrorInfo(
        409,
        4409,
        4,
        Text(
            "实例或服务已在运行或正在启动，或部署正在进行。",
            "The instance or service is already running or starting, or a deployment is in progress.",
        ),
    ),
    Code.INSTANCE_NOT_RUNNING: ErrorInfo(
        409,
        4409,
        4,
        Text(
            "没有在运行，或命令已被之后的命令取代。",
            "Nothing is running, or a later command superseded this one.",
        ),
    ),
    Code.PORT_IN_USE: ErrorInfo(
        409,
        4409,
        4,
        Text(
            "端口已被占用，或属于另一个实例。", "A process listens on the port, or another instance has it."
        ),
    ),
    Code.INVALID_PATH: ErrorInfo(
        400,
        4400,
        2,
        Text(
            "路径不是文件夹、不是绝对路径、无法读取，或指向实例文件夹之外。",
            "The path is not a folder, not absolute, not readable, or leads outside the instance's folder.",
        ),
    ),
    Code.VERSION_NOT_FOUND: ErrorInfo(
        404,
        4404,
        3,
        Text("仓库中没有该版本。", "The repository has no such version."),
    ),
    Code.DEPLOYMENT_FAILED: ErrorInfo(
        500,
        4500,
        1,
        Text("部署的某一步失败。", "A step of a deployment failed."),
    ),
    Code.INSUFFICIENT_SPACE: ErrorInfo(
        400,
        4400,
        2,
        Text("磁盘空间不足。", "There is not enough disk space."),
    ),
    Code.DOWNLOAD_FAILED: ErrorInfo(
        500,
        4500,
        1,
        Text("无法访问下载来源。", "No download source can be reached."),
    ),
    Code.RESOURCE_NOT_FOUND: ErrorInfo(
        404,
        4404,
        3,
        Text("没有这样的路由、服务、配方或条目。", "The route, service, recipe or entry does not exist."),
    ),
    Code.INVALID_IMAGE_FORMAT: ErrorInfo(
        400,
        4400,
        2,
        Text("不是受支持的图片。", "The data is not an image in a supported format."),
    ),
    Code.FILE_TOO_LARGE: ErrorInfo(
        400,
        1009,
        2,
        Text("请求体、文件或消息过大。", "The request body, a file or a message is too large."),
    ),
    Code.DUPLICATE_RESOURCE: ErrorInfo(
        409,
        4409,
        4,
        Text(
            "名称或 ID 已存在，或文件夹已由某个实例管理。",
            "The name or id exists already, or an instance already manages the folder.",
        ),
    ),
    Code.CONFLICT: ErrorInfo(
        412,
        4409,
        4,
        Text(
            "内容已被他人修改，或数据文件夹、数据库正由另一个服务器使用。",
            "The content was changed in the meantime, or another server uses the data folder or the database.",
        ),
    ),
    Code.INVALID_SESSION: ErrorInfo(
        400,
        4400,
        2,
        Text(
            "会话 ID 的格式不是 `{instance_id}_{terminal_type}`。",
            "The session id is not of the form `{instance_id}_{terminal_type}`.",
        ),
    ),
    Code.CONNECTION_FAILED: ErrorInfo(
        503,
        4503,
        6,
        Text("无法连接服务器，或 Bot 的 keeper。", "The server or the keeper of a bot cannot be reached."),
    ),
    Code.TERMINAL_NOT_FOUND: ErrorInfo(
        404,
        4404,
        3,
        Text(
            "实例没有这个终端，或终端已不存在。", "The instance has no such terminal, or it no longer exists."
        ),
    ),
    Code.COMMAND_FAILED: ErrorInfo(
        500,
        4500,
        1,
        Text(
            "程序启动后立即退出、无法运行或停止，或终端中没有程序。",
            "The program exited at once, cannot be run or stopped, or nothing runs in the terminal.",
        ),
    ),
    Code.INCOMPLETE: ErrorInfo(
        504,
        4504,
        7,
        Text(
            "在允许的时间内没有完成，仍在进行；或 Bot 正在其终端中等待回答。",
            "The command did not complete in the time allowed and continues, or the bot waits for an answer in its terminal.",
        ),
    ),
    Code.UNKNOWN_DOCUMENT: ErrorInfo(
        404,
        4404,
        3,
        Text(
            "服务器没有这个 id 的 GraphQL 文档，例如页面来自另一个版本。",
            "The server has no GraphQL document with this id, for instance since the page is of another version.",
        ),
    ),
}


class LauncherError(Exception):
    """A failure with a code that clients may rely on. `field` names the invalid input field, if it is a single one.

    Its text often names a file or a process: what is not UTF-8 in such a name is shown as U+FFFD.
    """

    code: Code = Code.INTERNAL_ERROR

    def __init__(self, zh: str, en: str, *, field: str | None = None) -> None:
        self.text = Text(readable(zh), readable(en))
        super().__init__(self.text.en)
        self.field = field

    @property
    def info(self) -> ErrorInfo:
        return ERROR_INFO[self.code]


class InvalidParameter(LauncherError):
    code = Code.INVALID_PARAMETER


class InvalidPath(LauncherError):
    code = Code.INVALID_PATH


class PermissionDenied(LauncherError):
    code = Code.PERMISSION_DENIED


class ServiceUnavailable(LauncherError):
    code = Code.SERVICE_UNAVAILABLE


class DatabaseError(LauncherError):
    """Where it is known why the database cannot do what it was asked, the code is the one of that."""

    code = Code.DATABASE_ERROR

    def __init__(self, zh: str, en: str, *, field: str | None = None, code: Code = code) -> None:
        super().__init__(zh, en, field=field)
        self.code = code

    @property
    def passing(self) -> bool:
        """Whether the same can be done later: the disk is full, or the database away."""
        return self.code in (Code.INSUFFICIENT_SPACE, Code.SERVICE_UNAVAILABLE)


class DuplicateResource(LauncherError):
    code = Code.DUPLICATE_RESOURCE


class PortInUse(LauncherError):
    """`passing`: only by connections that are being closed, which is over soon. `port` is the one, if it is a certain one."""

    code = Code.PORT_IN_USE

    def __init__(
        self, zh: str, en: str, *, field: str | None = None, passing: bool = False, port: int | None = None
    ) -> None:
        super().__init__(zh, en, field=field)
        self.passing = passing
        self.port = port


class ResourceNotFound(LauncherError):
    code = Code.RESOURCE_NOT_FOUND


class UnknownDocument(LauncherError):
    code = Code.UNKNOWN_DOCUMENT


class InstanceAlreadyRunning(LauncherError):
    code = Code.INSTANCE_ALREADY_RUNNING


class InstanceNotRunning(LauncherError):
    code = Code.INSTANCE_NOT_RUNNING


class VersionNotFound(LauncherError):
    code = Code.VERSION_NOT_FOUND


class DeploymentFailed(LauncherError):
    code = Code.DEPLOYMENT_FAILED


class InsufficientSpace(LauncherError):
    code = Code.INSUFFICIENT_SPACE


UNEXPECTED = Text("内部服务器错误，详见日志", "Internal server error; see the log")
"""What a caller is told of an error that is not `as_known`."""


def as_known(error: Exception | None) -> LauncherError | None:
    """The error to tell a caller of: `error` itself, or a full disk, wherever it was met. None for an unexpected error."""
    if isinstance(error, OSError) and files.is_full(error):
        return InsufficientSpace("磁盘空间不足", "There is not enough disk space")
    return error if isinstance(error, LauncherError) else None


class DownloadFailed(LauncherError):
    code = Code.DOWNLOAD_FAILED


class InvalidImageFormat(LauncherError):
    code = Code.INVALID_IMAGE_FORMAT


class Conflict(LauncherError):
    code = Code.CONFLICT


class FileTooLarge(LauncherError):
    code = Code.FILE_TOO_LARGE


class InvalidSession(LauncherError):
    code = Code.INVALID_SESSION


class ConnectionFailed(LauncherError):
    code = Code.CONNECTION_FAILED


class TerminalNotFound(LauncherError):
    code = Code.TERMINAL_NOT_FOUND


class CommandFailed(LauncherError):
    code = Code.COMMAND_FAILED


class Incomplete(LauncherError):
    code = Code.INCOMPLETE


class InstanceNotFound(LauncherError):
    """The message is the one of the API reference: `未找到实例 'invalid_id'`."""

    code = Code.INSTANCE_NOT_FOUND

    def __init__(self, instance_id: str) -> None:
        shown = instance_id[:64]
        super().__init__(f"未找到实例 '{shown}'", f"Instance '{shown}' not found")
