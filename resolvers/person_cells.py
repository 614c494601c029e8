"""Cells of persons in CSV, which a spreadsheet must not take for formulas: strangers choose these names."""

import re

COLUMNS = ("user_id", "username", "nickname", "avatar_url", "profile")
# Spreadsheets run full-width forms too, and some skip characters that have no width, spaces or quotation marks before them.
_SKIPPED = r'[\s"\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]*'
_FORMULA = re.compile(rf"'*(?:[\t\r]|{_SKIPPED}[=+\-@\uff1d\uff0b\uff0d\uff20\ufe62\ufe63\ufe66\ufe6b])")


def escaped(cell: str) -> str:
    """The cell with an apostrophe before what a spreadsheet could run."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescaped(cell: str) -> str:
    """The cell that `escaped` was given."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
