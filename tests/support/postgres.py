"""A PostgreSQL server of the tests' own: one for each process of tests that asks for it, on a socket that no other user reaches.

Its data are thrown away at the end, so it is quick rather than safe: it survives its own end, not the machine's.
"""

import asyncio
import functools
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from store.database import Database
from tests.support.unprivileged import NOBODY

Result = TypeVar("Result")
PATIENCE_S = 60
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "logging_collector": "off",
}


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`, the newest there are; None: PostgreSQL is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    folders = [*reversed(found), *map(Path, os.get_exec_path())]
    given = os.environ.get("MAILAUNCHER_POSTGRESQL")
    for folder in [Path(given)] if given else folders:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    return None


class Cluster:
    """A server with its data. It runs as nobody where the tests run as root, which PostgreSQL refuses."""

    def __init__(self, **settings: str) -> None:
        bin_folder = programs()
        assert bin_folder is not None, "PostgreSQL is not installed"
        self._programs = bin_folder
        self._settings = _SETTINGS | settings
        self._user = NOBODY if os.geteuid() == 0 else None
        self.user = pwd.getpwuid(self._user or os.geteuid()).pw_name
        # Beside the tests' temporary folder: only their own user may look into that one.
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")))
        if self._user is not None:
            os.chown(self.folder, self._user, -1)
        self._process: subprocess.Popen[bytes] | None = None
        self._run(
            "initdb", "--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "--pgdata", self.data
        )
        self.start()

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    def url(self, database: str = "postgres") -> str:
        # A password, or asyncpg would look for a file with one.
        return f"postgres://{self.user}:unused@/{database}?host={quote(str(self.folder))}"

    def start(self) -> None:
        """Starts it and waits until it answers. After a kill its predecessor's processes may need a moment to end."""
        options = [f"-c{name}={value}" for name, value in self._settings.items()]
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with (self.folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    [self._programs / "postgres", "-D", self.data, "-k", str(self.folder), *options],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    user=self._user,
                    cwd=self.folder,
                )
            while self._process.poll() is None:
                if self._ready():
                    return
                assert time.monotonic() < deadline, self.log()
                time.sleep(0.02)
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.05)

    def _ready(self) -> bool:
        """Whether it says that it is, in the file that it keeps for that."""
        try:
            lines = (self.folder / "data" / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        assert self._process is not None
        return len(lines) > 7 and lines[0] == str(self._process.pid) and lines[7].strip() == "ready"

    def restart(self, **settings: str) -> None:
        """Starts it anew, with these settings too."""
        self.stop(signal.SIGINT)
        self._settings |= settings
        self.start()

    def stop(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """Ends it: with SIGQUIT at once, as a crash would, without writing anything more."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE_S)
            self._process = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")[-4000:]

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """What another client than ours gets for a statement."""

        async def ask() -> list[tuple[object, ...]]:
            import asyncpg  # noqa: PLC0415 - only where PostgreSQL is

            connection = await asyncpg.connect(self.url(database))
            try:
                return [tuple(row) for row in await connection.fetch(statement)]
            finally:
                await connection.close()

        return _apart(ask)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            user=self._user,
            cwd=self.folder,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def _apart(work: Callable[[], Awaitable[Result]]) -> Result:
    """Runs it in a thread: the caller's may have a running loop."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(work())).result()  # type: ignore[arg-type]


@functools.cache
def cluster() -> Cluster:
    """The one of this process of tests."""
    return Cluster()


_created: set[str] = set()


def url_for(folder: Path) -> str:
    """The database that belongs to a folder, with every migration: another one for each folder, the same one each time."""
    name = "t" + hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:20]
    if name not in _created:
        cluster().execute(f"CREATE DATABASE {name} TEMPLATE {_template()}")
        _created.add(name)
    return cluster().url(name)


@functools.cache
def _template() -> str:
    """Made once in each process of tests: all migrations take longer than most tests."""

    async def make() -> None:
        await (await Database.open(Path("/nowhere"), cluster().url("template_of_tests"))).close()

    cluster().execute("CREATE DATABASE template_of_tests")
    _apart(make)
    return "template_of_tests"


def empty(folder: Path) -> str:
    """A database that belongs to a folder, without tables."""
    name = "e" + hashlib.sha256(str(folder.absolute()).encode()).hexdigest()[:20]
    cluster().execute(f"CREATE DATABASE {name}")
    _created.add(name)
    return cluster().url(name)


def drop_databases() -> None:
    """Those that tests have made since the last time."""
    while _created:
        cluster().execute(f"DROP DATABASE IF EXISTS {_created.pop()} WITH (FORCE)")


def end() -> None:
    """Ends the server, if there is one."""
    if cluster.cache_info().currsize:
        cluster().remove()
        cluster.cache_clear()
