"""`upgrade`, `rollback` and `clone` at the command line."""

import json
from typing import Any

import pytest

from tests.support import deployable
from tests.support.git import Repository
from tests.support.program import Home

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
