"""What a search finds texts by, in any script: folded texts, and the words that SQLite's full-text index has of them.

A text is found by any part of it, so the index has a word for each place in it: the three characters from there on, fewer
at its end. A part of three characters or more is those words in a row; a shorter one is the beginning of a word, for
which the index keeps lists of their own. That is FTS5's trigram tokenizer and a path for what it cannot find. Texts stay
apart, since the short words at the end of one are never in a row with those of the next.

Tags and the like are one word each (marks), so a filter by them costs no more than one by text. Every word begins with
the scope, its instance, so that an instance's searches never look at another's rows.
"""

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from enum import IntEnum

SCOPE_LENGTH = 12
FIELD = "\n"
FENCE = "\x1f"
"""Between and around tags, so that a whole tag can be told from a part of one."""
_PRIVATE = 0xF0000  # where characters are put that would end a word: nobody writes there
_ESCAPED = {chr(_PRIVATE + code): "\ufffd" for code in range(0x100)}
_INWARD = {code: chr(_PRIVATE + code) for code in range(0x80) if not chr(code).isalnum()}
_EXACT = _INWARD | {code: chr(_PRIVATE + code) for code in range(ord("A"), ord("Z") + 1)}
_OUTWARD = {ord(value): chr(code) for code, value in _EXACT.items()}
_FOLDED = str.maketrans(
    _ESCAPED | {chr(code): " " for code in range(0xA0) if unicodedata.category(chr(code)) == "Cc"}
)


class Mark(IntEnum):
    """What a word of its own says of a row. ALL: that it is there."""

    ALL = 0x80
    TAG = 0x81
    CATEGORY = 0x82
    USER_ID = 0x83
    USERNAME = 0x84


def fold(text: str) -> str:
    """The text without differences of case and of width; control characters are spaces."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).translate(_FOLDED)


def fenced(tags: Iterable[str]) -> str:
    """Folded tags as one text, in which `fence` of one is found."""
    return FENCE + "".join(fold(tag) + FENCE for tag in tags)


def fence(tag: str) -> str:
    return f"{FENCE}{fold(tag)}{FENCE}"


def like(part: str) -> str:
    """A pattern for LIKE with `\\` as its escape, of whatever holds the part."""
    return "%" + part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


# The words of SQLite's index


def scope(instance_id: str) -> str:
    return hashlib.blake2b(instance_id.encode(), digest_size=SCOPE_LENGTH // 2).hexdigest()


def mark(kind: Mark, text: str = "") -> str:
    """One word for a whole text, letter by letter."""
    return chr(_PRIVATE + kind) + text.translate(_EXACT)


def marked(word: str) -> str:
    """The text that a mark, with its scope before it, was made of."""
    return word[SCOPE_LENGTH + 1 :].translate(_OUTWARD)


def words(instance_id: str, search: str, marks: Sequence[str]) -> str:
    """Every word of a row: of its texts, which lie between FIELD and FENCE in `search`, and its marks."""
    before = scope(instance_id)
    found = []
    for text in search.replace(FENCE, FIELD).split(FIELD):
        inward = text.translate(_INWARD)
        found += [before + inward[at : at + 3] for at in range(len(inward))]
    found += [before + word for word in marks]
    return " ".join(found)


def match(instance_id: str, part: str, marks: Sequence[str]) -> str:
    """The expression for rows of an instance that have a folded part of a text, unless that is empty, and all marks."""
    before = scope(instance_id)
    wanted = [f'"{before}{word}"' for word in marks]
    inward = part.translate(_INWARD)
    if len(inward) > 2:
        row = " ".join(before + inward[at : at + 3] for at in range(len(inward) - 2))
        wanted.append(f'"{row}"')
    elif inward:
        wanted.append(f'"{before}{inward}" *')
    return " AND ".join(wanted) or f'"{before}{mark(Mark.ALL)}"'
