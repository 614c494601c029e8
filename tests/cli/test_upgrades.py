"""`upgrade`, `rollback` and `clone` at the command line."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import deployable
from tests.support.git import Repository, released
from tests.support.program import Home
from tests.support.screen import Screen

pytestmark = pytest.mark.slow


def listed(place: Home, name: str) -> dict[str, Any]:
    found = json.loads(place.run("ls", "--json").stdout)
    (instance,) = (instance for instance in found if instance["name"] == name)
    return dict(instance)


def test_a_bot_is_upgraded_rolled_back_and_copied(place: Home, releases: Repository) -> None:
    deployable.use(releases.url, place.data)
    place.serve(MAILAUNCHER_SOURCES_MAIBOT=releases.url)
    deployed = place.run("deploy", "bot", "--version", "0.12.1", "--accept-terms", "--start")
    assert deployed.returncode == 0, deployed.stderr
    upgraded = place.run("upgrade", "bot", "--accept-terms")
    first, *_, last = (line for line in upgraded.stdout.splitlines() if not line.startswith("  web page: "))
    assert (upgraded.returncode, first, last) == (
        0,
        "The upgrade has started",
        f"bot ({deployable.STABLE}) is installed",
    ), upgraded.stderr
    found = listed(place, "bot")
    assert (found["version"], found["status"]) == (deployable.STABLE, "running")
    back = place.run("rollback", "bot", "--json")
    assert json.loads(back.stdout)["status"] == "COMPLETED", back.stderr
    assert listed(place, "bot")["version"] == "0.12.1"
    dropped(place)
    cloned = place.run("clone", "bot", "copy", "--no-follow")
    assert cloned.stdout.startswith("Cloning has started: ")
    assert place.run("follow", "copy").returncode == 0
    assert listed(place, "copy")["status"] == "stopped"
    made = json.loads(place.run("backup", "bot", "--json").stdout)["id"]
    assert place.run("clone", "bot", "older", "--backup", made).returncode == 0
    for arguments, status in (
        (("upgrade", "bot", "--version", "9.9.9"), 3),
        (("upgrade", "nobody"), 3),
        (("rollback", "copy"), 3),
        (("clone", "bot", "copy"), 4),
        (("clone", "bot", "other", "--backup", "nothing"), 3),
    ):
        assert place.run(*arguments).returncode == status, arguments


def dropped(place: Home) -> None:
    """What the upgrade kept is shown, and dropped after a yes."""
    heading, *lines = place.run("disk").stdout.splitlines()
    assert heading.split() == ["NAME", "KIND", "VERSION", "SIZE", "PATH"]
    assert [line.split()[:2] for line in lines] == [["bot", "former"], ["bot", "backups"]]
    assert lines[0].split()[2] == deployable.STABLE
    for arguments in (("--drop", "former"), ("bot", "--drop", "former"), ("bot", "--drop", "all", "--yes")):
        refused = place.run("disk", *arguments)
        assert (refused.returncode, refused.stdout) == (2, ""), arguments
    done = place.run("disk", "bot", "--drop", "former", "--yes", "--json")
    assert [kept["kind"] for kept in json.loads(done.stdout)] == ["FORMER"]
    assert place.run("rollback", "bot").returncode == 3
    assert place.run("disk", "bot", "--drop", "backups", "--yes").returncode == 0
    assert place.run("disk", "bot").stderr == "Nothing is kept\n"


def test_changed_terms_are_asked_about_before_anything_is_built(place: Home, tmp_path: Path) -> None:
    tags = {"0.12.1": {"NEWS": "first"}, "0.12.2": {"EULA.md": "Something else.\n"}}
    repository = released(tmp_path / "repository", deployable.SAMPLE, tags)
    deployable.use(repository.url, place.data)
    place.serve(MAILAUNCHER_SOURCES_MAIBOT=repository.url)
    deployed = place.run("deploy", "bot", "--version", "0.12.1", "--accept-terms", "--start")
    assert deployed.returncode == 0, deployed.stderr
    refused = place.run("upgrade", "bot")
    assert (refused.returncode, refused.stdout) == (2, "")
    question, error = refused.stderr.splitlines()
    assert "(EULA.md)" in question
    assert error.startswith("Error INVALID_PARAMETER: ")
    assert "--accept-terms" in error
    (deployment,) = json.loads(place.run("deployments", "--json").stdout)
    assert deployment["kind"] == "DEPLOY"
    screen = Screen(place, "upgrade", "bot")
    try:
        screen.expect(r"do you accept them\? \[y/N\]")
        screen.type("y\r")
        screen.expect(r"bot \(0.12.2\) is installed")
        assert screen.wait() == 0
    finally:
        screen.close()
    assert listed(place, "bot")["status"] == "running"
    same = place.run("upgrade", "bot", "--version", "0.12.2")
    assert (same.returncode, same.stdout) == (0, "")
    assert same.stderr.startswith("Instance bot is 0.12.2 already")
    refused = place.run("upgrade", "bot", "--version", "0.12.1", "--accept-terms")
    assert refused.returncode == 2
    assert "0.12.1 is older than 0.12.2" in refused.stderr
    screen = Screen(place, "upgrade", "bot", "--version", "0.12.1", "--accept-terms", "--no-follow")
    try:
        screen.expect(r"Do it all the same\? \[y/N\]")
        screen.type("y\r")
        screen.expect("The upgrade has started")
        assert screen.wait() == 0
    finally:
        screen.close()


def test_a_stopped_bot_is_upgraded_without_a_question_and_a_failed_upgrade_is_listed(
    place: Home, tmp_path: Path
) -> None:
    """Of an upgrade that had failed `ls` said nothing."""
    broken = {"bot.py": "raise SystemExit(1)\n"}
    tags = {"0.12.1": {"NEWS": "first"}, "0.12.2": {"EULA.md": "Something else.\n"}, "0.12.3": broken}
    repository = released(tmp_path / "repository", deployable.SAMPLE, tags)
    deployable.use(repository.url, place.data)
    place.serve(MAILAUNCHER_SOURCES_MAIBOT=repository.url)
    assert place.run("deploy", "bot", "--version", "0.12.1").returncode == 0
    upgraded = place.run("upgrade", "bot", "--version", "0.12.2")
    assert (upgraded.returncode, upgraded.stderr) == (0, "")
    assert listed(place, "bot")["version"] == "0.12.2"
    assert place.run("accept", "bot").returncode == 0
    assert place.run("start", "bot").returncode == 0
    assert "the upgrade to" not in place.run("ls").stdout
    assert place.run("upgrade", "bot", "--version", "0.12.3").returncode == 1
    assert "    the upgrade to 0.12.3 failed, and this is the former version" in place.run("ls").stdout
