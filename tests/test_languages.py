"""All texts for people exist in both languages."""

import ast
import functools
import re
from collections.abc import Iterator

import pytest

from mailauncher.errors import LauncherError, Text, preferred_language
from tests.support.layers import PACKAGES, ROOT
from tests.test_errors import tree

CHINESE = re.compile(r"[\u4e00-\u9fff（）]")
FORMS = {"Text", "about", "described", "help_text"} | {error.__name__ for error in tree()} | {"LauncherError"}


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
def test_a_text_is_english_for_english_tags_and_chinese_for_all_others(tag: str, words: str) -> None:
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
        # The weight counts, not the order.
        ("zh;q=0.5, en", "en"),
        ("en;q=0.1,zh;q=0.2", "zh"),
        ("en;q=0, zh", "zh"),
        ("zh;q=0, en;q=0.1", "en"),
        ("en;q=0", "zh"),
        # Zhuang is not Chinese, and Old English is not English.
        ("zha, en;q=0.1", "en"),
        ("ang, enm", "zh"),
        # Invalid headers do not fail.
        ("en;q=", "en"),
        ("en;q=x", "en"),
        ("en;q=nan, zh;q=0.5", "en"),
        (";;;,,,;q=1", "zh"),
        ("en;q=0.5;level=1, zh;q=0.4", "en"),
        ("," * 10_000, "zh"),
    ],
)
def test_the_language_is_the_preferred_one_of_the_header(header: str, language: str) -> None:
    assert preferred_language(header) == language


def test_of_a_header_of_many_languages_the_first_are_read() -> None:
    """60 KB of commas cost time of the loop with each request."""
    assert preferred_language("," * 63 + "en") == "en"
    assert preferred_language("," * 64 + "en") == "zh"


@functools.cache
def sentences() -> list[tuple[str, ast.expr, ast.expr]]:
    """(place, Chinese, English) of every literal text in the code."""
    found = []
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            if "sample" in file.parts:
                continue
            for node in ast.walk(ast.parse(file.read_bytes())):
                if isinstance(node, ast.Call) and len(node.args) >= 2:
                    name = node.func.id if isinstance(node.func, ast.Name) else ""
                    if name in FORMS:
                        place = f"{file.relative_to(ROOT)}:{node.lineno}"
                        found.append((place, node.args[0], node.args[1]))
    return found


def literal(node: ast.expr) -> str | None:
    """The literal parts of a string. None for anything but a string."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) for part in node.values if isinstance(part, ast.Constant))
    return None


def test_the_texts_of_the_code_are_found() -> None:
    assert len(sentences()) > 100


def test_chinese_comes_first_and_english_second() -> None:
    wrong = []
    for place, zh, en in sentences():
        chinese, english = literal(zh), literal(en)
        if chinese and english and chinese != english:
            words = re.sub(r"\W|\d|Python|pid", "", english)
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


LIMIT = re.compile(
    r"\d[\d,]* (?:[KMG]iB|bytes|characters|columns|items|lines|minutes|persons|revisions|rows|s|seconds|services|tags)\b"
    r"|\b\d+-\d[\d,]*\b(?!-)|\d[\d,]* ?(?:[KMG]iB|个|字节|字符|像素|秒|行|项)"
)
CONVENTIONS = {"0-100", "1-65535"}  # a percentage, and a TCP port


def words() -> Iterator[tuple[str, str]]:
    """(place, words) of every text in the code in both languages, and of every string in the schema."""
    for place, *texts in sentences():
        yield from ((place, literal(text) or "") for text in texts)
    for file in (ROOT / "schema").glob("*.py"):
        tree = ast.parse(file.read_bytes())
        documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and id(node) not in documentation
            ):
                yield f"{file.relative_to(ROOT)}:{node.lineno}", node.value


def test_limits_in_texts_come_from_constants() -> None:
    """Numbers typed into sentences were wrong as soon as the limit changed."""
    typed = [
        (place, limit) for place, text in words() for limit in LIMIT.findall(text) if limit not in CONVENTIONS
    ]
    assert typed == []


def test_the_text_of_an_error_in_a_traceback_is_the_english_one() -> None:
    assert str(LauncherError("坏了", "broken")) == "broken"
