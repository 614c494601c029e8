"""The limit of open files was what the shell happened to set, often 1,024, although the system allowed more."""

import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bots.fetching.git_command import run_git
from bots.versions import installed
from mailauncher.errors import DownloadFailed
from mailauncher.open_files import raised_limit, with_former_limit
from store.decoding import Decoder
from tests.support.pictures import picture

LOWER = 300
SAY_LIMIT = "#!/bin/sh\nulimit -S -n\n"


@pytest.fixture(autouse=True)
def lower_limit() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (LOWER, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git that says how many files it may open."""
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(SAY_LIMIT)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent))
    return program


def test_the_soft_limit_is_the_hard_one_within_the_block() -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with raised_limit() as former:
        assert (former, resource.getrlimit(resource.RLIMIT_NOFILE)) == (LOWER, (hard, hard))
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == (LOWER, hard)


def test_a_command_is_run_as_it_is_where_no_limit_was_raised() -> None:
    assert with_former_limit("git", "version") == ("git", "version")


def test_a_program_that_does_not_exist_is_not_found() -> None:
    with raised_limit(), pytest.raises(FileNotFoundError):
        subprocess.run(with_former_limit("no-such-program"), check=False)


def test_a_command_gets_its_arguments_unchanged() -> None:
    words = ("a b", "$HOME", "'", "")
    with raised_limit():
        command = with_former_limit(shutil.which("printf") or "", "%s|", *words)
        assert subprocess.check_output(command, text=True) == "".join(f"{word}|" for word in words)


async def test_git_gets_the_former_limit(git: Path, tmp_path: Path) -> None:
    """It had that of the server, up to a million."""
    with raised_limit():
        said = await run_git("ls-remote", schemes=(), timeout_s=30, limit_bytes=100)
        assert said == f"{LOWER}\n".encode()
        (tmp_path / ".git").mkdir()
        assert installed.read(tmp_path) == str(LOWER)
        git.unlink()
        with pytest.raises(DownloadFailed, match="install it first"):
            await run_git("ls-remote", schemes=(), timeout_s=30, limit_bytes=100)


@pytest.mark.slow
async def test_the_process_that_decodes_pictures_gets_the_former_limit() -> None:
    decoder = Decoder()
    try:
        with raised_limit():
            await decoder.examine(picture())
            [process] = decoder._running
            assert psutil.Process(process.pid).rlimit(psutil.RLIMIT_NOFILE)[0] == LOWER
    finally:
        await decoder.close()
