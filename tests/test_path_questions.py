"""Questions to a path have an answer, not an exception."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailauncher import files
from tests.support.layers import PACKAGES, ROOT

QUESTIONS = {"exists", "is_dir", "is_file", "is_mount", "is_socket", "is_fifo"}
APART = ("bots/sample", "terminals/keeper.py")
"""What runs without this package, on whatever Python an instance has."""


def modules() -> Iterator[Path]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if not str(path.relative_to(ROOT)).startswith(APART):
                yield path


def questions(node: ast.AST) -> Iterator[int]:
    """The lines of calls such as `path.exists()`, unless their OSError is handled there. With an argument it is a method of ours."""
    if isinstance(node, ast.Try) and any(
        "OSError" in ast.unparse(one.type) for one in node.handlers if one.type
    ):
        return
    if isinstance(node, ast.Call):
        asked = [node.func] if not node.args and not node.keywords else []
        if ast.unparse(node.func) == "asyncio.to_thread":
            asked += node.args[:1]
        for one in asked:
            if isinstance(one, ast.Attribute) and one.attr in QUESTIONS and ast.unparse(one.value) != "files":
                yield node.lineno
    for child in ast.iter_child_nodes(node):
        yield from questions(child)


def test_paths_are_asked_through_one_module() -> None:
    """`Path.exists` and its kind raise where a folder on the way may not be entered or a name is too long: INTERNAL_ERROR."""
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in modules()
        for line in questions(ast.parse(path.read_text("utf-8")))
    ]
    assert found == [], "use mailauncher.files"


@pytest.mark.parametrize(
    "text, number",
    [
        ("path.exists()", 1),
        ("asyncio.to_thread(path.is_file)", 1),
        ("(a / b).is_dir() and files.exists(path)", 1),
        ("root.exists('a')\nfiles.is_file(path)\nlocation.exists", 0),
        ("try:\n path.exists()\nexcept OSError:\n pass", 0),
    ],
)
def test_the_search_finds_such_questions(text: str, number: int) -> None:
    assert len(list(questions(ast.parse(text)))) == number


def test_a_question_has_an_answer_whatever_the_name(tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to("circle")
    for path in (tmp_path / ("x" * 300), tmp_path / "circle", Path("a\0b")):
        assert not files.exists(path)
        assert not files.is_file(path)
        assert not files.is_folder(path)
