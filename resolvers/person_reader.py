"""Reads persons from JSON Lines and CSV. Every line that is not blank becomes a person, belongs to one, or is refused.

The time is linear in the length of the file. A CSV record that goes on in lines yet to come is read again only once twice
as much of it is there. Of a malformed record only the first line is refused, and reading resumes after it: a quotation mark
that is not closed would otherwise take all lines up to the next one with it.
"""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from mailauncher import utf8
from mailauncher.errors import InvalidParameter
from mailauncher.json_size import MESSAGE_VALUES_MAX, require_few_values
from mailauncher.utf8 import NotUtf8
from resolvers.person_cells import COLUMNS, unescaped
from resolvers.persons import NewPerson

RECORD_BYTES = 512 << 10
"""Maximum length of a line, or of a CSV record. A profile of the maximum length fits, with every character escaped."""


class FileFormat(StrEnum):
    """JSON Lines: one object per person. CSV: a header line, then one record per person, with `profile` as JSON."""

    JSONL = "jsonl"
    CSV = "csv"


Line = tuple[int, str | InvalidParameter]
"""The number of a line, from 1, and its text with its end, or why it cannot be read."""
Found = tuple[int, NewPerson | InvalidParameter]
"""The number of the first line of a record, and its person, or why it is refused."""
Given = TypeVar("Given")
Result = TypeVar("Result")


class PersonReader:
    """Reads one file, piece by piece."""

    def __init__(self, form: FileFormat) -> None:
        self._lines = _Lines()
        self._records = CsvRecords() if form is FileFormat.CSV else None
        self._names: list[str] | None = None
        self.ended = False
        """Whether nothing more is read, because CSV has no valid header."""

    def feed(self, piece: bytes, *, last: bool = False) -> list[Found]:
        """The persons and errors up to here, in order. Takes time in proportion to the piece: for a thread."""
        lines = self._lines.feed(piece, last=last)
        found: list[Found] = []
        if self._records is None:
            for number, line in lines:
                if isinstance(line, InvalidParameter):
                    found.append((number, line))
                elif line.strip():
                    found.append((number, _result(_json_person, line)))
            return found
        for begin, end, cells in self._records.feed(lines, last=last):
            if self.ended:
                break
            if self._names is not None:
                person = cells if isinstance(cells, InvalidParameter) else _result(self._csv_person, cells)
                found.append((begin, _with_end(person, begin, end)))
                continue
            names = cells if isinstance(cells, InvalidParameter) else _result(_columns, cells)
            if isinstance(names, InvalidParameter):
                self.ended = True
                found.append((begin, _nothing_read(names)))
            else:
                self._names = names
        return found

    def _csv_person(self, cells: list[str]) -> NewPerson:
        names = self._names or []
        if len(cells) != len(names):
            raise InvalidParameter(
                f"应有 {len(names)} 列，而不是 {len(cells)} 列",
                f"Expected {len(names)} columns, found {len(cells)}",
            )
        values: dict[str, Any] = dict(zip(names, map(unescaped, cells), strict=True))
        if "profile" in values:
            values["profile"] = _json(values["profile"] or "{}")
        return msgspec.convert(values, _FilePerson).as_new()


class _Lines:
    """Splits bytes into lines. A line that is too long or no UTF-8 is an error, and those after it are read all the same."""

    def __init__(self) -> None:
        self._pending: list[bytes] = []
        self._length = 0
        self._number = 0

    def feed(self, piece: bytes, *, last: bool) -> list[Line]:
        *ended, rest = piece.split(b"\n")
        lines = []
        for end in ended:
            self._append(end + b"\n")
            lines.append(self._line())
        self._append(rest)
        if last and self._length:
            lines.append(self._line())
        return lines

    def _append(self, part: bytes) -> None:
        self._length += len(part)
        if self._length <= RECORD_BYTES:
            self._pending.append(part)

    def _line(self) -> Line:
        data, length = b"".join(self._pending), self._length
        self._pending, self._length = [], 0
        self._number += 1
        if length > RECORD_BYTES:
            return self._number, _too_long()
        try:
            if self._number > 1:
                return self._number, data.decode()
            return self._number, utf8.decode(data)
        except NotUtf8 as error:
            return self._number, InvalidParameter(error.text.zh, error.text.en)
        except UnicodeDecodeError:
            return self._number, InvalidParameter(
                "不是 UTF-8；请把文件另存为 UTF-8", "Not UTF-8; save the file as UTF-8"
            )


