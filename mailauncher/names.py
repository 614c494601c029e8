"""Names of instances: which are allowed, and one made from a text that may be none."""

import unicodedata

NAME_LENGTH = 64


def is_instance_name(name: str) -> bool:
    """1-64 letters of any script, digits, `-`, `_`, `.` and spaces, no space at either end; not `.` or `..`."""
    if not 1 <= len(name) <= NAME_LENGTH:  # first: it may have millions of letters
        return False
    return all(map(_is_allowed, name)) and name not in (".", "..") and name == name.strip()


def instance_name_from(text: str) -> str:
    """The text without what a name cannot have; empty if nothing is left."""
    spaced = "".join(c if _is_allowed(c) else " " for c in text)
    name = " ".join(spaced.split())[:NAME_LENGTH].strip()
    return name if is_instance_name(name) else ""


def _is_allowed(character: str) -> bool:
    # Marks (M) too: many scripts write their vowels with them.
    return unicodedata.category(character)[0] in "LMN" or character in "-_. "
