"""Consent to a bot's texts, recorded exactly as MaiBot expects it."""

import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.catalogue import SHIPPED, Catalogue
from bots.terms import accepted
from bots.terms.accepted import TEXT_BYTES, accept, digest, not_accepted, texts
from mailauncher.errors import FileTooLarge, InsufficientSpace, InvalidPath
from tests.support.unprivileged import nobodys_folder

BOTH = {"EULA.md": "eula.confirmed", "PRIVACY.md": "privacy.confirmed"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bot with both texts."""
    place = tmp_path / "bot"
    place.mkdir()
    (place / "EULA.md").write_text("# 用户协议\n第一条\n", "utf-8")
    (place / "PRIVACY.md").write_text("# Privacy\r\nNone.\r\n", "utf-8", newline="")
    return place


def as_maibot_reads(file: Path) -> str:
    """The digest that MaiBot computes: of the text with universal newlines."""
    return hashlib.md5(file.read_text("utf-8").encode(), usedforsecurity=False).hexdigest()


@given(
    st.text(alphabet=st.sampled_from(["a", "协", "\r", "\n", "\ufeff", "\x0b", "\u2028", "\0"]), max_size=20)
)
def test_the_digest_is_that_of_maibot(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "text.md"
    file.write_bytes(text.encode())
    assert digest(file.read_bytes()) == as_maibot_reads(file)


def test_a_text_with_windows_line_breaks_has_the_same_digest() -> None:
    assert digest(b"a\r\nb\r\n") == digest(b"a\nb\n") == digest(b"a\rb\r")
    assert digest(b"") == "d41d8cd98f00b204e9800998ecf8427e"


def test_nothing_is_accepted_at_first(folder: Path) -> None:
    assert not_accepted(folder, BOTH) == ["EULA.md", "PRIVACY.md"]


def test_an_accepted_text_is_not_missing(folder: Path) -> None:
    accept(folder, BOTH)
    assert not_accepted(folder, BOTH) == []
    assert (folder / "eula.confirmed").read_bytes().decode() == as_maibot_reads(folder / "EULA.md")
    assert (folder / "privacy.confirmed").read_bytes().decode() == as_maibot_reads(folder / "PRIVACY.md")
    assert sorted(path.name for path in folder.iterdir()) == sorted([*BOTH, *BOTH.values()])


def test_a_changed_text_must_be_accepted_again(folder: Path) -> None:
    accept(folder, BOTH)
    (folder / "EULA.md").write_text("# 新的用户协议\n", "utf-8")
    assert not_accepted(folder, BOTH) == ["EULA.md"]
    accept(folder, BOTH)
    assert not_accepted(folder, BOTH) == []


@pytest.mark.parametrize("added", ["\n", " ", "0"])
def test_a_record_that_maibot_would_not_accept_does_not_count(folder: Path, added: str) -> None:
    accept(folder, BOTH)
    record = folder / "eula.confirmed"
    record.write_text(record.read_text("ascii") + added, "ascii")
    assert not_accepted(folder, BOTH) == ["EULA.md"]


def test_a_missing_text_needs_no_consent(folder: Path) -> None:
    (folder / "PRIVACY.md").unlink()
    assert not_accepted(folder, BOTH) == ["EULA.md"]
    accept(folder, BOTH)
    assert not_accepted(folder, BOTH) == []
    assert not (folder / "privacy.confirmed").exists()
    assert texts(folder, BOTH)["PRIVACY.md"] is None


def test_accepting_twice_changes_nothing(folder: Path) -> None:
    accept(folder, BOTH)
    before = (folder / "eula.confirmed").stat()
    accept(folder, BOTH)
    assert (folder / "eula.confirmed").stat().st_ino == before.st_ino


def test_a_record_is_written_whole_or_not_at_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accept(folder, {"EULA.md": "eula.confirmed"})
    (folder / "EULA.md").write_text("new", "utf-8")
    before = (folder / "eula.confirmed").read_text("ascii")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InsufficientSpace):
        accept(folder, BOTH)
    assert (folder / "eula.confirmed").read_text("ascii") == before
    assert sorted(path.name for path in folder.iterdir()) == ["EULA.md", "PRIVACY.md", "eula.confirmed"]


# Links and other tricks


def test_a_link_in_place_of_a_record_is_replaced(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("untouched", "utf-8")
    (folder / "eula.confirmed").symlink_to(outside)
    (folder / "privacy.confirmed").symlink_to(tmp_path / "nowhere")
    accept(folder, BOTH)
    assert outside.read_text("utf-8") == "untouched"
    assert not (tmp_path / "nowhere").exists()
    assert not (folder / "eula.confirmed").is_symlink()
    assert not_accepted(folder, BOTH) == []


def test_a_record_below_a_linked_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (folder / "consent").symlink_to(tmp_path / "outside")
    with pytest.raises(InvalidPath, match="leads out"):
        accept(folder, {"EULA.md": "consent/eula.confirmed"})
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_loop_of_links_is_refused(folder: Path) -> None:
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    with pytest.raises(InvalidPath):
        accept(folder, {"EULA.md": "a/eula.confirmed"})


def test_a_folder_that_does_not_exist_has_no_texts(tmp_path: Path) -> None:
    assert accepted.texts(tmp_path / "gone", BOTH) == dict.fromkeys(BOTH)
    assert not_accepted(tmp_path / "gone", BOTH) == []


def test_a_bots_folder_may_itself_be_a_link(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    accept(tmp_path / "link", BOTH)
    assert not_accepted(folder, BOTH) == []


def test_the_folder_of_a_record_is_created(folder: Path) -> None:
    accept(folder, {"EULA.md": "data/terms/eula.confirmed"})
    assert not_accepted(folder, {"EULA.md": "data/terms/eula.confirmed"}) == []


def test_a_folder_in_place_of_a_record_is_refused(folder: Path) -> None:
    (folder / "eula.confirmed").mkdir()
    with pytest.raises(InvalidPath, match=r"eula\.confirmed"):
        accept(folder, BOTH)
    with pytest.raises(InvalidPath):
        not_accepted(folder, BOTH)


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_not_a_regular_file_is_refused(folder: Path, kind: str) -> None:
    (folder / "EULA.md").unlink()
    if kind == "folder":
        (folder / "EULA.md").mkdir()
    else:
        os.mkfifo(folder / "EULA.md")
    with pytest.raises(InvalidPath, match=r"EULA\.md"):
        not_accepted(folder, BOTH)


def test_a_text_larger_than_a_mebibyte_is_not_read(folder: Path) -> None:
    (folder / "EULA.md").write_bytes(b"a" * TEXT_BYTES)
    accept(folder, BOTH)
    (folder / "EULA.md").write_bytes(b"a" * (TEXT_BYTES + 1))
    with pytest.raises(FileTooLarge):
        not_accepted(folder, BOTH)


def test_an_unwritable_folder_is_reported() -> None:
    with nobodys_folder() as folder:
        (folder / "EULA.md").write_text("text", "utf-8")
        folder.chmod(0o500)
        with pytest.raises(InvalidPath, match="Permission denied"):
            accept(folder, {"EULA.md": "eula.confirmed"})


# What bots make of it


@pytest.mark.slow
def test_the_sample_bot_accepts_the_records(tmp_path: Path) -> None:
    source = SHIPPED.parent / "sample"
    for name in BOTH:
        (tmp_path / name).write_bytes((source / name).read_bytes().replace(b"\n", b"\r\n"))
    script = f"import sys; sys.path.insert(0, {str(source)!r})\nfrom src import consent\nconsent.require_consent(None)"
    command = [sys.executable, "-c", script]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0
    accept(tmp_path, Catalogue(SHIPPED).get("sample").consent)
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (0, b"")


def test_a_recipe_without_texts_needs_no_consent(folder: Path) -> None:
    accept(folder, {})
    assert not_accepted(folder, {}) == []
    assert accepted.texts(folder, {}) == {}