class CsvRecords:
    """Joins lines to records, as `csv` reads them."""

    def __init__(self) -> None:
        self._held: list[Line] = []
        """The lines of a record that goes on, and those after it that are not read yet."""
        self._read_at = 0
        """The characters that must be held before they are read."""

    def feed(
        self, lines: Sequence[Line], *, last: bool
    ) -> Iterator[tuple[int, int, list[str] | InvalidParameter]]:
        """The complete records: (number of the first line, number of the last one, cells or error)."""
        self._held += lines
        if not last and _characters(self._held) < self._read_at:
            return
        held, at, self._read_at = self._held, 0, 0
        while at < len(held):
            number, line = held[at]
            if isinstance(line, InvalidParameter):
                yield number, number, line
                at += 1
                continue
            texts = _Texts(held, at)
            reader = csv.reader(texts, strict=True)
            begin = at
            try:
                for cells in reader:
                    end = at + reader.line_num
                    if end - begin > 1 or str(held[begin][1]).strip():
                        yield held[begin][0], held[end - 1][0], cells
                    begin = end
            except csv.Error as error:
                if texts.all_read and not last and (size := _characters(held[begin:])) <= RECORD_BYTES:
                    self._read_at = min(2 * size, RECORD_BYTES + 1)
                    at = begin
                    break
                yield held[begin][0], held[begin][0], _malformed(error)
                begin += 1
            at = begin
        self._held = held[at:]


class _Texts:
    """The lines from one on, up to the next that is an error."""

    def __init__(self, lines: Sequence[Line], at: int) -> None:
        self._lines = lines
        self._at = at
        self.all_read = False
        """Whether more lines were asked for than there are."""

    def __iter__(self) -> "_Texts":
        return self

    def __next__(self) -> str:
        if self._at == len(self._lines):
            self.all_read = True
            raise StopIteration
        text = self._lines[self._at][1]
        if isinstance(text, InvalidParameter):
            raise StopIteration
        self._at += 1
        return text


class _FilePerson(msgspec.Struct, forbid_unknown_fields=True):
    user_id: str
    username: str = ""
    nickname: str = ""
    avatar_url: str = ""
    profile: dict[str, Any] = {}

    def as_new(self) -> NewPerson:
        return NewPerson(self.user_id, self.username, self.nickname, self.avatar_url, self.profile)


def _json_person(line: str) -> NewPerson:
    return msgspec.convert(_json(line), _FilePerson).as_new()


def _json(text: str) -> Any:
    """The standard library's parser can refuse keys that come twice, of which one value would be lost."""
    require_few_values(text.encode(), MESSAGE_VALUES_MAX)
    return json.loads(text, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0][:64]
        raise InvalidParameter(f"键 {name} 重复", f"Duplicate key {name}")
    return value


def _columns(cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or "user_id" not in names or len(set(names)) < len(names):
        expected = ", ".join(COLUMNS)
        raise InvalidParameter(
            f"第一行应为列名（{expected}），其中 user_id 不可缺少",
            f"The first line must have the column names ({expected}), including user_id",
        )
    return names


# Errors


def _result(parse: Callable[[Given], Result], given: Given) -> Result | InvalidParameter:
    """What `parse` returns, or why it cannot."""
    try:
        return parse(given)
    except InvalidParameter as error:
        return error
    except json.JSONDecodeError as error:
        return InvalidParameter(
            f"JSON 有误：第 {error.colno} 个字符处", f"Malformed JSON at character {error.colno}: {error.msg}"
        )
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        reason, _, place = str(error).partition(" - at `$.")
        return InvalidParameter(
            f"无效的行：{error}", f"Invalid line: {reason}", field=place.rstrip("`") or None
        )


def _with_end(person: NewPerson | InvalidParameter, begin: int, end: int) -> NewPerson | InvalidParameter:
    """Says of a refused record of several lines where it ends: the others have no result of their own."""
    if isinstance(person, InvalidParameter) and end > begin:
        return InvalidParameter(
            f"{person.text.zh}（第 {begin} 至 {end} 行是同一条记录）",
            f"{person.text.en} (lines {begin} to {end} are one record)",
            field=person.field,
        )
    return person


def _nothing_read(error: InvalidParameter) -> InvalidParameter:
    return InvalidParameter(
        f"{error.text.zh}；其余各行没有读取", f"{error.text.en}; the other lines were not read"
    )


def _too_long() -> InvalidParameter:
    return InvalidParameter(
        f"该行超过 {RECORD_BYTES >> 10} KiB", f"The line exceeds {RECORD_BYTES >> 10} KiB"
    )


def _malformed(error: csv.Error) -> InvalidParameter:
    text = str(error)
    if "end of data" in text:
        return InvalidParameter("引号没有闭合", "The quotation mark is not closed")
    if "expected after" in text:
        return InvalidParameter(
            "闭合的引号之后应为逗号或行尾",
            "A closing quotation mark must be followed by a comma or the end of the line",
        )
    if "new-line character" in text:
        return InvalidParameter("换行符应为 LF 或 CRLF", "Lines must end with LF or CRLF")
    return InvalidParameter(f"无效的行：{text}", f"Invalid line: {text}")


def _characters(lines: Sequence[Line]) -> int:
    return sum(len(text) for _, text in lines if isinstance(text, str))
