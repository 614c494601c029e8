"""A version whose licence text was a link to a terminal, or to /dev/zero, held the server's thread for ever or filled its
memory, in an upgrade; a configuration file that was a pipe did so whenever ports were chosen, and nobody could add
anything any more."""

import os
from pathlib import Path

import pytest

from bots.recipe import BilingualText, ConfigFileSpec, Recipe
from bots.terms import accepted
from mailauncher.errors import FileTooLarge, InvalidPath
from resolvers.running import port_plan

TERMS = {"EULA.md": "eula.confirmed"}


@pytest.mark.parametrize("target", ["/dev/ptmx", "/dev/zero", "pipe"])
def test_terms_that_have_no_end_are_refused(tmp_path: Path, target: str) -> None:
    (tmp_path / "new").mkdir()
    os.mkfifo(tmp_path / "new" / "pipe")
    (tmp_path / "new" / "EULA.md").symlink_to(target)
    with pytest.raises(InvalidPath):
        accepted.changed_texts(tmp_path / "new", tmp_path, TERMS)


def test_terms_of_any_length_are_not_read_to_their_end(tmp_path: Path) -> None:
    with (tmp_path / "EULA.md").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(FileTooLarge):
        accepted.changed_texts(tmp_path, tmp_path, TERMS)


def test_terms_are_changed_where_the_old_tree_has_no_record_of_just_them(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for tree in (old, new):
        tree.mkdir()
        (tree / "EULA.md").write_text("terms")
    assert accepted.changed_texts(new, old, TERMS) == ["EULA.md"]
    accepted.accept(old, TERMS)
    assert accepted.changed_texts(new, old, TERMS) == []
    (new / "EULA.md").write_text("other terms")
    assert accepted.changed_texts(new, old, TERMS) == ["EULA.md"]
    (new / "EULA.md").unlink()
    assert accepted.changed_texts(new, old, TERMS) == []


@pytest.mark.parametrize("target", ["/dev/ptmx", "pipe"])
def test_ports_are_not_looked_for_in_what_is_no_file(tmp_path: Path, target: str) -> None:
    words = BilingualText(zh="", en="")
    env = ConfigFileSpec(name="env", path=".env", set={"PORT": "{main}"})
    recipe = Recipe(name="bot", kind="bot", title=words, description=words, run=(("x",),), config=(env,))
    (tmp_path / ".env").write_text("PORT=8000\n")
    assert port_plan.configured_ports(tmp_path, recipe) == {"main": 8000}
    (tmp_path / ".env").unlink()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / ".env").symlink_to(target)
    assert port_plan.configured_ports(tmp_path, recipe) == {}
