"""Real git repositories, and a server of them on loopback that can be told to fail."""

import base64
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BufferedReader
from pathlib import Path
from typing import Literal, cast
from urllib.parse import urlsplit

import pytest

from bots.fetching.refs import remote_refs
from bots.fetching.repository_url import LOCAL_SCHEMES
from mailauncher.errors import DownloadFailed

DEADLINE_S = 30
_COPIED = 16 << 10

Files = Mapping[str, str | bytes | None]
"""Content by path; None removes the file."""
Manner = int | Literal["serve", "hang", "cut"]
"""How a server answers: as it should, with a status such as 404, never (until told otherwise), or with a connection that
breaks off after `GitServer.cut_after` bytes."""


def environment() -> dict[str, str]:
    """An environment with a fixed author and date, and without the configuration of the user who runs the tests."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    people = {
        f"GIT_{role}_{what}": value
        for role in ("AUTHOR", "COMMITTER")
        for what, value in (
            ("NAME", "Test"),
            ("EMAIL", "test@example.org"),
            ("DATE", "2025-01-01T00:00:00Z"),
        )
    }
    return own | people | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


class Repository:
    """A repository with a work tree at `folder`, without a commit at first. Partial clones of it are allowed."""

    def __init__(self, folder: Path, *, branch: str = "main") -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self.git("init", "--quiet", "--initial-branch", branch)
        with (folder / ".git" / "config").open("a", encoding="utf-8") as file:
            file.write("[uploadpack]\n\tallowFilter = true\n\tallowAnySHA1InWant = true\n")

    @property
    def url(self) -> str:
        return self.folder.absolute().as_uri()

    @property
    def head(self) -> str:
        """The checked-out commit."""
        return self.git("rev-parse", "HEAD")

    def git(self, *arguments: str, typed: bytes = b"") -> str:
        """Runs git in the work tree. Returns its output without the last line break."""
        done = subprocess.run(
            ["git", "-c", "maintenance.auto=false", *arguments],
            cwd=self.folder,
            env=environment(),
            input=typed,
            capture_output=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr.decode()}"
        return done.stdout.decode().rstrip("\n")

    def commit(self, files: Files | None = None) -> str:
        """Writes files and commits everything in the work tree, changed or not. Returns the commit."""
        self.write(files or {})
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--no-verify", "--message", "a change")
        return self.head

    def write(self, files: Files) -> None:
        """Changes files of the work tree."""
        for name, content in files.items():
            place = self.folder / name
            if content is None:
                place.unlink()
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content.encode() if isinstance(content, str) else content)

    def tag(self, name: str, *, annotated: bool = False) -> None:
        """Tags the checked-out commit; an annotated tag is an object that points to it."""
        self.git("tag", *(("--annotate", "--message", name) if annotated else ()), "--", name)

    def branch(self, name: str, files: Files | None = None) -> str:
        """Creates a branch with one commit, and returns to the former branch. Returns the commit."""
        before = self.git("symbolic-ref", "--short", "HEAD")
        self.git("switch", "--quiet", "--create", name)
        commit = self.commit(files)
        self.git("switch", "--quiet", before)
        return commit


def released(
    folder: Path,
    source: Path | None = None,
    tags: Mapping[str, Files] | None = None,
    branches: Mapping[str, Files] | None = None,
) -> Repository:
    """A repository with a copy of `source` (a folder; its caches are left out), then one commit with the changed files of
    each tag, in order, on `main`, and a branch from there for each of `branches`."""
    repository = Repository(folder)
    if source is not None:
        shutil.copytree(
            source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", ".git")
        )
    # One git makes all commits: with one for each step, half of the time of a small test would be theirs.
    stream = [_commit("main", _files(folder))]
    for name, files in (tags or {}).items():
        repository.write(files)
        stream += [_commit("main", files), f"reset refs/tags/{name}\nfrom refs/heads/main\n\n".encode()]
    for name, files in (branches or {}).items():
        stream += [f"reset refs/heads/{name}\nfrom refs/heads/main\n\n".encode(), _commit(name, files)]
    # As a pack: to write each object into a file of its own takes most of the time.
    repository.git("-c", "fastimport.unpackLimit=1", "fast-import", "--quiet", typed=b"".join(stream))
    repository.git("reset", "--quiet")
    return repository


def _files(folder: Path) -> Files:
    """The files of a work tree."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    names = {path.relative_to(folder).as_posix(): path for path in found}
    return {name: path.read_bytes() for name, path in names.items() if not name.startswith(".git/")}


