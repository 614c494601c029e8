"""Tables: columns of equal width, as many as the terminal has room for."""

import shutil
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime

from cli import colours
from mailauncher import columns
from mailauncher.system_text import visible_line

GAP = "  "
LEAST_WIDTH = 12
"""To which the first column is cut in the narrowest terminal."""

Rows = Sequence[Sequence[str]]


def terminal_width() -> int | None:
    """Columns of the terminal on standard output; None if that is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def format_table(rows: Rows) -> str:
    """All rows and columns. A wide character counts as two columns, as terminals show it."""
    return "\n".join(_lines(_cleaned(rows)))


def fitted(rows: Rows, expendable: Iterable[int], width: int | None) -> tuple[list[str], set[int]]:
    """The lines of a table that is at most `width` wide, and the indices of columns that are left out for that.

    The expendable columns are left out in their order, as many as it takes; then cells of the first column are cut.
    """
    rows, left_out = _cleaned(rows), set[int]()
    if width is None:
        return _lines(rows), left_out
    for index in expendable:
        if _total(rows, left_out) <= width:
            break
        left_out.add(index)
    if (excess := _total(rows, left_out) - width) > 0:
        limit = max(LEAST_WIDTH, _widest(rows, 0) - excess)
        rows = [[columns.cut(row[0], limit), *row[1:]] for row in rows]
    return _lines([[cell for i, cell in enumerate(row) if i not in left_out] for row in rows]), left_out


def local_time(at: str) -> str:
    """A time of the API as a person reads it here, to the second."""
    return datetime.fromisoformat(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def byte_size(count: float) -> str:
    """A number of bytes, in the unit in which it is at least 1: `620 B`, `1.5 KiB`, `265 MiB`."""
    units = ("B", "KiB", "MiB", "GiB", "TiB")
    power = 0
    while count >= 1023.5 and power < len(units) - 1:
        count, power = count / 1024, power + 1
    return f"{count:.{int(power > 0 and count < 9.95)}f} {units[power]}"


def _cleaned(rows: Rows) -> list[list[str]]:
    return [[colours.cleaned(cell, visible_line) for cell in row] for row in rows]


def _lines(rows: Rows) -> list[str]:
    widths = [_widest(rows, index) for index in range(len(rows[0]))]
    return [GAP.join(map(_padded, row, widths)).rstrip() for row in rows]


def _total(rows: Rows, left_out: set[int]) -> int:
    widths = [_widest(rows, index) for index in range(len(rows[0])) if index not in left_out]
    return sum(widths) + len(GAP) * (len(widths) - 1)


def _widest(rows: Rows, index: int) -> int:
    return max(_width(row[index]) for row in rows)


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(text: str) -> int:
    return columns.width(colours.without(text))
