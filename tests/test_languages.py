"""Everything that is said to people is said in both languages."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailauncher.errors import LauncherError, Text, preferred_language
from tests.test_errors import tree

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("mailauncher", "schema", "resolvers", "rest", "terminals")
CHINESE = re.compile(r"[\u4e00-\u9fff]")
FORMS = {"Text", "about"} | {error.__name__ for error in tree()} | {"LauncherError"}


@pytest.mark.parametrize(
    "tag,words",
    [
        ("en", "yes"),
        ("EN", "yes"),
        ("en-GB", "yes"),
        ("zh", "是"),
        ("zh-Hant-TW", "是"),
        ("fr", "是"),
        ("", "是"),
    ],
)
def test_a_text_speaks_english_to_the_english_and_chinese_to_everyone_else(tag: str, words: str) -> None:
    assert Text("是", "yes").in_language(tag) == words


@pytest.mark.parametrize(
    "header,language",
    [
        ("", "zh"),
        ("*", "zh"),
        ("en", "en"),
        ("EN-us", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,en;q=0.9,zh-CN;q=0.8", "en"),
        ("fr-FR, fr;q=0.9, en;q=0.5", "en"),
        ("fr, de", "zh"),
        # What counts is the weight, whatever stands first.
        ("zh;q=0.5, en", "en"),
        ("en;q=0.1,zh;q=0.2", "zh"),
        ("en;q=0, zh", "zh"),
        ("zh;q=0, en;q=0.1", "en"),
        ("en;q=0", "zh"),
        # Zhuang is no Chinese, and Old English no English of today.
        ("zha, en;q=0.1", "en"),
        ("ang, enm", "zh"),
        # Nonsense is no reason to fail.
        ("en;q=", "en"),
        ("en;q=x", "en"),
        ("en;q=nan, zh;q=0.5", "en"),
        (";;;,,,;q=1", "zh"),
        ("en;q=0.5;level=1, zh;q=0.4", "en"),
        ("," * 10_000, "zh"),
    ],
)
def test_the_language_is_the_one_the_header_likes_best(header: str, language: str) -> None:
    assert preferred_language(header) == language


def sentences() -> Iterator[tuple[str, ast.expr, ast.expr]]:
    """(place, Chinese, English) of every text in the code whose words stand there."""
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            if "sample" in file.parts:
                continue
            for node in ast.walk(ast.parse(file.read_bytes())):
                if isinstance(node, ast.Call) and len(node.args) >= 2:
                    name = node.func.id if isinstance(node.func, ast.Name) else ""
                    if name in FORMS:
                        yield f"{file.relative_to(ROOT)}:{node.lineno}", node.args[0], node.args[1]


def literal(node: ast.expr) -> str | None:
    """The words that stand in a string, without what is put into it. None for anything but a string."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
    return None


def test_the_texts_of_the_code_are_found() -> None:
    assert len(list(sentences())) > 100


def test_chinese_stands_first_and_english_second() -> None:
    wrong = []
    for place, zh, en in sentences():
        chinese, english = literal(zh), literal(en)
        if chinese and english and chinese != english:
            words = re.sub(r"\W|\d|Python", "", english)
            if (words and not CHINESE.search(chinese)) or CHINESE.search(english):
                wrong.append((place, chinese, english))
    assert wrong == []


def test_every_sentence_exists_in_both_languages() -> None:
    silent = [
        place
        for place, zh, en in sentences()
        if (literal(zh) == "") != (literal(en) == "") and not isinstance(zh, ast.JoinedStr)
    ]
    assert silent == []


def test_an_error_says_the_same_in_its_traceback_as_to_the_english() -> None:
    assert str(LauncherError("坏了", "broken")) == "broken"
