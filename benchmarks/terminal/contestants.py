"""What is compared: ways to get a program's output out of a pseudo-terminal, and the clients that watch."""

import base64
import json
import os
import pty
import secrets
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
from printer import MARK

PRINTER = Path(__file__).with_name("printer.py")
ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command(kind: str, tag: str = "") -> list[str]:
    """How the printer is run; the tag is there to find it by."""
    return [sys.executable, "-I", "-S", str(PRINTER), kind, tag]


def connect(port: int, path: str, protocol: str = "") -> socket.socket:
    """A WebSocket that is open."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    wanted = f"Sec-WebSocket-Protocol: {protocol}\r\n" if protocol else ""
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n{wanted}\r\n".encode()
    )
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += connection.recv(1)
    return connection


def frame(message: object) -> bytes:
    """A message as a client sends it: masked, up to 64 KiB."""
    payload = json.dumps(message).encode()
    mask = secrets.token_bytes(4)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    length = bytes((0x80 | len(payload),)) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2)
    return b"\x81" + length + mask + masked


class Loop:
    """A loop that reads the master, and nothing else: what the kernel gives."""

    name = "read loop"

    def __init__(self, kind: str) -> None:
        self._pid, self._master = pty.fork()
        if self._pid == 0:
            os.execv(sys.executable, command(kind))  # noqa: S606 - no shell wanted
        self._until(b"ready")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._master)

    def cpu(self) -> float:
        return time.process_time()

    def _until(self, mark: bytes) -> float:
        last = time.perf_counter()
        while True:
            data = os.read(self._master, 65536)
            if mark in data:
                return last
            last = time.perf_counter()

    def measure(self, count: int, viewers: int, *, decode: bool = False) -> float:
        """Seconds until the last byte."""
        begin = time.perf_counter()
        os.write(self._master, b"%d\n" % count)
        return self._until(MARK) - begin


class Viewers:
    """WebSocket clients that take what comes, and decode each message if they are to."""

    def __init__(self, port: int, path: str, count: int, *, decode: bool, protocol: str = "") -> None:
        self._protocol = protocol
        self._selector = selectors.DefaultSelector()
        self._sockets = [self._connect(port, path) for _ in range(count)]
        self._undecoded = {connection: bytearray() for connection in self._sockets} if decode else {}
        self._buffer = memoryview(bytearray(1 << 18))

    def _connect(self, port: int, path: str) -> socket.socket:
        connection = connect(port, path, self._protocol)
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ)
        return connection

    def send(self, message: object) -> None:
        """From the first of them."""
        self._sockets[0].sendall(frame(message))

    def until_quiet(self) -> None:
        while self._selector.select(0.3):
            for key, _ in self._selector.select(0):
                self._receive(key.fileobj)

    def _receive(self, connection: socket.socket) -> int:
        size = connection.recv_into(self._buffer)
        if not size:
            raise ConnectionError("the server closed a viewer's socket")
        if (undecoded := self._undecoded.get(connection)) is not None:
            undecoded += self._buffer[:size]
            decode(undecoded)
        return size

    def until_marked(self) -> float:
        """When the last byte before the mark came to the last of them."""
        waiting = set(self._sockets)
        last = time.perf_counter()
        while waiting:
            for key, _ in self._selector.select():
                size = self._receive(key.fileobj)
                if MARK in bytes(self._buffer[max(0, size - 128) : size]):
                    waiting.discard(key.fileobj)
                    if size < 4096:
                        continue
                last = time.perf_counter()
        return last

    def close(self) -> None:
        for connection in self._sockets:
            connection.close()
        self._selector.close()


def decode(received: bytearray) -> None:
    """Takes whole frames off the front and decodes what is text."""
    at = 0
    while len(received) - at >= 2:
        length, begin = received[at + 1], at + 2
        if length >= 126:
            begin += 2 if length == 126 else 8
            length = int.from_bytes(received[at + 2 : begin])
        if len(received) < begin + length:
            break
        if received[at] == 0x81:
            json.loads(received[begin : begin + length])
        at = begin + length
    del received[:at]


class Subscribers(Viewers):
    """The same output through a GraphQL subscription; the first of them types with a mutation."""

    def __init__(self, port: int, session_id: str, count: int, *, decode: bool) -> None:
        self._session_id = session_id
        super().__init__(port, "/graphql", count, decode=decode)

    def _connect(self, port: int, path: str) -> socket.socket:
        connection = connect(port, path, "graphql-transport-ws")
        connection.sendall(frame({"type": "connection_init"}))
        while b"connection_ack" not in connection.recv(4096):
            pass
        query = "subscription($id: ID!) { terminalOutput(sessionId: $id) { offset data } }"
        payload = {"query": query, "variables": {"id": self._session_id}}
        connection.sendall(frame({"type": "subscribe", "id": "output", "payload": payload}))
        connection.setblocking(False)
        self._selector.register(connection, selectors.EVENT_READ)
        return connection

    def send(self, text: object) -> None:
        query = "mutation($input: SendTerminalInputInput!) { sendTerminalInput(input: $input) { terminal { name } } }"
        payload = {"query": query, "variables": {"input": {"sessionId": self._session_id, "data": text}}}
        super().send({"type": "subscribe", "id": "typing", "payload": payload})


class Server:
    """A server in a process of its own, with a terminal at each of `paths`, one for each kind of printer asked for."""

    name: str
    port: int
    paths: list[str]
    process: subprocess.Popen[bytes]
    helpers: tuple[psutil.Process, ...] = ()

    def __init__(self) -> None:
        self.port = free_port()
        self.paths = []
        self._tags: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    @property
    def processes(self) -> list[psutil.Process]:
        """The server and its helpers, the printers left out."""
        return [psutil.Process(self.process.pid), *self.helpers]

    def cpu(self) -> float:
        """CPU seconds so far."""
        return sum(map(used, self.processes))

    def own_cpu(self) -> float:
        """Those of the server alone, without its helpers."""
        return used(psutil.Process(self.process.pid))

    def resident(self) -> int:
        """Bytes of memory now."""
        return sum(int(process.memory_info().rss) for process in self.processes)

    def typed(self, text: str) -> object:
        """The message that types into a terminal."""
        raise NotImplementedError

    def measure(self, count: int, viewers: int, *, decode: bool = False) -> float:
        """Seconds until the last byte has come to the last viewer."""
        watching = Viewers(self.port, self.paths[0], viewers, decode=decode)
        return measure(watching, self.typed(f"{count}\n"))

    def flooding(self, number: int) -> psutil.Process:
        """The child that floods terminal `number`, as soon as it is there."""
        for _ in range(1000):
            found = [process for process in processes() if self._tags[number] in process.info["cmdline"]]
            pids = {process.pid for process in found}
            for process in found:
                if process.ppid() in pids:
                    return process
            time.sleep(0.01)
        raise TimeoutError("the flood has not begun")


def measure(watching: Viewers, message: object) -> float:
    """Seconds from a message until the last byte that it makes the terminal print has come to the last of them."""
    try:
        watching.until_quiet()
        begin = time.perf_counter()
        watching.send(message)
        return watching.until_marked() - begin
    finally:
        watching.close()


def used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def processes() -> Iterator[psutil.Process]:
    return (process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"])


class Launcher(Server):
    """MaiLauncher as its users run it, with a bot for each printer."""

    name = "mailauncher"

    def __init__(self, *kinds: str) -> None:
        super().__init__()
        self._folder = Path(tempfile.mkdtemp(prefix="bench-"))
        self.instances: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mailauncher", "serve", "--port", str(self.port)],
            env=os.environ
            | {
                "MAILAUNCHER_DATA": str(self._folder / "data"),
                "MAILAUNCHER_WORKSPACE": str(self._folder / "workspace"),
                "MAILAUNCHER_STOP_BOTS_AT_EXIT": "true",
                "PYTHONPATH": str(ROOT),
            },
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        self.process.stdout.readline()
        try:
            for kind in kinds:
                tag = secrets.token_hex(8)
                self._tags.append(tag)
                self.add(shlex.join(command(kind, tag)))
                self.start(self.instances[-1])
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def add(self, run: str | None = None, services: dict[str, str] | None = None) -> str:
        """A new instance that runs a command, and its services by name; its id."""
        name = f"bench-{len(self.instances)}"
        folder = self._folder / name
        folder.mkdir()
        beside = []
        for service, its_run in (services or {}).items():
            (folder / service).mkdir()
            beside.append({"name": service, "port": free_port(), "runCommand": its_run})
        new = {"name": name, "path": str(folder), "port": free_port(), "runCommand": run, "services": beside}
        query = "mutation($new: AddInstanceInput!) { addInstance(input: $new) { instance { id } } }"
        answer = self.ask("POST", "/graphql", {"query": query, "variables": {"new": new}})
        instance = str(answer["data"]["addInstance"]["instance"]["id"])
        self.instances.append(instance)
        self.paths.append(f"/ws/{instance}_main")
        return instance

    def start(self, instance: str) -> None:
        self.ask("GET", f"/api/v1/instance/{instance}/start")
        logs = f"{self._folder}/data/terminals/"
        self.helpers = tuple(
            process
            for process in processes()
            if "--serve" in process.info["cmdline"]
            and any(a.startswith(logs) for a in process.info["cmdline"])
        )

    def ask(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as response:  # noqa: S310 - http, as built above
            return json.load(response)

    def __exit__(self, *error: object) -> None:
        super().__exit__(None, None, None)
        shutil.rmtree(self._folder)

    def typed(self, text: str) -> object:
        return {"type": "input", "data": text}

    def logs(self, instance: str, terminal: str = "main") -> list[Path]:
        """The files with the output of a terminal, oldest first."""
        folder = self._folder / "data" / "terminals" / instance
        return sorted(path for path in folder.rglob("*.log") if path.parent.name == terminal)


class Binary:
    """The same terminal of the same server in binary messages."""

    name = "binary"

    def __init__(self, server: Launcher) -> None:
        self.cpu, self.own_cpu = server.cpu, server.own_cpu
        self._server = server

    def measure(self, count: int, viewers: int, *, decode: bool = False) -> float:
        watching = Viewers(
            self._server.port,
            self._server.paths[0],
            viewers,
            decode=decode,
            protocol="mailauncher.terminal.v1",
        )
        return measure(watching, self._server.typed(f"{count}\n"))


class GraphQL:
    """The same terminal of the same server through its subscription."""

    name = "graphql"

    def __init__(self, server: Launcher) -> None:
        self.cpu, self.own_cpu = server.cpu, server.own_cpu
        self._server = server

    def measure(self, count: int, viewers: int, *, decode: bool = False) -> float:
        session_id = self._server.paths[0].removeprefix("/ws/")
        return measure(Subscribers(self._server.port, session_id, viewers, decode=decode), f"{count}\n")


class Terminado(Server):
    """terminado as its documentation shows it."""

    name = "terminado"
    SCRIPT = """
import sys, json, asyncio, tornado.web
from terminado import TermSocket, SingleTermManager
async def main():
    managers = [SingleTermManager(shell_command=command) for command in json.loads(sys.argv[2])]
    tornado.web.Application(
        [(f"/websocket/{number}", TermSocket, {"term_manager": manager}) for number, manager in enumerate(managers)]
    ).listen(int(sys.argv[1]), "127.0.0.1")
    print("listening", flush=True)
    await asyncio.Event().wait()
try:
    asyncio.run(main())
except KeyboardInterrupt:
    pass
"""

    def __init__(self, *kinds: str) -> None:
        super().__init__()
        self._tags = [secrets.token_hex(8) for _ in kinds]
        self.paths = [f"/websocket/{number}" for number in range(len(kinds))]
        commands = json.dumps([command(kind, tag) for kind, tag in zip(kinds, self._tags, strict=True)])
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.SCRIPT, str(self.port), commands],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # a traceback for each message to a viewer that has gone
        )
        assert self.process.stdout is not None
        self.process.stdout.readline()

    def typed(self, text: str) -> object:
        return ["stdin", text]
