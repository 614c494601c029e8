"""Fixtures that every test may use."""

import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, settings

from resolvers.context import Context
from tests.support import postgres, preloaded, stress
from tests.support.context import parts, settings_for
from tests.support.deployable import sample_repository
from tests.support.git import Repository
from tests.support.server import Launcher, running

# A shell starts what it puts into the background with SIGINT ignored, and so would be everything that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# nohup does the same with SIGHUP, which hangs up terminals here. A handler survives it as well, and is not inherited.
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)

# Hundreds of servers and commands are started from here: that each compiles all of our modules anew is a third of its
# start. Bots and checkouts of users have compiled files beside their modules too.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def _without_shims(folder: Path) -> list[Path]:
    """pyenv's commands are shell scripts, which take a third of a second to find out which Python they stand for, and who looks
    for a Python asks all of them. The same Pythons without the scripts, this one first."""
    if folder.name != "shims":
        return [folder]
    pythons = sorted(folder.parent.glob("versions/*/bin"))
    return sorted(pythons, key=lambda found: found != Path(sys.base_prefix, "bin"))


os.environ["PATH"] = os.pathsep.join(
    str(found) for folder in os.get_exec_path() for found in _without_shims(Path(folder))
)

# httpcore tries to import sniffio several times in each request. That it is not installed is found out at once this
# way, without a look into each folder of sys.path: a third of a request's time.
sys.modules.setdefault("sniffio", None)  # type: ignore[arg-type]


# What tests leave in the temporary folder shows in one of their own (`nothing_is_left`). Its name is short, since sockets
# stand below it. The folders that tests are given, and that pytest keeps, stay where they are.
os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", tempfile.gettempdir())
TEMPORARY = Path(tempfile.mkdtemp(prefix="t-", dir=os.environ["PYTEST_DEBUG_TEMPROOT"]))
os.environ["TMPDIR"] = tempfile.tempdir = str(TEMPORARY)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stress", action="store_true", help="the long form of the tests marked stress")


def pytest_configure(config: pytest.Config) -> None:
    stress.ask_for(config.getoption("--stress"))
    # An example takes as long as the machine lets it: hypothesis would fail one of 0.2 s.
    settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("patient")
    gc.disable()


def pytest_collection_finish() -> None:
    """All that was imported and collected stays until the end: no test has to look through it for garbage."""
    gc.freeze()
    gc.enable()


def pytest_xdist_auto_num_workers() -> int:
    """Three for each processor: more than half of the time tests wait for programs that they have started."""
    return 3 * (os.cpu_count() or 1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Each worker begins with some of the long tests, lest one of them is all that still runs in the end.

    With `--dist worksteal` a worker is first given as many tests, in this order, as each of those after it.
    """
    workers: int = getattr(config, "workerinput", {"workercount": 1})["workercount"]
    long = [item for item in items if item.get_closest_marker("stress")]
    short = [item for item in items if not item.get_closest_marker("stress")]
    left = len(items)
    items.clear()
    for number in range(workers):
        size = left // (workers - number)
        own = long[number::workers]
        more = max(0, size - len(own))
        own, short = own + short[:more], short[more:]
        items.extend(own)
        left -= len(own)


_appeared: dict[str, str] = {}
"""What has appeared in the temporary folder, and during which test."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    yield
    for name in os.listdir(TEMPORARY):  # noqa: PTH208 - names are all that is needed
        _appeared.setdefault(name, item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    yield
    postgres.drop_databases()


def pytest_unconfigure() -> None:
    preloaded.end()
    postgres.end()
    shutil.rmtree(TEMPORARY, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Fails after the last test of this process if there is anything in the temporary folder that a test has left."""
    yield
    left = {name: _appeared.get(name, "?") for name in os.listdir(TEMPORARY)}  # noqa: PTH208 - names are all that is needed
    assert left == {}, "left in the temporary folder by these tests"


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository that the sample bot can be deployed from. Not to be changed."""
    return sample_repository(tmp_path_factory.mktemp("releases") / "maibot")


@pytest_asyncio.fixture
async def ctx(tmp_path: Path) -> AsyncIterator[Context]:
    """The parts of a server of this test's own, without its front doors."""
    async with parts(tmp_path) as context:
        yield context


@pytest_asyncio.fixture
async def launcher(tmp_path: Path) -> AsyncIterator[Launcher]:
    """A server of this test's own."""
    async with running(settings_for(tmp_path)) as server:
        yield server
