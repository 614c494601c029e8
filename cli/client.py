"""A client of a running server: REST requests, GraphQL for what REST has no route for, and instances by name."""

import http.client
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated, Any, BinaryIO, Protocol, TypeVar
from urllib.parse import SplitResult, quote, urlsplit

import msgspec
import typer

from cli.console import console_of, program_name
from cli.language import help_text
from mailauncher import __version__, lock
from mailauncher.access import COMMAND_LINE
from mailauncher.errors import (
    Code,
    ConnectionFailed,
    FileTooLarge,
    InstanceNotFound,
    InvalidParameter,
    LauncherError,
)
from mailauncher.settings import Settings, from_environment
from mailauncher.system_text import readable

TIMEOUT_S = 20.0  # the server answers within 10 s
FILE_TIMEOUT_S = 600.0  # of silence; a long file may take minutes
DELETE_TIMEOUT_S = 90.0  # it may have to stop the bot first
CHUNK_BYTES = 64 << 10
UPLOAD_BYTES = 256 << 20
"""More than a server accepts; a device may be without an end."""
PAGE_SIZE = 200  # the maximum of a search
MIN_PREFIX = 4  # characters of an id

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        metavar="URL",
        help=help_text(
            "服务器的地址；默认取自设置。", "Address of the server; by default that of the settings."
        ),
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="TOKEN",
        help=help_text(
            "服务器的令牌；默认取自设置。用 MAILAUNCHER_TOKEN 给出则不会出现在进程列表里。",
            "The server's token; by default that of the settings. In MAILAUNCHER_TOKEN it stays out of the process list.",
        ),
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help=help_text("输出 JSON，供脚本使用。", "Print JSON, for scripts."))
]


class Details(msgspec.Struct, frozen=True):
    """What a status does not tell, as the API documents it."""

    ready: bool | None = None
    restarts: int = 0
    reason: str | None = None
    waiting_for: str | None = None
    question: str | None = None
    uptime_s: int | None = None
    cpu: float | None = None
    memory: int | None = None


class Service(msgspec.Struct, frozen=True):
    name: str
    path: str
    status: str
    port: int
    details: Details | None = None


class Instance(msgspec.Struct, frozen=True):
    """An instance as the API documents it. `details` only where they were asked for, of a server that has them."""

    id: str
    name: str
    status: str
    path: str
    port: int
    version: str
    services: tuple[Service, ...]
    details: Details | None = None


