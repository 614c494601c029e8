"""`mailauncher service`, with a `systemctl` that writes down what it is asked."""

import os
import plistlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli import service_files
from tests.support.program import Home

SYSTEMCTL = """#!/bin/sh
echo "$*" >> "$HOME/asked"
[ "$2" != show ] || [ -e "$HOME/refuse" ] || { [ -e "$HOME/fail" ] && echo ActiveState=activating || echo ActiveState=active; }
[ "$2" != restart ] || [ ! -e "$HOME/fail" ] || { echo "Job for mailauncher.service failed" >&2; exit 1; }
[ ! -e "$HOME/refuse" ] || { echo "Failed to connect to bus" >&2; exit 1; }
"""


JOURNALCTL = """#!/bin/sh
echo "Error PORT_IN_USE: port 23456 is taken"
"""


def programs(place: Home) -> str:
    """A PATH that begins with programs that stand for those of systemd."""
    folder = place.folder / "programs"
    folder.mkdir()
    for name, script in (("systemctl", SYSTEMCTL), ("journalctl", JOURNALCTL)):
        (folder / name).write_text(script)
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="systemd")
def test_a_service_that_does_not_get_ready_is_not_called_started(place: Home) -> None:
    """With a server in a terminal on the same folder, `install` said "installed and started" and `status` "Running"."""
    given = {"PATH": programs(place), "XDG_CONFIG_HOME": ""}
    (place.folder / "fail").touch()
    failed = place.run("service", "install", **given)
    assert (failed.returncode, failed.stdout) == (1, "")
    for said in ("installed, but not ready", "tried again every 5 s", "PORT_IN_USE", "service remove"):
        assert said in failed.stderr
    shown = place.run("service", "status", **given)
    assert shown.stdout.splitlines()[1].startswith(
        "Starting, or about to after a failure; its log: journalctl"
    )
    (place.folder / "fail").unlink()
    assert place.run("service", "install", **given).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="systemd")
def test_a_service_is_installed_shown_and_removed(place: Home) -> None:
    """There was only a file in the guide to copy and to adapt."""
    path = programs(place)
    given = {"PATH": path, "XDG_CONFIG_HOME": "", "MAILAUNCHER_TOKEN": "token-of-100%-secrecy"}
    assert place.run("service", "status", **given).returncode == 3
    assert place.run("service", "remove", **given).returncode == 3

    installed = place.run("service", "install", **given)
    assert installed.returncode == 0, installed.stderr
    assert "with the machine" in installed.stdout
    file = place.folder / ".config/systemd/user/mailauncher.service"
    assert file.stat().st_mode & 0o777 == 0o600
    text = file.read_text()
    assert 'Environment="MAILAUNCHER_TOKEN=token-of-100%%-secrecy"' in text
    assert f'Environment="PATH={path}"' in text
    assert {"Type=notify", "KillMode=process"} <= set(text.splitlines())

    shown = place.run("service", "status", **given)
    assert (shown.returncode, shown.stdout.splitlines()[1]) == (0, "Running")
    assert place.run("service", "remove", **given).returncode == 0
    assert not file.exists()
    assert (place.folder / "asked").read_text().splitlines() == [
        "--user daemon-reload",
        "--user enable mailauncher.service",
        "--user restart mailauncher.service",
        "--user show --property=ActiveState mailauncher.service",
        "--user disable --now mailauncher.service",
        "--user daemon-reload",
    ]

    (place.folder / "refuse").touch()
    refused = place.run("service", "install", **given)
    assert refused.returncode == 1
    assert "Failed to connect to bus" in refused.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="systemd")
def test_without_systemd_nothing_is_installed_and_nothing_is_said_of_a_service(place: Home) -> None:
    """Where no bus could be reached, the file stayed, and `status` said "Installed", "Not running", with status 0."""
    given = {"PATH": programs(place), "XDG_CONFIG_HOME": ""}
    file = place.folder / ".config/systemd/user/mailauncher.service"
    (place.folder / "refuse").touch()
    assert place.run("service", "install", **given).returncode == 1
    assert not file.exists()
    assert place.run("service", "status", **given).returncode == 3

    (place.folder / "refuse").unlink()
    assert place.run("service", "install", **given).returncode == 0
    (place.folder / "refuse").touch()
    asked = place.run("service", "status", **given)
    assert (asked.returncode, asked.stdout) == (1, f"Installed: {file}\n")
    assert "Whether it runs cannot be asked: systemctl --user show" in asked.stderr
    assert "Failed to connect to bus" in asked.stderr
    # One that was there before stays.
    assert place.run("service", "install", **given).returncode == 1
    assert file.exists()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    program = tmp_path / 'a "$b" 100%'
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    file = tmp_path / service_files.UNIT
    file.write_text(service_files.unit([str(program), "serve"], {"MAILAUNCHER_TOKEN": 'a "\\ $b 100%\nc'}))
    environ = os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)}
    checked = subprocess.run(
        ["systemd-analyze", "--user", "verify", str(file)],
        capture_output=True,
        text=True,
        env=environ,
        check=False,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_agent_of_launchd_leaves_the_bots_alone() -> None:
    agent = plistlib.loads(
        service_files.property_list(["/a b/mailauncher", "serve"], {"A": "<1>"}, Path("/log"))
    )
    assert agent["ProgramArguments"] == ["/a b/mailauncher", "serve"]
    assert agent["EnvironmentVariables"] == {"A": "<1>"}
    assert agent["AbandonProcessGroup"] is True


def test_a_program_that_is_a_link_is_started_by_the_link(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The place that pipx and uv link to changes when they install the program anew."""
    (tmp_path / "real").touch()
    (tmp_path / "mailauncher").symlink_to(tmp_path / "real")
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "mailauncher")])
    assert service_files.command() == [str(tmp_path / "mailauncher"), "serve"]
