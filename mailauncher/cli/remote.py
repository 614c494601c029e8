"""A running server as its client sees it: REST requests, GraphQL for what REST has no route for, and instances by name."""

import http.client
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, BinaryIO, Protocol, TypeVar
from urllib.parse import quote, urlsplit

import msgspec
import typer

from mailauncher import lock
from mailauncher.cli.voice import called, voice_of
from mailauncher.errors import (
    Code,
    ConnectionFailed,
    InstanceNotFound,
    InvalidParameter,
    LauncherError,
)
from mailauncher.settings import Settings, from_environment

TIMEOUT_S = 20.0  # the server answers within 10 s
FILE_TIMEOUT_S = 600.0  # of silence; a long file may take minutes
PIECE_BYTES = 64 << 10
DELETE_TIMEOUT_S = 90.0  # it may have to stop the bot first
PIECE_BYTES = 64 << 10
PREFIX_LENGTH = 4  # least part of an id that is taken for it

Url = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="Address of the server; by default that of the settings."),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        metavar="TOKEN",
        help="The server's token; by default that of the settings. MAILAUNCHER_TOKEN keeps it out of the process list.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


class Service(msgspec.Struct, frozen=True):
    name: str
    path: str
    status: str
    port: int


class Instance(msgspec.Struct, frozen=True):
    """An instance as the API documents it."""

    id: str
    name: str
    status: str
    path: str
    port: int
    version: str
    services: tuple[Service, ...]


class Named(Protocol):
    """What is found by its name or its id."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


Found = TypeVar("Found", bound=Named)


class _Instances(msgspec.Struct, frozen=True):
    instances: list[Instance]


class Refused(LauncherError):
    """The server's own refusal, in the words it chose for us."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, message)
        self.code = Code(code) if code in Code.__members__ else Code.INTERNAL_ERROR


