"""`mailauncher database copy`: moves a store while no server runs."""

import sqlite3
from contextlib import closing

import pytest

from tests.support import databases, postgres
from tests.support.program import Home

pytestmark = [pytest.mark.slow, databases.NEEDS_POSTGRESQL]


def test_a_store_is_moved_and_a_server_that_runs_keeps_its_own(place: Home) -> None:
    url = postgres.empty(place.folder)
    assert place.run("database", "copy", str(place.data), url).returncode == 2  # there is none
    with closing(sqlite3.connect(databases.migrated(place.data) / "mailauncher.db")) as file, file:
        file.execute("INSERT INTO event (at, kind, caller, zh, en) VALUES (1, 'stop', 'cli', '', '')")
    moved = place.run("--lang", "en", "database", "copy", str(place.data), url)
    assert moved.returncode == 0, moved.stderr
    assert "event                   1\n" in moved.stdout
    assert "each row compared" in moved.stderr
    again = place.run("--lang", "en", "database", "copy", url, str(place.data))
    assert (again.returncode, again.stdout) == (0, ""), again.stderr
    assert "the same content already" in again.stderr
    place.serve(MAILAUNCHER_DATABASE_URL=url)
    refused = place.run("--lang", "en", "database", "copy", str(place.data), url)
    assert refused.returncode == 4
    assert "is in use by another MaiLauncher" in refused.stderr
    other = databases.migrated(place.folder / "other")
    refused = place.run("--lang", "en", "database", "copy", str(other), url)
    assert refused.returncode == 4
    assert "another MaiLauncher uses it (mailauncher " in refused.stderr


def test_places_that_cannot_be_are_refused(place: Home) -> None:
    for source, target, why in (
        ("x", "x", "are the same"),
        ("mysql://x", "y", "mysql://x is neither a data folder nor postgres://"),
        (str(place.folder), "y", "There is no database mailauncher.db"),
    ):
        refused = place.run("--lang", "en", "database", "copy", source, target)
        assert (refused.returncode, why in refused.stderr) == (2, True), refused.stderr
