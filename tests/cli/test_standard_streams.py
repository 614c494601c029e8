"""A command whose standard streams were closed, or of another kind than expected, ended in a traceback, or printed its notes
between the results."""

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.context import free_port
from tests.support.preloaded import ROOT
from tests.support.program import Home, home

pytestmark = pytest.mark.slow

COMMAND = (sys.executable, "-m", "mailauncher", "--lang", "en")


def run(shell: str, *arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as a shell starts it that was given this."""
    with home() as place:
        return subprocess.run(
            ["sh", "-c", shell, "sh", *COMMAND, *arguments],
            cwd=ROOT,
            env=place.environment(**given),
            capture_output=True,
            text=True,
            check=False,
        )


def test_a_closed_stream_is_an_empty_one_or_one_that_nobody_reads(place: Home) -> None:
    place.serve()
    place.bot("bot")

    def ends_with(status: int, shell: str, *arguments: str) -> None:
        command = ["sh", "-c", shell, "sh", *COMMAND, *arguments]
        environment = place.environment()
        done = subprocess.run(
            command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True, check=False
        )
        assert (done.returncode, "Traceback" in done.stderr) == (status, False), done.stderr

    ends_with(0, 'exec "$@" >&-', "add", str(place.folder / "bots" / "bot"), "--port", str(free_port()))
    ends_with(2, 'exec "$@" <&-', "attach", "bot")
    ends_with(2, 'exec "$@" <&-', "rm", "bot")
    ends_with(0, 'exec "$@" <&-', "person", "import", "bot")
    ends_with(0, 'exec "$@" >&-', "ls")
    ends_with(0, 'exec "$@" >&-', "logs", "bot")


def test_errors_are_not_printed_among_the_results_where_theirs_is_closed() -> None:
    done = run('exec "$@" 2>&-', "ls")
    assert (done.returncode, done.stdout) == (6, "")


def test_the_numbers_of_closed_streams_are_given_to_no_other_file(tmp_path: Path) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("no /proc here")
    code = (
        "import os, pathlib, sys; from cli import standard_streams; standard_streams.open_closed()\n"
        "opened = [os.readlink(f'/proc/self/fd/{number}') for number in range(3)]\n"
        "print(sys.stdin.read(), end='', flush=True); print('lost', file=sys.stderr)\n"
        "pathlib.Path(sys.argv[1]).write_text(' '.join(opened))"
    )
    command = [
        "sh",
        "-c",
        'exec "$@" <&- >&- 2>&-',
        "sh",
        sys.executable,
        "-c",
        code,
        str(tmp_path / "opened"),
    ]
    subprocess.run(command, cwd=ROOT, check=True)
    assert (tmp_path / "opened").read_text() == " ".join([os.devnull] * 3)


def _for_reading() -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 1)


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


@pytest.mark.parametrize(
    "prepare, why", [(_for_reading, "Bad file descriptor"), (_limited, "File too large")]
)
def test_an_output_that_cannot_be_written_is_told(
    tmp_path: Path, prepare: Callable[[], None], why: str
) -> None:
    with (tmp_path / "out").open("wb") as out:
        done = subprocess.run(
            [*COMMAND, "settings"],
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=prepare,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, f"Error COMMAND_FAILED: Cannot write the output: {why}\n")


def test_the_status_of_an_error_that_cannot_be_printed_is_the_same() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    assert run('exec "$@" 2>/dev/full', "ls").returncode == 6


def test_a_folder_that_was_removed_is_no_reason_for_a_traceback(place: Home) -> None:
    folder = place.folder / "gone"
    folder.mkdir()
    done = subprocess.run(
        ["sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", *COMMAND, "ls"],
        cwd=folder,
        env=place.environment(PYTHONPATH=str(ROOT)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "Traceback" in done.stderr) == (6, False)
    assert "Start it with:" in done.stderr


def test_a_demonstration_without_a_temporary_folder_says_so(place: Home) -> None:
    done = subprocess.run(
        [*COMMAND, "demo"],
        cwd=ROOT,
        env=place.environment(),
        capture_output=True,
        text=True,
        preexec_fn=_limited,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Error COMMAND_FAILED: There is no temporary folder to write to")
