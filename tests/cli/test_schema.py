"""`mailauncher schema`: printing, checking and writing the API descriptions."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.layers import PACKAGES, ROOT
from tests.support.program import Home

pytestmark = pytest.mark.slow

CHECKED_IN = ROOT / "schema" / "schema.graphql"


def test_schema_prints_the_checked_in_file(place: Home) -> None:
    assert place.run("schema").stdout == CHECKED_IN.read_text("utf-8")
    checked = place.run("schema", "--check")
    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the program whose files may be changed, with what is compiled of them."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package)
    return tmp_path


def run_in(copy: Path, place: Home, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mailauncher", "schema", *arguments]
    return subprocess.run(
        command, cwd=copy, env=place.environment(), capture_output=True, encoding="utf-8", check=False
    )


def test_check_shows_differences_with_status_1_until_written(place: Home, copy: Path) -> None:
    file = copy / "schema" / "schema.graphql"
    file.write_text(file.read_text("utf-8").replace("type Query", "type Question"), "utf-8")
    differing = run_in(copy, place, "--check")
    assert differing.returncode == 1
    assert "-type Question" in differing.stdout
    assert "+type Query" in differing.stdout
    assert "schema --write" in differing.stderr
    assert run_in(copy, place, "--write").returncode == 0
    assert run_in(copy, place, "--check").returncode == 0
    assert file.read_bytes() == CHECKED_IN.read_bytes()


def test_rest_prints_openapi(place: Home) -> None:
    document = json.loads(place.run("schema", "--rest").stdout)
    assert document["openapi"].startswith("3.1")
    assert "/api/v1/instances" in document["paths"]


def test_docs_writes_the_pages_of_a_checkout(place: Home, copy: Path) -> None:
    refused = run_in(copy, place, "--docs")
    assert refused.returncode == 2
    (copy / "docs").mkdir()
    assert run_in(copy, place, "--docs").returncode == 0
    for page in ("configuration.md", "cli.md", "reference/graphql.md", "reference/rest.md"):
        assert (copy / "docs" / page).read_bytes() == (ROOT / "docs" / page).read_bytes()


def test_check_and_write_exclude_each_other(place: Home) -> None:
    assert place.run("schema", "--check", "--write").returncode == 2
