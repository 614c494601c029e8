"""`mailauncher doctor`: what is available, what is missing, and remedies."""

import os
import platform
import shutil
import socket
import sqlite3
import sys
from pathlib import Path

import pytest

from cli import doctor
from cli.finding import FAIL
from tests.support import databases, postgres
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
    assert "ok    uv (" in examined.stdout
    assert str(place.data) in examined.stdout


def test_a_missing_program_comes_with_a_remedy(place: Home) -> None:
    examined = place.run("doctor", PATH="/nowhere")
    assert examined.returncode == 0
    lines = examined.stdout.splitlines()
    (at,) = (
        n for n, line in enumerate(lines) if line.startswith("warn  git not found: needed to deploy bots")
    )
    assert lines[at + 1].startswith("      -> install git")


def test_a_port_in_use_by_another_program_fails_with_its_name(place: Home) -> None:
    with socket.create_server(("127.0.0.1", place.port)):
        examined = place.run("doctor")
    assert examined.returncode == 1
    assert f"fail  Port {place.port} is in use by " in examined.stdout
    assert f"(pid {os.getpid()})" in examined.stdout
    assert "MAILAUNCHER_PORT" in examined.stdout


def test_the_port_of_the_running_server_passes(place: Home) -> None:
    server = place.serve()
    examined = place.run("doctor")
    assert examined.returncode == 0
    assert f"MaiLauncher is running at {place.url} (pid {server.process.pid})" in examined.stdout
    # Of another data folder, such as a demonstration's: it was a failure, as of any other program.
    elsewhere = place.run("doctor", MAILAUNCHER_DATA=str(place.folder / "other"))
    assert elsewhere.returncode == 0
    assert f"warn  Port {place.port} belongs to another MaiLauncher (pid " in elsewhere.stdout


@databases.NEEDS_POSTGRESQL
def test_the_database_is_named_without_its_password_and_what_is_wrong_with_it(place: Home) -> None:
    url = postgres.url_for(place.folder)
    place.serve(MAILAUNCHER_DATABASE_URL=url)
    name = url.rpartition("@/")[2].partition("?")[0]
    socket_folder = f"@localhost:1/{name}"
    for given, said in (
        (url, f"@/{name}?host={postgres.cluster().folder} answers (PostgreSQL "),
        (url, ", used by mailauncher "),
        (
            url.replace(name, "nothing"),
            ' cannot be used: database "nothing" does not exist\n      -> create the',
        ),
        (f"postgres://me:unused{socket_folder}", "      -> start the server of the database, or"),
        (
            f"postgres://me:un/used{socket_folder}",
            "postgres://*** cannot be used: database_url is not a valid",
        ),
        (
            "mysql://me:unused@localhost/x",
            "mysql://me@localhost/x cannot be used\n      -> database_url must be",
        ),
    ):
        examined = place.run("doctor", MAILAUNCHER_DATABASE_URL=given)
        assert said in examined.stdout, examined.stdout
        assert "unused" not in examined.stdout
        assert "used@" not in examined.stdout
        assert examined.returncode == (given != url)


def test_what_is_no_database_fails_and_a_new_one_passes(place: Home) -> None:
    place.data.mkdir(parents=True)
    assert "mailauncher.db is made at the first start" in place.run("doctor").stdout
    (place.data / "mailauncher.db").write_bytes(b"something else")
    examined = place.run("doctor")
    assert examined.returncode == 1
    assert "mailauncher.db is not a SQLite database\n      -> restore" in examined.stdout
    (place.data / "mailauncher.db").unlink()
    databases.migrated(place.data)
    said = f"{place.data}/mailauncher.db (SQLite {sqlite3.sqlite_version})"
    assert said in place.run("doctor").stdout
    url = f"sqlite://{place.data}/mailauncher.db"
    assert (
        said in place.run("doctor", MAILAUNCHER_DATABASE_URL=url, MAILAUNCHER_DATA=str(place.folder)).stdout
    )


def test_a_folder_that_cannot_be_created_fails(place: Home) -> None:
    """It said "change the permissions of /", the nearest folder that exists."""
    examined = place.run("doctor", MAILAUNCHER_DATA="/proc/nowhere/data")
    assert examined.returncode == 1
    assert (
        "fail  Data folder /proc/nowhere/data does not exist and cannot be created in /proc ("
        in examined.stdout
    )
    assert "create it as root, owned by this user, or set MAILAUNCHER_DATA" in examined.stdout


def test_an_invalid_setting_fails(place: Home) -> None:
    examined = place.run("doctor", MAILAUNCHER_PORT="many")
    assert examined.returncode == 1
    assert "fail  Setting port (MAILAUNCHER_PORT)" in examined.stdout


def test_the_python_of_each_bot_and_what_napcat_lacks_are_shown(place: Home) -> None:
    """Only a failed deployment said that no Python fitted, and a recipe that could not be read was named nowhere."""
    (place.data / "recipes").mkdir(parents=True)
    (place.data / "recipes" / "own.toml").write_text("name = 1")
    examined = place.run("doctor", MAILAUNCHER_PYTHON=sys.executable, PATH="/usr/bin:/bin")
    here = f"Python {platform.python_version()} ({sys.executable})"
    shown = examined.stdout.splitlines()
    if sys.version_info < (3, 14):
        assert f"ok    {here} for maibot >=0.7 <1.0, nonebot-ada >=0.7 <1.0" in shown
    assert any("own.toml is invalid: " in line and line.startswith("fail") for line in shown)
    assert examined.returncode == 1
    old = place.run("doctor", MAILAUNCHER_PYTHON="2.99")
    assert "the setting python has none that fits: 2.99 (not found)" in old.stdout
    packages = next(line for line in shown if "NapCat" in line)
    assert ("xvfb" in packages) == (shutil.which("xvfb-run", path="/usr/bin:/bin") is None)


def test_findings_are_chinese_in_chinese(place: Home) -> None:
    examined = place.run("doctor", LANG="zh_CN.UTF-8")
    assert examined.returncode == 0
    assert f"端口 {place.port} 空闲" in examined.stdout


def test_missing_pseudo_terminals_and_a_full_disk_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> tuple[int, int]:
        raise OSError(2, "No such file or directory")

    monkeypatch.setattr(os, "openpty", none)
    monkeypatch.setattr(doctor, "MIN_SPACE_BYTES", 1 << 80)
    monkeypatch.setattr(doctor, "LOW_SPACE_BYTES", 1 << 80)
    assert doctor._terminals().verdict == FAIL
    assert doctor._space(Path("/")).verdict == FAIL


def test_an_encoding_other_than_utf8_is_a_warning(place: Home) -> None:
    examined = place.run(
        "doctor", LANG="en_US.ISO-8859-1", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", LC_ALL="POSIX"
    )
    assert "warn  The locale's encoding is" in examined.stdout
