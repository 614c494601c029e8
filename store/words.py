"""The words of the search index: text is folded, and any part of it, in any script, finds the row.

A text is indexed by one word for each position in it: the three characters from there on, fewer at the end. A query of
three characters or more is those words in sequence; a shorter one is a prefix of a word, for which the index keeps prefix
lists. That is FTS5's trigram tokenizer with a path for what trigrams cannot find. A query never matches across two texts,
since the short words at the end of one are never in sequence with those of the next.

PostgreSQL has no such lists and sequences. There each part of one to three characters is a word, as a number, and so are longer
ones that many rows have.

Tags and other exact values are one word each (keywords), so a filter by them costs no more than a filter by text. Every
word begins with the scope, the instance, so that a search never looks at the rows of other instances.
"""

import functools
import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from enum import IntEnum

SCOPE_LENGTH = 12
LONGEST = 3
"""Characters of a word. A longer query is several words."""
LONGEST_FREQUENT = 12
"""Characters of the longest part that PostgreSQL's index has where many rows have it; see `store.frequent_parts`."""
FIELD = "\n"
TAG_DELIMITER = "\x1f"
"""Between and around tags: a whole tag is told from a part of one."""
_PRIVATE = 0xF0000  # private-use characters stand for those that would end a word
_ESCAPED = {chr(_PRIVATE + code): "\ufffd" for code in range(0x100)}
_ENCODED = {code: chr(_PRIVATE + code) for code in range(0x80) if not chr(code).isalnum()}
_EXACTLY_ENCODED = _ENCODED | {code: chr(_PRIVATE + code) for code in range(ord("A"), ord("Z") + 1)}
_DECODED = {ord(value): chr(code) for code, value in _EXACTLY_ENCODED.items()}
_FOLDED = str.maketrans(
    _ESCAPED | {chr(code): " " for code in range(0xA0) if unicodedata.category(chr(code)) == "Cc"}
)


class Keyword(IntEnum):
    """The kinds of exact-match words. Every row has ALL."""

    ALL = 0x80
    TAG = 0x81
    CATEGORY = 0x82
    USER_ID = 0x83
    USERNAME = 0x84


def fold(text: str) -> str:
    """The text without differences of case and width; control characters become spaces."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).translate(_FOLDED)


def joined_tags(tags: Iterable[str]) -> str:
    """Folded tags as one text, which contains `delimited_tag(tag)` for each of them."""
    return TAG_DELIMITER + "".join(fold(tag) + TAG_DELIMITER for tag in tags)


def delimited_tag(tag: str) -> str:
    return f"{TAG_DELIMITER}{fold(tag)}{TAG_DELIMITER}"


def like_pattern(part: str, *, field: int = 0, fields: int = 1) -> str:
    """A LIKE pattern, with `\\` as its escape character, for texts that contain the part; or for several texts with FIELD
    between them, one of which contains it. There are as many FIELDs in the pattern as in the texts, so that no `%` can
    stand for one of them."""
    escaped = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{FIELD}" * field + f"%{escaped}%" + f"{FIELD}%" * (fields - field - 1)


def part_filters(parts: Sequence[str]) -> list[tuple[str, ...]]:
    """Conditions, each with its value, for rows each of whose searched texts contains its part; empty: any text does."""
    return [
        ("search LIKE ? ESCAPE '\\'", like_pattern(fold(part), field=field, fields=len(parts)))
        for field, part in enumerate(parts)
        if part
    ]


# The words of SQLite's index


@functools.lru_cache(1 << 10)
def scope(instance_id: str) -> str:
    return hashlib.blake2b(instance_id.encode(), digest_size=SCOPE_LENGTH // 2).hexdigest()


def keyword(kind: Keyword, text: str = "") -> str:
    """One word for the whole text, case included."""
    return chr(_PRIVATE + kind) + text.translate(_EXACTLY_ENCODED)


def keyword_text(word: str) -> str:
    """The text of a keyword that begins with its scope."""
    return word[SCOPE_LENGTH + 1 :].translate(_DECODED)


def row_words(instance_id: str, search: str, keywords: Sequence[str]) -> str:
    """All words of a row: those of its texts, separated by FIELD and TAG_DELIMITER in `search`, and its keywords."""
    before = scope(instance_id)
    found = []
    for text in texts_of(search):
        encoded = text.translate(_ENCODED)
        found += [before + encoded[at : at + LONGEST] for at in range(len(encoded))]
    found += [before + word for word in keywords]
    return " ".join(found)


def match_expression(instance_id: str, part: str, keywords: Sequence[str]) -> str:
    """A MATCH expression for the rows of an instance that contain the folded part (empty: any) and have all keywords."""
    before = scope(instance_id)
    terms = [f'"{before}{word}"' for word in keywords]
    encoded = part.translate(_ENCODED)
    if len(encoded) > 2:
        row = " ".join(before + encoded[at : at + 3] for at in range(len(encoded) - 2))
        terms.append(f'"{row}"')
    elif encoded:
        terms.append(f'"{before}{encoded}" *')
    return " AND ".join(terms) or f'"{before}{keyword(Keyword.ALL)}"'


# The numbers of PostgreSQL's index


def texts_of(search: str) -> list[str]:
    """The texts in `search`, which FIELD and TAG_DELIMITER separate."""
    return search.replace(TAG_DELIMITER, FIELD).split(FIELD)


def row_numbers(instance_id: str, search: str, keywords: Sequence[str]) -> frozenset[int]:
    """The parts of a row's texts of up to LONGEST characters, and its keywords."""
    found = set(keywords)
    for text in texts_of(search):
        for length in range(1, LONGEST + 1):
            found |= {text[at : at + length] for at in range(len(text) - length + 1)}
    before = scope(instance_id)
    return frozenset(_number(before + word) for word in found)


def query_numbers(instance_id: str, part: str, keywords: Sequence[str]) -> list[int]:
    """What every row of an instance has that contains the folded part (empty: any) and has all keywords. A row with all of
    this contains a part of up to LONGEST characters; a longer one it may contain."""
    last = max(0, len(part) - LONGEST)
    found = {part[at : at + LONGEST] for at in {*range(0, last, 2), last}} if part else set()
    before = scope(instance_id)
    return sorted(_number(before + word) for word in found | set(keywords))


def number(instance_id: str, part: str) -> int:
    """The number of one part."""
    return _hashed(scope(instance_id) + part)


def _hashed(word: str) -> int:
    """Of 64 bits: that two of a million words share a number happens in one of tens of millions of databases."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big", signed=True)


_number = functools.lru_cache(1 << 16)(_hashed)
"""For the words that most rows share."""
