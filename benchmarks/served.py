"""`mailauncher serve` in a process of its own, with a data folder that is thrown away, and a client that keeps asking."""

import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[1]
START_TIMEOUT_S = 180


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Served:
    """A process that serves HTTP on `port`, from the call of `begin` on. What it needs to know is in `environment`."""

    def __init__(self, name: str, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self.name = name
        self.port = free_port()
        self._command = [sys.executable, *arguments, str(self.port)]
        self._environment = os.environ | {"PYTHONPATH": str(ROOT)} | (environment or {})
        self.process: subprocess.Popen[bytes] | None = None

    def begin(self) -> Self:
        self.process = subprocess.Popen(self._command, env=self._environment, stdout=subprocess.DEVNULL)
        return self

    def answered(self) -> None:
        """Returns once it has answered a request."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port)) as connection:
                    connection.sendall(request("GET", "/api/v1/system/health"))
                    if connection.recv(1 << 16):
                        return
            except OSError:
                time.sleep(0.002)
        raise TimeoutError(f"{self.name} does not answer")

    def end(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)

    def __enter__(self) -> Self:
        self.begin()
        try:
            self.answered()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


class DataFolder:
    """A folder for a server's data, and the variables that name it."""

    def __enter__(self) -> Self:
        self.path = Path(tempfile.mkdtemp(prefix="bench-"))
        self.data = self.path / "data"
        self.environment = {
            "MAILAUNCHER_DATA": str(self.data),
            "MAILAUNCHER_WORKSPACE": str(self.path / "workspace"),
        }
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path)


def launcher(folder: DataFolder) -> Served:
    return Served("mailauncher", "-m", "mailauncher", "serve", "--port", environment=folder.environment)


def request(method: str, path: str, body: object = None) -> bytes:
    content = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content


class Connection:
    """One request after the other on one connection."""

    def __init__(self, port: int, asked: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._asked = asked
        self._buffer = memoryview(bytearray(1 << 18))
        self._left = 0
        self.size = 0

    def ask(self) -> None:
        self.socket.sendall(self._asked)

    def whole(self) -> bool:
        """Receives; whether the answer is whole now. Raises ConnectionError for anything but 200."""
        received = self.socket.recv_into(self._buffer)
        if not self._left:
            head, _, body = bytes(self._buffer[:received]).partition(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise ConnectionError(head.decode("latin-1") + body.decode("utf-8", "replace"))
            self.size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            self._left, received = self.size, len(body)
        self._left -= received
        return self._left == 0


def speed(port: int, asked: bytes, seconds: float, connections: int) -> tuple[float, int]:
    """Requests per second over so many connections, and the bytes of a body."""
    with selectors.DefaultSelector() as selector:
        clients = [Connection(port, asked) for _ in range(connections)]
        try:
            for client in clients:
                selector.register(client.socket, selectors.EVENT_READ, client)
                client.ask()
            answers, begin = 0, time.perf_counter()
            while time.perf_counter() < begin + seconds:
                for key, _ in selector.select():
                    if key.data.whole():
                        answers += 1
                        key.data.ask()
            return answers / (time.perf_counter() - begin), clients[0].size
        finally:
            for client in clients:
                client.socket.close()


def body(port: int, asked: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(asked)
        head, _, content = connection.recv(1 << 16).partition(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(content) < size:
            content += connection.recv(1 << 16)
        return content
