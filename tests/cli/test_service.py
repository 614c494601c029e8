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
[ "$2" != is-active ] || echo active
[ ! -e "$HOME/refuse" ] || { echo "Failed to connect to bus" >&2; exit 1; }
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="systemd")
def test_a_service_is_installed_shown_and_removed(place: Home) -> None:
    """There was only a file in the guide to copy and to adapt."""
    programs = place.folder / "programs"
    programs.mkdir()
    (programs / "systemctl").write_text(SYSTEMCTL)
    (programs / "systemctl").chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
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
    assert "KillMode=process" in text

    shown = place.run("service", "status", **given)
    assert (shown.returncode, shown.stdout.splitlines()[1]) == (0, "Running")
    assert place.run("service", "remove", **given).returncode == 0
    assert not file.exists()
    assert (place.folder / "asked").read_text().splitlines() == [
        "--user daemon-reload",
        "--user enable mailauncher.service",
        "--user restart mailauncher.service",
        "--user is-active mailauncher.service",
        "--user disable --now mailauncher.service",
        "--user daemon-reload",
    ]

    (place.folder / "refuse").touch()
    refused = place.run("service", "install", **given)
    assert refused.returncode == 1
    assert "Failed to connect to bus" in refused.stderr


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
