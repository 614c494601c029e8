"""The words of the search index: a search finds exactly the rows that contain its text."""

import random
import sqlite3
import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import frequent_parts, words
from store.words import FIELD, Keyword, fold, keyword

TEXTS = st.text(
    st.one_of(
        st.sampled_from("aAbBẞßſ开心猫_%\"'*()\\ -:^éÉıİΣσςﬁ👍🏽‍ＡａＯＲ"),
        st.characters(exclude_categories=["Cs"]),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def index() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute(
        "CREATE VIRTUAL TABLE w USING fts5(words, content='', columnsize=0, tokenize='ascii', prefix='13 14')"
    )
    yield connection
    connection.close()


def found(index: sqlite3.Connection, fields: list[str], keywords: list[str], expression: str) -> bool:
    text = words.row_words("i", FIELD.join(fields), keywords)
    index.execute("INSERT INTO w (rowid, words) VALUES (1, ?)", (text,))
    try:
        return bool(index.execute("SELECT 1 FROM w WHERE w MATCH ?", (expression,)).fetchall())
    finally:
        index.execute("INSERT INTO w (w, rowid, words) VALUES ('delete', 1, ?)", (text,))


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=3), TEXTS, st.data())
def test_a_row_is_found_by_exactly_the_parts_of_its_texts(
    index: sqlite3.Connection, texts: list[str], other: str, data: st.DataObject
) -> None:
    folded = [fold(text) for text in texts]
    whole = data.draw(st.sampled_from(folded))
    begin = data.draw(st.integers(0, len(whole)))
    part = whole[begin : data.draw(st.integers(begin, len(whole)))]
    for wanted in (part, fold(other)):
        holds = any(wanted in text for text in folded) if wanted else False
        expression = words.match_expression("i", wanted, [])
        assert found(index, folded, [], expression) is holds


@pytest.mark.slow
@given(TEXTS)
def test_folding_twice_is_folding_once_and_leaves_no_control_character(text: str) -> None:
    folded = fold(text)
    assert fold(folded) == folded
    assert not any(unicodedata.category(c) == "Cc" for c in folded)


@pytest.mark.parametrize(
    "one, other", [("STRASSE", "straße"), ("ΣΑΣ", "σας"), ("Ａ１", "a1"), ("ÉÎ", "éî"), ("É", "é")]
)
def test_case_and_width_make_no_difference(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.slow
@settings(deadline=None)
@given(TEXTS.filter(bool), TEXTS.filter(bool))
def test_a_keyword_is_found_only_by_itself(index: sqlite3.Connection, one: str, other: str) -> None:
    one, other = fold(one), fold(other)
    kept = keyword(Keyword.TAG, one)
    assert found(index, ["x"], [kept], words.match_expression("i", "", [keyword(Keyword.TAG, one)]))
    assert found(index, ["x"], [kept], words.match_expression("i", "", [keyword(Keyword.TAG, other)])) is (
        one == other
    )
    assert not found(index, ["x"], [kept], words.match_expression("i", "", [keyword(Keyword.CATEGORY, one)]))
    assert words.keyword_text(words.scope("i") + kept) == one


def test_keywords_are_case_sensitive(index: sqlite3.Connection) -> None:
    expression = words.match_expression("i", "", [keyword(Keyword.USER_ID, "abc")])
    assert not found(index, ["x"], [keyword(Keyword.USER_ID, "Abc")], expression)


def test_a_search_finds_only_words_of_its_instance(index: sqlite3.Connection) -> None:
    assert found(index, ["happy"], [], words.match_expression("i", "happy", []))
    assert not found(index, ["happy"], [], words.match_expression("j", "happy", []))


def test_a_search_does_not_match_across_texts(index: sqlite3.Connection) -> None:
    for part in ("bc", "abcd", "b c", "bcd"):
        assert not found(index, ["ab", "cd"], [], words.match_expression("i", part, []))


def test_a_like_pattern_escapes_wildcards() -> None:
    connection = sqlite3.connect(":memory:")
    for text, part, holds in (
        ("100%", "0%", True),
        ("100x", "0%", False),
        ("a_b", "a_b", True),
        ("axb", "a_b", False),
        ("a\\b", "a\\b", True),
    ):
        (result,) = connection.execute(
            "SELECT ? LIKE ? ESCAPE '\\'", (text, words.like_pattern(part))
        ).fetchone()
        assert bool(result) is holds
    connection.close()


def test_the_parts_that_four_rows_have_are_frequent(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(3)
    rows: list[dict[str, object]] = [
        {
            "seq": number,
            "instance_id": chance.choice("ab"),
            "search": "".join(chance.choices("abc\n\x1f", [9, 3, 2, 1, 1], k=40)),
        }
        for number in range(60)
    ]
    having: dict[int, set[int]] = {}
    for row in rows:
        for text in words.texts_of(str(row["search"])):
            for length in range(words.LONGEST + 1, words.LONGEST_FREQUENT + 1):
                for at in range(len(text) - length + 1):
                    number = words.number(str(row["instance_id"]), text[at : at + length])
                    having.setdefault(number, set()).add(int(str(row["seq"])))
    expected = {number: sorted(seqs) for number, seqs in having.items() if len(seqs) >= 4}
    assert len(expected) > 50
    assert frequent_parts.find(rows) == expected
    monkeypatch.setattr(frequent_parts, "CHARACTERS", 100)
    assert frequent_parts.find(rows) == {}
