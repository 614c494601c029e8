"""The release that a branch is, from the files of real repositories."""

from pathlib import Path

import pytest

from bots.branches import version_of
from bots.catalogue import SHIPPED, Catalogue
from bots.fetching.refs import remote_refs
from bots.fetching.repository_url import LOCAL_SCHEMES
from bots.fetching.sources import Sources
from bots.terms.offered import OfferedTerms
from bots.versions.known import find
from tests.support.git import Repository

MAIBOT = Catalogue(SHIPPED).get("maibot")
PROJECT = '[project]\nname = "MaiBot"\nversion = "{}"\n'


@pytest.mark.parametrize(
    "files, version",
    [
        (
            {
                "src/config/config.py": 'import x\nMMC_VERSION = "0.12.2"\n',
                "pyproject.toml": PROJECT.format("0.11.6"),
            },
            "0.12.2+work/on-it",
        ),
        (
            {
                "src/config/config.py": "MMC_VERSION: str = read_project_version(PROJECT_ROOT)\n",
                "pyproject.toml": PROJECT.format("1.2.2"),
            },
            "1.2.2+work/on-it",
        ),
        ({"pyproject.toml": PROJECT.format("not a release")}, "work/on-it"),
        ({"pyproject.toml": PROJECT.format("1" * 30)}, "work/on-it"),
        ({"README.md": "nothing of the kind"}, "work/on-it"),
    ],
)
async def test_a_branch_is_the_release_that_its_files_name(
    tmp_path: Path, files: dict[str, str], version: str
) -> None:
    """A branch of a 0.12 tree was taken for 1.x: it was given another adapter, and asked for Python 3.12."""
    repository = Repository(tmp_path / "repository")
    repository.commit(files)
    repository.tag("1.0.0")
    repository.git("branch", "work/on-it")
    refs = await remote_refs([repository.url], LOCAL_SCHEMES)
    texts, sources = OfferedTerms(tmp_path / "data"), Sources((repository.url,), LOCAL_SCHEMES)
    branch, tag = find(refs, "work/on-it"), find(refs, "1.0.0")
    assert branch
    assert tag
    assert await version_of(texts, sources, MAIBOT, branch) == version
    assert await version_of(texts, sources, MAIBOT, tag) == "1.0.0"


def test_the_family_of_a_branch_is_that_of_its_release() -> None:
    assert MAIBOT.of("0.12.2+main").data == MAIBOT.of("0.12.2").data == "maibot-0.7"
    assert MAIBOT.of("1.2.2+dev") == MAIBOT.of("1.2.2")
    assert MAIBOT.of("dev") == MAIBOT.of("1.2.2")