def _commit(branch: str, files: Files) -> bytes:
    """A commit of changed files on a branch, as `git fast-import` reads it. No file is executable."""
    lines = [
        f"commit refs/heads/{branch}\ncommitter Test <test@example.org> 1735689600 +0000\ndata 8\na change\n".encode()
    ]
    for name, content in files.items():
        if content is None:
            lines.append(f"D {name}\n".encode())
            continue
        data = content.encode() if isinstance(content, str) else content
        lines.append(b"M 100644 inline %s\ndata %d\n%s\n" % (name.encode(), len(data), data))
    return b"".join([*lines, b"\n"])


class GitServer:
    """Serves every repository below a folder by `git http-backend`. Made by `serving`.

    `manner` may be changed at any time, also for a request that hangs. `requests` has method and path of each request.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cut_after = 100
        self.login = ""
        """`user:password` without which nobody is served; empty: everybody is."""
        self.requests: list[str] = []
        self._manner: Manner = "serve"
        self._changed = threading.Condition()
        self._http = _Http(self)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    def url(self, repository: Repository | str, userinfo: str = "") -> str:
        """The URL of a repository below the folder, given as a repository or by its path."""
        path = repository if isinstance(repository, str) else str(repository.folder.relative_to(self.folder))
        return f"http://{userinfo}{'@' if userinfo else ''}127.0.0.1:{self.port}/{path}"

    @property
    def manner(self) -> Manner:
        return self._manner

    @manner.setter
    def manner(self, manner: Manner) -> None:
        with self._changed:
            self._manner = manner
            self._changed.notify_all()

    def arrived(self, request: str) -> Manner:
        """Records a request; returns the manner of its answer, once it is not `hang`."""
        with self._changed:
            self.requests.append(request)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._manner != "hang")
            return self._manner

    def wait_for_requests(self, count: int) -> None:
        """Returns once that many requests have arrived, answered or not. Blocks."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.requests) >= count, DEADLINE_S), self.requests

    def close(self) -> None:
        """Ends all of its threads and processes."""
        self.manner = 503
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


@contextmanager
def serving(folder: Path) -> Iterator[GitServer]:
    """Serves the repositories below a folder on a free port of 127.0.0.1."""
    server = GitServer(folder)
    try:
        yield server
    finally:
        server.close()


class _Http(ThreadingHTTPServer):
    daemon_threads = False  # joined by `server_close`

    def __init__(self, owner: GitServer) -> None:
        self.owner = owner
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Some tests are about clients that disconnect."""


class _Handler(BaseHTTPRequestHandler):
    """One request, passed on to `git http-backend` as a CGI program. HTTP/1.0: the end of an answer is that of its
    connection."""

    timeout = DEADLINE_S

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing; `GitServer.requests` is the log."""

    def _answer(self) -> None:
        owner = cast(_Http, self.server).owner
        manner = owner.arrived(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        wanted = base64.b64encode(owner.login.encode()).decode()
        if owner.login and self.headers.get("Authorization") != f"Basic {wanted}":
            manner = 401
        if isinstance(manner, int):
            self.send_response(manner)
            if manner == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="tests"')
            self.end_headers()
            return
        self._backend(owner.folder, body, owner.cut_after if manner == "cut" else None)

    def _backend(self, folder: Path, body: bytes, limit: int | None) -> None:
        with subprocess.Popen(
            ["git", "http-backend"],
            env=self._variables(folder, len(body)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as backend:
            assert backend.stdin is not None
            assert backend.stdout is not None
            try:
                backend.stdin.write(body)
                backend.stdin.close()
                self._head(backend)
                output = cast(BufferedReader, backend.stdout)
                while data := output.read1(_COPIED)[:limit]:
                    self.wfile.write(data)
                    if limit is not None:
                        limit -= len(data)
            finally:
                backend.kill()

    def _head(self, backend: "subprocess.Popen[bytes]") -> None:
        assert backend.stdout is not None
        given = {}
        while line := backend.stdout.readline().decode().strip():
            name, _, value = line.partition(": ")
            given[name] = value
        self.send_response(int(given.pop("Status", "200").split()[0]))
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()

    def _variables(self, folder: Path, length: int) -> dict[str, str]:
        address = urlsplit(self.path)
        return environment() | {
            "GIT_PROJECT_ROOT": str(folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "REQUEST_METHOD": self.command,
            "PATH_INFO": address.path,
            "QUERY_STRING": address.query,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(length),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "REMOTE_ADDR": "127.0.0.1",
        }


async def failure_of(*urls: str, timeout_s: float = 10.0) -> str:
    """What is reported for sources of which none can be used."""
    with pytest.raises(DownloadFailed) as caught:
        await remote_refs(urls, LOCAL_SCHEMES, timeout_s)
    assert caught.value.text.zh != caught.value.text.en
    return caught.value.text.en