class Remote:
    """One server. Raises Refused for what it refuses, ConnectionFailed when nothing answers there."""

    def __init__(self, settings: Settings, url: str | None, token: str | None, language: str) -> None:
        self.url = (url or settings.url).rstrip("/")
        self._settings = settings
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidParameter(f"地址无效：{self.url}", f"Invalid address: {self.url}", field="url")
        self._parts = parts
        token = token or settings.token
        self.headers = {"Accept-Language": language} | ({"Authorization": f"Bearer {token}"} if token else {})

    # Requests

    def get(self, path: str) -> Any:
        return self._request("GET", f"/api/v1{path}")

    def post(self, path: str, body: object) -> Any:
        return self._request("POST", f"/api/v1{path}", body)

    def delete(self, path: str) -> Any:
        return self._request("DELETE", f"/api/v1{path}", timeout_s=DELETE_TIMEOUT_S)

    def pieces(self, path: str) -> Iterator[bytes]:
        """An answer that is no JSON, piece by piece."""
        with self._answer("GET", f"/api/v1{path}", None, TIMEOUT_S) as answer:
            if answer.status >= 400:
                self._understood(answer.status, answer.read())
            while piece := answer.read1(PIECE_BYTES):
                yield piece

    def upload(self, path: str, data: bytes) -> Any:
        return self._request("POST", f"/api/v1{path}", data, timeout_s=FILE_TIMEOUT_S)

    def download(self, path: str, target: BinaryIO) -> None:
        """Writes an answer that is no JSON into the target as it comes."""
        with self._answer("GET", f"/api/v1{path}", None, FILE_TIMEOUT_S) as answer:
            if answer.status >= 400:
                self._understood(answer.status, answer.read())
            while piece := answer.read(PIECE_BYTES):
                target.write(piece)

    def graphql(self, operation: str, *, timeout_s: float = TIMEOUT_S, **variables: object) -> Any:
        """The `data` of an operation."""
        body = {"query": operation, "variables": variables}
        answer = self._request("POST", "/graphql", body, timeout_s=timeout_s)
        for error in answer.get("errors", ()):
            raise Refused(error.get("extensions", {}).get("code", ""), error["message"])
        return answer["data"]

    def _request(self, method: str, path: str, body: object = None, *, timeout_s: float = TIMEOUT_S) -> Any:
        with self._answer(method, path, body, timeout_s) as answer:
            return self._understood(answer.status, answer.read())

    def _understood(self, status: int, content: bytes) -> Any:
        """The object that was answered. Raises Refused, ConnectionFailed for what our server would not say."""
        try:
            answer = json.loads(content)
        except ValueError:
            raise self.stranger() from None
        error = answer.get("error") if isinstance(answer, dict) else None
        if status >= 400 and isinstance(error, dict):
            raise Refused(str(error.get("code")), str(error.get("message")))
        if status >= 400 or not isinstance(answer, dict):
            raise self.stranger()
        return answer

    @contextmanager
    def _answer(
        self, method: str, path: str, body: object, timeout_s: float
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer, to be read within the block. Bytes are sent as they are, anything else as JSON."""
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._parts.hostname or "", self._parts.port, timeout=timeout_s)
        headers = self.headers | {"Accept": "application/json", "Content-Type": "application/json"}
        sent = body if isinstance(body, bytes) else json.dumps(body) if body else None
        try:
            connection.request(method, self._parts.path + path, sent, headers)
            yield connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise self.unreachable(error) from error
        finally:
            connection.close()

    def unreachable(self, error: Exception) -> ConnectionFailed:
        """What to say when nobody answers: how to start the server, or where the one of this data folder is."""
        if isinstance(error, TimeoutError):
            return ConnectionFailed(f"{self.url} 没有应答", f"{self.url} does not answer")
        if not isinstance(error, OSError):
            return self.stranger()
        holder = lock.holder(self._settings.data_folder)
        if holder and holder.url != self.url:
            return ConnectionFailed(
                f"{self.url} 上没有 MaiLauncher 在运行，但 {holder.url} 上有：请加上 --url {holder.url}",
                f"No MaiLauncher runs at {self.url}, but one does at {holder.url}: add --url {holder.url}",
            )
        return ConnectionFailed(
            f"{self.url} 上没有 MaiLauncher 在运行，请先启动：{called()} serve",
            f"No MaiLauncher runs at {self.url}. Start it with: {called()} serve",
        )

    def stranger(self) -> ConnectionFailed:
        return ConnectionFailed(
            f"{self.url} 上应答的不是 MaiLauncher", f"What answers at {self.url} is not MaiLauncher"
        )

    # Instances

    def instances(self) -> list[Instance]:
        try:
            return msgspec.convert(self.get("/instances"), _Instances).instances
        except msgspec.ValidationError:
            raise self.stranger() from None

    def find(self, wanted: str) -> Instance:
        return find(self.instances(), wanted)

    # WebSockets

    def terminal_url(self, session_id: str, after: int | None) -> str:
        """Where a terminal is reached."""
        query = "" if after is None else f"?after={after}"
        return self._socket_url(f"/ws/{quote(session_id)}{query}")

    @property
    def graphql_url(self) -> str:
        """Where subscriptions are reached."""
        return self._socket_url("/graphql")

    def _socket_url(self, path: str) -> str:
        scheme = "wss" if self._parts.scheme == "https" else "ws"
        return f"{scheme}://{self._parts.netloc}{self._parts.path}{path}"


def find(instances: Sequence[Found], wanted: str) -> Found:
    """By name, by id, or by the beginning of one id. Raises InstanceNotFound, InvalidParameter for several ids."""
    for instance in instances:
        if wanted in (instance.name, instance.id):
            return instance
    found = [i for i in instances if len(wanted) >= PREFIX_LENGTH and i.id.startswith(wanted.lower())]
    if not found:
        raise InstanceNotFound(wanted)
    if len(found) > 1:
        names = ", ".join(instance.name for instance in found)
        raise InvalidParameter(
            f"{wanted} 可以指多个实例：{names}", f"{wanted} fits several instances: {names}"
        )
    return found[0]


def find_all(instances: Sequence[Instance], wanted: Iterable[str]) -> list[Instance]:
    """Each instance once, in the order asked for."""
    return list({found.id: found for found in (find(instances, name) for name in wanted)}.values())


def connect(context: typer.Context, url: str | None, token: str | None) -> Remote:
    """The server that a command's options mean."""
    return Remote(from_environment(), url, token, voice_of(context).language)
