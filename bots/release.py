"""Names of releases: their order, which ones are stable, and which ones are in a range.

MaiBot's tags follow no single standard (`0.6.3-fix4-alpha`, `0.10.3-beta`, `1.0.0-rc.2`, `1.2.1`; other projects add a
leading `v`), so neither PEP 440 nor SemVer parses all of them.
"""

import re

# Names are untrusted: the repetition of words does not backtrack (`*+`), and no number is too long for `int`.
BRANCH = "+"
"""Stands between a release and the branch that it was taken from: `1.2.2+dev`."""
_NAME = re.compile(r"v?(\d{1,18}(?:\.\d{1,18})*)((?:[-._+]?[A-Za-z]+[-._]?\d{0,18})*+)", re.IGNORECASE)
_WORD = re.compile(r"([A-Za-z]+)[-._]?(\d*)")
_STAGES = {"dev": 0, "pre": 1, "alpha": 2, "a": 2, "beta": 3, "b": 3, "rc": 4}
_FINAL, _AFTER = 5, 6  # a word that is not a stage, such as `fix4`, sorts after the release that it fixes
_CLAUSE = re.compile(r"\s*(>=|<=|<|>|==)\s*([0-9][0-9A-Za-z.+-]*?)(\.\*)?\s*")

Key = tuple[tuple[int, ...], tuple[tuple[int, int], ...]]


def key(name: str) -> Key | None:
    """A sort key from the oldest to the newest release; None if the name is not a release, such as a branch. The branch in a
    name such as `1.2.2+dev` does not count.

    `0.6.3-alpha` < `0.6.3-fix3-alpha` < `0.6.3-fix4-alpha` < `0.6.3` < `1.0.0-rc.1` < `1.0.0`.
    """
    match = _NAME.fullmatch(name.partition(BRANCH)[0])
    if match is None:
        return None
    numbers = tuple(int(part) for part in match[1].split("."))
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers = numbers[:-1]
    words = [(word.lower(), int(number or 0)) for word, number in _WORD.findall(match[2])]
    stage = next(((_STAGES[word], number) for word, number in words if word in _STAGES), (_FINAL, 0))
    fix = next(((_AFTER, number) for word, number in words if word not in _STAGES), (_FINAL, 0))
    return numbers, (stage, fix)


def is_stable(name: str) -> bool:
    """Whether the name is a final release: without `-alpha`, `-beta`, `-rc` or the like."""
    found = key(name)
    return found is not None and found[1][0][0] == _FINAL


def is_within(name: str, wanted: str) -> bool:
    """Whether a release is in a range such as `>=0.10, <0.13` or `==0.12.*`. An empty range contains everything, even names
    that are not releases.

    `>=1.0` contains the alphas and release candidates of 1.0, with which a family of releases begins. Raises ValueError
    for an invalid range.
    """
    clauses = [_clause(text) for text in wanted.split(",")] if wanted.strip() else []
    found = key(name)
    if found is None:
        return not clauses
    return all(_holds(found[0], operator, numbers) for operator, numbers in clauses)


def _clause(text: str) -> tuple[str, tuple[int, ...]]:
    match = _CLAUSE.fullmatch(text)
    bound = key(match[2]) if match else None
    if match is None or bound is None or (match[3] and match[1] != "=="):
        raise ValueError(f"{text.strip()!r} is not a bound of a range such as '>=0.10, <0.13'")
    return match[1] + (match[3] or ""), bound[0]


def _holds(found: tuple[int, ...], operator: str, bound: tuple[int, ...]) -> bool:
    match operator:
        case ">=":
            return found >= bound
        case "<=":
            return found <= bound
        case "<":
            return found < bound
        case ">":
            return found > bound
        case "==.*":
            return (found + (0,) * len(bound))[: len(bound)] == bound
        case _:
            return found == bound
