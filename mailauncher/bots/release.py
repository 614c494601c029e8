"""Names of releases: in which order they came, which are stable, which fall into a range.

MaiBot's tags follow no one standard (`0.6.3-fix4-alpha`, `0.10.3-beta`, `1.0.0-rc.2`, `1.2.1`, others' with a leading
`v`), so neither PEP 440 nor SemVer reads all of them.
"""

import re

# Names are strangers': each repetition of words is tried in one way only (`*+`), and no number is too long for `int`.
_NAME = re.compile(r"v?(\d{1,18}(?:\.\d{1,18})*)((?:[-._+]?[A-Za-z]+[-._]?\d{0,18})*+)", re.IGNORECASE)
_WORD = re.compile(r"([A-Za-z]+)[-._]?(\d*)")
_STAGES = {"dev": 0, "pre": 1, "alpha": 2, "a": 2, "beta": 3, "b": 3, "rc": 4}
_FINAL, _AFTER = 5, 6  # a word that is no stage, such as `fix4`, comes after the release it mends
_CLAUSE = re.compile(r"\s*(>=|<=|<|>|==)\s*([0-9][0-9A-Za-z.+-]*)\s*")

Key = tuple[tuple[int, ...], tuple[tuple[int, int], ...]]


def key(name: str) -> Key | None:
    """What sorts releases from the oldest to the newest; None for what is no release, such as a branch.

    `0.6.3-alpha` < `0.6.3-fix3-alpha` < `0.6.3-fix4-alpha` < `0.6.3` < `1.0.0-rc.1` < `1.0.0`.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    numbers = tuple(int(part) for part in match[1].split("."))
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers = numbers[:-1]
    words = [(word.lower(), int(number or 0)) for word, number in _WORD.findall(match[2])]
    stage = next(((_STAGES[word], number) for word, number in words if word in _STAGES), (_FINAL, 0))
    mended = next(((_AFTER, number) for word, number in words if word not in _STAGES), (_FINAL, 0))
    return numbers, (stage, mended)


def stable(name: str) -> bool:
    """Whether it is a release that its makers call finished: no `-alpha`, `-beta`, `-rc` or the like."""
    found = key(name)
    return found is not None and found[1][0][0] == _FINAL


def within(name: str, wanted: str) -> bool:
    """Whether a release falls into a range such as `>=0.10, <0.13`; an empty range has all, also what is no release.

    `>=1.0` has 1.0's own alphas and candidates: a family of releases begins with them. Raises ValueError for a range
    that is none.
    """
    clauses = [_clause(text) for text in wanted.split(",")] if wanted.strip() else []
    found = key(name)
    if found is None:
        return not clauses
    return all(_holds(found[0], operator, numbers) for operator, numbers in clauses)


def _clause(text: str) -> tuple[str, tuple[int, ...]]:
    match = _CLAUSE.fullmatch(text)
    bound = key(match[2]) if match else None
    if match is None or bound is None:
        raise ValueError(f"{text.strip()!r} is no bound of a range such as '>=0.10, <0.13'")
    return match[1], bound[0]


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
        case _:
            return found == bound
