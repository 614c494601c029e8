"""A corpus of configuration files as users have them, and hypothesis strategies for patches to them."""

import copy
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

CORPUS = Path(__file__).parents[1] / "bots" / "documents" / "corpus"


def corpus(suffix: str) -> dict[str, str]:
    """Texts by name; each with LF, with CRLF, and without the line break at its end."""
    texts = {}
    for file in sorted(CORPUS.glob(f"*{suffix}")):
        text = file.read_bytes().decode()
        texts[file.name] = text
        texts[f"{file.name}, CRLF"] = text.replace("\n", "\r\n")
        texts[f"{file.name}, open end"] = text.rstrip("\n")
    assert texts
    return texts


words = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12
) | st.sampled_from(
    [
        "麦麦",
        "a # b",
        "it's",
        '"""',
        "'''",
        "C:\\dir\\",
        "a\nb",
        "x\r\ny",
        "\ttab",
        "${HOST}",
        "#",
        "[x]",
        "a = 1",
        "\u2028",
        "\x85",
        " ",
    ]
)
names = st.sampled_from(
    ["new", "port", "键", "with space", "a.b", 'q"uote', "", "'", "#", "true", "1", "\n"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.booleans() | numbers | words
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def patches(draw: st.DrawFn, document: dict[str, Any], *, depth: int = 0) -> dict[str, Any]:
    """A merge patch for existing paths, mostly."""
    patch: dict[str, Any] = {}
    if document:
        for key in draw(st.lists(st.sampled_from(list(document)), max_size=3, unique=True)):
            patch[key] = draw(_changes(document[key], depth))
    for key in draw(st.lists(names, max_size=1 if depth else 2, unique=True)):
        if key not in patch:
            patch[key] = draw(st.none() | values)
    return patch


@st.composite
def _changes(draw: st.DrawFn, old: Any, depth: int) -> Any:
    if isinstance(old, dict) and depth < 4 and draw(st.integers(0, 5)):
        return draw(patches(old, depth=depth + 1))
    if isinstance(old, list) and old and draw(st.integers(0, 4)):
        return draw(_lists(old))
    return draw(st.none() | values)


@st.composite
def _lists(draw: st.DrawFn, old: list[Any]) -> list[Any]:
    """A list a few edits away, without dates, which JSON does not have."""
    new = [copy.deepcopy(member) for member in old]
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(new)))
        match draw(st.sampled_from(["insert", "remove", "change", "alike"])):
            case "insert":
                new.insert(at, draw(values))
            case "alike" if new:
                new.insert(at, copy.deepcopy(new[0]))
            case "remove" if at < len(new):
                del new[at]
            case "change" if at < len(new):
                member = new[at]
                if isinstance(member, dict) and member:
                    member[draw(st.sampled_from(list(member)))] = draw(values)
                elif isinstance(member, list) and member:
                    new[at] = draw(_lists(member))
                else:
                    new[at] = draw(values)
    return new


def merged(old: Any, patch: Any) -> Any:
    """The algorithm of RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def named(patch: dict[str, Any], document: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """The paths that a patch names: its leaves, and values that become tables."""
    paths = []
    for key, value in patch.items():
        old = document.get(key)
        if isinstance(value, dict) and value and isinstance(old, dict):
            paths += named(value, old, (*at, key))
        else:
            paths.append((*at, key))
    return paths


def has_null(value: Any) -> bool:
    """Whether the value contains None at any depth."""
    if isinstance(value, dict):
        return any(map(has_null, value.values()))
    return value is None or (isinstance(value, list) and any(map(has_null, value)))


def has_null_in_a_list(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(has_null_in_a_list, value.values()))
    return isinstance(value, list) and has_null(value)
