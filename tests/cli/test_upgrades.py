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
    first, *_, last = upgraded.stdout.splitlines()
    assert (upgraded.returncode, first, last) == (
        0,
        "The upgrade has begun",
        f"bot ({deployable.STABLE}) is installed",
    ), upgraded.stderr
    found = listed(place, "bot")
    assert (found["version"], found["status"]) == (deployable.STABLE, "running")
    back = place.run("rollback", "bot", "--json")
    assert json.loads(back.stdout)["status"] == "COMPLETED", back.stderr
    assert listed(place, "bot")["version"] == "0.12.1"
    cloned = place.run("clone", "bot", "copy", "--no-follow")
    assert cloned.stdout.startswith("The copying has begun: ")
    assert place.run("follow", "copy").returncode == 0
    assert listed(place, "copy")["status"] == "stopped"
    for arguments, status in (
        (("upgrade", "bot", "--version", "9.9.9"), 3),
        (("upgrade", "nobody"), 3),
        (("rollback", "copy"), 3),
        (("clone", "bot", "copy"), 4),
    ):
        assert place.run(*arguments).returncode == status, arguments


def test_other_terms_are_asked_about_before_anything_is_made(place: Home, tmp_path: Path) -> None:
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
    assert (same.returncode, same.stderr) == (0, "")


def test_a_bot_at_rest_is_upgraded_without_a_question(place: Home, tmp_path: Path) -> None:
    tags = {"0.12.1": {"NEWS": "first"}, "0.12.2": {"EULA.md": "Something else.\n"}}
    repository = released(tmp_path / "repository", deployable.SAMPLE, tags)
    deployable.use(repository.url, place.data)
    place.serve(MAILAUNCHER_SOURCES_MAIBOT=repository.url)
    assert place.run("deploy", "bot", "--version", "0.12.1").returncode == 0
    upgraded = place.run("upgrade", "bot")
    assert (upgraded.returncode, upgraded.stderr) == (0, "")
    assert listed(place, "bot")["version"] == "0.12.2"