class Named(Protocol):
    """Has a name and an id."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


NamedT = TypeVar("NamedT", bound=Named)


class _Instances(msgspec.Struct, frozen=True):
    instances: list[Instance]


class RequestRefused(LauncherError):
    """An error that the server answered, with its own message and the name of the invalid field, if there is one."""

    def __init__(self, code: str, message: str, field: str | None = None) -> None:
        super().__init__(message, message, field=field)
        self.code = Code(code) if code in Code.__members__ else Code.INTERNAL_ERROR


class ApiClient:
    """A client of one server. Raises RequestRefused for an error that it answers, ConnectionFailed when nothing answers."""

    def __init__(self, settings: Settings, url: str | None, token: str | None, language: str) -> None:
        self.url = (url or settings.url).rstrip("/")
        self.language = language
        self._settings = settings
        self._parts = _parsed(self.url)
        token = token or settings.token
        if not (token.isascii() and token.isprintable()):
            raise InvalidParameter(
                "令牌只能含有可打印的 ASCII 字符",
                "A token consists of printable ASCII characters",
                field="token",
            )
        self.headers = {"Accept-Language": language} | ({"Authorization": f"Bearer {token}"} if token else {})

    # Requests

    def get(self, path: str) -> Any:
        return self._request("GET", f"/api/v1{path}")

    def post(self, path: str, body: object) -> Any:
        return self._request("POST", f"/api/v1{path}", body)

    def delete(self, path: str) -> Any:
        return self._request("DELETE", f"/api/v1{path}", timeout_s=DELETE_TIMEOUT_S)

    def stream(self, path: str, timeout_s: float = TIMEOUT_S) -> Iterator[bytes]:
        """The chunks of a response that is not JSON, as they arrive: what their reader fails at is not the connection."""
        with self._response("GET", f"/api/v1{path}", None, timeout_s) as answer:
            if answer.status >= 400:
                self._decode(answer.status, answer.read())
            while chunk := answer.read1(CHUNK_BYTES):
                yield chunk

    def upload(self, path: str, data: bytes) -> Any:
        return self._request("POST", f"/api/v1{path}", data, timeout_s=FILE_TIMEOUT_S)

    def graphql(self, operation: str, *, timeout_s: float = TIMEOUT_S, **variables: object) -> Any:
        """The `data` of an operation."""
        body = {"query": operation, "variables": variables}
        answer = self._request("POST", "/graphql", body, timeout_s=timeout_s)
        for error in answer.get("errors", ()):
            known = error.get("extensions", {})
            raise RequestRefused(known.get("code", ""), error["message"], known.get("field"))
        return answer["data"]

    def _request(self, method: str, path: str, body: object = None, *, timeout_s: float = TIMEOUT_S) -> Any:
        with self._response(method, path, body, timeout_s) as answer:
            return self._decode(answer.status, answer.read())

    def _decode(self, status: int, content: bytes) -> Any:
        """The JSON object of a response. Raises RequestRefused; ConnectionFailed for a response that MaiLauncher never gives."""
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            raise self.not_mailauncher() from None
        error = answer.get("error") if isinstance(answer, dict) else None
        if status >= 400 and isinstance(error, dict):
            raise RequestRefused(str(error.get("code")), str(error.get("message")), error.get("field"))
        if status >= 400 or not isinstance(answer, dict):
            raise self.not_mailauncher()
        return answer

    @contextmanager
    def _response(
        self, method: str, path: str, body: object, timeout_s: float
    ) -> Iterator[http.client.HTTPResponse]:
        """The response, to be read within the block. A body of bytes is sent as it is, any other as JSON."""
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._parts.hostname or "", self._parts.port, timeout=timeout_s)
        headers = self.headers | {"Accept": "application/json", "Content-Type": "application/json"}
        headers["User-Agent"] = f"{COMMAND_LINE}/{__version__}"
        sent = body if isinstance(body, bytes) else _as_json(body) if body else None
        try:
            connection.request(method, self._parts.path + path, sent, headers)
            yield connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise self.unreachable(error) from error
        finally:
            connection.close()

    def unreachable(self, error: Exception) -> ConnectionFailed:
        """The error for a failed connection: how to start the server, or where the one of this data folder listens."""
        if isinstance(error, TimeoutError):
            return ConnectionFailed(f"{self.url} 没有应答", f"{self.url} does not answer")
        if isinstance(error, http.client.IncompleteRead):
            return ConnectionFailed(
                f"{self.url} 的应答没有传完，连接就中断了",
                f"The connection to {self.url} was lost before the whole answer had arrived",
            )
        if not isinstance(error, OSError):
            return self.not_mailauncher()
        holder = lock.holder(self._settings.data_folder)
        if holder and holder.url != self.url:
            return ConnectionFailed(
                f"{self.url} 上没有 MaiLauncher 在运行，但 {holder.url} 上有：请加上 --url {holder.url}",
                f"No MaiLauncher runs at {self.url}, but one does at {holder.url}: add --url {holder.url}",
            )
        return ConnectionFailed(
            f"{self.url} 上没有 MaiLauncher 在运行，请先启动：{program_name()} serve",
            f"No MaiLauncher runs at {self.url}. Start it with: {program_name()} serve",
        )

    def not_mailauncher(self) -> ConnectionFailed:
        return ConnectionFailed(
            f"{self.url} 上应答的不是 MaiLauncher", f"The server at {self.url} is not MaiLauncher"
        )

    def search(self, path: str, key: str, search: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Everything that a POST route finds, page by page. `key` names the list in the response."""
        offset = 0
        while True:
            page = self.post(path, search | {"limit": PAGE_SIZE, "offset": offset})[key]
            yield from page
            if len(page) < PAGE_SIZE:
                return
            offset += PAGE_SIZE

    # Instances

    def instances(self, *, details: bool = False) -> list[Instance]:
        path = "/instances?details=true" if details else "/instances"
        try:
            return msgspec.convert(self.get(path), _Instances).instances
        except msgspec.ValidationError:
            raise self.not_mailauncher() from None

    def find(self, wanted: str) -> Instance:
        return find(self.instances(), wanted)

    # WebSockets

    def terminal_url(self, session_id: str, after: int | None) -> str:
        """The WebSocket address of a terminal."""
        query = "" if after is None else f"?after={after}"
        return self._socket_url(f"/ws/{quoted(session_id)}{query}")

    @property
    def graphql_url(self) -> str:
        """The WebSocket address of subscriptions."""
        return self._socket_url("/graphql")

    def _socket_url(self, path: str) -> str:
        scheme = "wss" if self._parts.scheme == "https" else "ws"
        return f"{scheme}://{self._parts.netloc}{self._parts.path}{path}"


