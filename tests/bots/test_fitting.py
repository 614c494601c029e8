"""The commit of a service that fits a bot, from the manifests in a real repository's history."""

import json
from pathlib import Path

import pytest

from bots.fetching.refs import remote_refs
from bots.fetching.repository_url import LOCAL_SCHEMES
from bots.fetching.sources import Sources
from bots.fitting import FittingReleases, Manifest, fitting
from bots.recipe import HostRange
from mailauncher.errors import DownloadFailed
from tests.support.git import Files, Repository

WHERE = HostRange("_manifest.json", "host.min", "host.max")
MANIFESTS = [
    Manifest("d", "1.2.0", "1.2.99"),
    Manifest("c", "1.0.0", "1.2.99"),
    Manifest("a", "1.0.0", "1.0.0"),
]
"""As the adapter's repository has them."""


@pytest.mark.parametrize(
    "version, commit",
    [
        ("1.2.1", "d"),
        ("1.2.2+dev", "d"),
        ("1.1.4", "c"),
        ("1.0.12", "c"),
        ("1.0.0", "c"),
        ("1.3.0", "d"),  # with a warning
        ("2.0.0", None),
        ("0.12.3", None),
        ("dev", None),
    ],
)
def test_the_newest_commit_that_is_for_the_version_fits(version: str, commit: str | None) -> None:
    """1.1.4 was given the newest adapter, which is for 1.2 and was not loaded."""
    assert fitting(MANIFESTS, version) == commit


async def test_the_manifests_of_a_branch_are_read_from_its_history(tmp_path: Path) -> None:
    repository, commits = Repository(tmp_path / "repository"), []
    history: list[Files] = [
        {"README.md": "no manifest yet"},
        {"_manifest.json": manifest("1.0.0", "1.0.0")},
        {"plugin.py": "mended for 1.0"},
        {"_manifest.json": "{ broken"},
        {"_manifest.json": None},
        {"_manifest.json": manifest("1.1.0", "1.1.99")},
        {"_manifest.json": "[]"},
        {"_manifest.json": manifest("1.2.0", 7)},
        {"_manifest.json": manifest("1.2.0", "1.2.99")},
        {"plugin.py": "mended for 1.2"},
    ]
    for files in history:
        repository.commit(files)
        commits.append(repository.head)
    found, sources = FittingReleases(tmp_path / "data"), Sources((repository.url,), LOCAL_SCHEMES)
    expected = [
        Manifest(commits[9], "1.2.0", "1.2.99"),
        Manifest(commits[5], "1.1.0", "1.1.99"),
        Manifest(commits[2], "1.0.0", "1.0.0"),
    ]
    tip = (await remote_refs([repository.url], LOCAL_SCHEMES)).branches["main"]
    assert await found.manifests(sources, "main", tip, WHERE) == expected
    repository.folder.rename(tmp_path / "gone")
    assert await found.manifests(sources, "main", tip, WHERE) == expected
    with pytest.raises(DownloadFailed):
        await found.manifests(sources, "main", "0" * 40, WHERE)
    assert list((tmp_path / "data/cache/git").iterdir()) == []


def manifest(least: object, most: object) -> str:
    return json.dumps({"host": {"min": least, "max": most}})
