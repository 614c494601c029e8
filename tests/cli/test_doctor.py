"""`mailauncher doctor`: what is there, what is not, and the way out."""

import os
import socket
from pathlib import Path

import pytest

from mailauncher.cli import doctor
from tests.support.program import Home

pytestmark = pytest.mark.slow


def verdicts(output: str) -> dict[str, str]:
    """The verdict of each line by its text."""
    lines = (line.split(maxsplit=1) for line in output.splitlines() if not line.startswith(" "))
    return {text: verdict for verdict, text in lines}


def test_a_machine_with_everything_needed_passes(place: Home) -> None:
    examined = place.run("doctor")
    assert examined.returncode == 0, examined.stdout
    assert "fail" not in verdicts(examined.stdout).values()
    assert f"Port {place.port} is free" in examined.stdout
    assert str(place.data) in examined.stdout


def test_what_is_missing_comes_with_the_way_out(place: Home) -> None:
    examined = place.run("doctor", PATH="/nowhere")
    assert examined.returncode == 0
    lines = examined.stdout.splitlines()
    (at,) = (n for n, line in enumerate(lines) if line.startswith("warn  Deploying bots needs git"))
    assert lines[at + 1].startswith("      -> install git")


def test_a_port_that_another_program_has_fails_with_its_name(place: Home) -> None:
    with socket.create_server(("127.0.0.1", place.port)):
        examined = place.run("doctor")
    assert examined.returncode == 1
    assert f"fail  Port {place.port} is in use by " in examined.stdout
    assert f"(pid {os.getpid()})" in examined.stdout
    assert "MAILAUNCHER_PORT" in examined.stdout


def test_the_port_of_the_running_server_is_no_failure(place: Home) -> None:
    server = place.serve()
    examined = place.run("doctor")
    assert examined.returncode == 0
    assert f"MaiLauncher runs at {place.url} (pid {server.process.pid})" in examined.stdout


def test_a_folder_that_cannot_be_written_fails(place: Home) -> None:
    examined = place.run("doctor", MAILAUNCHER_DATA="/proc/nowhere/data")
    assert examined.returncode == 1
    assert "fail  Data folder /proc/nowhere/data is not writable (/proc: " in examined.stdout


def test_a_setting_that_cannot_be_used_fails(place: Home) -> None:
    examined = place.run("doctor", MAILAUNCHER_PORT="many")
    assert examined.returncode == 1
    assert "fail  Setting port (MAILAUNCHER_PORT)" in examined.stdout


def test_it_speaks_chinese_too(place: Home) -> None:
    examined = place.run("doctor", LANG="zh_CN.UTF-8")
    assert examined.returncode == 0
    assert f"端口 {place.port} 空闲" in examined.stdout


def test_no_pseudo_terminals_and_no_room_are_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> tuple[int, int]:
        raise OSError(2, "No such file or directory")

    monkeypatch.setattr(os, "openpty", none)
    monkeypatch.setattr(doctor, "TOO_LITTLE_SPACE", 1 << 80)
    monkeypatch.setattr(doctor, "LITTLE_SPACE", 1 << 80)
    assert doctor._terminals().verdict == doctor.FAIL
    assert doctor._space(Path("/")).verdict == doctor.FAIL


def test_an_encoding_other_than_utf8_is_a_warning(place: Home) -> None:
    examined = place.run(
        "doctor", LANG="en_US.ISO-8859-1", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", LC_ALL="POSIX"
    )
    assert "warn  The locale's encoding is" in examined.stdout