def read_upload(file: BinaryIO) -> bytes:
    """The content of a file, a pipe or standard input to be sent. Raises OSError, FileTooLarge."""
    data = file.read(UPLOAD_BYTES + 1)
    if len(data) > UPLOAD_BYTES:
        raise FileTooLarge(
            f"文件超过 {UPLOAD_BYTES >> 20} MiB", f"The file is larger than {UPLOAD_BYTES >> 20} MiB"
        )
    return data


def quoted(text: str) -> str:
    """The text as part of an address; what of an argument is not UTF-8 as the bytes that were typed."""
    return quote(text, errors="surrogateescape")


def _as_json(body: object) -> bytes:
    """Raises InvalidParameter for bytes of an argument that are not UTF-8, which Python has as lone surrogates."""
    try:
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        shown = readable(error.object[max(0, error.start - 20) : error.end + 20])
        raise InvalidParameter(
            f"参数不是 UTF-8 文本：{shown}", f"An argument is not UTF-8: {shown}"
        ) from None


def _parsed(url: str) -> SplitResult:
    """The parts of a server's address. Raises InvalidParameter."""
    with suppress(ValueError):  # from each of these lines
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            parts.hostname.encode("idna")
            parts.path.encode("ascii")
            return parts
    raise InvalidParameter(
        f"地址无效：{url}（应如 http://localhost:23456）",
        f"Invalid address: {url} (an example of a valid one: http://localhost:23456)",
        field="url",
    )


def find(instances: Sequence[NamedT], wanted: str) -> NamedT:
    """Finds by name, id or prefix of an id. Raises InstanceNotFound, and InvalidParameter for an ambiguous prefix."""
    for instance in instances:
        if wanted in (instance.name, instance.id):
            return instance
    found = [i for i in instances if len(wanted) >= MIN_PREFIX and i.id.startswith(wanted.lower())]
    if not found:
        raise InstanceNotFound(wanted)
    if len(found) > 1:
        names = ", ".join(instance.name for instance in found)
        raise InvalidParameter(
            f"{wanted} 可以指多个实例：{names}", f"{wanted} matches several instances: {names}"
        )
    return found[0]


def find_all(instances: Sequence[Instance], wanted: Iterable[str]) -> list[Instance]:
    """Each of the wanted instances once, in the order given."""
    return list({found.id: found for found in (find(instances, name) for name in wanted)}.values())


def connect(context: typer.Context, url: str | None, token: str | None) -> ApiClient:
    """A client of the server that a command's options name."""
    return ApiClient(from_environment(), url, token, console_of(context).language)
