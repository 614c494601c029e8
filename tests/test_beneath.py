"""Files beneath a folder, whoever changes it meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mailauncher.beneath import LeadsOutside, Root
from tests.support.exchanger import exchanging

ROUNDS = 300


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Root]:
    """`real/file` in a folder, and `outside/file` beside it."""
    for folder in ("home/real", "outside"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "file").write_text(folder)
    before = set(Path("/dev/fd").iterdir())
    with Root(tmp_path / "home") as opened:
        yield opened
    assert set(Path("/dev/fd").iterdir()) == before, "every descriptor is closed"
    assert [path.name for path in (tmp_path / "outside").iterdir()] == ["file"]
    assert (tmp_path / "outside/file").read_text() == "outside"


def content(root: Root, path: str) -> bytes:
    with root.open_regular(path) as file:
        return file.read()


@pytest.mark.parametrize("target", ["real", "./real/", "real/../real", "{home}/real", "up/real"])
def test_links_that_stay_beneath_are_followed(root: Root, target: str) -> None:
    (root.path / "up").symlink_to(".")
    (root.path / "link").symlink_to(target.format(home=root.path))
    assert content(root, "link/file") == b"home/real"
    (root.path / "last").symlink_to("link/file")
    assert content(root, "last") == b"home/real"
    with root.replacing("last") as file:
        file.write(b"new")
    assert ((root.path / "real/file").read_bytes(), (root.path / "last").is_symlink()) == (b"new", True)
    with root.place("last") as place:
        assert place.path == "real/file"


@pytest.mark.parametrize("target", ["../outside", "real/../../outside", "{home}/../outside", "/"])
def test_nothing_leads_outside(root: Root, target: str) -> None:
    (root.path / "link").symlink_to(target.format(home=root.path))
    (root.path / "last").symlink_to("link/file")
    for path in ("link/file", "last", "../outside/file", "/etc/passwd", "real/../../outside/file"):
        with pytest.raises(LeadsOutside):
            content(root, path)
        with pytest.raises(LeadsOutside), root.replacing(path):
            pass
        assert not root.exists(path, follow=True)
    for path in ("link/file", "link/new"):
        with pytest.raises(LeadsOutside):
            root.remove(path)
        with pytest.raises(LeadsOutside):
            root.rename("real/file", path)
        with pytest.raises(LeadsOutside):
            root.rename(path, "real/file")
        with pytest.raises(LeadsOutside):
            root.link("real/file", path)
    root.remove("link")
    assert not root.exists("link")


def test_links_without_an_end_are_an_error(root: Root) -> None:
    (root.path / "a").symlink_to("b")
    (root.path / "b").symlink_to("a/c")
    for path in ("a", "a/file"):
        with pytest.raises(OSError, match="Too many levels"):
            content(root, path)
        assert not root.exists(path, follow=True)
    assert root.exists("a")


def test_a_link_that_leads_nowhere_is_listed_like_any_other(root: Root) -> None:
    """One link in a circle, or to a name that is too long, made its folder unreadable: no backup, no configuration."""
    for name, target in (
        ("circle", "circle"),
        ("long", "x" * 300),
        ("broken", "nowhere"),
        ("folder", "real"),
    ):
        (root.path / name).symlink_to(target)
    found = {entry.name: (entry.is_link, entry.leads_to_folder) for entry in root.entries(".")}
    assert [found[name] for name in ("circle", "long", "broken")] == [(True, False)] * 3
    assert found["folder"] == (True, True)


@pytest.mark.slow
def test_a_folder_exchanged_for_a_link_leads_nowhere(root: Root) -> None:
    """Between the look at a path and its use, `real` became a link: content from elsewhere was read, and files elsewhere
    were written."""
    outside = root.path.parent / "outside"
    counts = {"inside": 0, "refused": 0}
    with exchanging(root.path / "real", outside):
        for number in range(ROUNDS):
            try:
                with root.replacing("real/file") as file:
                    file.write(b"home %d" % number)
                assert content(root, "real/file").startswith(b"home")
                root.link("real/file", "real/more")
                assert {entry.name for entry in root.entries("real")} >= {"file"}
                root.rename("real/more", "real/again")
                root.remove("real/again")
            except (LeadsOutside, FileExistsError, NotADirectoryError):
                counts["refused"] += 1
            else:
                counts["inside"] += 1
    assert counts["refused"] > 0, "the exchange was met"
    assert {path.name for path in (root.path / "real").iterdir()} <= {"file", "more", "again"}
