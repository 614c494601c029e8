"""`python -m mailauncher`, and the worker of deployments, without the second that their imports take.

A process of the tests imports what the commands need, once. Each command is a copy of it, and a child of the process that
asked for it, with its own environment, arguments and streams: it can be signalled, awaited and killed like any other. What
shows the difference are its command line and `environ` in `/proc`, which are those of the process that was copied.

Tests of the start itself use `subprocess.Popen`. So does `Command`, where the system has no way to do the above (it needs
Linux), for another working folder, and where the environment makes Python start in another way.
"""

import atexit
import ctypes
import functools
import gc
import importlib
import inspect
import io
import json
import os
import pkgutil
import platform
import runpy
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from subprocess import PIPE
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "mailauncher")
WORKER = (sys.executable, "-m", "bots.deploying")
LOCALE = {"LC_ALL": "", "LC_CTYPE": "", "LANG": "en_US.UTF-8"}
DEADLINE_S = 60
_CLONE = {"x86_64": 56, "aarch64": 220}.get(platform.machine()) if sys.platform == "linux" else None
"""The number of the system call."""
_CLONE_PARENT = 0x8000
_LENGTH = struct.Struct("=I")


def terminal() -> None:
    """For `preexec_fn`: makes standard input, a terminal, the controlling one. Only the child itself can do so."""
    os.login_tty(os.dup(0))


class Command(subprocess.Popen[Any]):
    """As its base class; COMMAND and WORKER are preloaded where that changes nothing but the time that they take."""

    def _execute_child(self, *given: Any) -> None:
        execute = super()._execute_child  # type: ignore[misc]  # it is private
        names = inspect.signature(execute).bind(*given).arguments
        if not _may_be_copied(names):
            execute(*given)
            return
        pipes = [
            names[name] for name in ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
        ]
        streams = (pipes[0], pipes[3], pipes[5])
        request = {
            "module": names["args"][2],
            "arguments": names["args"][3:],
            "env": {**(os.environ if names["env"] is None else names["env"])},
            "session": names["start_new_session"],
            "terminal": names["preexec_fn"] is terminal,
        }
        files = [number if given < 0 else given for number, given in enumerate(streams)]
        self.pid = _original().copy(request, files)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def run(command: Sequence[str], env: Mapping[str, str], typed: str = "") -> subprocess.CompletedProcess[str]:
    """Runs a command to its end, in the repository."""
    with Command(
        command, cwd=ROOT, env=env, stdin=PIPE, stdout=PIPE, stderr=PIPE, encoding="utf-8"
    ) as process:
        try:
            printed, errors = process.communicate(typed, DEADLINE_S)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, printed, errors)


def _may_be_copied(names: dict[str, Any]) -> bool:
    env = os.environ if names["env"] is None else names["env"]
    return (
        _CLONE is not None
        and isinstance(names["args"], list | tuple)
        and tuple(names["args"][:3]) in (COMMAND, WORKER)
        and Path(names["cwd"] or ".").resolve() == ROOT
        and names["preexec_fn"] in (None, terminal)
        and not names["pass_fds"]
        and _pythons(env) == _pythons(os.environ)
        and (env.get("LC_ALL") or env.get("LC_CTYPE") or env.get("LANG", "")).endswith(".UTF-8")
    )


def _pythons(env: Mapping[str, str]) -> dict[str, str]:
    """What Python looks at when it starts."""
    return {name: value for name, value in env.items() if name.startswith("PYTHON")}


class _Original:
    """The process that is copied."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection, theirs = socket.socketpair()
        command = (sys.executable, "-m", __name__)
        with theirs:
            self._process = subprocess.Popen(
                command, cwd=ROOT, env=os.environ | LOCALE, stdin=theirs.fileno()
            )

    def copy(self, request: dict[str, Any], files: list[int]) -> int:
        """The pid of a copy that runs a command, with these files as its standard streams."""
        payload = json.dumps(request, default=os.fspath).encode()
        with self._lock:
            socket.send_fds(self._connection, [_LENGTH.pack(len(payload))], files)
            self._connection.sendall(payload)
            pid: int = _LENGTH.unpack(self._connection.recv(_LENGTH.size))[0]
        return pid

    def end(self) -> None:
        self._connection.close()
        self._process.wait()


@functools.cache
def _original() -> _Original:
    return _Original()


def end() -> None:
    """Ends the process that was copied. Called once, after all tests."""
    if _original.cache_info().currsize:
        _original().end()


# In the process that is copied


def _serve(connection: socket.socket) -> str:
    """Copies this process for each request until there is nobody any more who could ask. Returns in each copy: the module
    that it is to run."""
    while True:
        length, files, _, _ = socket.recv_fds(connection, _LENGTH.size, 3)
        if not length:
            sys.exit()
        (left,) = _LENGTH.unpack(length)
        payload = b""
        while len(payload) < left:
            payload += connection.recv(left - len(payload))
        assert threading.active_count() == 1, "a copy would have locks of threads that it does not have"
        ready, unready = os.pipe()
        if (pid := _copy()) == 0:
            connection.close()
            return _become(json.loads(payload), files)
        for file in (*files, unready):
            os.close(file)
        os.read(
            ready, 1
        )  # until the copy has closed it: it has its own session by now, and may be sent signals
        os.close(ready)
        connection.sendall(_LENGTH.pack(pid))


def _copy() -> int:
    """What `os.fork` does, but that the copy is a child of this process's parent."""
    library, python = ctypes.PyDLL(None), ctypes.pythonapi
    python.PyOS_BeforeFork()
    pid: int = library.syscall(_CLONE, _CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    (python.PyOS_AfterFork_Child if pid == 0 else python.PyOS_AfterFork_Parent)()
    if pid < 0:
        raise OSError("no process could be made")
    return pid


def _become(request: dict[str, Any], files: Iterable[int]) -> str:
    """Makes this process what a new one would be. Returns the module that it is to run."""
    if request["session"]:
        os.setsid()
    for number, file in enumerate(files):
        os.dup2(file, number)
    if request["terminal"]:
        terminal()
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    sys.argv[1:] = request["arguments"]
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        former = getattr(sys, name)
        stream = os.fdopen(
            number, "r" if number == 0 else "w", encoding=former.encoding, errors=former.errors
        )
        assert isinstance(stream, io.TextIOWrapper)
        stream.reconfigure(
            line_buffering=stream.line_buffering or number == 2, write_through=former.write_through
        )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    return str(request["module"])


def _load() -> None:
    """Imports what commands import when they run, as they do: without the garbage collector."""
    gc.disable()
    for package in ("cli", "server", "bots.deploying"):
        module = importlib.import_module(package)
        for found in pkgutil.walk_packages(module.__path__, f"{package}."):
            importlib.import_module(found.name)
    gc.freeze()
    gc.enable()


def _run(module: str) -> None:
    """Runs the command. Then Python would free all that was imported, which takes longer than most commands."""
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if not isinstance(ended.code, int | None):
            raise
        threading._shutdown()  # type: ignore[attr-defined]  # what Python does first
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(ended.code or 0)


if __name__ == "__main__":
    _load()
    with socket.socket(fileno=os.dup(0)) as requests:
        wanted = _serve(requests)
    _run(wanted)
