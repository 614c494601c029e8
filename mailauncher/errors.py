"""The error tree and its one table: code -> HTTP status, WebSocket close code, CLI exit status.

Every front door (REST, GraphQL, WebSocket, CLI) raises nothing of its own: it turns a `LauncherError` into its shape
with `VERDICTS`. Callers switch on `code`; people read `text` in their language.
"""

import re
from enum import StrEnum
from typing import NamedTuple


class Text(NamedTuple):
    """One message in both languages of the product. Chinese is the default, as in the API reference."""

    zh: str
    en: str

    def in_language(self, language: str) -> str:
        """The message for a language tag such as `en-GB`; everything but English is answered in Chinese."""
        return self.en if language.lower().startswith("en") else self.zh


def preferred_language(accept_language: str) -> str:
    """`en` when an `Accept-Language` header likes English better than Chinese, else `zh`. Of equals the first counts."""
    best, weight = "zh", 0.0
    for part in accept_language.split(","):
        tag, _, parameters = part.partition(";")
        language = tag.strip().lower().partition("-")[0]
        if language in ("zh", "en") and (found := _weight(parameters)) > weight:
            best, weight = language, found
    return best


def _weight(parameters: str) -> float:
    """The `q` of an entry; 1 where there is none that could be read."""
    match = re.match(r"\s*q=([01](?:\.[0-9]{0,3})?)\s*(?:;|$)", parameters)
    return float(match[1]) if match else 1.0


class Code(StrEnum):
    """The error codes of the API. They never change with language."""

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


class Verdict(NamedTuple):
    """What one code means to each front door. Exit statuses: 1 failure, 2 bad input, 3 not found, 4 conflict,
    5 refused, 6 unavailable."""

    http: int
    close: int
    exit: int


VERDICTS: dict[Code, Verdict] = {
    Code.INSTANCE_NOT_FOUND: Verdict(404, 4404, 3),
    Code.INVALID_PARAMETER: Verdict(400, 4400, 2),
    Code.DATABASE_ERROR: Verdict(500, 4500, 1),
    Code.PERMISSION_DENIED: Verdict(403, 4403, 5),
    Code.SERVICE_UNAVAILABLE: Verdict(503, 4503, 6),
    Code.INTERNAL_ERROR: Verdict(500, 4500, 1),
    Code.INSTANCE_ALREADY_RUNNING: Verdict(409, 4409, 4),
    Code.INSTANCE_NOT_RUNNING: Verdict(409, 4409, 4),
    Code.PORT_IN_USE: Verdict(409, 4409, 4),
    Code.INVALID_PATH: Verdict(400, 4400, 2),
    Code.VERSION_NOT_FOUND: Verdict(404, 4404, 3),
    Code.DEPLOYMENT_FAILED: Verdict(500, 4500, 1),
    Code.INSUFFICIENT_SPACE: Verdict(400, 4400, 2),
    Code.DOWNLOAD_FAILED: Verdict(500, 4500, 1),
    Code.RESOURCE_NOT_FOUND: Verdict(404, 4404, 3),
    Code.INVALID_IMAGE_FORMAT: Verdict(400, 4400, 2),
    Code.FILE_TOO_LARGE: Verdict(400, 1009, 2),
    Code.DUPLICATE_RESOURCE: Verdict(409, 4409, 4),
    Code.CONFLICT: Verdict(412, 4409, 4),
    Code.INVALID_SESSION: Verdict(400, 4400, 2),
    Code.CONNECTION_FAILED: Verdict(503, 4503, 6),
    Code.TERMINAL_NOT_FOUND: Verdict(404, 4404, 3),
    Code.COMMAND_FAILED: Verdict(500, 4500, 1),
}


class LauncherError(Exception):
    """A failure with a code that clients may rely on. `field` names the input field at fault, if one is."""

    code: Code = Code.INTERNAL_ERROR

    def __init__(self, zh: str, en: str, *, field: str | None = None) -> None:
        super().__init__(en)
        self.text = Text(zh, en)
        self.field = field

    @property
    def verdict(self) -> Verdict:
        return VERDICTS[self.code]


class InvalidParameter(LauncherError):
    code = Code.INVALID_PARAMETER


class InvalidPath(LauncherError):
    code = Code.INVALID_PATH


class PermissionDenied(LauncherError):
    code = Code.PERMISSION_DENIED


class ServiceUnavailable(LauncherError):
    code = Code.SERVICE_UNAVAILABLE


class DatabaseError(LauncherError):
    code = Code.DATABASE_ERROR


class DuplicateResource(LauncherError):
    code = Code.DUPLICATE_RESOURCE


class PortInUse(LauncherError):
    code = Code.PORT_IN_USE


class ResourceNotFound(LauncherError):
    code = Code.RESOURCE_NOT_FOUND


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


class InstanceNotFound(LauncherError):
    """The words are the API reference's own: `未找到实例 'invalid_id'`."""

    code = Code.INSTANCE_NOT_FOUND

    def __init__(self, instance_id: str) -> None:
        shown = instance_id[:64]
        super().__init__(f"未找到实例 '{shown}'", f"Instance '{shown}' not found")
