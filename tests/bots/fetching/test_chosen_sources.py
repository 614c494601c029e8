"""Everything that is downloaded can come from a mirror."""

from pathlib import Path

import pytest

from bots.catalogue import Catalogue
from bots.fetching import chosen_sources
from bots.fetching.repository_url import LOCAL_SCHEMES, SCHEMES
from bots.recipe import Archive
from tests.support.context import settings_for

CATALOGUE = Catalogue.load(Path("/nowhere"))
MIRROR = "https://mirror.example"
NAPCAT = "https://github.com/NapNeko/NapCatQQ/releases/download/v4.18.19/NapCat.Shell.zip"


def archives(folder: Path, **settings: object) -> dict[str, Archive]:
    """The archives of NapCat for 1.x by the file name of their first URL."""
    install = CATALOGUE.get("napcat").of("1.2.1").install
    assert install is not None
    found = chosen_sources.with_archives(settings_for(folder, **settings), "napcat", install).archives
    return {archive.urls[0].rpartition("/")[2]: archive for archive in found}


@pytest.mark.parametrize("recipe", ["maibot", "nonebot-ada"])
def test_every_repository_can_be_replaced(tmp_path: Path, recipe: str) -> None:
    """Only MaiBot's repository could be: behind a firewall, every other recipe had to be replaced."""
    settings = settings_for(
        tmp_path, sources_maibot=[], sources=[f"{recipe}=file:///one", f" {recipe} = file:///two"]
    )
    found = chosen_sources.repositories(settings, CATALOGUE.get(recipe), own=False)
    assert found == (("file:///one", "file:///two"), LOCAL_SCHEMES)


def test_a_mirror_of_github_is_asked_first(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, sources_maibot=[], github_mirror=f"{MIRROR}/")
    for name in ("maibot", "nonebot-ada"):
        urls, schemes = chosen_sources.repositories(settings, CATALOGUE.get(name), own=False)
        assert urls[0] == f"{MIRROR}/{urls[1]}"
        assert schemes == SCHEMES
    found = archives(tmp_path, github_mirror=f"{MIRROR}/")
    assert found["NapCat.Shell.zip"].urls[:2] == (f"{MIRROR}/{NAPCAT}", NAPCAT)
    assert not any(MIRROR in url for url in found["linuxqq_3.2.30-50828_amd64.deb"].urls)


def test_an_archive_comes_from_the_source_with_its_file_name(tmp_path: Path) -> None:
    qq = f"{MIRROR}/qq/linuxqq_3.2.30-50828_amd64.deb?key=1"
    found = archives(
        tmp_path, sources=[f"napcat={qq}", f"napcat={MIRROR}/other.zip"], github_mirror=f"{MIRROR}/"
    )
    assert found["linuxqq_3.2.30-50828_amd64.deb?key=1"].urls == (qq,)
    assert found["NapCat.Shell.zip"].urls[:2] == (f"{MIRROR}/{NAPCAT}", NAPCAT)
